/**
 * JSON as AGQ writes it: the fields of every object in the order of the alphabet, times in whole seconds.
 * Invariant: a raw text that stands in it, such as an input, is not changed.
 */
import type { JobState } from "../../contract/fields.ts";
import type { JsonText } from "../../contract/json.ts";

/** A value, its objects in order. @example sortedJson({ b: 1, a: [] }) // '{"a":[],"b":1}' */
export function sortedJson(value: unknown): JsonText {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return fieldsJson(
    Object.fromEntries(
      Object.entries(value)
        .filter(([, field]) => field !== undefined)
        .map(([name, field]) => [name, sortedJson(field)]),
    ),
  );
}

/** An object of raw texts; what is undefined is left out. @example fieldsJson({ b: "1.0", a: "[]" }) // '{"a":[],"b":1.0}' */
export function fieldsJson(fields: Readonly<Record<string, JsonText | undefined>>): JsonText {
  const parts = Object.keys(fields)
    .sort()
    .flatMap((name) =>
      fields[name] === undefined ? [] : [`${JSON.stringify(name)}:${fields[name]}`],
    );
  return `{${parts.join(",")}}`;
}

/** Whole seconds of an instant. */
export const seconds = (ms: number): number => Math.floor(ms / 1000);

/** An instant as AGX and the documentation of JOB.STATUS have it; null for one that has not come. */
export const isoTime = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();

/** AGQ's word for a job's state. */
export function statusOf(state: JobState): string {
  if (state === "blocked" || state === "scheduled" || state === "ready") return "pending";
  return state === "expired" ? "failed" : state;
}

/**
 * A number as Rust writes a double: the shortest digits that are it, and never an exponent.
 * @example rustNumber(1e21) // "1000000000000000000000"
 */
export function rustNumber(value: number): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  const [, sign = "", whole = "", part = "", exponent] =
    /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? [];
  if (exponent === undefined) return text;
  const places = Number(exponent);
  const digits = whole + part;
  return places < 0
    ? `${sign}0.${"0".repeat(-places - 1)}${digits}`
    : `${sign}${digits.padEnd(places + 1, "0")}`;
}
