/** Keys in strict order: a job that is tried again holds the head, also against one whose place is before its own. */
import { expect, test } from "vitest";
import { type Harness, openEngine } from "../engine-harness.ts";
import { end, take } from "./flow-rig.ts";

const fail = { op: "fail", error: "no" } as const;

/** A key whose job `a` runs, while `d` has come due that was to come before it; `a` waits to be tried again. */
async function behindTime(): Promise<Harness> {
  const q = await openEngine({
    config: { backoff: { kind: "fixed", delayMs: 1000, jitter: "none" } },
  });
  await q.run("key.put", { key: "k", order: "fifo", onRetry: "rejoin" });
  await q.enqueue({ id: "d", key: "k" });
  await q.advance(1);
  await q.enqueue({ id: "a", key: "k", maxAttempts: 5 });
  await end(q, "d", { op: "release", delayMs: 500 });
  await q.run("key.put", { key: "k", onRetry: "block" });
  const { id, token } = await q.claimOne();
  await q.advance(500);
  await q.settle({ ...fail, id, token });
  await q.advance(1000);
  return q;
}

test("a job that is tried again is passed by none whose place is before its own, until it has ended", async () => {
  const q = await behindTime();
  expect(await q.ids("ready")).toEqual(["a", "d"]);
  await end(q, "a", fail);
  await q.advance(1000);
  await end(q, "a", { op: "release" });
  await q.run("queue.checkpoint", {});
  await q.reopen();
  await take(q);
  await q.advance(31_000);
  await q.run("job.update", { id: "a", delayMs: 10 });
  expect(await take(q)).toEqual([]);
  await q.advance(10);
  await end(q, "a");
  await end(q, "d");
});

test("one that is to take a new place when it is tried again goes before no other any more", async () => {
  const q = await behindTime();
  await q.run("key.put", { key: "k", onRetry: "rejoin" });
  await end(q, "a", fail);
  await q.advance(1000);
  for (const id of ["d", "a"]) await end(q, id);
});

test("the priority of a job that is tried again ranks its key, not that of the first by place", async () => {
  const q = await behindTime();
  await q.run("job.update", { id: "a", priority: 1 });
  await q.enqueue({ id: "other" });
  for (const id of ["other", "a", "d"]) await end(q, id);
});
