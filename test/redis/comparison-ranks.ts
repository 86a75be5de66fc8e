/**
 * Commands about the ranks of large sorted sets, to a queue's machine and to a real redis-server.
 * Invariant: as `comparison.ts` has it; between two runs what has changed may be written, and the queue may be another instance.
 */
import { openEngine } from "../engine-harness.ts";
import { checkNameTables } from "../invariants-names.ts";
import { Random } from "../simulation/random.ts";
import { compareRun } from "./comparison.ts";
import type { RealRedis } from "./real-redis.ts";

/** How many commands, on sets of how many members. */
interface RanksOptions {
  readonly seed: number;
  readonly commands: number;
  readonly members: number;
}

/** One set has many scores, of which some members share one; the other has one score. */
const SCORES = 5000;
const sets = ["scored", "level"] as const;
const FILL_CALL = 1000;
const RUN_CALLS = 25;

class Draws {
  readonly #random: Random;
  readonly #members: number;

  constructor({ seed, members }: RanksOptions) {
    this.#random = new Random(seed);
    this.#members = members;
  }

  chance(probability: number): boolean {
    return this.#random.chance(probability);
  }

  member(): string {
    return `m${String(this.#random.below(this.#members * 1.1)).padStart(6, "0")}`;
  }

  score(name: string): string {
    return name === "level" ? "1" : String(this.#random.below(SCORES));
  }

  rank(): number {
    return this.#random.between(-this.#members, this.#members);
  }

  call(): string[] {
    const random = this.#random;
    const z = random.pick(sets);
    const some = String(random.between(1, 40));
    const rank = this.rank();
    const ranks = [String(rank), String(rank + random.below(30))];
    const low = random.below(SCORES);
    const scores = [`${random.pick(["", "("])}${low}`, String(low + random.below(SCORES))];
    const [first = "", last = ""] = [this.member(), this.member()].sort();
    const lex = [`${random.pick(["[", "("])}${first}`, `${random.pick(["[", "("])}${last}`];
    const limit = ["LIMIT", String(random.below(this.#members)), some];
    return random.weighted<string[]>([
      [6, ["ZRANK", z, this.member()]],
      [6, ["ZREVRANK", z, this.member()]],
      [6, ["ZRANGE", z, ...ranks, "WITHSCORES"]],
      [4, ["ZREVRANGE", z, ...ranks]],
      [4, ["ZRANGE", z, ...ranks, "REV"]],
      [6, ["ZCOUNT", z, ...scores]],
      [5, ["ZRANGEBYSCORE", z, ...scores, ...limit]],
      [5, ["ZREVRANGEBYSCORE", z, ...scores.toReversed(), ...limit]],
      [5, ["ZLEXCOUNT", "level", ...lex]],
      [5, ["ZRANGEBYLEX", "level", ...lex, ...limit]],
      [5, ["ZREVRANGEBYLEX", "level", ...lex.toReversed(), ...limit]],
      [8, ["ZADD", z, this.score(z), this.member(), this.score(z), this.member()]],
      [3, ["ZINCRBY", "scored", "1.5", this.member()]],
      [4, ["ZREM", z, this.member(), this.member(), this.member()]],
      [2, ["ZREMRANGEBYRANK", z, ...ranks]],
      [1, ["ZREMRANGEBYSCORE", "scored", String(low), String(low + 3)]],
      [1, ["ZREMRANGEBYLEX", "level", `[${first}`, `[${first}9`]],
      [2, ["ZPOPMIN", z, some]],
      [2, ["ZPOPMAX", z, some]],
      [1, ["ZRANGESTORE", "part", z, ...ranks]],
      [1, ["ZREMRANGEBYRANK", "part", "0", "-1"]],
      [1, ["RENAME", z, z]],
      [1, ["ZADD", z, "x", "errs"]],
    ]);
  }
}

/** Compares replies about ranks. Throws at the first that differs. */
export async function compareRanks(redis: RealRedis, options: RanksOptions): Promise<void> {
  const { seed, commands, members } = options;
  const draws = new Draws(options);
  const queue = await openEngine({ config: {} });
  await redis.run([["FLUSHALL"]]);
  for (let at = 0; at < members; at += FILL_CALL) {
    const fill = sets.map((name) => [
      ...["ZADD", name],
      ...Array.from({ length: FILL_CALL }, () => [draws.score(name), draws.member()]).flat(),
    ]);
    await compareRun(queue, redis, fill, seed);
  }
  for (let done = 0; done < commands; done += RUN_CALLS) {
    const calls = Array.from({ length: RUN_CALLS }, () => draws.call());
    await compareRun(queue, redis, calls, seed);
    if (draws.chance(0.1)) await queue.run("queue.checkpoint", {});
    if (draws.chance(0.05)) await queue.reopen();
  }
  checkNameTables(queue.store.tables);
}
