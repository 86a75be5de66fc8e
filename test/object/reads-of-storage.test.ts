/**
 * What commands read of storage: nothing of what memory knows.
 * Invariant: what is counted are looks for single jobs, on an engine whose table has rows; the harness reads tables as wholes.
 */
import { expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";

test("jobs that came, are held and go between two checkpoints are never looked for in storage", async () => {
  const q = await openEngine({ config: { retention: { completed: { count: 0 } } } });
  await q.enqueue({ id: "other", delayMs: 60_000 });
  await q.run("queue.checkpoint", {});
  const { rows } = q.sql;
  const asked: string[] = [];
  q.sql.rows = (query, ...bindings) => {
    if (query.includes('FROM "jobs" WHERE')) asked.push(query);
    return rows.call(q.sql, query, ...bindings) as never;
  };
  for (let i = 0; i < 10; i += 1) await q.enqueue();
  const jobs = await q.claim({ max: 10 });
  expect(jobs).toHaveLength(10);
  const items = jobs.map(({ id, token }) => ({ op: "complete" as const, id, token }));
  await q.run("lease.settle", { items });
  const { counts } = await q.run("queue.stats", {});
  expect(counts).toMatchObject({ completed: 0, scheduled: 1 });
  expect(asked).toEqual([]);
});
