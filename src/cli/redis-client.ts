/**
 * One Redis client of the bridge: its TCP connection, and the socket to the queue that it speaks over.
 * Invariant: whole calls go one way and every byte of the replies the other, in order, and none behind one that waits; a client whose calls may have been
 * lost is cut off, as by a Redis that ended; one that was idle does not notice that its socket was another.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Dialect } from "../contract/dialects.ts";
import { redisCommandTable } from "../contract/redis-commands.ts";
import { encodeCall, encodeReply } from "../redis/frames.ts";
import { bytesOf, type Call, RequestParser, type Trust } from "../redis/requests.ts";
import type { Link } from "./redis-link.ts";
import { RedisPrologue } from "./redis-prologue.ts";
import { UnansweredCalls } from "./redis-unanswered.ts";
import { PieceWriter } from "./redis-writer.ts";

/** Calls on their way above which a client is not read from. */
const CALLS_MAX = 4096;

/** A client that ends its side so soon behind a call that may wait has sent a batch: a Redis performs all of it before it reads the end. */
const BATCH_WITHIN_MS = 50;
/** How long such a call is given then: one that finds something at once has a reply to tell. */
const BATCH_WAIT_MS = 1_000;

const nothing = Buffer.alloc(0);

/** What is known of a client before it says a word. */
export interface ClientKind {
  /** It need not show the token itself. */
  readonly isKnown: boolean;
  readonly dialect: Dialect;
  /** Bytes of its calls on their way above which it is not read from, as of now. */
  callBytesMax(): number;
}

export class BridgedClient {
  readonly #socket: Socket;
  readonly #writer: PieceWriter;
  readonly #connect: () => Promise<Link>;
  readonly #tell: (text: string) => void;
  readonly #isKnown: boolean;
  readonly #callBytesMax: () => number;
  readonly #parser = new RequestParser();
  readonly #prologue: RedisPrologue;
  #link: Link | undefined;
  #isConnecting = false;
  /** What a new link begins with: what the client had said of itself when the old one was lost. */
  #said: readonly Call[] = [];
  /** Frames that wait for a link. */
  #frames = "";
  readonly #unanswered: UnansweredCalls;
  /** A call is on its way that may wait. */
  #mayWait = false;
  /** Since when, as `performance.now` tells. */
  #waitsSince = 0;
  /** Calls that came behind it: here they wait at no cost to the queue. */
  readonly #behind: Call[] = [];
  #behindBytes = 0;
  /** It has ended its side: what is left of its calls is a batch. */
  #isBatch = false;
  /** It says nothing more, and goes once it has its replies. */
  #isLeaving = false;
  /** Its end is on its way to it: nothing that it still says is performed, as by a Redis that has closed. */
  #isOver = false;

  constructor(
    socket: Socket,
    connect: () => Promise<Link>,
    tell: (text: string) => void,
    { isKnown, dialect, callBytesMax }: ClientKind,
  ) {
    this.#prologue = new RedisPrologue(dialect);
    this.#unanswered = new UnansweredCalls(this.#prologue);
    this.#socket = socket;
    this.#writer = new PieceWriter(socket);
    this.#connect = connect;
    this.#tell = tell;
    this.#isKnown = isKnown;
    this.#callBytesMax = callBytesMax;
    socket.on("data", (bytes) => this.#hear(bytes));
    socket.on("end", () => this.#hearEnd());
    socket.on("close", () => this.#link?.close());
    // Its close is told as well.
    socket.on("error", () => undefined);
  }

  /** Ends the connection once all calls have their replies. */
  end(): void {
    this.#isLeaving = true;
    this.#leaveWhenDone();
  }

  /** Ends the connection at once. */
  cutOff(): void {
    this.#socket.destroy();
  }

  #hear(bytes: Buffer): void {
    if (this.#isOver) return;
    const calls = this.#parser.push(bytes, this.#trust);
    for (const call of calls) this.#takeOrHold(call);
    if (this.#parser.error !== undefined) this.end();
    if (calls.length > 0) this.#send();
    this.#pace();
  }

  /** Whether it has shown the token, by what the queue has answered. */
  get #trust(): Trust {
    if (this.#isKnown || this.#prologue.isProven) return "known";
    return this.#unanswered.count + this.#behind.length > 0 ? "pending" : "stranger";
  }

  /** The client says nothing more. Nobody may be there to be told what a call that waits would take. */
  #hearEnd(): void {
    if (this.#mayWait && performance.now() - this.#waitsSince > BATCH_WITHIN_MS) {
      this.cutOff();
      return;
    }
    this.#isBatch = true;
    if (this.#mayWait) this.#limitWait();
    this.end();
  }

  /** Cuts the client off unless the last call is answered in time. */
  #limitWait(): void {
    const waiting = this.#unanswered.last;
    setTimeout(() => {
      if (this.#unanswered.last === waiting) this.cutOff();
    }, BATCH_WAIT_MS).unref();
  }

  #takeOrHold(call: Call): void {
    if (!this.#mayWait) {
      this.#take(call);
      return;
    }
    this.#behind.push(call);
    this.#behindBytes += bytesOf(call);
  }

  /** What waited is answered: the calls behind it are taken, up to the next one that may wait. */
  #goOn(): void {
    this.#mayWait = false;
    this.#behindBytes = 0;
    const calls = this.#behind.splice(0);
    for (const call of calls) this.#takeOrHold(call);
    if (calls.length > 0) this.#send();
  }

  #take(call: Call): void {
    const command = redisCommandTable.get(call[0]?.toLowerCase() ?? "");
    this.#mayWait = command?.flags.includes("blocking") === true && !this.#unanswered.isQueueing;
    // Its reply is the last one, and then the queue closes.
    if (call[0]?.toLowerCase() === "quit") this.#isLeaving = true;
    const frame = encodeCall(call);
    this.#frames += frame;
    this.#unanswered.push(call, frame.length);
    if (!this.#mayWait) return;
    this.#waitsSince = performance.now();
    if (this.#isBatch) this.#limitWait();
  }

  #send(): void {
    if (this.#link === undefined || this.#unanswered.isRepeating) {
      if (!this.#isConnecting && this.#link === undefined) void this.#reconnect();
      return;
    }
    if (this.#frames === "") return;
    const bytes = Buffer.from(this.#frames, "latin1");
    this.#frames = "";
    this.#link.send(bytes);
  }

  async #reconnect(): Promise<void> {
    this.#isConnecting = true;
    try {
      const link = await this.#connect();
      this.#isConnecting = false;
      if (this.#socket.destroyed) {
        link.close();
        return;
      }
      this.#begin(link);
    } catch (error) {
      this.#tell(`${error instanceof Error ? error.message : String(error)}\n`);
      this.#part(encodeReply({ error: "ERR the bridge cannot reach the queue" }, 2));
    }
  }

  #begin(link: Link): void {
    const said = this.#said;
    this.#link = link;
    link.listen({ hear: (bytes) => this.#answer(bytes), lost: (untaken) => this.#lost(untaken) });
    this.#unanswered.repeat(said);
    if (said.length > 0) link.send(Buffer.from(said.map(encodeCall).join(""), "latin1"));
    else this.#send();
  }

  /** Passes on what the queue says. */
  #answer(bytes: Uint8Array): void {
    if (this.#socket.destroyed) return;
    const wasRepeating = this.#unanswered.isRepeating;
    const from = this.#unanswered.hear(bytes);
    if (wasRepeating) this.#send();
    const link = this.#link;
    // The client has had these already.
    if (from > 0) link?.taken(from);
    // The queue says no more before the client takes what there is.
    this.#writer.write(bytes.subarray(from), (taken) => link?.taken(taken));
    if (this.#mayWait && this.#unanswered.count === 0) this.#goOn();
    // The replies may tell who it is.
    if (this.#parser.isStopped) this.#hear(nothing);
    this.#pace();
    this.#leaveWhenDone();
  }

  /** The socket to the queue has closed; `untaken`: for what the client has not taken. */
  #lost(untaken: boolean): void {
    this.#link = undefined;
    if (this.#socket.destroyed) return;
    this.#said = this.#prologue.calls;
    this.#unanswered.forgetRepeated();
    const { count, isTorn } = this.#unanswered;
    const isRefusing = untaken || this.#unanswered.isRefusing;
    // Who takes nothing is told nothing, either.
    if (isRefusing && this.#writer.isBehind) this.cutOff();
    else if (count > 0 || isTorn || isRefusing || this.#prologue.isHeld) this.#part();
    // Who follows something says nothing more, and waits to be told.
    else if (this.#prologue.isFollowing && !this.#isLeaving) void this.#reconnect();
  }

  /** Reads from the client as long as it and the queue keep up. */
  #pace(): void {
    const isBehind =
      this.#parser.isStopped ||
      this.#unanswered.count + this.#behind.length > CALLS_MAX ||
      this.#unanswered.bytes + this.#behindBytes > this.#callBytesMax();
    if (isBehind) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #leaveWhenDone(): void {
    if (!this.#isLeaving || this.#unanswered.count + this.#behind.length > 0) return;
    const { error } = this.#parser;
    const last =
      error === undefined ? "" : encodeReply({ error: `ERR Protocol error: ${error}` }, 2);
    this.#part(last);
    this.#link?.close();
  }

  /** Ends the connection behind a last frame. */
  #part(last = ""): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#writer.write(Buffer.from(last, "latin1"), () => undefined);
    this.#writer.end();
  }
}
