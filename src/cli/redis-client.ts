/**
 * One Redis client of the bridge: its TCP connection, and the socket to the queue that it speaks over.
 * Invariant: whole calls go one way and every byte of the replies the other, in order; a client whose calls may have been lost is cut off, as by a Redis
 * that ended; one that was idle does not notice that its socket was another.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { encodeCall, encodeReply } from "../redis/frames.ts";
import { ReplyCounter } from "../redis/reply-counter.ts";
import { type Call, RequestParser } from "../redis/requests.ts";
import type { Link } from "./redis-link.ts";
import { RedisPrologue } from "./redis-prologue.ts";

/** Calls on their way, and their bytes, above which a client is not read from. */
const CALLS_MAX = 4096;
const BYTES_MAX = 4 * 1024 * 1024;

export class BridgedClient {
  readonly #socket: Socket;
  readonly #connect: () => Promise<Link>;
  readonly #tell: (text: string) => void;
  readonly #parser = new RequestParser();
  readonly #prologue = new RedisPrologue();
  #counter = new ReplyCounter();
  #link: Link | undefined;
  #isConnecting = false;
  /** What a new link begins with: what the client had said of itself when the old one was lost. */
  #said: readonly Call[] = [];
  /** Frames that wait for a link. */
  #frames = "";
  /** Bytes of each call that has no reply yet. */
  readonly #unanswered: number[] = [];
  #unansweredBytes = 0;
  /** Replies to what was said again, which the client has had already. */
  #repeated = 0;
  /** It says nothing more, and goes once it has its replies. */
  #isLeaving = false;

  constructor(socket: Socket, connect: () => Promise<Link>, tell: (text: string) => void) {
    this.#socket = socket;
    this.#connect = connect;
    this.#tell = tell;
    socket.on("data", (bytes) => this.#hear(bytes));
    socket.on("drain", () => this.#pace());
    socket.on("end", () => this.end());
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
    const calls = this.#parser.push(bytes);
    for (const call of calls) this.#take(call);
    if (this.#parser.error !== undefined) this.end();
    if (calls.length > 0) this.#send();
    this.#pace();
  }

  #take(call: Call): void {
    this.#prologue.note(call);
    // Its reply is the last one, and then the queue closes.
    if (call[0]?.toLowerCase() === "quit") this.#isLeaving = true;
    const frame = encodeCall(call);
    this.#frames += frame;
    this.#unanswered.push(frame.length);
    this.#unansweredBytes += frame.length;
  }

  #send(): void {
    if (this.#link === undefined || this.#repeated > 0) {
      if (!this.#isConnecting && this.#link === undefined) void this.#reconnect();
      return;
    }
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
      this.#socket.end(
        encodeReply({ error: "ERR the bridge cannot reach the queue" }, 2),
        "latin1",
      );
    }
  }

  #begin(link: Link): void {
    const said = this.#said;
    this.#link = link;
    this.#counter = new ReplyCounter();
    link.listen({ hear: (bytes) => this.#answer(bytes), lost: () => this.#lost() });
    this.#repeated = said.length;
    if (said.length > 0) link.send(Buffer.from(said.map(encodeCall).join(""), "latin1"));
    else this.#send();
  }

  /** Passes on what the queue says. */
  #answer(bytes: Uint8Array): void {
    const replies = this.#counter.push(bytes);
    if (this.#repeated > 0) {
      this.#repeated -= replies;
      if (this.#repeated === 0) this.#send();
      return;
    }
    this.#socket.write(bytes);
    const answered = this.#unanswered.splice(0, replies);
    for (const size of answered) this.#unansweredBytes -= size;
    this.#pace();
    this.#leaveWhenDone();
  }

  /** The socket to the queue has closed. */
  #lost(): void {
    this.#link = undefined;
    this.#said = this.#prologue.calls;
    if (this.#unanswered.length > 0 || this.#prologue.isHeld) this.#socket.end();
  }

  /** Reads from the client as long as it and the queue keep up. */
  #pace(): void {
    const isBehind =
      this.#unanswered.length > CALLS_MAX ||
      this.#unansweredBytes > BYTES_MAX ||
      this.#socket.writableNeedDrain;
    if (isBehind) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #leaveWhenDone(): void {
    if (!this.#isLeaving || this.#unanswered.length > 0) return;
    const { error } = this.#parser;
    const last =
      error === undefined ? "" : encodeReply({ error: `ERR Protocol error: ${error}` }, 2);
    this.#socket.end(last, "latin1");
    this.#link?.close();
  }
}
