/**
 * From text to the JSON value in it: JSON, then well-formed Unicode; and where it is not.
 * Invariant: a text that passes has only values that can be told in UTF-8 again.
 */
import { accept, type Checked, reject } from "./checked.ts";
import { jsonErrorAt, loneSurrogateAt } from "./json-errors.ts";
import { pointerAt } from "./raw-json.ts";
import { type Refusal, refuse } from "./refusals.ts";

/** Parses JSON text. */
export function parseJson(text: string): Checked<unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return reject(notJson(text));
  }
  const lone = loneSurrogateAt(text);
  return lone === undefined ? accept(value) : reject(notUnicode(text, lone));
}

function notJson(text: string): Refusal {
  const position = jsonErrorAt(text) ?? 0;
  const before = text.slice(0, position);
  const line = before.split("\n").length;
  const column = position - before.lastIndexOf("\n");
  const what =
    text === ""
      ? "The request body is empty"
      : position === text.length
        ? "The JSON ends too early"
        : `Unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(position) ?? 0))}`;
  const detail = `${what} at position ${position} (line ${line}, column ${column}).`;
  return refuse("json_invalid", detail, { position, line, column });
}

function notUnicode(text: string, offset: number): Refusal {
  const half = text.slice(offset, offset + 6);
  const pointer = pointerAt(text, offset);
  const detail = `${half} at position ${offset} is half of a surrogate pair.`;
  return {
    ...refuse("unicode_invalid", detail, { position: offset }),
    errors: [{ pointer, code: "unicode_invalid", detail }],
  };
}
