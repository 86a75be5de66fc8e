/**
 * What becomes of the workers, actions and plans of an imported state.
 * Invariant: what was running goes back uncounted, whatever became of its worker; an action has the jobs that name it; and no
 * id, token or version that the queue has given is given again.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { planOf } from "../machine/plan-rig.ts";
import { exported, imported, verified } from "./snapshot-rig.ts";

test("a worker that died before an import counts no attempt, however many jobs it held", async () => {
  const queue = await openEngine({ config: { maxAttempts: 1 } });
  await queue.run("worker.register", { id: "w", ttlMs: 1000 });
  for (let i = 0; i < 3; i += 1) {
    const jobs = Array.from({ length: 500 }, () => ({ payload: "1" }));
    await queue.run("job.enqueue", { jobs });
    await queue.claim({ worker: "w", max: 500 });
  }
  const file = await exported(queue);
  queue.now += 10_000;
  await imported(queue, file, true);
  await queue.advance(1000);
  const { counts, workers } = await queue.run("queue.stats", {});
  expect(counts).toMatchObject({ ready: 1500, running: 0, failed: 0 });
  expect(workers).toEqual({ alive: 0, draining: 0, dead: 1 });
});

test("a job whose chosen id stands among those of an imported action is none of its jobs", async () => {
  const queue = await openEngine();
  const body = JSON.stringify({ plan_id: "p", tasks: [{ task_number: 1, command: "true" }] });
  await queue.run("plan.submit", { id: "p", body, tasks: 1, commands: ["true"], fields: [] });
  const { jobs } = await queue.run("action.submit", { id: "p", action: "a", inputs: ["1", "2"] });
  const file = await exported(queue);
  await queue.run("queue.delete", { force: "true" });
  // The queue has another id now, so that ids like those of the old one may be chosen.
  await imported(queue, file);
  const id = `${jobs[0]}x`;
  await queue.enqueue({ id });
  expect(await queue.run("action.cancel", { id: "a" })).toMatchObject({ changed: 2 });
  expect(await queue.job(id)).toMatchObject({ state: "ready" });
});

describe("the numbers of a plan's versions", () => {
  /** Submits plan `p`, or another one, with content of its own; the number that its version gets. */
  const submit = async (queue: Harness, content: string, id = "p"): Promise<number> =>
    (await queue.run("plan.submit", planOf(id, [content]))).version;
  const lineage = async (queue: Harness) => (await queue.run("plan.get", { id: "p" })).plan.lineage;

  test("go on behind all that were given before an import, which leaves the content as it was", async () => {
    const queue = await openEngine();
    await submit(queue, "one");
    const file = await exported(queue);
    expect(await submit(queue, "two")).toBe(2);
    expect(await submit(queue, "three")).toBe(3);
    await imported(queue, file, true);
    expect((await queue.run("plan.get", { id: "p" })).plan).toMatchObject({
      latest: 1,
      version: 1,
    });
    expect(await queue.refused("plan.get", { id: "p", version: 2 })).toMatchObject({
      refusalCode: "plan_unknown",
    });
    expect(await submit(queue, "one")).toBe(1);
    expect(await submit(queue, "other")).toBe(4);
    expect(await lineage(queue)).toMatchObject([
      { version: 4, parent: 1 },
      { version: 1, parent: null },
    ]);
    await queue.reopen();
    await exported(queue);
    expect((await verified(queue)).problems).toEqual([]);
    await queue.run("plan.remove", { id: "p" });
    expect(await submit(queue, "again")).toBe(5);
  });

  test("are kept of a plan that the imported state does not know, and the plan is not shown", async () => {
    const queue = await openEngine({ config: {} });
    const file = await exported(queue);
    await submit(queue, "one");
    await submit(queue, "two");
    await imported(queue, file, true);
    expect(await queue.refused("plan.get", { id: "p" })).toMatchObject({
      refusalCode: "plan_unknown",
    });
    expect((await queue.run("plan.list", {})).plans).toEqual([]);
    expect((await exported(queue)).manifest.digest).not.toBe(file.manifest.digest);
    expect((await verified(queue)).problems).toEqual([]);
    expect(await queue.run("queue.delete", {})).toMatchObject({ deleted: true });
  });

  test("are kept over any number of imports, and over the removal of a plan that no job was of", async () => {
    const queue = await openEngine({ config: {} });
    const file = await exported(queue);
    for (const content of ["one", "two"]) await submit(queue, content);
    await imported(queue, file, true);
    expect(await submit(queue, "three")).toBe(3);
    await queue.run("plan.remove", { id: "p" });
    expect(await submit(queue, "four")).toBe(4);
    await imported(queue, file, true, "again");
    expect(await submit(queue, "five")).toBe(5);
  });

  test("of a file from another queue, and of the queue itself: the greater one counts", async () => {
    const other = await openEngine();
    for (const content of ["a", "b", "c"]) await submit(other, content);
    const file = await exported(other);
    const queue = await openEngine();
    await submit(queue, "one");
    await submit(queue, "one", "q");
    await imported(queue, file, true);
    expect(await submit(queue, "d")).toBe(4);
    expect(await submit(queue, "two", "q")).toBe(2);
  });

  test("of more plans than one entry holds are kept all the same", async () => {
    const queue = await openEngine();
    await submit(queue, "one");
    const file = await exported(queue);
    await queue.run("queue.checkpoint", {});
    const count = 2 * limits.planNumbersPerEntryMax + 10;
    queue.sql.run(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
       INSERT INTO plans SELECT 'other' || i, version, value FROM n, plans WHERE id = 'p'`,
    );
    await queue.crash();
    const { index } = queue.store.last;
    await imported(queue, file, true);
    expect(queue.store.last.index - index).toBe(4);
    expect(await submit(queue, "two", `other${count}`)).toBe(2);
  }, 60_000);
});

test("jobs, actions, operations and leases of an imported state have ids that were never given before", async () => {
  const queue = await openEngine();
  await queue.run("plan.submit", planOf("p"));
  const file = await exported(queue);
  const make = async () => {
    const { jobs, action } = await queue.run("action.submit", { id: "p", inputs: ["1"] });
    const able = { kinds: ["plan" as const], capabilities: ["curl"] };
    const { token } = await queue.claimOne(able);
    const { operation } = await queue.run("queue.purge", { states: ["running"] });
    // A token may look like a job's id.
    return [...jobs, action.id, `token ${token}`, operation.id];
  };
  const before = await make();
  await imported(queue, file, true);
  const after = await make();
  expect(new Set([...before, ...after]).size).toBe(before.length + after.length);
});

test("the entry of an import says whose the state is now and where it came from, and no more", async () => {
  const queue = await openEngine();
  await queue.enqueue();
  const file = await exported(queue);
  await imported(queue, file, true);
  const { store } = queue;
  const [entry] = store.entries({ from: store.purged.index + 1, maxBytes: 1e9 });
  if (entry === undefined) throw new Error("an import has an entry");
  const { queueId, last, digest } = file.manifest;
  expect(store.codec.decode(entry)[0]).toEqual({
    ...{ type: "queue.imported", v: 1, name: "mail", queueId, term: 2 },
    from: { queueId, term: 1, index: last.index, digest },
  });
});
