/**
 * One connection: from bytes to calls, and from replies to bytes, while earlier calls are still performed.
 * Invariant: replies come in the order of the calls; what waits is bounded; a protocol error or a fault is answered and ends it.
 */
import { Buffer } from "node:buffer";
import { limits } from "../contract/limits.ts";
import { Conversation } from "./conversation.ts";
import { encodeReply } from "./frames.ts";
import type { RedisPorts } from "./gate-command.ts";
import { bytesOf, type Call, RequestParser } from "./requests.ts";
import type { Session } from "./session.ts";

export interface ConnectionPorts extends RedisPorts {
  send(bytes: Uint8Array): void;
  /** Closes, behind what was sent. */
  end(): void;
  report(error: unknown, what: string): void;
}

export class Connection {
  readonly #ports: ConnectionPorts;
  readonly #parser = new RequestParser();
  readonly #conversation: Conversation;
  #waiting: Call[] = [];
  #waitingBytes = 0;
  /** What is under way, or was last; it never rejects. */
  #work: Promise<void> = Promise.resolve();
  #isBusy = false;
  #isEnded = false;
  #frames = "";

  constructor(session: Session, ports: ConnectionPorts) {
    this.#ports = ports;
    this.#conversation = new Conversation(session, ports);
  }

  get session(): Session {
    return this.#conversation.session;
  }

  /** Whether more has to be remembered than the session: part of a call, a transaction, or names that are watched. */
  get isHeld(): boolean {
    return !this.#isEnded && (this.#parser.isWithin || this.#conversation.isHeld);
  }

  /** Takes bytes. Resolves once all calls that are whole are answered. */
  receive(bytes: Uint8Array): Promise<void> {
    if (this.#isEnded) return Promise.resolve();
    for (const call of this.#parser.push(bytes)) {
      this.#waiting.push(call);
      this.#waitingBytes += bytesOf(call);
    }
    const isTooMuch =
      this.#waiting.length > limits.respPendingCallsMax ||
      this.#waitingBytes > limits.respPendingBytesMax;
    if (isTooMuch) this.fail(tooMuch);
    if (!this.#isBusy) this.#work = this.#perform();
    return this.#work;
  }

  /** Ends the connection with an error, without what waits. */
  fail(error: string): void {
    if (this.#isEnded) return;
    this.#waiting = [];
    this.#frames += encodeReply({ error }, this.session.protocol);
    this.#end();
  }

  async #perform(): Promise<void> {
    this.#isBusy = true;
    try {
      while (this.#waiting.length > 0 && !this.#isEnded) {
        const calls = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        await this.#conversation.perform(calls, (reply) => {
          if (this.#isEnded) return;
          this.#frames += encodeReply(reply, this.session.protocol);
          if (this.#frames.length >= limits.respMessageBytesMax) this.#flush();
        });
        this.#flush();
        if (this.session.isOver) this.#end();
      }
      const { error } = this.#parser;
      if (error !== undefined) this.fail(`ERR Protocol error: ${error}`);
    } catch (error) {
      this.#ports.report(error, "redis connection");
      this.fail("ERR Sluice failed: what became of the last calls is not known");
    } finally {
      this.#isBusy = false;
    }
  }

  #flush(): void {
    if (this.#frames === "") return;
    const bytes = Buffer.from(this.#frames, "latin1");
    this.#frames = "";
    for (let at = 0; at < bytes.length; at += limits.respMessageBytesMax) {
      this.#ports.send(bytes.subarray(at, at + limits.respMessageBytesMax));
    }
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#flush();
    this.#ports.end();
  }
}

const tooMuch = `ERR Protocol error: at most ${limits.respPendingCallsMax} calls, of ${limits.respPendingBytesMax} bytes between them, may wait for their replies`;
