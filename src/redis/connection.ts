/**
 * One connection: from bytes to calls, and from replies to bytes, while earlier calls are still performed.
 * Invariant: replies come in the order of the calls, and behind a call that waits nothing is performed; what waits is bounded, and so is what the client has
 * not taken; a protocol error or a fault is answered and ends it.
 */
import { Buffer } from "node:buffer";
import { limits } from "../contract/limits.ts";
import type { AllUntaken } from "./all-untaken.ts";
import { Conversation, type Room, type Tell, type Waiting } from "./conversation.ts";
import { encodeReply, type GateReply } from "./frames.ts";
import type { RedisPorts } from "./gate-command.ts";
import { following } from "./pubsub.ts";
import { bytesOf, type Call, RequestParser } from "./requests.ts";
import type { Session } from "./session.ts";
import { takenIn } from "./taken.ts";
import { Untaken } from "./untaken.ts";

export interface ConnectionPorts extends RedisPorts {
  send(bytes: Uint8Array): void;
  /** Closes, behind what was sent; `untaken`: for what it has not taken. What was sent counts until `leave` is called. */
  end(untaken: boolean): void;
  report(error: unknown, what: string): void;
  /** A call has come. */
  heard(): void;
  /** A call waits from now on, until `unblock` is called or the connection ends. */
  block(blocked: BlockedCall): void;
  /** What all clients have not taken. */
  readonly untaken: AllUntaken;
  /** From now on calls wait for the client to take replies. */
  stall(): void;
}

/** A call that waits for something to take. */
export interface BlockedCall {
  readonly call: Call;
  /** Until when, epoch ms; undefined: for ever. */
  readonly until?: number | undefined;
}

/** A connection's call that waits, as it is known again. */
interface Restored extends BlockedCall {
  /** The calls behind it. */
  readonly behind: readonly Call[];
  /** Why nothing is read behind these. */
  readonly error?: string | undefined;
}

/** What calls are said to. */
export interface Conversing {
  readonly session: Session;
  /** Whether there is more to remember than the session. */
  readonly isHeld: boolean;
  /** Bytes of calls in that. */
  readonly heldBytes: number;
  /** Performs calls, and tells the reply to each as soon as it is known. Returns the call at which it stopped, if one waits. */
  perform(calls: readonly Call[], tell: Tell, room: Room): Promise<Waiting | undefined>;
}

export class Connection {
  readonly #ports: ConnectionPorts;
  readonly #parser: RequestParser;
  readonly #conversation: Conversing;
  #waiting: Call[] = [];
  #waitingBytes = 0;
  /** Bytes of the calls that are being performed. */
  #underWayBytes = 0;
  readonly #untaken: Untaken;
  /** What is under way, or was last; it never rejects. */
  #work: Promise<void> = Promise.resolve();
  #isBusy = false;
  #isEnded = false;
  #frames = "";
  #blocked: BlockedCall | undefined;

  /** `blocked`: a call that waits already, and what is behind it. `conversation`: a plain Redis's, where none is given. */
  constructor(
    session: Session,
    ports: ConnectionPorts,
    blocked?: Restored,
    conversation: Conversing = new Conversation(session, ports),
  ) {
    this.#ports = ports;
    this.#conversation = conversation;
    this.#parser = new RequestParser(blocked?.error);
    this.#untaken = new Untaken(ports.untaken, session.saysTaken === true, {
      stall: () => ports.stall(),
      drop: () => this.#endUntaken(),
    });
    if (blocked === undefined) return;
    this.#blocked = blocked;
    this.#putBack(blocked.behind);
  }

  get session(): Session {
    return this.#conversation.session;
  }

  /** Whether more has to be remembered than the session: part of a call, a transaction, names that are watched, or calls that wait for replies to be taken. */
  get isHeld(): boolean {
    if (this.#isEnded) return false;
    return this.#parser.isWithin || this.#conversation.isHeld || this.#untaken.isStalled;
  }

  /** Bytes of all calls that are not whole or not performed. */
  get heldBytes(): number {
    // What stands between MULTI and EXEC may be of the calls that are under way.
    const begun = Math.max(this.#underWayBytes, this.#conversation.heldBytes);
    return this.#parser.heldBytes + this.#waitingBytes + begun;
  }

  /** Calls that are behind one that waits. */
  get behind(): readonly Call[] {
    return this.#waiting;
  }

  /** Why nothing is read behind these: it is answered once they are. */
  get error(): string | undefined {
    return this.#parser.error;
  }

  /** The call that waited is answered, as soon as it is known with what, and then what is behind it performed. */
  async unblock(reply: GateReply | Promise<GateReply>): Promise<void> {
    if (this.#isEnded) return;
    if (this.#blocked === undefined) throw new Error("a call is answered that does not wait");
    // It has only just begun to wait.
    if (this.#isBusy) {
      await this.#work;
      return await this.unblock(reply);
    }
    this.#blocked = undefined;
    this.#work = this.#perform(reply);
    await this.#work;
  }

  /** Tells something unasked. */
  push(told: readonly GateReply[]): void {
    if (this.#isEnded) return;
    this.#frames += encodeReply({ push: told }, this.session.protocol);
    // While calls are performed it stands among their replies, where it came; not where they wait for the client.
    if (!this.#isBusy || this.#untaken.isStalled) this.#flush();
  }

  /** Takes bytes. Resolves once all calls that are whole are answered, or one of them waits. */
  receive(bytes: Uint8Array): Promise<void> {
    if (this.#isEnded) return Promise.resolve();
    this.#untaken.heard();
    this.#read(bytes, this.#isBusy || this.#waiting.length > 0);
    return this.#go();
  }

  /** The client says what it has taken of what it was sent. */
  taken(text: string): void {
    const bytes = takenIn(text);
    if (bytes === undefined) this.fail(NOT_TAKEN);
    else this.#untaken.taken(bytes);
  }

  /** The client has gone, and what it was sent. What waits for it to take replies is performed for nobody. */
  leave(): void {
    if (this.#untaken.isStalled) {
      this.#isEnded = true;
      this.session.isOver = true;
    }
    this.#untaken.gone();
  }

  /** Reads on. `isPending`: calls before these bytes are still to be performed, and may show the token. */
  #read(bytes: Uint8Array, isPending: boolean): void {
    const unproven = isPending ? "pending" : "stranger";
    const trust = this.session.isAuthorized ? "known" : unproven;
    for (const call of this.#parser.push(bytes, trust)) {
      this.#ports.heard();
      this.#waiting.push(call);
      this.#waitingBytes += bytesOf(call);
    }
    const isTooMuch =
      this.#waiting.length > limits.respPendingCallsMax ||
      this.#waitingBytes > limits.respPendingBytesMax;
    if (isTooMuch) this.fail(tooMuch);
  }

  #go(): Promise<void> {
    if (!this.#isBusy && this.#blocked === undefined) this.#work = this.#perform();
    return this.#work;
  }

  /** Has calls come before those that wait already. */
  #putBack(calls: readonly Call[]): void {
    this.#waiting = [...calls, ...this.#waiting];
    for (const call of calls) this.#waitingBytes += bytesOf(call);
  }

  /** Ends the connection with an error, without what waits. */
  fail(error: string): void {
    if (this.#isEnded) return;
    this.#waiting = [];
    this.#frames += encodeReply({ error }, this.session.protocol);
    this.#end();
  }

  /** Tells the reply to a call that waited, if there is one, and performs what has come. */
  async #perform(first?: GateReply | Promise<GateReply>): Promise<void> {
    this.#isBusy = true;
    try {
      if (first !== undefined) {
        const told = first instanceof Promise ? await first : first;
        if (this.#isEnded) return;
        this.#frames += encodeReply(told, this.session.protocol);
        this.#flush();
      }
      while (this.#waiting.length > 0 && !this.#isEnded && this.#blocked === undefined) {
        const calls = this.#waiting;
        this.#waiting = [];
        this.#underWayBytes = this.#waitingBytes;
        this.#waitingBytes = 0;
        const waiting = await this.#conversation.perform(
          calls,
          (reply) => this.#tell(reply),
          this.#room,
        );
        this.#underWayBytes = 0;
        this.#flush();
        this.#untaken.settle();
        if (waiting !== undefined && !this.#isEnded) this.#block(waiting);
        if (this.session.isOver) this.#end();
        if (this.#parser.isStopped) this.#read(nothing, this.#waiting.length > 0);
      }
      const { error } = this.#parser;
      if (error !== undefined && this.#blocked === undefined) {
        this.fail(`ERR Protocol error: ${error}`);
      }
    } catch (error) {
      this.#ports.report(error, "redis connection");
      this.fail("ERR Sluice failed: what became of the last calls is not known");
    } finally {
      this.#isBusy = false;
    }
  }

  #tell(reply: GateReply): void {
    if (this.#isEnded) return;
    this.#frames += encodeReply(reply, this.session.protocol);
    if (this.#frames.length >= limits.respMessageBytesMax) this.#flush();
  }

  /** Whoever waits for room waits until replies are taken that are all sent by then. */
  readonly #room: Room = {
    wait: () => {
      const room = this.#untaken.room();
      if (room !== undefined) this.#flush();
      return room;
    },
    promise: () => this.#untaken.promise(),
  };

  #block({ call, ms, behind }: Waiting): void {
    this.#putBack(behind);
    this.#blocked = { call, until: ms === 0 ? undefined : this.#ports.now() + ms };
    this.#ports.block(this.#blocked);
  }

  #flush(): void {
    if (this.#frames === "") return;
    const bytes = Buffer.from(this.#frames, "latin1");
    this.#frames = "";
    for (let at = 0; at < bytes.length; at += limits.respMessageBytesMax) {
      this.#ports.send(bytes.subarray(at, at + limits.respMessageBytesMax));
    }
    this.#untaken.sent(bytes.length);
  }

  /** Ends the connection for what it has not taken. As Redis does, it tells so only who would take an error for the reply to a call that waits for its own. */
  #endUntaken(): void {
    if (this.#isEnded) return;
    const isAsked = this.#blocked !== undefined || this.#waitingBytes + this.#underWayBytes > 0;
    const isToldOnly = this.session.protocol === 2 && following(this.session) > 0;
    this.#waiting = [];
    if (isAsked && !isToldOnly) this.#frames += encodeReply({ error: UNTAKEN }, 2);
    this.#end(true);
  }

  #end(untaken = false): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.session.isOver = true;
    this.#flush();
    this.#untaken.end();
    this.#ports.end(untaken);
  }
}

const nothing = new Uint8Array();
const NOT_TAKEN = "ERR Protocol error: expected 'taken' and a number of bytes";
const UNTAKEN = `ERR more than ${limits.respUntakenBytesMax} bytes of replies and messages were not taken: ask for less at once, or say what you have taken`;
const tooMuch = `ERR Protocol error: at most ${limits.respPendingCallsMax} calls, of ${limits.respPendingBytesMax} bytes between them, may wait for their replies`;
