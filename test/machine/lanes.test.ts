/** Which lanes a claim looks at: those whose kind and requirements the worker covers, however it says what it can do. */
import { expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";

test("a worker gets the jobs that it covers, however many capabilities it names, and each once", async () => {
  const q = await openEngine();
  const sets = [["a"], ["a", "b"], ["b", "z9"], ["a", "c"], ["a-b"], ["a+b"], []];
  for (const [i, requires] of sets.entries()) await q.enqueue({ id: `j${i}`, requires });
  const many = Array.from({ length: 40 }, (_, i) => `x${i}`);
  const claimed = async (capabilities: string[]) => {
    const input = { capabilities: capabilities.toSorted(), kinds: ["payload", "payload"] };
    const jobs = await q.claim({ ...input, max: 10 } as never);
    for (const { id, token } of jobs) await q.settle({ op: "release", id, token });
    return jobs.map(({ id }) => id).sort();
  };
  for (const more of [[], many]) {
    expect(await claimed(["a", ...more])).toEqual(["j0", "j6"]);
    expect(await claimed(["a", "b", ...more])).toEqual(["j0", "j1", "j6"]);
    expect(await claimed(["z9", "b", "c", "a-b", ...more])).toEqual(["j2", "j4", "j6"]);
    expect(await claimed(["a+b", "a", "c", ...more])).toEqual(["j0", "j3", "j5", "j6"]);
    expect(await claimed(more)).toEqual(["j6"]);
  }
});
