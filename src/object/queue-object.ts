/**
 * The Durable Object of one queue: joins the platform to the store and the committer.
 * Invariant: no rule of the domain is here; a store that must not be used is never touched.
 */
import { DurableObject } from "cloudflare:workers";
import { type AuthEnv, isToken } from "../auth/tokens.ts";
import { PING, PONG } from "../contract/channel.ts";
import { commands } from "../contract/commands.ts";
import type { FeedOpening } from "../contract/feed.ts";
import { packAnswer, unpack } from "../contract/packing.ts";
import { isRefusal } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest, DirectoryRpc, QueueRpc } from "../contract/rpc.ts";
import { respAsked, socketPaths } from "../contract/sockets.ts";
import { DurableSql } from "../store/sql-durable.ts";
import { newChannel } from "./channel.ts";
import { QueueEngine } from "./engine.ts";
import type { FeedSocket } from "./feed.ts";
import { postByFetch } from "./post.ts";
import { RespConnections } from "./resp.ts";
import { claimsOn } from "./resp-claims.ts";
import type { RespSocket } from "./resp-kept.ts";
import type { WaitSocket } from "./waiters.ts";

/** What the Worker's configuration binds. */
export interface QueueEnv extends AuthEnv {
  readonly DIRECTORY: DurableObjectNamespace<DirectoryRpc & Rpc.DurableObjectBranded>;
  /** "false": a queue is created by PUT only. */
  readonly SLUICE_AUTO_CREATE?: string;
  /** "true": jobs may be pushed to the machine that this runs on, for development. */
  readonly SLUICE_DELIVER_HERE?: string;
}

/** The name of the one directory. */
export const DIRECTORY_NAME = "directory";

/** What sockets are for. */
const WAIT = "wait";
const FEED = "feed";
const RESP = "resp";

type Held = WaitSocket | FeedSocket | RespSocket;

export class QueueObject extends DurableObject<QueueEnv> implements QueueRpc {
  readonly #engine: QueueEngine;
  readonly #resp: RespConnections;
  readonly #sockets = new WeakMap<WebSocket, Held>();

  constructor(ctx: DurableObjectState, env: QueueEnv) {
    super(ctx, env);
    const { storage } = ctx;
    const name = ctx.id.name ?? ctx.id.toString();
    const clients = () =>
      ctx.getWebSockets(RESP).map((socket) => this.#socketOf<RespSocket>(socket));
    const claims = claimsOn(clients());
    this.#engine = new QueueEngine({
      sql: new DurableSql(storage),
      name,
      objectId: ctx.id.toString(),
      sockets: () => [
        ...ctx.getWebSockets(WAIT).map((socket) => this.#socketOf<WaitSocket>(socket)),
        ...claims.values(),
      ],
      feeds: () => ctx.getWebSockets(FEED).map((socket) => this.#socketOf<FeedSocket>(socket)),
      autoCreate: env.SLUICE_AUTO_CREATE !== "false",
      deliversHere: env.SLUICE_DELIVER_HERE === "true",
      post: postByFetch,
      now: () => Date.now(),
      newQueueId,
      alarm: {
        get: () => storage.getAlarm(),
        set: (at) => {
          storage.setAlarm(at).catch((error: unknown) => report(error, "alarm"));
        },
      },
      directory: () => env.DIRECTORY.getByName(DIRECTORY_NAME),
      pause: () => scheduler.wait(0),
      abort: (error) => ctx.abort(String(error)),
      report,
    });
    // Sockets that nothing comes on are kept open without waking the object.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    this.#resp = new RespConnections({
      queue: name,
      line: this.#engine.blocked,
      sockets: clients,
      claims,
      submit: (request) => this.submit(request),
      read: (request) => this.read(request),
      databaseBytes: () => storage.sql.databaseSize,
      isToken: (password) => isToken(password, env),
      now: () => Date.now(),
      after: (ms, work) => {
        const timer = setTimeout(work, ms);
        return () => clearTimeout(timer);
      },
      report,
      jobs: {
        ask: (request) => this.#ask(request),
        hear: (socket, text) => this.#engine.hear(socket, text),
        leave: (socket) => this.#engine.leave(socket),
        heldBy: (session) => this.#engine.heldBy(session),
      },
    });
    void ctx.blockConcurrencyWhile(async () => {
      await this.#engine.recoverAlarm();
      // Behind the constructor, which sends nothing.
      this.#resp.endLost();
    });
  }

  async ask(message: string): Promise<string> {
    return packAnswer(await this.#ask(unpack(message)));
  }

  #ask(request: CommandRequest): Promise<CommandAnswer> {
    const isRead = commands[request.name].access === "read";
    return isRead ? this.read(request) : this.submit(request);
  }

  /** Runs a command that changes state, for a caller within the object: resolves once it is durable. */
  submit(request: CommandRequest): Promise<CommandAnswer> {
    return this.#engine.submit(request);
  }

  /** Runs a command that only reads, for a caller within the object. */
  read(request: CommandRequest): Promise<CommandAnswer> {
    return this.#engine.read(request);
  }

  /**
   * A socket for somebody who waits, for a worker's channel, for a reader of the feed or for a Redis client; it costs nothing while
   * nothing comes.
   */
  override async fetch(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    if (pathname === socketPaths.feed) {
      return this.#follow(JSON.parse(decodeURIComponent(search.slice(1))) as FeedOpening);
    }
    const isResp = pathname === socketPaths.resp;
    const { ours, response } = this.#accept(isResp ? RESP : WAIT);
    if (isResp) this.#resp.open(this.#socketOf(ours), respAsked(search));
    if (pathname === socketPaths.channel) {
      this.#socketOf<WaitSocket>(ours).keep({ order: 0, channel: newChannel(Date.now()) });
    }
    return response;
  }

  async #follow(opening: FeedOpening): Promise<Response> {
    const reader = await this.#engine.readers.begin(opening);
    if (isRefusal(reader)) return new Response(packAnswer({ refusal: reader }));
    const { ours, response } = this.#accept(FEED);
    await this.#engine.readers.follow(this.#socketOf<FeedSocket>(ours), reader);
    return response;
  }

  /** What a socket is for stands in its tag, which its other end cannot change. */
  #accept(tag: string) {
    const { 0: theirs, 1: ours } = new WebSocketPair();
    this.ctx.acceptWebSocket(ours, [tag]);
    return { ours, response: new Response(null, { status: 101, webSocket: theirs }) };
  }

  override async webSocketMessage(socket: WebSocket, said: string | ArrayBuffer): Promise<void> {
    const [tag] = this.ctx.getTags(socket);
    if (tag === RESP) await this.#resp.hear(this.#socketOf(socket), said);
    else if (tag === FEED) await this.#engine.readers.hear(this.#socketOf(socket), String(said));
    else await this.#engine.hear(this.#socketOf(socket), said);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#left(socket);
    // Else the other side waits for the end of its closing: measured, through a Worker nobody else answers it.
    socket.close(isSayable(code) ? code : undefined);
  }

  #left(socket: WebSocket): void {
    const [tag] = this.ctx.getTags(socket);
    if (tag === RESP) this.#resp.leave(this.#socketOf(socket));
    else if (tag === FEED) this.#engine.readers.leave(this.#socketOf(socket));
    else this.#engine.leave(this.#socketOf(socket));
  }

  override webSocketError(socket: WebSocket): void {
    this.#left(socket);
  }

  /** One for each socket, however often it is asked for; of the kind that its tag says. */
  #socketOf<S extends Held>(socket: WebSocket): S {
    const known = this.#sockets.get(socket);
    if (known !== undefined) return known as S;
    const made = {
      kept: () => socket.deserializeAttachment() ?? undefined,
      keep: (kept: unknown) => socket.serializeAttachment(kept),
      send: (message: string | Uint8Array) => socket.send(message),
      close: (code?: number, reason?: string) => socket.close(code, reason),
      isOpen: () => socket.readyState === WebSocket.OPEN,
      pingedAt: () => this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0,
    } satisfies Held;
    this.#sockets.set(socket, made);
    return made as Held as S;
  }

  override alarm(): Promise<void> {
    return this.#engine.alarm();
  }
}

/** Whether a close may name a code; the others say that none was named, or that none came. */
const isSayable = (code: number): boolean => code === 1000 || (code >= 3000 && code <= 4999);

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Eight characters, 41 bits: enough to tell apart the queues that ever had one name. */
function newQueueId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

function report(error: unknown, what: string): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.error(JSON.stringify({ fault: what, message }));
}
