/**
 * From a request to the text of its body: size, then UTF-8.
 * Invariant: the body is read once, and never more of it than the limit.
 */

import { accept, type Checked, isRejected, reject } from "../contract/checked.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";

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

/** Reads a request's body as it came. */
export async function readBytes(request: Request): Promise<Checked<Uint8Array>> {
  const length = request.headers.get("content-length");
  if (Number(length) > limits.bodyBytesMax) return reject(tooLarge());
  return await (length === null ? readChunks(request.body) : readWhole(request)).catch(brokenOff);
}

/** Reads a request's body as text. */
export async function readBody(request: Request): Promise<Checked<Body>> {
  const read = await readBytes(request);
  if (isRejected(read)) return read;
  const text = textIn(read.value);
  return isRejected(text) ? text : accept({ text: text.value, bytes: read.value.length });
}

/** The text of a body. */
export function textIn(bytes: Uint8Array): Checked<string> {
  try {
    return accept(decoder.decode(bytes));
  } catch (error) {
    // The one thing that a fatal decoder throws for bytes.
    if (!(error instanceof TypeError)) throw error;
    return reject(refuse("utf8_invalid", "The request body must be UTF-8."));
  }
}
