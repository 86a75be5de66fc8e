/**
 * How words of a command line become values.
 * Invariant: a word that is not understood is an `InvalidArgumentError` that says what would be.
 */
import { Argument, InvalidArgumentError, Option } from "commander";
import { exactJson } from "../contract/exact-json.ts";
import { LABEL_NAME } from "../contract/ids.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A duration in ms. @example duration("1h30m") // 5400000 */
export function duration(word: string): number {
  if (word === "0") return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(word)) {
    throw new InvalidArgumentError("Write a duration as 500ms, 30s, 5m, 2h, 7d or 1h30m.");
  }
  const parts = word.matchAll(/([\d.]+)(ms|s|m|h|d)/g);
  return Math.round(
    parts.reduce((ms, [, n, unit = ""]) => ms + Number(n) * (UNIT_MS[unit] ?? 0), 0),
  );
}

/** An option that is a duration, and is this one unless given. */
export function durationOption(flag: string, description: string, preset: string): Option {
  const option = new Option(`${flag} <duration>`, description).argParser(duration);
  return option.default(duration(preset), preset);
}

/** An instant in epoch ms, from epoch ms or an ISO 8601 date and time. */
export function instant(word: string): number {
  const at = /^\d+$/.test(word) ? Number(word) : Date.parse(word);
  if (Number.isSafeInteger(at)) return at;
  throw new InvalidArgumentError("Write a time as 2026-01-31T12:00:00Z or in epoch milliseconds.");
}

export function integer(word: string): number {
  if (/^-?\d+$/.test(word) && Number.isSafeInteger(Number(word))) return Number(word);
  throw new InvalidArgumentError("Write a whole number.");
}

/** A TCP port; 0 is any that is free. */
export function portNumber(word: string): number {
  const number = integer(word);
  if (number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError("A port is 0 to 65535.");
}

/** The JSON value of a word. */
export function json(word: string): unknown {
  try {
    return exactJson(word);
  } catch {
    throw new InvalidArgumentError(`This is not JSON. A text is written as '"text"'.`);
  }
}

export function jsonObject(word: string): object {
  const value = json(word);
  if (typeof value === "object" && value !== null) return value;
  throw new InvalidArgumentError("Write a JSON object.");
}

/** A label's name, and the text behind its `=` or `:`, of which a name has neither. */
function labelIn(word: string): readonly [called: string, text?: string] | undefined {
  const [called = ""] = word.split(/[=:]/, 1);
  if (!LABEL_NAME.test(called)) return undefined;
  return called === word ? [called] : [called, word.slice(called.length + 1)];
}

/** Collects labels, as `name=value` or `name:value`. */
export function label(word: string, before: Record<string, string> = {}): Record<string, string> {
  const [called, text] = labelIn(word) ?? [];
  if (called !== undefined && text !== undefined) return { ...before, [called]: text };
  throw new InvalidArgumentError("Write a label as name=value or name:value.");
}

/** A label to look for, as the server takes it. @example labelFilter("tenant=7") // "tenant:7" */
export function labelFilter(word: string): string {
  const found = labelIn(word);
  if (found !== undefined) return found.join(":");
  throw new InvalidArgumentError("Write a label as name, name=value or name:value.");
}

/** Collects words, also those joined by commas. */
export function list(word: string, before: readonly string[] = []): string[] {
  return [...before, ...word.split(",").filter((part) => part !== "")];
}

/** A word that stands in an address. */
export function name(word: string): string {
  if (/^\.{0,2}$/.test(word)) throw new InvalidArgumentError("This cannot be a name or an id.");
  return word;
}

export const queueArgument = () => new Argument("<queue>", "the queue's name").argParser(name);
export const nameArgument = (placeholder: string, what: string) =>
  new Argument(`<${placeholder}>`, what).argParser(name);
export const idArgument = (what = "the job's id") => nameArgument("id", what);
