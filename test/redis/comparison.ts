/**
 * The same commands to a queue's machine and to a real redis-server, and their replies compared.
 * Invariant: what Redis leaves open (the order of sets, chance, how much time has passed between the two) is compared for what it says;
 * all else must be equal.
 */
import { isDeepStrictEqual } from "node:util";
import type { RedisReply } from "../../src/contract/redis.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { Random } from "../simulation/random.ts";
import { anyWords, type PatternsOf, patterns } from "./command-patterns.ts";
import { drawCommand } from "./drawn-commands.ts";
import type { RealRedis, Resp2 } from "./real-redis.ts";

const isArray = (reply: RedisReply): reply is readonly RedisReply[] => Array.isArray(reply);

/** A reply of the machine as RESP2 has it. */
export function resp2(reply: RedisReply): Resp2 {
  if (typeof reply === "number") return { integer: String(reply) };
  if (reply === null || typeof reply === "string") return reply;
  if (isArray(reply)) return reply.map(resp2);
  if ("pairs" in reply) return reply.pairs.flat().map(resp2);
  if ("set" in reply) return reply.set.map(resp2);
  if ("double" in reply) return reply.double;
  return "map" in reply ? reply.map.flat().map(resp2) : (reply as Resp2);
}

const unordered = new Set(
  "hkeys hvals smembers keys sinter sunion sdiff zscan hscan sscan scan hgetall".split(" "),
);
/** What Redis draws, and how it keeps a value, which depends on how it came to be. */
const random = new Set("spop srandmember hrandfield zrandmember randomkey object".split(" "));
const timed = new Set("ttl pttl expiretime pexpiretime".split(" "));
/** Milliseconds that may lie between the two: a slow machine runs them one after the other. */
const LAG_MS = 5000;

/** In any order that is always the same. */
const sorted = (replies: readonly Resp2[]): Resp2[] =>
  [...replies].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

/** Each two as one. */
const paired = (replies: readonly Resp2[]): Resp2[] =>
  replies.flatMap((each, i) => (i % 2 === 0 ? [[each, replies[i + 1] ?? null]] : []));

/** A reply without what Redis leaves open. */
function essence(command: string, reply: Resp2): Resp2 {
  // Redis counts what it has not noticed to be over.
  if (command === "dbsize") return "counted";
  if (random.has(command)) {
    if (command === "object" || typeof reply === "string") return "some";
    if (!Array.isArray(reply)) return reply;
    return { integer: String(reply.length) };
  }
  if (!unordered.has(command) || !Array.isArray(reply)) return reply;
  const all = reply as readonly Resp2[];
  if (command === "hgetall") return sorted(paired(all));
  if (!command.endsWith("scan")) return sorted(all);
  const [cursor = null, items] = all;
  const found = items as readonly Resp2[];
  const isPaired = command === "hscan" || command === "zscan";
  return [cursor, sorted(isPaired ? paired(found) : found)];
}

function isAlike(command: string, a: Resp2, b: Resp2): boolean {
  if (isDeepStrictEqual(essence(command, a), essence(command, b))) return true;
  if (!timed.has(command)) return false;
  const [x, y] = [a, b].map((each) => Number((each as { readonly integer?: string }).integer));
  return Math.abs((x ?? Number.NaN) - (y ?? Number.NaN)) <= LAG_MS;
}

/** What random commands a comparison is made of. */
export interface ComparisonOptions {
  readonly seed: number;
  readonly commands: number;
  readonly of: readonly PatternsOf[];
  /** Whether there are also commands with words that do not belong to them. */
  readonly any?: boolean;
}

/** Commands that go to both in one run. */
const RUN_CALLS = 50;
/** Runs after which the tables are written. */
const CHECKPOINT_RUNS = 20;

/** Runs random commands on both. Throws at the first reply that differs, with the seed and what came before. */
export async function compare(redis: RealRedis, options: ComparisonOptions): Promise<void> {
  const draws = new Random(options.seed);
  const queue = await openEngine({ config: {} });
  const all = [...options.of.flatMap((each) => patterns[each]), ...(options.any ? anyWords : [])];
  await redis.run([["FLUSHALL"]]);
  for (let done = 0, runs = 1; done < options.commands; done += RUN_CALLS, runs += 1) {
    const calls: string[][] = [];
    while (calls.length < RUN_CALLS) {
      const call = drawCommand(draws, draws.pickFrom(all) ?? "");
      calls.push(call);
      // Who popped what is chance: the rest goes as well, or the two would be different from here on.
      if (call[0] === "SPOP" && call[1] !== undefined) calls.push(["DEL", call[1]]);
    }
    await compareRun(queue, redis, calls, options.seed);
    if (runs % CHECKPOINT_RUNS === 0) await queue.run("queue.checkpoint", {});
  }
}

/** What Redis answers. What would wait runs in a transaction, where nothing does. */
async function realReplies(redis: RealRedis, calls: readonly string[][]): Promise<Resp2[]> {
  const waits = calls.map(([name]) => /^b(l|r|z)/i.test(name ?? ""));
  const sent = calls.flatMap((call, i) => (waits[i] ? [["MULTI"], call, ["EXEC"]] : [call]));
  const all = (await redis.run(sent))[Symbol.iterator]();
  const next = (): Resp2 => all.next().value ?? null;
  return waits.map((isWaiting) => {
    if (!isWaiting) return next();
    const [, queued, ended] = [next(), next(), next()];
    return Array.isArray(ended) ? (ended[0] ?? null) : (queued ?? null);
  });
}

/** Runs the same commands on both. Throws at the first reply that differs. */
export async function compareRun(
  queue: Harness,
  redis: RealRedis,
  calls: readonly string[][],
  seed: number,
): Promise<void> {
  // What takes time on one side takes none on the other.
  queue.now = Math.max(queue.now, Date.now());
  const { replies } = await queue.run("redis.run", { calls: calls.map((call) => [...call]) });
  const expected = await realReplies(redis, calls);
  for (const [i, call] of calls.entries()) {
    const [actual, real] = [resp2(replies?.[i] ?? null), expected[i] ?? null];
    if (isAlike((call[0] ?? "").toLowerCase(), actual, real)) continue;
    const before = calls.slice(Math.max(0, i - 12), i).map((each) => `  ${JSON.stringify(each)}`);
    throw new Error(
      `seed ${seed}: ${JSON.stringify(call)}\n` +
        `Sluice: ${JSON.stringify(actual)}\nRedis:  ${JSON.stringify(real)}\nafter\n${before.join("\n")}`,
    );
  }
}
