/**
 * What tests of names share: runs of calls, each a line of words.
 */
import type { RedisReply } from "../../src/contract/redis.ts";
import type { Harness } from "../engine-harness.ts";

export const words = (line: string): string[] => line.split(" ");

/** Runs calls, each a line of words; their replies. */
export async function run(queue: Harness, ...lines: readonly (string | string[])[]) {
  const calls = lines.map((line) => (typeof line === "string" ? words(line) : line));
  const { replies } = await queue.run("redis.run", { calls });
  if (replies === null) throw new Error("a run that watches nothing was not done");
  return replies;
}

export const one = async (queue: Harness, line: string | string[]): Promise<RedisReply> =>
  (await run(queue, line))[0] ?? null;
