/**
 * The calls of a client of the bridge that have no reply yet, and which frames of the queue answer them.
 * Invariant: they are answered in the order in which they were said; a reply tells the prologue what the call has made of the connection, and then the call is
 * forgotten; what is said unasked answers none.
 */
import { type Frame, ReplyScanner } from "../redis/reply-scanner.ts";
import type { Call } from "../redis/requests.ts";
import { isTelling, type RedisPrologue } from "./redis-prologue.ts";

/** A call that has no reply yet. */
interface Unanswered {
  readonly bytes: number;
  /** The call itself, where its reply says something about the connection; else nothing of it. */
  readonly call: Call;
  /** The frames that answer it and have not come; undefined as long as none has: only the calls before it tell how many there are. */
  frames: number | undefined;
  /** Which of the replies in that of an EXEC are errors; below 0: counted from the last one. */
  readonly errors: number[];
  /** It was said again: the client has had the reply. */
  readonly isRepeated: boolean;
}

const unanswered = (call: Call, bytes: number, isRepeated = false): Unanswered => ({
  ...{ bytes, isRepeated, frames: undefined, errors: [] },
  call: isTelling(call) ? call : [],
});

/** The words of frames that answer who changes what is followed, and of those that tell what was published. */
const confirmation = /^p?(un)?subscribe$/;
const publication = /^p?message$/;

export class UnansweredCalls {
  readonly #prologue: RedisPrologue;
  readonly #calls: Unanswered[] = [];
  #scanner = new ReplyScanner();
  #bytes = 0;
  #repeated = 0;
  #isRefusing = false;

  constructor(prologue: RedisPrologue) {
    this.#prologue = prologue;
  }

  get count(): number {
    return this.#calls.length;
  }

  /** Bytes of these calls. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The last one, which is the same for as long as nothing was said behind it; undefined: there is none. */
  get last(): unknown {
    return this.#calls.at(-1);
  }

  /** Whether there are some that were said again, to which the client has had the replies already. */
  get isRepeating(): boolean {
    return this.#repeated > 0;
  }

  /** Whether the queue has said, unasked, why it ends the connection. */
  get isRefusing(): boolean {
    return this.#isRefusing;
  }

  /** Whether part of what is said unasked has come, and another link could not go on with it. */
  get isTorn(): boolean {
    return this.#repeated === 0 && this.#scanner.isWithin;
  }

  /** Whether what comes next stands between MULTI and EXEC, unless one of them is refused: then a call that waits holds up those behind it at the queue. */
  get isQueueing(): boolean {
    const last = this.#calls.findLast(
      ({ call }) => call.length === 1 && /^(multi|exec|discard|reset)$/i.test(call[0] ?? ""),
    );
    return last === undefined ? this.#prologue.isOpen : /^multi$/i.test(last.call[0] ?? "");
  }

  /** A call is said that has so many bytes. */
  push(call: Call, bytes: number): void {
    this.#calls.push(unanswered(call, bytes));
    this.#bytes += bytes;
  }

  /** On a new link calls are said again, before all others. */
  repeat(calls: readonly Call[]): void {
    this.#scanner = new ReplyScanner();
    this.#repeated = calls.length;
    this.#calls.unshift(...calls.map((call) => unanswered(call, 0, true)));
  }

  /** The link was lost: what was said again there is to be said on the next one. */
  forgetRepeated(): void {
    while (this.#calls[0]?.isRepeated) this.#calls.shift();
  }

  /** Hears what the queue says. Returns behind which of the bytes it is for the client. */
  hear(bytes: Uint8Array): number {
    let from = 0;
    for (const frame of this.#scanner.push(bytes)) {
      if (!this.#isAnswer(frame)) continue;
      const [next] = this.#calls;
      if (next === undefined) {
        this.#isRefusing = frame.type === "-";
        continue;
      }
      if (!this.#isAnswered(next, frame)) continue;
      this.#calls.shift();
      this.#bytes -= next.bytes;
      if (!next.isRepeated) continue;
      this.#repeated -= 1;
      from = frame.end;
    }
    // What came among replies that the client has had is not told: nothing of it was promised.
    return this.#repeated > 0 ? bytes.length : from;
  }

  /** Takes one more frame of the reply to a call. Returns whether it is the last one. */
  #isAnswered(next: Unanswered, { type, errors = [] }: Frame): boolean {
    const { call } = next;
    // An error, or nothing, is the whole answer, where it comes first.
    const isRefused = next.frames === undefined && (type === "-" || type === "_");
    if (next.frames === undefined) next.errors.push(...errors);
    else if (type === "-") next.errors.push(-next.frames);
    next.frames = isRefused ? 0 : (next.frames ?? this.#prologue.framesOf(call)) - 1;
    if (next.frames > 0) return false;
    if (isRefused) this.#prologue.refuse(call);
    else this.#prologue.settle(call, next.errors);
    return true;
  }

  /** Whether a frame belongs to the reply of the oldest call, and is not said unasked. */
  #isAnswer({ type, word }: Frame): boolean {
    if (type === ">") return confirmation.test(word);
    if (type !== "*" || this.#prologue.isResp3) return true;
    // The first frames of a call that follows something have come, the last not yet.
    const isWithin = this.#calls[0]?.frames !== undefined;
    return !((this.#prologue.isFollowing || isWithin) && publication.test(word));
  }
}
