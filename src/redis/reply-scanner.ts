/**
 * Where the frames end in a stretch of what a server says, and of what kind they are: what the bridge has to know, which passes them on unread.
 * Invariant: however the bytes are cut, the frames are the same; nothing is kept of them but a word by which to tell what is said unasked.
 */
import { limits } from "../contract/limits.ts";

const LF = 10;
/** Characters that are kept of a line: a type and a length. */
const HEAD_CHARS_MAX = 24;

const LINES = "+-:,#(_";
const BULKS = "$=!";
const LISTS = "*~>";
const PAIRS = "%|";

/** A frame that is whole. */
export interface Frame {
  /** The character with which it begins; `_` of nothing, however it is spelled. */
  readonly type: string;
  /** The first word of an array or a push, where it is short. */
  readonly word: string;
  /** The places of the elements that are errors, where there are any. */
  readonly errors?: readonly number[];
  /** How many bytes of the stretch it and those before it take. */
  readonly end: number;
}

/** Bytes up to which the first word of a frame is read: no word that tells anything is longer. */
const WORD_BYTES_MAX = 12;

/** @example new ReplyScanner().push(Buffer.from("+OK\r\n:1\r\n")) // [{ type: "+", word: "", end: 5 }, { type: ":", word: "", end: 9 }] */
export class ReplyScanner {
  #head = "";
  /** Bytes of a bulk and its line's end that are passed over. */
  #skipping = 0;
  /** What each open aggregate still lacks, the innermost last. */
  readonly #open: number[] = [];
  /** Of the frame that is open. */
  #type = "";
  #word = "";
  /** Bytes of the word that are not read yet. */
  #wordLacks = 0;
  /** Only its first line has come: a word that follows is its first. */
  #isBegun = false;
  /** Elements of it that have begun, and the places of those that are errors. */
  #elements = 0;
  #errors: number[] = [];
  #frames: Frame[] = [];

  /** Whether a frame has begun and is not whole. */
  get isWithin(): boolean {
    return this.#head !== "" || this.#skipping > 0 || this.#open.length > 0;
  }

  /** Takes more bytes, and returns the frames that became whole, without attributes of others. Throws where they are not RESP. */
  push(bytes: Uint8Array): Frame[] {
    this.#frames = [];
    for (let at = 0; at < bytes.length; ) {
      if (this.#skipping > 0) {
        const skipped = Math.min(this.#skipping, bytes.length - at);
        const read = Math.min(this.#wordLacks, skipped);
        for (let i = 0; i < read; i++) this.#word += String.fromCharCode(bytes[at + i] as number);
        this.#wordLacks -= read;
        this.#skipping -= skipped;
        at += skipped;
        if (this.#skipping === 0) this.#close(at);
        continue;
      }
      const end = bytes.indexOf(LF, at);
      const stop = end === -1 ? bytes.length : end;
      for (let i = at; i < stop && this.#head.length < HEAD_CHARS_MAX; i++) {
        this.#head += String.fromCharCode(bytes[i] as number);
      }
      at = stop + 1;
      if (end !== -1) this.#line(at);
    }
    return this.#frames;
  }

  /** A line is whole, behind which the stretch goes on. */
  #line(at: number): void {
    const type = this.#head.charAt(0);
    const rest = this.#head.slice(1).replace(/\r$/, "");
    this.#head = "";
    const isFirst = this.#type === "*" || this.#type === ">" ? this.#isBegun : false;
    this.#isBegun = false;
    if (this.#open.length === 0) this.#begin(type);
    else if (this.#open.length === 1) {
      if (type === "-") this.#errors.push(this.#elements);
      this.#elements += 1;
    }
    if (type !== "" && LINES.includes(type)) {
      this.#close(at);
      return;
    }
    const length = /^(?:-1|\d{1,15})$/.test(rest) ? Number(rest) : undefined;
    if (type === "" || length === undefined || !(BULKS + LISTS + PAIRS).includes(type)) {
      throw new TypeError(`This is not RESP: ${JSON.stringify(type + rest)}`);
    }
    if (length === -1) {
      if (this.#open.length === 0) this.#type = "_";
      this.#close(at);
    } else if (BULKS.includes(type)) {
      this.#skipping = length + 2;
      if (isFirst && length <= WORD_BYTES_MAX) this.#wordLacks = length;
    } else this.#aggregate(PAIRS.includes(type) ? 2 * length : length, at);
  }

  /** A frame begins. */
  #begin(type: string): void {
    this.#type = type;
    this.#word = "";
    this.#isBegun = true;
    this.#elements = 0;
    this.#errors = [];
  }

  #aggregate(elements: number, at: number): void {
    if (this.#open.length >= limits.respNestingMax) throw new TypeError("This nests too deep.");
    if (elements === 0) this.#close(at);
    else this.#open.push(elements);
  }

  /** A frame is whole, and perhaps those around it by it. */
  #close(end: number): void {
    for (;;) {
      const lacking = this.#open.pop();
      if (lacking === undefined) break;
      if (lacking > 1) {
        this.#open.push(lacking - 1);
        return;
      }
    }
    if (this.#type === "|") return;
    const frame = { type: this.#type, word: this.#word, end };
    this.#frames.push(this.#errors.length > 0 ? { ...frame, errors: this.#errors } : frame);
  }
}
