/**
 * Bytes as texts that the log and the tables can hold: values are kept *packed*.
 * Invariant: `unpackBytes(packBytes(b))` is `b`; a packed text is well-formed, has no U+0000, and takes at most 4/3 of the bytes in
 * UTF-8 and a few more. What is UTF-8 stays legible.
 */
import { Buffer } from "node:buffer";

/** Begins what is not text. A text that begins so is packed like bytes. */
const MARK = "=";

const plain = /^(?!=)[^\0\x80-\uffff]*$/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A binary string as text.
 * @example packBytes("\xc3\xa9") // "é"
 * @example packBytes("\0") // "=AA=="
 */
export function packBytes(binary: string): string {
  if (plain.test(binary)) return binary;
  const bytes = Buffer.from(binary, "latin1");
  if (!binary.startsWith(MARK) && !binary.includes("\0")) {
    try {
      return utf8.decode(bytes);
    } catch {
      // Not UTF-8.
    }
  }
  return MARK + bytes.toString("base64");
}

/** The binary string of a packed text. */
export function unpackBytes(text: string): string {
  if (text.startsWith(MARK)) return Buffer.from(text.slice(1), "base64").toString("latin1");
  return plain.test(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

/** Packed values, one behind the other, as an event holds them. */
export interface PackedValues {
  readonly values: string;
  readonly lengths: readonly number[];
}

/** Packs values for an event. */
export function packValues(binaries: readonly string[]): PackedValues {
  const texts = binaries.map(packBytes);
  return { values: texts.join(""), lengths: texts.map((text) => text.length) };
}

/** The values of an event, each packed. */
export function cutValues({ values, lengths }: PackedValues): string[] {
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return values.slice(at - length, at);
  });
}
