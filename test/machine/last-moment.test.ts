/** The last millisecond of a lease: it is its holder's as much as the first. */
import { expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";

test.each([
  { op: "complete", state: "completed" },
  { op: "fail", error: "no", state: "scheduled" },
  { op: "release", state: "ready" },
  { op: "extend", state: "running" },
  { op: "progress", progress: "1", state: "running" },
] as const)("a holder may $op a job until its lease is over, and it is not late", async (verb) => {
  const q = await openEngine();
  const id = await q.enqueue();
  const { token, leaseUntil } = await q.claimOne();
  q.now = leaseUntil - 1;
  const { state, ...item } = verb;
  const { items } = await q.run("lease.settle", { items: [{ ...item, id, token }] });
  expect(items).toMatchObject([{ id, ok: true, state }]);
  expect(items[0]).not.toHaveProperty("late");
});
