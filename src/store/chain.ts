/**
 * Log positions and the checksum chain: each entry's hash covers its content and the hash before it.
 * Invariant: two logs with the same last hash hold the same entries since their common start.
 */
import { hash } from "node:crypto";
import type { EntryBody } from "./entry.ts";

/** A place in the log. Indexes begin at 1; {term: 0, index: 0} is the place before the first entry. */
export interface LogId {
  readonly term: number;
  readonly index: number;
}

/** What must be known of an entry to append the next one. */
export interface Anchor extends LogId {
  readonly incarnation: number;
  /** Epoch milliseconds; never less than the entry before. */
  readonly at: number;
  /** SHA-256 in hexadecimal; empty before the first entry. */
  readonly hash: string;
}

/** One entry of the log. */
export interface Entry extends Anchor, EntryBody {
  readonly prevHash: string;
}

/** The anchor before the first entry. */
export const genesis: Anchor = { term: 0, index: 0, incarnation: 0, at: 0, hash: "" };

/** The log, or its bookkeeping, contradicts itself. */
export class LogCorrupt extends Error {
  override readonly name = "LogCorrupt";
  /** The entry at which it does, where there is one. */
  readonly index: number | undefined;

  constructor(message: string, { index, ...options }: ErrorOptions & { index?: number } = {}) {
    super(message, options);
    this.index = index;
  }
}

/**
 * The hash of an entry. The framing is unambiguous: numbers end in a line feed, and each string is preceded by its length in
 * UTF-16 units.
 */
export function hashOf(entry: Omit<Entry, "hash">): string {
  const { prevHash, index, term, incarnation, at, keys, events, texts } = entry;
  const head = [prevHash, index, term, incarnation, at, keys.length, events.length, texts.length];
  return hash("sha256", `${head.join("\n")}\n${keys}${events}${texts}`);
}

/** Checks that an entry follows its predecessor and is what was appended. Throws LogCorrupt. */
export function checkLink(before: Anchor, entry: Entry): void {
  const fault = faultOf(before, entry);
  if (fault === undefined) return;
  throw new LogCorrupt(`log entry ${entry.index}${fault}`, { index: entry.index });
}

function faultOf(before: Anchor, entry: Entry): string | undefined {
  const fault = faultOfLink(before, entry);
  if (fault !== undefined) return fault;
  return entry.hash === hashOf(entry) ? undefined : ": its content is not what was hashed";
}

/** What is wrong with an entry as the one behind another, whatever it holds; undefined where it follows. */
export function faultOfLink(
  before: Anchor,
  entry: Anchor & Pick<Entry, "prevHash">,
): string | undefined {
  if (entry.index !== before.index + 1) return ` follows entry ${before.index}`;
  if (entry.term < before.term) return `: term ${entry.term} < ${before.term}`;
  if (entry.at < before.at) return ": its time lies before its predecessor's";
  return entry.prevHash === before.hash ? undefined : " does not continue the chain";
}

/** Whether two anchors are one place, and tell the same of it. */
export const isSameAnchor = (one: Anchor, other: Anchor): boolean =>
  one.term === other.term &&
  one.index === other.index &&
  one.incarnation === other.incarnation &&
  one.at === other.at &&
  one.hash === other.hash;

/** The anchor part of an entry. */
export function anchorOf({ term, index, incarnation, at, hash: own }: Anchor): Anchor {
  return { term, index, incarnation, at, hash: own };
}
