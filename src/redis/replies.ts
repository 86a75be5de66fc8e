/**
 * Replies of RESP3 as they were before they were written, sets and maps as lists: what the Worker reads that speaks with a queue by RESP.
 * Invariant: however the bytes are cut, the replies are the same; what is no RESP3 is a fault of the queue.
 */
import { Buffer } from "node:buffer";
import type { GateReply } from "./frames.ts";

/** A reply and where the next one begins; undefined where it is not whole yet. */
type Found<R = GateReply> = { readonly reply: R; readonly next: number } | undefined;

/** @example new ReplyParser().push(Buffer.from("+OK\r\n:1\r\n")) // [{ ok: "OK" }, 1] */
export class ReplyParser {
  #text = "";

  /** Takes more bytes, and returns the replies that became whole. Throws where they are not RESP3. */
  push(bytes: Uint8Array): GateReply[] {
    this.#text += Buffer.from(bytes).toString("latin1");
    const replies: GateReply[] = [];
    let at = 0;
    for (let found = this.#read(at); found !== undefined; found = this.#read(at)) {
      replies.push(found.reply);
      at = found.next;
    }
    this.#text = this.#text.slice(at);
    return replies;
  }

  #read(at: number): Found {
    const end = this.#text.indexOf("\r\n", at);
    if (end === -1) return undefined;
    const rest = this.#text.slice(at + 1, end);
    const next = end + 2;
    switch (this.#text.charAt(at)) {
      case "+":
        return { reply: { ok: rest }, next };
      case "-":
        return { reply: { error: rest }, next };
      case ":":
        return {
          reply: Number.isSafeInteger(Number(rest)) ? Number(rest) : { integer: rest },
          next,
        };
      case ",":
        return { reply: { double: rest }, next };
      case "_":
        return { reply: null, next };
      case "$":
        return this.#bulk(next, Number(rest));
      case "=":
        return this.#verbatim(next, Number(rest));
      case "*":
      case "~":
        return this.#many(next, Number(rest));
      case ">":
        return this.#push(next, Number(rest));
      case "%":
        return this.#many(next, 2 * Number(rest));
      default:
        throw new TypeError(`This is not RESP3: ${JSON.stringify(this.#text.slice(at, end))}`);
    }
  }

  #push(at: number, count: number): Found {
    const found = this.#many(at, count);
    return found && { reply: { push: found.reply }, next: found.next };
  }

  #bulk(at: number, length: number): Found<string> {
    const end = at + length;
    if (this.#text.length < end + 2) return undefined;
    return { reply: this.#text.slice(at, end), next: end + 2 };
  }

  /** Its first four characters say what kind of text it is. */
  #verbatim(at: number, length: number): Found {
    const found = this.#bulk(at, length);
    return found && { ...found, reply: { verbatim: found.reply.slice(4) } };
  }

  #many(at: number, count: number): Found<GateReply[]> {
    const all: GateReply[] = [];
    let next = at;
    while (all.length < count) {
      const found = this.#read(next);
      if (found === undefined) return undefined;
      all.push(found.reply);
      next = found.next;
    }
    return { reply: all, next };
  }
}
