/**
 * `sluice redis`: a local port at which Redis clients find a queue.
 * Invariant: nobody but this machine reaches the queue through it without the token, unless each client has to show it.
 */
import { type AddressInfo, createServer } from "node:net";
import { type Command, InvalidArgumentError, Option } from "commander";
import { SluiceError } from "../client/index.ts";
import { type Dialect, dialects } from "../contract/dialects.ts";
import { BridgedClient } from "./redis-client.ts";
import { RedisLink } from "./redis-link.ts";
import type { Session } from "./session.ts";
import { untilSignal } from "./signals.ts";
import { name, portNumber } from "./values.ts";

interface RedisFlags {
  readonly port: number;
  readonly host: string;
  readonly queue: string;
  readonly dialect: Dialect;
  readonly requireAuth?: true;
}

const LOCAL = /^(localhost|127(\.\d+){3}|::1)$/;

/** How long clients may take to get their replies and go, once the bridge ends. */
const LEAVE_MS = 2_000;

/** A bridge that listens. */
export interface Bridge {
  readonly port: number;
  /** Ends the connections, and listens no more. */
  close(): Promise<void>;
}

export function addRedisCommand(program: Command, session: Session): void {
  program
    .command("redis")
    .description("carry Redis clients of this machine to a queue, until it is interrupted")
    .option("--port <port>", "the port to listen at; 0: any that is free", portNumber, 6379)
    .option("--host <address>", "the address to listen at", "127.0.0.1")
    .option("--queue <name>", "the queue whose names and values they work with", name, "default")
    .addOption(
      new Option(
        "--dialect <name>",
        "how they speak: as to a Redis, or as to the AGQ of one of two generations of workers",
      )
        .choices(dialects)
        .default(dialects[0]),
    )
    .option("--require-auth", "have each client send the token by AUTH or HELLO")
    .action(async (flags: RedisFlags) => {
      if (!LOCAL.test(flags.host) && flags.requireAuth !== true) {
        throw new InvalidArgumentError(
          `Whoever reaches ${flags.host} would have the token's rights: add --require-auth.`,
        );
      }
      await reach(session, flags.queue);
      const bridge = await listen(session, flags);
      const { url } = session.connection;
      session.io.err(
        `redis://${flags.host}:${bridge.port} is queue ${flags.queue} of ${url}: redis-cli -p ${bridge.port}\n`,
      );
      await untilSignal();
      await bridge.close();
    });
}

/** Finds out whether the server is there and takes the token; a queue that is not there yet will be. */
async function reach(session: Session, queue: string): Promise<void> {
  try {
    await session.queue(queue).stats();
  } catch (error) {
    if (!(error instanceof SluiceError && error.code === "queue_unknown")) throw error;
  }
}

/** Bytes of calls that a client may have on their way, and all of them between them: the queue bounds what it holds of all. */
const CALL_BYTES_MAX = 4 * 1024 * 1024;
const ALL_CALL_BYTES_MAX = 32 * 1024 * 1024;

/** What a client may have of that beside so many. */
const shareOf = (clients: number): number => Math.min(CALL_BYTES_MAX, ALL_CALL_BYTES_MAX / clients);

/** Listens for Redis clients. Rejects with an `InvalidArgumentError` where it cannot listen. */
export async function listen(
  session: Session,
  { port, host, queue, dialect, requireAuth }: RedisFlags,
): Promise<Bridge> {
  const { url = "", token, retryForMs = 0 } = session.connection;
  const address = new URL(`${url.replace(/\/+$/, "")}/v1/queues/${queue}/resp`);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.searchParams.set("dialect", dialect);
  address.searchParams.set("taken", "said");
  if (requireAuth) address.searchParams.set("auth", "required");
  const clients = new Set<BridgedClient>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connect = () => RedisLink.open(address.href, token, retryForMs);
    const kind = { isKnown: !requireAuth, dialect, callBytesMax: () => shareOf(clients.size) };
    const client = new BridgedClient(socket, connect, session.io.err, kind);
    clients.add(client);
    socket.once("close", () => clients.delete(client));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error) => {
    reject(new InvalidArgumentError(`It cannot listen at ${host}:${port}: ${error.message}`));
  });
  server.listen(port, host, resolve);
  await promise;
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const client of clients) client.end();
      const cutOff = setTimeout(() => {
        for (const client of clients) client.cutOff();
      }, LEAVE_MS);
      await closed;
      clearTimeout(cutOff);
    },
  };
}
