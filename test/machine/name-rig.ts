/**
 * What tests of names share: runs of calls, each a line of words.
 */
import type { RedisReply } from "../../src/contract/redis.ts";
import type { Harness } from "../engine-harness.ts";

export const words = (line: string): string[] => line.split(" ");

type Lines = readonly (string | string[])[];

/** Runs calls, each a line of words; their replies. */
export const run = (queue: Harness, ...lines: Lines) => runAs(queue, lines, false);

/** Runs calls as an EXEC does. */
export const runAtomic = (queue: Harness, ...lines: Lines) => runAs(queue, lines, true);

async function runAs(queue: Harness, lines: Lines, atomic: boolean) {
  const calls = lines.map((line) => (typeof line === "string" ? words(line) : line));
  const { replies } = await queue.run("redis.run", { calls, atomic });
  if (replies === null) throw new Error("a run that watches nothing was not done");
  return replies;
}

export const one = async (queue: Harness, line: string | string[]): Promise<RedisReply> =>
  (await run(queue, line))[0] ?? null;
