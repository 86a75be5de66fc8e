/**
 * How many whole replies a stretch of what a server says has: what the bridge has to know, which passes them on unread.
 * Invariant: however the bytes are cut, the count is the same; nothing of the replies is kept; what the server says unasked is none.
 */
import { limits } from "../contract/limits.ts";

const LF = 10;
/** Characters that are kept of a line: a type and a length. */
const HEAD_CHARS_MAX = 24;

const LINES = "+-:,#(_";
const BULKS = "$=!";
const LISTS = "*~>";
const PAIRS = "%|";

/** @example new ReplyCounter().push(Buffer.from("+OK\r\n:1\r\n")) // 2 */
export class ReplyCounter {
  #head = "";
  /** Bytes of a bulk and its line's end that are passed over. */
  #skipping = 0;
  /** What each open aggregate still lacks, the innermost last. */
  readonly #open: number[] = [];
  /** Whether the frame that is open is said unasked, or an attribute of the reply that follows. */
  #isAside = false;
  #count = 0;

  /** Takes more bytes, and returns how many replies became whole. Throws where they are not RESP. */
  push(bytes: Uint8Array): number {
    this.#count = 0;
    for (let at = 0; at < bytes.length; ) {
      if (this.#skipping > 0) {
        const skipped = Math.min(this.#skipping, bytes.length - at);
        this.#skipping -= skipped;
        at += skipped;
        if (this.#skipping === 0) this.#close();
        continue;
      }
      const end = bytes.indexOf(LF, at);
      const stop = end === -1 ? bytes.length : end;
      for (let i = at; i < stop && this.#head.length < HEAD_CHARS_MAX; i++) {
        this.#head += String.fromCharCode(bytes[i] as number);
      }
      at = stop + 1;
      if (end !== -1) this.#line();
    }
    return this.#count;
  }

  /** A line is whole. */
  #line(): void {
    const type = this.#head.charAt(0);
    const rest = this.#head.slice(1).replace(/\r$/, "");
    this.#head = "";
    if (this.#open.length === 0) this.#isAside = type === ">" || type === "|";
    if (type !== "" && LINES.includes(type)) {
      this.#close();
      return;
    }
    const length = /^(?:-1|\d{1,15})$/.test(rest) ? Number(rest) : undefined;
    if (type === "" || length === undefined || !(BULKS + LISTS + PAIRS).includes(type)) {
      throw new TypeError(`This is not RESP: ${JSON.stringify(type + rest)}`);
    }
    if (length === -1) this.#close();
    else if (BULKS.includes(type)) this.#skipping = length + 2;
    else this.#aggregate(PAIRS.includes(type) ? 2 * length : length);
  }

  #aggregate(elements: number): void {
    if (this.#open.length >= limits.respNestingMax) throw new TypeError("This nests too deep.");
    if (elements === 0) this.#close();
    else this.#open.push(elements);
  }

  /** A frame is whole, and perhaps those around it by it. */
  #close(): void {
    for (;;) {
      const lacking = this.#open.pop();
      if (lacking === undefined) break;
      if (lacking > 1) {
        this.#open.push(lacking - 1);
        return;
      }
    }
    if (!this.#isAside) this.#count += 1;
    this.#isAside = false;
  }
}
