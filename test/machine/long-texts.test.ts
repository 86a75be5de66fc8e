/** Long payloads and results stand apart from the rows of their jobs: whatever becomes of a job, they are what they were, and go with it. */
import { afterEach, describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { declareTable } from "../../src/store/declare.ts";
import { ascii, integer } from "../../src/store/key-columns.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { command, enqueue, replyOf } from "../object/commands.ts";
import { EngineRig } from "../object/rig.ts";
import { end, enqueueMany, forGood } from "./flow-rig.ts";
import { able, act, planOf } from "./plan-rig.ts";

const changing = limits as { -readonly [L in keyof typeof limits]: number };
const { textInRowMax } = limits;
afterEach(() => {
  changing.textInRowMax = textInRowMax;
});

/** JSON of so many characters. */
const textOf = (length: number, of = "x"): string => JSON.stringify(of.repeat(length - 2));
const short = textOf(textInRowMax);
const long = textOf(textInRowMax + 1);
const other = textOf(textInRowMax + 1, "é");

const rowOf = (q: Harness, id: string) => q.store.tables.jobs.get([id]);
const apart = (q: Harness) => [...q.store.tables.job_texts.scan({})].map(([, { text }]) => text);

test("a text stands apart where it is longer than may stand in the row, to the character", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "short", payload: short });
  await q.enqueue({ id: "long", payload: long });
  expect(rowOf(q, "short")).toMatchObject({ payload: short });
  expect(rowOf(q, "long")?.payload).toBeUndefined();
  expect(apart(q)).toEqual([long]);
  await end(q, "short", { result: long });
  await end(q, "long", { result: short });
  expect(rowOf(q, "short")?.result).toBeUndefined();
  expect(rowOf(q, "long")).toMatchObject({ result: short });
  expect(apart(q)).toHaveLength(2);
});

test("a long payload is the same in every state, behind a checkpoint and in another instance", async () => {
  const q = await openEngine();
  const payload = JSON.parse(other);
  await q.enqueue({ id: "a", payload: other, delayMs: 1000 });
  await q.run("queue.checkpoint", {});
  await q.reopen();
  expect(await q.job("a")).toMatchObject({ state: "scheduled", payload });
  await q.advance(1000);
  const { payload: claimed, token } = await q.claimOne();
  expect(claimed).toBe(payload);
  await q.settle({ op: "fail", id: "a", token, error: "no", retryable: false });
  await q.run("queue.checkpoint", {});
  await q.reopen();
  expect(await q.job("a")).toMatchObject({ state: "failed", payload });
  expect(await q.run("job.retry", { id: "a" })).toMatchObject({ job: { payload } });
  await end(q, "a", { result: long });
  await q.reopen();
  expect(await q.job("a")).toMatchObject({ payload, result: JSON.parse(long) });
  const { jobs } = await q.run("job.list", { include: "payload" });
  expect(jobs).toMatchObject([{ payload, result: JSON.parse(long) }]);
});

test("a row that names long texts is written anew without them, and they are read by nobody who does not show them", async () => {
  const rig = new EngineRig();
  const parents = Array.from({ length: 20 }, (_, i) => ({ id: `p${i}` }));
  await rig.engine.submit(enqueue(parents.map((each) => ({ ...each, payload: long }))));
  const claimed = command("lease.claim", { max: 20 });
  const { jobs } = replyOf("lease.claim", await rig.engine.submit(claimed));
  const items = jobs.map(({ id, token }) => ({ op: "complete" as const, id, token, result: long }));
  await rig.engine.submit(command("lease.settle", { items }));
  await rig.engine.submit(command("queue.checkpoint", {}));
  await rig.evict();
  const queries: string[] = [];
  const { rows, run } = rig.sql;
  rig.sql.rows = (query, ...bindings) => {
    queries.push(query);
    return rows.call(rig.sql, query, ...bindings) as never;
  };
  rig.sql.run = (query, ...bindings) => {
    queries.push(query);
    run.call(rig.sql, query, ...bindings);
  };
  await rig.engine.submit(enqueue([{ id: "child", after: parents }]));
  const { jobs: [child] = [] } = replyOf("lease.claim", await rig.engine.submit(claimed));
  const item = { op: "complete" as const, id: "child", token: child?.token ?? "" };
  await rig.engine.submit(command("lease.settle", { items: [item] }));
  await rig.engine.submit(command("queue.checkpoint", {}));
  expect(queries.filter((query) => query.includes("job_texts"))).toEqual([]);
  const shown = command("job.parents", { id: "child" });
  const reply = replyOf("job.parents", await rig.engine.read(shown));
  expect(reply.jobs.map(({ result }) => result)).toEqual(parents.map(() => JSON.parse(long)));
});

test.each([
  ["a long one by a short", long, "1", []],
  ["a short one by a long", "1", long, [long]],
  ["a long one by another", long, other, [other]],
] as const)("a job is given another payload: %s", async (_, first, second, left) => {
  const q = await openEngine();
  const unique = { key: "u", onConflict: "replace" } as const;
  await q.enqueue({ id: "a", payload: first, unique });
  await q.run("queue.checkpoint", {});
  for (const payload of [first, second, second]) await q.enqueue({ payload, unique });
  expect(await q.job("a")).toMatchObject({ payload: JSON.parse(second) });
  expect(apart(q)).toEqual(left);
  await q.reopen();
  expect((await q.claimOne()).payload).toEqual(JSON.parse(second));
});

test("a job that runs again keeps its text under its number, and is given another one under its own", async () => {
  const q = await openEngine();
  const unique = { key: "u", onConflict: "replace" } as const;
  await q.enqueue({ id: "a", payload: long, unique });
  await end(q, "a", forGood);
  await q.run("job.retry", { id: "a" });
  expect(apart(q)).toEqual([long]);
  await q.enqueue({ payload: other, unique });
  expect(apart(q)).toEqual([other]);
  await end(q, "a", { result: long });
  expect(apart(q)).toEqual([other, long]);
});

describe("the texts of a job go with it", () => {
  /** A job that has ended, one that runs and one that is ready, with long texts. */
  async function three(): Promise<Harness> {
    const q = await openEngine();
    await enqueueMany(q, "j", 3, { payload: long });
    await end(q, "j0", { result: other });
    await q.claimOne();
    await q.run("queue.checkpoint", {});
    expect(apart(q)).toHaveLength(4);
    return q;
  }

  test("when its retention is over", async () => {
    const q = await three();
    await q.run("queue.configure", { retention: { completed: { ageMs: 1000 } } });
    await q.advance(1001);
    expect(apart(q)).toEqual([long, long]);
  });

  test("when it is discarded, or purged", async () => {
    const q = await three();
    await q.run("job.cancel", { id: "j2" });
    await q.run("job.discard", { ids: ["j2"] });
    expect(apart(q)).toHaveLength(3);
    await q.run("queue.purge", { states: ["completed"] });
    expect(apart(q)).toEqual([long]);
  });

  test("when it ends and is kept for no time", async () => {
    const q = await openEngine({ config: { retention: { completed: { ageMs: 0 } } } });
    await q.enqueue({ id: "a", payload: long });
    await end(q, "a", { result: other });
    expect(apart(q)).toEqual([]);
    await q.reopen();
    expect(apart(q)).toEqual([]);
  });

  test("when its action is forgotten", async () => {
    const q = await openEngine();
    await q.run("plan.submit", planOf("p"));
    await act(q, [long, "1", other], { action: "acts" });
    expect(apart(q)).toEqual([long, other]);
    await q.run("worker.register", { id: "w", ...able });
    await q.run("action.cancel", { id: "acts" });
    await q.run("queue.configure", { retention: { cancelled: { ageMs: 1000 } } });
    await q.advance(1001);
    expect(apart(q)).toEqual([]);
  });
});

test("rows of before keep their texts in them until they are written anew, and nobody sees a difference", async () => {
  changing.textInRowMax = limits.payloadBytesMax;
  const q = await openEngine();
  await enqueueMany(q, "p", 2, { payload: long });
  await end(q, "p0", { result: other });
  await q.run("queue.checkpoint", {});
  changing.textInRowMax = textInRowMax;
  await q.reopen();
  expect(apart(q)).toEqual([]);
  await q.enqueue({ id: "child", after: [{ id: "p0" }, { id: "p1" }] });
  await end(q, "p1", { result: "1" });
  expect(apart(q)).toHaveLength(3);
  await end(q, "child");
  const texts = { payload: JSON.parse(long), result: JSON.parse(other) };
  expect(await q.job("p0")).toMatchObject(texts);
  await q.reopen();
  expect(await q.job("p0")).toMatchObject(texts);
  expect(await q.job("p1")).toMatchObject({ payload: texts.payload, result: 1 });
});

test("only a table whose key is one integer is kept by row number", () => {
  const rows = { name: "rows", version: 1, byRowid: true } as const;
  const byText = () => declareTable<object>()({ ...rows, key: [ascii("id")] });
  const byTwo = () => declareTable<object>()({ ...rows, key: [integer("a"), integer("b")] });
  for (const declare of [byText, byTwo]) expect(declare).toThrow("its key is not one integer");
});

test("SQLite keeps long texts by its own number of them, so that none is read on the way to another", async () => {
  const rig = new EngineRig();
  await rig.engine.submit(enqueue([{ id: "a", payload: long }]));
  await rig.engine.submit(command("queue.checkpoint", {}));
  const plan = "EXPLAIN QUERY PLAN SELECT text FROM job_texts WHERE number = 2";
  const [row = []] = rig.sql.rows(plan);
  expect(row.at(-1)).toContain("USING INTEGER PRIMARY KEY");
});
