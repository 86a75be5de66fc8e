/**
 * What a client says: from bytes, in any slices, to calls.
 * Invariant: however the bytes are cut, the calls and the error are the same; what is kept of a call that is not whole is bounded;
 * nothing is read behind an error.
 */
import { Buffer } from "node:buffer";
import { limits } from "../contract/limits.ts";
import { splitInline } from "./inline.ts";

/** A command and its arguments, each a binary string. */
export type Call = readonly string[];

/** Bytes of a call's arguments. */
export const bytesOf = (call: Call): number => call.reduce((sum, { length }) => sum + length, 0);

const CR = 13;
const LF = 10;
const STAR = "*".charCodeAt(0);
const DOLLAR = "$".charCodeAt(0);
const ZERO = "0".charCodeAt(0);
/** A line of no more digits is read digit by digit: to make a string of it would take longer than all else that is done with it. */
const DIGITS_MAX = 7;
/** A line's end, which closes what is counted in bytes as well. */
const END = 2;

/** The number of a line, as strictly as Redis reads it; NaN for what is none. */
const numberIn = (text: string): number =>
  /^(?:0|-?[1-9]\d{0,14})$/.test(text) ? Number(text) : Number.NaN;

/**
 * Whether this is a line of an HTTP request: a web page can have a browser send one to a port of its machine, with calls as the body. Redis
 * closes as well.
 */
const isOfHttp = ([name = ""]: Call): boolean => /^(post|host:)$/i.test(name);

/** Whether a client has shown the token, as far as it has to; pending: calls tell that are not performed yet. */
export type Trust = "known" | "pending" | "stranger";

/**
 * @example
 * const parser = new RequestParser();
 * parser.push(Buffer.from("*1\r\n$4\r\nPI")); // []
 * parser.push(Buffer.from("NG\r\n")); // [["PING"]]
 */
export class RequestParser {
  /** What came and was not read yet, in the pieces in which it came. */
  #pieces: Buffer[] = [];
  #size = 0;
  /** Bytes without which nothing more can be read. */
  #needed = 1;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The call that is being read, how many arguments it still lacks, how long the next one is, and the bytes that are left to it. */
  #call: string[] | undefined;
  #lacking = 0;
  #length: number | undefined;
  #room = 0;
  #error: string | undefined;
  #trust: Trust = "known";
  #isStopped = false;

  /** @param error Why nothing is read, where that is known already. */
  constructor(error?: string) {
    this.#error = error;
  }

  /** Why nothing is read any more, in Redis's words. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Bytes of what is not a whole call yet. */
  get heldBytes(): number {
    if (this.#error !== undefined) return 0;
    const had = limits.respCallBytesMax - this.#room - (this.#length ?? 0);
    return this.#size + (this.#call === undefined ? 0 : had);
  }

  /** Whether a call has begun and is not whole. */
  get isWithin(): boolean {
    return this.#error === undefined && (this.#size > 0 || this.#call !== undefined);
  }

  /** Whether it cannot read on before it is known who the client is: then it is to be given more bytes, or none. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Takes more bytes, which it keeps. Returns the calls that are whole by them. */
  push(bytes: Uint8Array, trust: Trust = "known"): Call[] {
    const calls: Call[] = [];
    if (this.#error !== undefined) return calls;
    this.#trust = trust;
    this.#isStopped = false;
    this.#pieces.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.#size += bytes.byteLength;
    if (this.#size < this.#needed) return calls;
    this.#buffer =
      this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    this.#at = 0;
    while (this.#at < this.#buffer.length && this.#step(calls));
    this.#keepRest();
    return calls;
  }

  #keepRest(): void {
    const rest = this.#buffer.subarray(this.#at);
    this.#buffer = Buffer.alloc(0);
    this.#size = this.#error === undefined ? rest.length : 0;
    this.#pieces = this.#size > 0 ? [rest] : [];
    this.#needed = this.#length === undefined ? 1 : this.#length + END;
  }

  /** Reads on. Returns whether there is a point in going on. */
  #step(calls: Call[]): boolean {
    if (this.#call !== undefined) return this.#argument(this.#call, calls);
    return this.#buffer[this.#at] === STAR ? this.#count(calls) : this.#inline(calls);
  }

  /** `*3`: how many arguments a call has. */
  #count(calls: readonly Call[]): boolean {
    const from = this.#at;
    const count = this.#number("too big mbulk count string");
    if (count === undefined) return false;
    if (Number.isNaN(count) || count > limits.respArgumentsMax) {
      return this.#fail("invalid multibulk length");
    }
    if (count > limits.respStrangerArgumentsMax && this.#trust !== "known") {
      return this.#stopOrFail(from, "unauthenticated multibulk length", calls);
    }
    // Redis passes over calls of nothing.
    if (count <= 0) return true;
    this.#call = [];
    this.#lacking = count;
    this.#room = limits.respCallBytesMax;
    return true;
  }

  /** `$3`, then three bytes and a line's end. */
  #argument(call: string[], calls: Call[]): boolean {
    if (this.#length === undefined && !this.#announced(calls)) return false;
    const length = this.#length ?? 0;
    if (this.#buffer.length - this.#at < length + END) return false;
    call.push(this.#buffer.toString("latin1", this.#at, this.#at + length));
    // Like Redis, this does not look at what stands in the place of the line's end.
    this.#at += length + END;
    this.#length = undefined;
    this.#lacking -= 1;
    if (this.#lacking > 0) return true;
    this.#call = undefined;
    return this.#take(call, calls);
  }

  /** Reads how long the next argument is. */
  #announced(calls: readonly Call[]): boolean {
    const from = this.#at;
    const type = this.#buffer[this.#at] ?? 0;
    const length = this.#number("too big bulk count string");
    if (length === undefined) return false;
    if (type !== DOLLAR) {
      return this.#fail(`expected '$', got '${String.fromCharCode(type)}'`);
    }
    if (Number.isNaN(length) || length < 0 || length > this.#room) {
      return this.#fail("invalid bulk length");
    }
    if (length > limits.respStrangerArgumentBytesMax && this.#trust !== "known") {
      return this.#stopOrFail(from, "unauthenticated bulk length", calls);
    }
    this.#room -= length;
    this.#length = length;
    return true;
  }

  /** The number behind the first byte of a line; NaN where there is none, undefined where the line is not whole, or never will be. */
  #number(tooBig: string): number | undefined {
    const short = this.#shortNumber();
    if (short !== undefined) return short;
    const line = this.#line(tooBig);
    return line === undefined ? undefined : numberIn(line.slice(1));
  }

  /** The number behind the first byte of a line, if that has few digits and nothing else, and is whole; else nothing is read. */
  #shortNumber(): number | undefined {
    const buffer = this.#buffer;
    const from = this.#at + 1;
    let number = 0;
    let end = from;
    for (; end - from < DIGITS_MAX; end += 1) {
      const digit = (buffer[end] ?? CR) - ZERO;
      if (digit < 0 || digit > 9) break;
      number = 10 * number + digit;
    }
    const isStrict = end > from && (buffer[from] !== ZERO || end === from + 1);
    if (!isStrict || buffer[end] !== CR || end + 1 >= buffer.length) return undefined;
    this.#at = end + END;
    return number;
  }

  /** A line without its end; undefined where it is not whole, or never will be. */
  #line(tooBig: string): string | undefined {
    const end = this.#find(CR, tooBig);
    if (end === undefined || end + 1 >= this.#buffer.length) return undefined;
    const line = this.#buffer.toString("latin1", this.#at, end);
    this.#at = end + END;
    return line;
  }

  /** Words in a line. */
  #inline(calls: Call[]): boolean {
    const end = this.#find(LF, "too big inline request");
    if (end === undefined) return false;
    const hasReturn = end > this.#at && this.#buffer[end - 1] === CR;
    const words = splitInline(this.#buffer.toString("latin1", this.#at, hasReturn ? end - 1 : end));
    this.#at = end + 1;
    if (words === undefined) return this.#fail("unbalanced quotes in request");
    return words.length === 0 || this.#take(words, calls);
  }

  /** A call is whole. */
  #take(call: Call, calls: Call[]): boolean {
    if (isOfHttp(call)) return this.#fail("this is HTTP, not RESP");
    calls.push(call);
    return true;
  }

  /** Where a byte is, within the bounds of a line. */
  #find(byte: number, tooBig: string): number | undefined {
    const last = this.#at + limits.respLineBytesMax;
    const end = this.#buffer.subarray(this.#at, last + 1).indexOf(byte);
    if (end !== -1) return this.#at + end;
    if (this.#buffer.length > last) this.#fail(tooBig);
    return undefined;
  }

  /** A line says more than a stranger may: it is read once it is known whether this is one, for which the calls before it may be performed first. */
  #stopOrFail(from: number, error: string, before: readonly Call[]): false {
    if (this.#trust === "stranger" && before.length === 0) return this.#fail(error);
    this.#at = from;
    this.#isStopped = true;
    return false;
  }

  #fail(error: string): false {
    this.#error = error;
    return false;
  }
}
