/** Verifying long texts of jobs, which stand apart from their rows: damage to them is found, and is not let in. */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { expectFound, expectSound, problemsOf, set, unset } from "./verify-rig.ts";

const textOf = (of: string): string => JSON.stringify(of.repeat(limits.textInRowMax));

/** A queue with jobs of long texts: one is ready, one has ended with a long result; and others of short ones. */
async function longQueue(): Promise<Harness> {
  const queue = await openEngine({ config: {} });
  await queue.enqueue({ id: "done", payload: textOf("é") });
  const { token } = await queue.claimOne();
  await queue.settle({ op: "complete", id: "done", token, result: textOf("\u{10000}") });
  await queue.enqueue({ id: "long", payload: textOf("x") });
  for (let i = 0; i < 20; i += 1) await queue.enqueue({ id: `short-${i}` });
  return queue;
}

describe("a verification of long texts", () => {
  it("finds nothing wrong with a sound queue, in however many steps", async () => {
    const queue = await longQueue();
    await expectSound(queue);
    expect(await problemsOf(queue)).toEqual([]);
  });

  it.each([
    ["a lost text", ["DELETE FROM job_texts WHERE number = 4"], "job_texts:"],
    ["a text of no job", [copied(4, 40)], "job_texts:"],
    ["a text of another size", [`UPDATE job_texts SET text = '"y"'`], "job_texts:"],
    ["a text under another number", ["UPDATE job_texts SET number = number + 100"], "job_texts:"],
    ["two jobs of one text", [set("jobs", "payloadAt", 4, "id = 'done'")], "job_texts:"],
    [
      "another size in the row of a payload",
      [set("jobs", "payloadBytes", 5, "id = 'long'")],
      "job_texts:",
    ],
    ["another size of a result", [set("jobs", "resultBytes", 5, "id = 'done'")], "job_texts:"],
    [
      "a payload under a number that another job may be given",
      [
        set("jobs", "payloadAt", 400, "id = 'long'"),
        "UPDATE job_texts SET number = 400 WHERE number = 4",
      ],
      "under a number that another job may be given",
    ],
    [
      "a result under a number that is another's",
      [
        set("jobs", "resultAt", 7, "id = 'done'"),
        "UPDATE job_texts SET number = 7 WHERE number = 3",
      ],
      "under a number that another job may be given",
    ],
    [
      "a result in two places",
      ["UPDATE jobs SET result = '1' WHERE id = 'done'"],
      "its result stands in two places",
    ],
    [
      "a payload in two places",
      ["UPDATE jobs SET payload = '1' WHERE id = 'long'"],
      "its payload stands in two places",
    ],
    [
      "a result that nothing names",
      [unset("jobs", "resultAt", "id = 'done'"), unset("jobs", "resultBytes", "id = 'done'")],
      "job_texts:",
    ],
  ] as const)("finds %s", async (_, damages, told) => {
    await expectFound(await longQueue(), damages, "I11", told);
  });

  it("finds a text that is gone", async () => {
    const gone = ["UPDATE job_texts SET text = NULL WHERE number = 4"];
    await expectFound(await longQueue(), gone, "I1", "the text is gone");
  });
});

/** Copies a text to another number. */
function copied(from: number, to: number): string {
  return `INSERT INTO job_texts SELECT ${to}, version, value, text FROM job_texts WHERE number = ${from}`;
}
