/**
 * What is kept of a stream of bytes: its beginning, its last line, and how long it was.
 * Invariant: memory depends on the limit alone, and a text cut to a number of bytes has no half characters.
 */
import { StringDecoder } from "node:string_decoder";

/** Enough for the last line of an error message. */
const TAIL_BYTES = 1024;
const FIRST_CAPACITY_BYTES = 4096;

/**
 * Keeps the first `limitBytes` of what is written, and counts the rest.
 * @example
 * const capture = new Capture(4);
 * capture.write(Buffer.from("abcé"));
 * capture.text(4) // { text: "abc", truncated: true }, since é has two bytes
 */
export class Capture {
  readonly #limitBytes: number;
  /** Grows by doubling: a child that writes single bytes must not cost an object for each. */
  #kept: Buffer = Buffer.alloc(0);
  #keptBytes = 0;
  #tail: Buffer = Buffer.alloc(0);
  #totalBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  write(chunk: Buffer): void {
    this.#totalBytes += chunk.length;
    const end = chunk.subarray(-TAIL_BYTES);
    const room = TAIL_BYTES - end.length;
    // Copied, as a view would keep all of its chunk.
    this.#tail = Buffer.concat([room > 0 ? this.#tail.subarray(-room) : Buffer.alloc(0), end]);
    const taken = chunk.subarray(0, this.#limitBytes - this.#keptBytes);
    if (taken.length === 0) return;
    const needed = this.#keptBytes + taken.length;
    if (needed > this.#kept.length) {
      const grown = Math.max(needed, this.#kept.length * 2, FIRST_CAPACITY_BYTES);
      const kept = Buffer.alloc(Math.min(grown, this.#limitBytes));
      this.#kept.copy(kept);
      this.#kept = kept;
    }
    taken.copy(this.#kept, this.#keptBytes);
    this.#keptBytes = needed;
  }

  /** All that was written, kept or not. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Whether more was written than is kept. */
  get isCut(): boolean {
    return this.#totalBytes > this.#keptBytes;
  }

  /** What is kept, byte for byte; it shares this capture's memory. */
  get bytes(): Buffer {
    return this.#kept.subarray(0, this.#keptBytes);
  }

  /** What is kept as a text of up to `maxBytes` of UTF-8, and whether that is less than was written. */
  text(maxBytes: number): { readonly text: string; readonly truncated: boolean } {
    if (!this.isCut && this.#keptBytes <= maxBytes) {
      const text = this.bytes.toString();
      // A replacement character is longer than the byte it stands for.
      if (Buffer.byteLength(text) <= maxBytes) return { text, truncated: false };
    }
    return { text: cutText(startOf(this.bytes, maxBytes), maxBytes), truncated: true };
  }

  /** The last line that is not blank, of the last 1024 bytes; a lone CR ends a line too, as terminals show it. */
  get lastLine(): string {
    let start = 0;
    // The tail may begin within a character.
    while (this.#totalBytes > TAIL_BYTES && start < 3 && isContinuation(this.#tail[start])) start++;
    const lines = this.#tail
      .subarray(start)
      .toString()
      .split(/[\r\n]+/);
    return (lines.findLast((each) => each.trim() !== "") ?? "").trim();
  }
}

const isContinuation = (byte = 0): boolean => (byte & 0xc0) === 0x80;

/** The whole characters within the first `maxBytes` bytes, those that are not UTF-8 replaced. */
const startOf = (bytes: Buffer, maxBytes: number): string =>
  new StringDecoder("utf8").write(bytes.subarray(0, maxBytes));

/**
 * As many whole characters of a text as fit into `maxBytes` bytes of UTF-8.
 * @example cutText("né", 2) // "n"
 */
export function cutText(text: string, maxBytes: number): string {
  return Buffer.byteLength(text) <= maxBytes ? text : startOf(Buffer.from(text), maxBytes);
}
