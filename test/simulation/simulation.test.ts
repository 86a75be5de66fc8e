/**
 * Fifty runs of the simulation: no rule is broken, and every command and every fault was seen.
 * Invariant: the runs are those of `npm run sim -- --seed 1 --runs 50 --steps 1000`, so a failure here can be replayed there.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { type CommandName, commands } from "../../src/contract/commands.ts";
import { refusals } from "../../src/contract/refusals.ts";
import { Coverage, faultKinds } from "./coverage.ts";
import { stepsOf, violationLines } from "./report.ts";
import { allSteps, run } from "./run.ts";

const RUNS = 50;
const STEPS = 1000;

const seeds = Array.from({ length: RUNS }, (_, i) => i + 1);
/** What refuses a command whatever it is: the object, its storage, or a key whose answer cannot be given again. */
const ofAny: ReadonlySet<string> = new Set([
  ...["answer_gone", "append_failed", "busy", "entry_too_large", "internal", "outcome_unknown"],
  ...["store_corrupt", "store_newer", "unavailable"],
]);
const seen = new Coverage();
const told: string[] = [];

beforeAll(async () => {
  for (const seed of seeds) {
    const history = { seed, steps: allSteps(STEPS) };
    const outcome = await run(history);
    seen.merge(outcome.coverage);
    if (outcome.failure) told.push(...violationLines(history, outcome.failure, outcome));
  }
}, 300_000);

test("fifty runs break no rule", () => {
  expect(told.join("\n")).toBe("");
});

describe("between them the runs have seen", () => {
  const names = Object.keys(commands) as CommandName[];

  test.each(names)("%s, done and without an answer", (name) => {
    expect(seen.ended(name, "ok")).toBeGreaterThan(0);
    expect(seen.ended(name, "unknown")).toBeGreaterThan(0);
  });

  test("imports that came to their end", () => {
    expect(seen.ended("snapshot.import", "taken in")).toBeGreaterThan(10);
  });

  test.each(faultKinds)("the fault: %s", (kind) => {
    expect(seen.faults.get(kind) ?? 0).toBeGreaterThan(0);
  });

  test("all that a command's row can be refused with, as a whole or in an item", () => {
    const missing = names.flatMap((name) => {
      const isSeen = (code: string) =>
        seen.ended(name, code) + seen.ended(name, `item ${code}`) > 0;
      return commands[name].refusals
        .filter((code) => !isSeen(code))
        .map((code) => `${name} ${code}`);
    });
    expect(missing).toEqual([]);
  });

  test("nothing that a command's row does not have, but for what may refuse any of them", () => {
    const isOfAny = (code: string) => !(code in refusals) || ofAny.has(code);
    const unlisted = names.flatMap((name) => {
      const listed: readonly string[] = commands[name].refusals;
      return [...(seen.commands.get(name)?.keys() ?? [])]
        .map((end) => end.replace("item ", ""))
        .filter((code) => !isOfAny(code) && !listed.includes(code))
        .map((code) => `${name} ${code}`);
    });
    expect(unlisted).toEqual([]);
  });
});

describe("a run", () => {
  test("gives the same digest each time", async () => {
    const history = { seed: 99, steps: allSteps(STEPS) };
    const [first, second] = [await run(history), await run(history)];
    expect(first.failure).toBeUndefined();
    expect(second.digest).toBe(first.digest);
    expect(second.said).toEqual(first.said);
  });

  test("gives another digest for another seed, and for other steps", async () => {
    const digests = [
      await run({ seed: 99, steps: allSteps(50) }),
      await run({ seed: 98, steps: allSteps(50) }),
      await run({ seed: 99, steps: stepsOf("0-20,22-49") }),
    ].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(3);
  });
});
