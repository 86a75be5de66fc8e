/**
 * From a request to the JSON value in its body: size, UTF-8, JSON, well-formed Unicode, in this order.
 * Invariant: the body is read once, and never more of it than the limit.
 */
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import { accept, type Checked, isRejected, reject } from "./checked.ts";
import { jsonErrorAt, loneSurrogateAt } from "./json-errors.ts";
import { pointerAt } from "./raw-json.ts";

/** A body as text, and its size in bytes as it came. */
export interface Body {
  readonly text: string;
  readonly bytes: number;
}

/** The body of a request that has none, or whose body does not matter. */
export const noBody: Body = { text: "", bytes: 0 };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

const tooLarge = (): Refusal =>
  refuse("body_too_large", `A request body may have ${limits.bodyBytesMax} bytes.`, {
    bytesMax: limits.bodyBytesMax,
  });

/** Reads a body whose length was announced; `request.body` would cost a stream. */
async function readWhole(request: Request): Promise<Checked<Uint8Array>> {
  return accept(new Uint8Array(await request.arrayBuffer()));
}

/** Reads a body of unknown length, and stops at the limit. */
async function readChunks(stream: ReadableStream<Uint8Array> | null): Promise<Checked<Uint8Array>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    size += chunk.length;
    if (size > limits.bodyBytesMax) return reject(tooLarge());
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return accept(bytes);
}

/** Nothing but its sender and the way from there can break a body: no fault of this service. */
const brokenOff = (): Checked<never> =>
  reject(refuse("body_incomplete", "The request body ended before it was whole."));

/** Reads a request's body as text. */
export async function readBody(request: Request): Promise<Checked<Body>> {
  const length = request.headers.get("content-length");
  if (Number(length) > limits.bodyBytesMax) return reject(tooLarge());
  const read = await (length === null ? readChunks(request.body) : readWhole(request)).catch(
    brokenOff,
  );
  if (isRejected(read)) return read;
  try {
    return accept({ text: decoder.decode(read.value), bytes: read.value.length });
  } catch (error) {
    // The one thing that a fatal decoder throws for bytes.
    if (!(error instanceof TypeError)) throw error;
    return reject(refuse("utf8_invalid", "The request body must be UTF-8."));
  }
}

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
