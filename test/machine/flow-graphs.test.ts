/** Graphs of jobs in one request and in one entry: in which order they are taken, for whom they wait, and how many give up at once. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { end, enqueueAll, enqueueMany, take } from "./flow-rig.ts";

const after = (...ids: readonly string[]) => ({ after: ids.map((id) => ({ id })) });
const countsOf = async (q: Harness) => (await q.run("queue.stats", {})).counts;

test("of two jobs with one unique key the second meets the first, also where that one waits for a job between them", async () => {
  const q = await openEngine();
  const unique = { key: "u" };
  expect(
    await enqueueAll(q, [{ id: "c", ...after("p"), unique }, { id: "p" }, { id: "d", unique }]),
  ).toEqual([{ id: "c" }, { id: "p" }, { id: "c", deduplicated: true }]);
});

test("jobs are taken as they are said, each behind those it waits for, which come in the order in which it names them", async () => {
  const q = await openEngine();
  await enqueueAll(q, [
    ...[{ id: "c", ...after("b", "a") }, { id: "x" }, { id: "a" }],
    ...[{ id: "y" }, { id: "b", ...after("z") }, { id: "z" }],
  ]);
  expect(await take(q, 9)).toEqual(["z", "a", "x", "y"]);
});

test("a chain of 1,000 jobs is taken from its end, and refused whole where it is closed", async () => {
  const q = await openEngine();
  const chain = Array.from({ length: 1000 }, (_, i) => ({ id: `j${i}`, ...after(`j${i + 1}`) }));
  const closed = [...chain.slice(0, -1), { id: "j999", ...after("j500") }];
  const jobs = closed.map((job) => ({ payload: "1", ...job }));
  expect(await q.refused("job.enqueue", { jobs })).toMatchObject({
    ...{ refusalCode: "flow_cycle", errors: [{ pointer: "/jobs/500/after" }] },
  });
  await enqueueAll(q, [...chain.slice(0, -1), { id: "j999" }]);
  expect(await countsOf(q)).toMatchObject({ blocked: 999, ready: 1 });
});

const circle = (...ids: readonly string[]) =>
  ids.map((id, i) => ({ id, ...after(ids[(i + 1) % ids.length] ?? "") }));

test.each([
  [
    1,
    [{ id: "leaf", ...after("m") }, ...circle("m", "n")],
    "m waits for itself: m after n after m",
  ],
  [0, circle("m"), "m waits for itself: m after m"],
  [
    2,
    [{ ...after("b") }, ...circle("a", "b", "c")],
    "b waits for itself: b after c after a after b",
  ],
  [
    0,
    circle("a", "b", "c", "d", "e"),
    "a waits for itself: a after b after c after d after e after a",
  ],
  [
    0,
    circle("a", "b", "c", "d", "e", "f"),
    "a waits for itself: a after b after c after d after 2 others after a",
  ],
])(
  "a circle is told by a job that is in it, with the way round (%i)",
  async (place, jobs, told) => {
    const q = await openEngine({ config: {} });
    const specs = jobs.map((job) => ({ payload: "1", ...job }));
    const detail = `Job ${told}.`;
    expect(await q.refused("job.enqueue", { jobs: specs })).toMatchObject({
      ...{ refusalCode: "flow_cycle", detail },
      errors: [{ pointer: `/jobs/${place}/after`, code: "flow_cycle", detail }],
    });
  },
);

/** A queue of which job `a` is gone that came under a key for a time, while another one has its id, and waits for long. */
async function withStranger(options: object): Promise<Harness> {
  const q = await openEngine({ config: {} });
  await enqueueAll(q, [{ id: "a", fingerprint: "first", ...options }]);
  await end(q, "a");
  await q.run("job.remove", { id: "a" });
  await q.enqueue({ id: "a", fingerprint: "other", delayMs: 3_600_000 });
  return q;
}
const child = { id: "c", fingerprint: "c", ...after("p") };
const unique = { key: "u", until: { ms: 60_000 } };

test("a job waits for no stranger that has by now the id of one that had the unique key of the named one", async () => {
  const q = await withStranger({ unique });
  const named = { id: "p", fingerprint: "p", unique };
  expect(await enqueueAll(q, [named, child])).toEqual([
    { id: "a", deduplicated: true },
    { code: "parent_unknown" },
  ]);
  await q.advance(60_000);
  expect(await enqueueAll(q, [named, child])).toEqual([{ id: "p" }, { id: "c" }]);
});

test("a job waits for no stranger that has by now the id under which the named one was enqueued before, by its key", async () => {
  const q = await withStranger({ idempotencyKey: "once" });
  const named = { id: "a", fingerprint: "first", idempotencyKey: "once" };
  expect(await enqueueAll(q, [named, { ...child, ...after("a") }])).toEqual([
    { id: "a", deduplicated: true },
    { code: "parent_unknown" },
  ]);
});

test("a job waits for the one that the named one replaced, also where that is known by its key alone", async () => {
  const q = await openEngine({ config: {} });
  await q.enqueue({ id: "a", fingerprint: "a", unique });
  const replacing = { ...unique, onConflict: "replace" as const };
  const named = { id: "p", fingerprint: "p", unique: replacing, idempotencyKey: "once" };
  expect(await enqueueAll(q, [named, child])).toEqual([{ id: "a", replaced: true }, { id: "c" }]);
  const second = { ...child, id: "d", fingerprint: "d" };
  expect(await enqueueAll(q, [named, second])).toEqual([
    { id: "a", deduplicated: true },
    { id: "d" },
  ]);
  expect((await q.job("d")).after).toEqual([{ id: "a" }]);
});

test("jobs that end with the one they waited for give up no more at once than 1,000 do that waited for it alone", async () => {
  const q = await openEngine();
  await enqueueMany(q, "p", 500, { delayMs: 60_000 });
  const named = Array.from({ length: 500 }, (_, i) => `p${i}`);
  await enqueueMany(q, "c", 20, after(...named));
  const left = () => q.store.tables.edges.range({ limit: 20 * 500 }).length;
  expect(left()).toBe(20 * 500);
  await q.run("job.cancel", { id: "p0" });
  expect(left()).toBeGreaterThanOrEqual(20 * 500 - limits.releasedMax - 500);
  await q.reopen();
  await q.advance(0);
  expect(left()).toBe(0);
  expect(await countsOf(q)).toMatchObject({ blocked: 0, failed: 20, scheduled: 499 });
});
