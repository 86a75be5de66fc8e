/**
 * Random faults in random places: statements that fail, writers that throw, checkpoints that break off.
 * Invariant: what was answered is there, what was refused is not, and memory always equals what would be recovered.
 */
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { writers } from "../../src/store/schema.ts";
import { codeOf, enqueue, idsOf } from "./commands.ts";
import { CommitRig } from "./rig.ts";

afterEach(() => vi.restoreAllMocks());

describe("whatever fails, and whenever", () => {
  const waves = fc.array(
    fc.record({
      /** How many commands arrive at once. */
      commands: fc.integer({ min: 1, max: 6 }),
      /** Which statement fails, counted from here; mostly none. */
      statement: fc.option(fc.integer({ min: 1, max: 12 })),
      /** Which of the commands is poisoned. */
      poisoned: fc.option(fc.integer({ min: 0, max: 5 })),
      isCheckpoint: fc.boolean(),
    }),
    { minLength: 3, maxLength: 15 },
  );

  /** Fails the nth statement from now on. */
  function failAt(rig: CommitRig, statement: number | null): void {
    let left = statement ?? Number.POSITIVE_INFINITY;
    rig.sql.fault = () => (--left === 0 ? new Error("full") : undefined);
  }

  /** The writer of jobs throws for one, when half of the job is written. */
  function poisonJob(id: string): void {
    const original = writers["job.enqueued"];
    vi.spyOn(writers, "job.enqueued").mockImplementation((tables, event, at) => {
      original(tables, event, at);
      if (event.id === id) throw new Error("poison");
    });
  }

  test("what was answered is there, what was refused is not, and a retry does it once", async () => {
    const run = fc.asyncProperty(waves, async (all) => {
      const rig = new CommitRig();
      let isCheckpoint = false;
      rig.afterAppend = () => {
        if (isCheckpoint) rig.store.checkpoint();
      };
      const refused: string[] = [];
      const done = new Set<string>();
      const one = (id: string) =>
        enqueue([{ id }, { id: `${id}-delayed`, delayMs: 9 }], { key: id });
      for (const [w, wave] of all.entries()) {
        ({ isCheckpoint } = wave);
        failAt(rig, wave.statement);
        if (wave.poisoned !== null) poisonJob(`${w}-${wave.poisoned}`);
        const ids = Array.from({ length: wave.commands }, (_, i) => `${w}-${i}`);
        const answers = await Promise.all(ids.map((id) => rig.committer.submit(one(id))));
        vi.restoreAllMocks();
        rig.sql.fault = () => undefined;
        answers.forEach((answer, i) => {
          const id = ids[i] ?? "";
          if (codeOf(answer) === undefined) done.add(id);
          else refused.push(id);
        });
        expect(rig.isFaithful).toBe(true);
        for (const id of done) expect(rig.store.tables.jobs.get([id])).toBeDefined();
        for (const id of refused) expect(rig.store.tables.jobs.get([id])).toBeUndefined();
      }
      for (const id of [...done, ...refused]) {
        expect(idsOf(await rig.committer.submit(one(id)))).toEqual([id, `${id}-delayed`]);
      }
      const { ready = 0, scheduled } = rig.store.tables.counters.get([0]) ?? {};
      expect([ready, scheduled]).toEqual(Array(2).fill(done.size + refused.length));
      expect(rig.aborts).toEqual([]);
    });
    await fc.assert(run, { numRuns: 60 });
  });
});
