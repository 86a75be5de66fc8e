/**
 * Redis connections: sockets that carry RESP, over which the object sleeps.
 * Invariant: a session stands in its socket's attachment; what does not fit there (part of a call, a transaction, watched names) keeps the
 * object awake for a time, and a connection that lost it is ended with an error, never gone on with.
 */
import { limits } from "../contract/limits.ts";
import type { RedisRunReply, RedisVersionsReply } from "../contract/redis.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { Connection } from "../redis/connection.ts";
import { newSession, type Session } from "../redis/session.ts";

/** A socket, as far as a connection needs it. */
export interface RespSocket {
  /** What is kept with it while the object sleeps. */
  kept(): KeptConnection | undefined;
  keep(kept: KeptConnection): void;
  /** Throws once the other side has closed it. */
  send(bytes: Uint8Array): void;
  close(code: number, reason: string): void;
}

interface KeptConnection {
  readonly session: Session;
  /** Whether there was more, which only the instance remembers that the socket belongs to. */
  readonly isHeld: boolean;
}

export interface RespPorts {
  readonly queue: string;
  submit(request: CommandRequest<"redis.run">): Promise<CommandAnswer>;
  read(request: CommandRequest<"redis.versions">): Promise<CommandAnswer>;
  isToken(password: string): boolean;
  now(): number;
  /** Does something later, which keeps the object awake until then. Returns what calls it off. */
  after(ms: number, work: () => void): () => void;
  report(error: unknown, what: string): void;
}

/** A connection in memory. */
interface Live {
  readonly connection: Connection;
  /** What the attachment says. */
  kept: string;
  callOff: (() => void) | undefined;
}

/** A reply as it is, or the refusal. */
const outcomeOf = <Reply>(answer: CommandAnswer) =>
  "reply" in answer ? (JSON.parse(answer.reply) as Reply) : answer;

const encoder = new TextEncoder();
const NORMAL = 1000;
const TOO_LONG = "the connection was silent for too long within a call, a transaction or a WATCH";

export class RespConnections {
  readonly #ports: RespPorts;
  readonly #live = new Map<RespSocket, Live>();
  #lastId = 0;

  constructor(ports: RespPorts) {
    this.#ports = ports;
  }

  /** Begins a connection on a socket; `needsAuth`: its client has yet to prove that it has the token. */
  open(socket: RespSocket, needsAuth: boolean): void {
    const now = this.#ports.now();
    // Greater than that of every connection before, also of those before the object slept.
    this.#lastId = Math.max(this.#lastId + 1, now);
    socket.keep({ session: newSession(this.#lastId, now, needsAuth), isHeld: false });
  }

  /** Hears bytes of a socket. Resolves once what they ask for is answered. */
  async hear(socket: RespSocket, data: string | ArrayBuffer): Promise<void> {
    const live = this.#live.get(socket) ?? this.#recall(socket);
    if (live === undefined) return;
    const bytes = typeof data === "string" ? encoder.encode(data) : new Uint8Array(data);
    const answered = live.connection.receive(bytes);
    this.#remember(socket, live);
    await answered;
    this.#remember(socket, live);
  }

  /** The client has gone. */
  leave(socket: RespSocket): void {
    this.#live.get(socket)?.callOff?.();
    this.#live.delete(socket);
  }

  /** The connection of a socket that this instance has not heard yet; none where more was to be remembered than there is. */
  #recall(socket: RespSocket): Live | undefined {
    const kept = socket.kept();
    if (kept === undefined) throw new Error("resp: a socket has no session");
    const connection = new Connection(kept.session, {
      ...this.#ports,
      now: () => this.#ports.now(),
      isToken: (password) => this.#ports.isToken(password),
      report: (error, what) => this.#ports.report(error, what),
      run: async (input) =>
        outcomeOf<RedisRunReply>(
          await this.#ports.submit({ v: 1, name: "redis.run", input, bytes: bytesIn(input.calls) }),
        ),
      versions: async (names) =>
        outcomeOf<RedisVersionsReply>(
          await this.#ports.read({
            ...{ v: 1, name: "redis.versions", bytes: 0 },
            input: { names: [...names] },
          }),
        ),
      send: (bytes) => send(socket, bytes),
      end: () => {
        this.leave(socket);
        socket.close(NORMAL, "bye");
      },
    });
    if (kept.isHeld) {
      connection.fail(
        "ERR the queue began anew, and part of a call, a transaction or a WATCH is lost",
      );
      return undefined;
    }
    const live = { connection, kept: JSON.stringify(kept), callOff: undefined };
    this.#live.set(socket, live);
    return live;
  }

  /** Writes down what has changed, and sees to it that nothing is held for ever. */
  #remember(socket: RespSocket, live: Live): void {
    if (this.#live.get(socket) !== live) return;
    const { session, isHeld } = live.connection;
    const kept = { session, isHeld };
    const text = JSON.stringify(kept);
    if (text !== live.kept) socket.keep(kept);
    live.kept = text;
    live.callOff?.();
    live.callOff = isHeld
      ? this.#ports.after(limits.respHeldMsMax, () => live.connection.fail(`ERR ${TOO_LONG}`))
      : undefined;
  }
}

/** A socket that takes nothing any more is that of a client that has gone. */
function send(socket: RespSocket, bytes: Uint8Array): void {
  try {
    socket.send(bytes);
  } catch {
    // Its close is told by the platform.
  }
}

function bytesIn(calls: readonly (readonly string[])[]): number {
  let bytes = 0;
  for (const call of calls) for (const argument of call) bytes += argument.length;
  return bytes;
}
