/**
 * A client of the bridge beside one of a real Redis: conversations by chance, in which much is refused or discarded, with the same bytes heard.
 * Invariant: when the client is idle its link to the queue is lost, and it does not notice, unless it has what cannot be said again.
 */
import { Buffer } from "node:buffer";
import { setImmediate as immediate } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeCall } from "../../src/redis/frames.ts";
import { splitInline } from "../../src/redis/inline.ts";
import { BridgedRig, TestLink } from "../cli/bridged-rig.ts";
import { RedisRig } from "../object/redis-rig.ts";
import { TestSocket } from "../object/resp-socket.ts";
import { randomOf } from "./bytes.ts";
import { hasRedisServer, type RealClient, RealServer } from "./real-server.ts";

const hasServer = hasRedisServer();
if (!hasServer)
  console.warn("There is no redis-server 7.0 here: the bridge is not compared with it.");

const PASSWORD = "s3cret";
const CONVERSATIONS = 250;
const STEPS = 4;
const TOLD_WITHIN_MS = 2_000;

/**
 * What may be said. Only one channel and one pattern are followed: Redis tells of several in no order. It has RESP3 from the first line on or never,
 * since Redis writes what stands before a HELLO of a transaction as it was spoken then.
 */
const lines = [
  ...[
    "MULTI",
    "MULTI",
    "MULTI",
    "MULTI x",
    "EXEC",
    "EXEC",
    "EXEC",
    "EXEC x",
    "DISCARD",
    "DISCARD x",
  ],
  ...[
    "SUBSCRIBE a",
    "SUBSCRIBE a a",
    "SUBSCRIBE",
    "PSUBSCRIBE b* b* b*",
    "UNSUBSCRIBE",
    "UNSUBSCRIBE a x",
  ],
  ...[
    "PUNSUBSCRIBE",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE b* y",
    "RESET",
    "RESET x",
    "WATCH a",
    "WATCH",
    "UNWATCH",
  ],
  ...[
    "RPUSH l x;BLPOP l 0",
    "RPUSH l x y;BLPOP l 0;LPOP l",
    "GET a",
    "SET a 1",
    "LPUSH a x",
    "NOPE",
  ],
  ...[`AUTH ${PASSWORD}`, `AUTH ${PASSWORD}`, "AUTH a b c", "HELLO 9", "HELLO 2 SETNAME 'a b'"],
  ...[
    "CLIENT SETNAME ada",
    "CLIENT SETNAME 'b c'",
    "CLIENT GETNAME",
    "CLIENT GETNAME",
    "PING",
    "PING a b",
  ],
];

/** A link to a queue of the test's own. */
class QueueLink extends TestLink {
  readonly #rig: RedisRig;
  readonly #socket = new TestSocket();

  constructor(tell: () => void, rig: RedisRig) {
    super(tell);
    this.#rig = rig;
    const hear = (bytes: Uint8Array): void => {
      const text = Buffer.from(bytes).toString("latin1");
      queueMicrotask(() => this.answer(text));
    };
    this.#socket.send = hear;
    rig.sockets.push(this.#socket);
    rig.connections.open(this.#socket, { dialect: "redis", needsAuth: true });
  }
  override send(bytes: Uint8Array): void {
    super.send(bytes);
    const { buffer } = new Uint8Array(bytes);
    this.#rig.connections.hear(this.#socket, buffer).catch(this.#rig.abort);
  }
  override lose(): void {
    this.#socket.closed += 1;
    this.#rig.connections.leave(this.#socket);
    super.lose();
  }
}

/** The number of a connection is its own. */
const withoutId = (text: string): string => text.replace(/\$2\r\nid\r\n:\d+/g, "id");

describe.runIf(hasServer)("beside a real Redis", () => {
  let server: RealServer;
  let control: RealClient;
  beforeAll(async () => {
    server = await RealServer.start(PASSWORD);
    control = await server.connect(PASSWORD);
  });
  afterAll(() => server.stop());

  /** What Redis answers to calls of which none waits. */
  async function heardOf(theirs: RealClient, frames: string): Promise<string> {
    theirs.send(frames);
    for (let i = 0; i < 2; i++) {
      control.send("PING\r\n");
      await control.hears("+PONG\r\n");
    }
    await immediate();
    return withoutId(await theirs.hears(""));
  }

  /** What the bridge answers, as soon as it is as much as is expected. */
  async function toldBy(ours: BridgedRig, frames: string, expected: string): Promise<string> {
    ours.heard = "";
    ours.client.write(frames);
    const until = performance.now() + TOLD_WITHIN_MS;
    while (withoutId(ours.heard).length < expected.length && performance.now() < until) {
      await immediate();
    }
    await immediate();
    return withoutId(ours.heard);
  }

  /** One conversation. Returns how often the link was lost and nothing with it. */
  async function compare(seed: number): Promise<number> {
    const random = randomOf(seed);
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
    const queue = new RedisRig();
    const ours = await BridgedRig.open(false, (tell) => new QueueLink(tell, queue));
    const theirs = await server.connect(PASSWORD);
    control.send("FLUSHALL\r\n");
    await control.hears("+OK\r\n");
    const said = [random() < 0.5 ? `AUTH ${PASSWORD}` : `HELLO 3 AUTH default ${PASSWORD}`];
    let done = 0;
    for (let step = 0; step < STEPS && !ours.theirs.writableEnded; step++) {
      for (let i = random() * 6; i > 0; i--) said.push(...pick(lines).split(";"));
      const frames = said.slice(done).map((line) => encodeCall(splitInline(line) ?? []));
      done = said.length;
      const expected = await heardOf(theirs, frames.join(""));
      const told = await toldBy(ours, frames.join(""), expected);
      expect(told, `seed ${seed}: ${said.join("; ")}`).toBe(expected);
      ours.links.at(-1)?.lose();
    }
    theirs.leave();
    ours.close();
    expect(queue.faults).toEqual([]);
    return ours.links.length - 1;
  }

  test("a client of the bridge is told the same, whatever is refused, and over whatever link", async () => {
    let lost = 0;
    for (let seed = 1; seed <= CONVERSATIONS; seed++) lost += await compare(seed);
    expect(lost).toBeGreaterThan(CONVERSATIONS);
  }, 120_000);
});
