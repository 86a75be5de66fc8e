/**
 * A socket on which somebody waits, for tests: what it was sent, and what it keeps while its object sleeps.
 * Invariant: what is kept is a copy within the platform's bound, so that nothing outlives an instance that really would not.
 */
import { limits } from "../../src/contract/limits.ts";
import { unpackAnswer } from "../../src/contract/packing.ts";
import { WAITING } from "../../src/contract/waits.ts";
import type { WaitSocket } from "../../src/object/waiters.ts";

type Kept = NonNullable<ReturnType<WaitSocket["kept"]>>;

export class TestSocket implements WaitSocket {
  /** What was sent, in order. */
  readonly sent: string[] = [];
  /** The other side has closed it, and its object has not heard of that yet. */
  isClosed = false;
  #kept: string | undefined;

  kept(): Kept | undefined {
    return this.#kept === undefined ? undefined : (JSON.parse(this.#kept) as Kept);
  }

  keep(kept: Kept): void {
    const text = JSON.stringify(kept);
    if (text.length > limits.attachmentBytesMax) throw new Error("too much to keep with a socket");
    this.#kept = text;
  }

  send(text: string): void {
    if (this.isClosed) throw new TypeError("Can't call WebSocket send() after close().");
    this.sent.push(text);
  }

  /** What it was closed with, from the queue's side. */
  closed: { readonly code: number; readonly reason: string } | undefined;

  close(code: number, reason: string): void {
    this.closed = { code, reason };
    this.isClosed = true;
  }

  /** When a ping on it was last answered. */
  pinged = 0;

  pingedAt(): number {
    return this.pinged;
  }

  /** What came of the wait: the reply, parsed, or the code of the refusal; undefined while nothing has. */
  get answer() {
    const text = this.sent.find((each) => each !== WAITING);
    if (text === undefined) return undefined;
    const answer = unpackAnswer(text);
    return "reply" in answer
      ? (JSON.parse(answer.reply) as {
          readonly jobs?: readonly { readonly id: string; readonly token: string }[];
          readonly job?: { readonly id: string; readonly state: string };
          readonly action?: { readonly id: string; readonly status: string };
          readonly paused?: boolean;
        })
      : { refused: answer.refusal.refusalCode };
  }

  /** The ids of the jobs that it was given. */
  get jobs(): readonly string[] | undefined {
    const { answer } = this;
    return answer !== undefined && "jobs" in answer ? answer.jobs?.map(({ id }) => id) : undefined;
  }
}
