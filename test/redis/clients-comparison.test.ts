/**
 * Clients that wait, and that are told what is published, beside those of a real Redis: the same conversations of several clients with both, and the
 * same bytes to each of them.
 * Invariant: a step of a conversation is over on both sides before the next begins, so that the order of all calls is the same.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeCall } from "../../src/redis/frames.ts";
import { splitInline } from "../../src/redis/inline.ts";
import { type RedisClient, RedisRig } from "../object/redis-rig.ts";
import { turns } from "../object/rig.ts";
import { randomOf } from "./bytes.ts";
import { hasRedisServer, type RealClient, RealServer } from "./real-server.ts";

const hasServer = hasRedisServer();
if (!hasServer)
  console.warn("There is no redis-server 7.0 here: clients that wait are not compared with it.");

const PASSWORD = "s3cret";
const CONVERSATIONS = 60;
const STEPS = 60;
const CLIENTS = 5;

/** What a client may say; `?` stands for a name, `#` for a value, `@` for an end, `&` for a client. */
const blocking = [
  "BLPOP ? 0",
  "BRPOP ? ? 0",
  "BLPOP ? ? ? 0.0",
  "BLMOVE ? ? @ @ 0",
  "BRPOPLPUSH ? ? 0",
  "BLMPOP 0 2 ? ? @",
  "BLMPOP 0 1 ? @ COUNT 2",
  "BZPOPMIN ? 0",
  "BZPOPMAX ? ? 0",
  "BZMPOP 0 2 ? ? MIN",
  "BZMPOP 0 1 ? MAX COUNT 2",
];
const making = [
  "RPUSH ? #",
  "LPUSH ? # # #",
  "LPUSHX ? #",
  "ZADD ? 1 #",
  "ZADD ? 1.5 # 2 # -inf #",
  "ZINCRBY ? 3 #",
  "RPOPLPUSH ? ?",
  "LMOVE ? ? @ @",
  "RENAME ? ?",
  "COPY ? ? REPLACE",
  "EXPIRE ? 1000",
  "PERSIST ?",
  "SET ? # EX 1000",
];
const other = [
  "CLIENT UNBLOCK &",
  "CLIENT UNBLOCK & TIMEOUT",
  "CLIENT UNBLOCK & ERROR",
  "DEL ?",
  "DEL ? ? ?",
  "SET ? #",
  "LPOP ?",
  "LRANGE ? 0 -1",
  "ZRANGE ? 0 -1",
  "FLUSHALL",
  "PING",
  "BLPOP ? -1",
  "BLPOP ? nan",
  "BLPOP ? x",
  "BLPOP ? 1e300",
  "BLPOP ? 1e4000",
  "BRPOP ? -inf",
  "BZMPOP 0 0 ? MIN",
  "BLMOVE ? ? UP LEFT 0",
];

/** What clients say of channels. Redis keeps patterns in no order: of these only one matches a channel. */
const following = [
  "SUBSCRIBE ?",
  "SUBSCRIBE ? ? ?",
  "PSUBSCRIBE a*",
  "PSUBSCRIBE [bc] x a*",
  "UNSUBSCRIBE ?",
  "UNSUBSCRIBE ? x",
  "PUNSUBSCRIBE [bc] y",
  "PUBSUB NUMSUB ? x ?",
  "PUBSUB NUMSUB",
  "PUBSUB NUMPAT",
  "PUBSUB CHANNELS ?",
  "PUBSUB CHANNELS ? ?",
  "PUBSUB NUMPAT 1",
  "PUBSUB SHARDCHANNELS",
  "PUBSUB SHARDCHANNELS ?",
  "PUBSUB SHARDCHANNELS ? ?",
  "PUBSUB SHARDNUMSUB",
  "PUBSUB SHARDNUMSUB ? x",
  "MULTI;SUBSCRIBE ?;GET ?;PING;EXEC",
  "MULTI;SUBSCRIBE ? ?;UNSUBSCRIBE ?;PSUBSCRIBE a*;INCR ?;EXEC",
  "MULTI;PUNSUBSCRIBE [bc];SUBSCRIBE ?;DISCARD",
  "PUBLISH ? #",
  "PUBLISH ? #",
  "PUBLISH ab #",
  "PUBLISH ?",
  "SUBSCRIBE",
  "PING",
  "PING ?",
  "GET ?",
  "CLIENT GETNAME",
  `RESET;AUTH ${PASSWORD}`,
  "HELLO 3",
  "HELLO 2",
];

/** What a client says of channels in a step. */
function drawChannels(random: () => number): string[] {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const length = 1 + Math.floor(random() * 2);
  const filled = (line: string): string =>
    line.replace(/[?#]/g, (mark) =>
      mark === "?" ? pick(["a", "b", "c"]) : pick(["1", "message"]),
    );
  return Array.from({ length }, () => filled(pick(following)).split(";")).flat();
}

/** What a client says in a step, drawn by chance. */
function drawLines(random: () => number): string[] {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const filled = (line: string): string =>
    line.replace(/[?#@&]/g, (mark) => {
      if (mark === "?") return pick(["a", "b", "c"]);
      if (mark === "&") return `&${Math.floor(random() * CLIENTS)}`;
      return mark === "#" ? pick(["1", "2", "3", "4"]) : pick(["LEFT", "RIGHT"]);
    });
  const chance = random();
  const isTransaction = chance > 0.85;
  const length = chance < 0.6 ? 1 : 1 + Math.floor(random() * 4);
  const lines = Array.from({ length }, (_, i) => {
    // What is behind a call that waited, Redis performs in one go, and here others may come between.
    const mayBlock = isTransaction || i === length - 1;
    return filled(pick(random() < 0.3 && mayBlock ? blocking : random() < 0.7 ? making : other));
  });
  return isTransaction ? ["MULTI", ...lines, "EXEC"] : lines;
}

/** Calls, with the number that the server in question has given to a client. */
const addressed = (lines: readonly string[], ids: readonly string[]): string[] =>
  lines.map((line) => line.replace(/&(\d)/, (_, i) => ids[Number(i)] ?? ""));

const numberIn = (reply: string): string => reply.slice(1, -2);

/** What INFO counts of clients and names. When a time is over on average, Redis comes to know. */
const counts =
  /^(connected_clients|blocked_clients|pubsub_(channels|patterns)|db0):.*?(?=,avg_ttl|$)/gm;
const countsIn = (reply: string): readonly string[] =>
  reply.replaceAll("\r", "").match(counts) ?? [];

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

  /** Waits until the server has done what it was sent before. */
  async function settled(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      control.send("PING\r\n");
      await control.hears("+PONG\r\n");
    }
    await turns();
  }

  /** Conversations of several clients with both; returns how often one was told what it had not asked for at that moment. */
  async function compare(draw: (random: () => number) => string[]): Promise<number> {
    let answered = 0;
    for (let seed = 1; seed <= CONVERSATIONS; seed++) {
      const random = randomOf(seed);
      control.send("FLUSHALL\r\n");
      await control.hears("+OK\r\n");
      const rig = new RedisRig();
      const ids: { ours: string[]; theirs: string[] } = { ours: [], theirs: [] };
      const newPair = async (i: number): Promise<[RedisClient, RealClient]> => {
        const [ours, theirs] = [rig.client(), await server.connect(PASSWORD)];
        theirs.send("CLIENT ID\r\n");
        ids.ours[i] = numberIn(await ours.says("CLIENT ID"));
        ids.theirs[i] = numberIn(await theirs.hears(":1\r\n"));
        return [ours, theirs];
      };
      const pairs: [RedisClient, RealClient][] = [];
      for (let i = 0; i < CLIENTS; i++) pairs.push(await newPair(i));
      const said: string[] = [];
      for (let step = 0; step < STEPS; step++) {
        const who = Math.floor(random() * CLIENTS);
        const [ours, theirs] = pairs[who] as [RedisClient, RealClient];
        if (random() < 0.05) {
          ours.leave();
          theirs.leave();
          said.push(`${who} leaves`);
          pairs[who] = await newPair(who);
          await settled();
          continue;
        }
        if (random() < 0.05) await rig.evict();
        if (ours.isWaiting) continue;
        const lines = draw(random);
        said.push(`${who} ${lines.join("; ")}`);
        const calls = addressed(lines, ids.theirs).map((line) => splitInline(line) ?? []);
        theirs.send(calls.map(encodeCall).join(""));
        await settled();
        ours.send(...addressed(lines, ids.ours));
        for (let i = 0; i < 4; i++) await turns();
        for (const [i, [mine, real]] of pairs.entries()) {
          const heard = mine.heard();
          if (i !== who && heard !== "") answered += 1;
          const expected = await real.hears(withoutId(heard));
          if (withoutId(heard) === withoutId(expected)) continue;
          const before = `seed ${seed}, after\n  ${said.slice(-20).join("\n  ")}\nclient ${i}`;
          expect(heard, before).toBe(expected);
        }
      }
      // Who asks is one client more on both sides.
      control.send("INFO clients stats keyspace\r\n");
      const counted = countsIn(await control.hearsUpTo("\r\n\r\n"));
      expect(countsIn(await rig.client().says("INFO")), `seed ${seed}`).toEqual(counted);
      expect(counted.length).toBeGreaterThanOrEqual(4);
      for (const [, theirs] of pairs) theirs.leave();
      expect(rig.faults).toEqual([]);
      await settled();
    }
    return answered;
  }

  test("clients that wait are answered the same, in the same order, until they go", async () => {
    expect(await compare(drawLines)).toBeGreaterThan(CONVERSATIONS);
  }, 120_000);

  test("clients that follow channels are told the same, and may say the same", async () => {
    expect(await compare(drawChannels)).toBeGreaterThan(CONVERSATIONS);
  }, 120_000);
});
