/** Redrive and discard of jobs that are named: what is too much for one step is done in further ones. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { enqueueAll, enqueueMany, moved } from "./flow-rig.ts";

const PARENTS = 400;
const CHILDREN = Array.from({ length: 8 }, (_, i) => `c${i}`);

/** A queue in which parents and their children, each of which names all of them, were cancelled. */
async function cancelledFamily(): Promise<Harness> {
  const q = await openEngine();
  await enqueueMany(q, "p", PARENTS);
  const after = Array.from({ length: PARENTS }, (_, i) => ({ id: `p${i}` }));
  await enqueueAll(
    q,
    CHILDREN.map((id) => ({ id, after })),
  );
  for (const id of CHILDREN) await q.run("job.cancel", { id });
  return q;
}

test("a redrive of named jobs counts each for those that it waits for, and goes on behind its command", async () => {
  const q = await cancelledFamily();
  const ids = [...CHILDREN, "absent", "c0"];
  const { operation } = await q.run("job.redrive", { ids });
  expect(operation).toMatchObject({ status: "running", changed: 3, examined: 3, total: 10 });
  await q.advance(0);
  const done = await q.run("operation.get", { id: operation.id });
  expect(done.operation).toMatchObject({ status: "done", changed: 8, examined: 10, total: 10 });
  for (const id of CHILDREN) {
    expect(await q.job(id)).toMatchObject({ state: "blocked", pending: PARENTS });
  }
});

test("what is left of it goes on in the next instance, and in a queue to which it was moved", async () => {
  const q = await cancelledFamily();
  const { operation } = await q.run("job.redrive", { ids: CHILDREN });
  await q.reopen();
  const other = await moved(q);
  for (const each of [q, other]) {
    await each.advance(0);
    const done = await each.run("operation.get", { id: operation.id });
    expect(done.operation).toMatchObject({ status: "done", changed: 8, examined: 8 });
  }
});

test("one that ended again since the redrive began is not run again by it", async () => {
  const q = await cancelledFamily();
  const { operation } = await q.run("job.redrive", { ids: CHILDREN });
  q.now += 1;
  for (const id of ["c0", "c7"]) {
    if ((await q.job(id)).state === "cancelled") await q.run("job.retry", { id });
    await q.run("job.cancel", { id });
  }
  await q.advance(0);
  const done = await q.run("operation.get", { id: operation.id });
  expect(done.operation).toMatchObject({ status: "done", changed: 7 });
  expect((await q.job("c0")).state).toBe("cancelled");
  expect((await q.job("c7")).state).toBe("cancelled");
});

test.each(["job.redrive", "job.discard"] as const)(
  "a step of %s looks at no more texts than an object can hold",
  async (name) => {
    const q = await openEngine();
    const payload = JSON.stringify("x".repeat(limits.payloadBytesMax - 2));
    const inStep = limits.operationStepTextBytes / limits.payloadBytesMax;
    const ids = Array.from({ length: inStep + 8 }, (_, i) => `j${i}`);
    for (const id of ids) await q.enqueue({ id, payload });
    for (const id of ids) await q.run("job.cancel", { id });
    const { operation } = await q.run(name, { ids });
    expect(operation).toMatchObject({ status: "running", changed: inStep });
    await q.advance(0);
    const done = await q.run("operation.get", { id: operation.id });
    expect(done.operation).toMatchObject({ status: "done", changed: ids.length });
  },
);
