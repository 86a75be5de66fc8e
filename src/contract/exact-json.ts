/**
 * JSON whose numbers keep all their digits, also those that a number of JavaScript has no room for.
 * Invariant: what is written again by `JSON.stringify` says what the text said.
 */

/** What the engine's `JSON` can do and the compiler's library does not tell yet. */
interface ExactJson {
  parse(text: string, revive: (key: string, value: unknown, at: JsonPlace) => unknown): unknown;
  rawJSON(text: string): unknown;
}
interface JsonPlace {
  /** How the value is written; only for values that hold no others. */
  readonly source?: string;
}
const exact: ExactJson = JSON as unknown as ExactJson;

/** The value of a JSON text, in which numbers keep all their digits when it is written again. */
export function exactJson(text: string): unknown {
  return exact.parse(text, (_, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source
      ? exact.rawJSON(source)
      : value,
  );
}
