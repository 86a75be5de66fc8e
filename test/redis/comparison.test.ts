/**
 * Every command that the queue performs answers what a real redis-server answers. With COMMANDS=200000 in the environment the
 * comparison is long, and with SEED=n it is another one.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisCommandTable } from "../../src/contract/redis-commands.ts";
import { openEngine } from "../engine-harness.ts";
import { type PatternsOf, patterns } from "./command-patterns.ts";
import { compare } from "./comparison.ts";
import { compareRanks } from "./comparison-ranks.ts";
import { RealRedis, redisVersion } from "./real-redis.ts";

const version = redisVersion();
/** Other versions answer some commands otherwise. */
const isComparable = version?.startsWith("7.0.") ?? false;
if (!isComparable) {
  const found = version === undefined ? "is not installed" : `is of version ${version}`;
  console.warn(`\n  SKIPPED: redis-server ${found}, so nothing is compared with one of 7.0.\n`);
}
const commands = Number(process.env["COMMANDS"] ?? 5000);
const seed = Number(process.env["SEED"] ?? 1);

const mixtures: readonly (readonly [string, readonly PatternsOf[]])[] = [
  ["strings", ["strings", "strings", "names"]],
  ["lists", ["lists", "lists", "lists", "names", "strings"]],
  ["hashes", ["hashes", "hashes", "names", "strings"]],
  ["sets", ["sets", "sets", "names", "strings"]],
  ["sorted sets", ["sortedSets", "sortedSets", "sets", "names"]],
  ["all types", ["strings", "lists", "hashes", "sortedSets", "sets", "names"]],
];

describe.skipIf(!isComparable)(`as redis-server ${version} answers`, () => {
  let redis: RealRedis;
  beforeAll(async () => {
    redis = await RealRedis.start();
  });
  afterAll(() => redis.stop());

  it("commands with any words are answered", { timeout: 3_600_000 }, async () => {
    const of = ["lists", "hashes", "sortedSets", "sets"] as const;
    await compare(redis, { seed, commands: Math.ceil(commands / 2), of, any: true });
  });

  it.each(mixtures)("commands of %s are answered", { timeout: 3_600_000 }, async (_, of) => {
    await compare(redis, { seed, commands: Math.ceil(commands / mixtures.length), of });
  });

  it("commands about ranks in large sorted sets are answered", { timeout: 3_600_000 }, async () => {
    await compareRanks(redis, { seed, commands: Math.ceil(commands / 2), members: 20_000 });
  });
});

it("every command that the table gives to the queue is performed", async () => {
  const queue = await openEngine({ config: {} });
  const own = [...redisCommandTable.values()].filter(({ performer }) => performer === "queue");
  for (const { name, arity } of own) {
    const words = Array.from({ length: Math.abs(arity) - 1 }, () => "1");
    const { replies } = await queue.run("redis.run", { calls: [[name, ...words]] });
    expect(JSON.stringify(replies), name).not.toContain("unknown command");
  }
  const drawn = new Set(
    Object.values(patterns)
      .flat()
      .join(" ")
      .toLowerCase()
      .match(/[a-z]+/g),
  );
  for (const { name } of own) expect(drawn, "patterns").toContain(name);
});
