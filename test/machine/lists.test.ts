/** Lists of jobs: their orders, pages, cursors, filters and sizes. */
import { expect, test } from "vitest";
import type { ListInput } from "../../src/contract/jobs.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { act, planOf } from "./plan-rig.ts";

/** The ids of each page, to the end. */
async function pages(q: Harness, input: ListInput): Promise<string[][]> {
  const all: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await q.run("job.list", { ...input, ...(cursor !== undefined && { cursor }) });
    all.push(page.jobs.map((job) => job.id));
    cursor = page.cursor;
  } while (cursor !== undefined && all.length < 100);
  return all;
}

test("ready jobs are listed in claim order, through every lane, page by page", async () => {
  const q = await openEngine();
  for (let i = 0; i < 12; i++) {
    const requires = [[], ["x"], ["y"]][i % 3] ?? [];
    await q.enqueue({
      id: `j${i}`,
      priority: ((i * 7) % 4) - 2,
      ...(requires.length > 0 && { requires }),
    });
    if (i % 2 === 1) await q.advance(10);
  }
  const whole = await q.ids("ready");
  for (const limit of [1, 2, 5, 11, 12]) {
    expect((await pages(q, { state: "ready", limit })).flat()).toEqual(whole);
  }
  expect((await q.claim({ max: 99, capabilities: ["x", "y"] })).map((job) => job.id)).toEqual(
    whole,
  );
});

test("scheduled jobs are listed by due time, running ones by the end of the lease, all by id", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "late", runAt: START + 3000 });
  await q.enqueue({ id: "soon", runAt: START + 1000 });
  await q.enqueue({ id: "a", leaseMs: 9000 });
  await q.enqueue({ id: "b", leaseMs: 5000 });
  await q.claim({ max: 2 });
  for (const limit of [1, 10]) {
    expect((await pages(q, { state: "scheduled", limit })).flat()).toEqual(["soon", "late"]);
    expect((await pages(q, { state: "running", limit })).flat()).toEqual(["b", "a"]);
    expect((await pages(q, { limit })).flat()).toEqual(["a", "b", "late", "soon"]);
  }
  expect(await q.ids("blocked")).toEqual([]);
});

test("ended jobs are listed in the order of their ends, state by state", async () => {
  const q = await openEngine();
  for (const id of ["c", "a", "b"]) {
    await q.enqueue({ id });
    await q.run("job.cancel", { id });
    await q.advance(10);
  }
  for (const limit of [1, 2, 10]) {
    expect((await pages(q, { state: "cancelled", limit })).flat()).toEqual(["c", "a", "b"]);
  }
  expect(await q.ids("failed")).toEqual([]);
});

test("only an absent cursor means the end: a page that is exactly full has none", async () => {
  const q = await openEngine();
  for (const id of ["a", "b"]) await q.enqueue({ id });
  expect(await pages(q, { limit: 2 })).toEqual([["a", "b"]]);
  expect(await pages(q, { limit: 1 })).toEqual([["a"], ["b"]]);
});

test("pages skip and repeat nothing that stays, whatever comes and goes between them", async () => {
  const q = await openEngine();
  for (let i = 0; i < 10; i++) await q.enqueue({ id: `j${i}` });
  const first = await q.run("job.list", { state: "ready", limit: 4 });
  await q.claim({ max: 5 });
  await q.enqueue({ id: "before", priority: -1 });
  await q.enqueue({ id: "behind" });
  await q.run("queue.checkpoint", {});
  await q.reopen();
  const rest = await q.run("job.list", { state: "ready", cursor: first.cursor ?? "" });
  expect(rest.jobs.map((job) => job.id)).toEqual(["j5", "j6", "j7", "j8", "j9", "behind"]);
});

test("a label is searched for by name, or by name and value", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", labels: { customer: "7", url: "http://x" } });
  await q.enqueue({ id: "b", labels: { customer: "8" } });
  await q.enqueue({ id: "c" });
  const list = async (label: string) =>
    (await q.run("job.list", { label })).jobs.map((job) => job.id);
  expect(await list("customer")).toEqual(["a", "b"]);
  expect(await list("customer:8")).toEqual(["b"]);
  expect(await list("url:http://x")).toEqual(["a"]);
  expect(await list("toString")).toEqual([]);
  expect(await list("customer:")).toEqual([]);
});

test("a page looks at 5,000 jobs at most: a search gives short and empty pages, and finds all in the end", async () => {
  const q = await openEngine({ config: {} });
  const many = Array.from({ length: 1000 }, () => ({ payload: "1" }));
  for (let i = 0; i < 6; i++) await q.run("job.enqueue", { jobs: many });
  await q.enqueue({ id: "needle", labels: { x: "1" } });
  const found = await pages(q, { state: "ready", label: "x" });
  expect(found).toEqual([[], ["needle"]]);
});

test("payloads and results are left out unless they are asked for", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", payload: "[1]" });
  const { token } = await q.claimOne();
  await q.settle({ op: "complete", id: "a", token, result: "[2]" });
  const [plain] = (await q.run("job.list", {})).jobs;
  expect(plain).not.toHaveProperty("payload");
  expect(plain).not.toHaveProperty("result");
  const [whole] = (await q.run("job.list", { include: "payload" })).jobs;
  expect(whole).toMatchObject({ payload: [1], result: [2] });
});

test("a page stops at 4 MiB in UTF-8, but holds at least one job, and the next goes on", async () => {
  const q = await openEngine();
  const payload = JSON.stringify("€".repeat(80_000));
  for (let i = 0; i < 20; i++) await q.enqueue({ id: `j${i + 10}`, payload });
  const answer = await q.answer("job.list", { include: "payload" });
  expect("reply" in answer && Buffer.byteLength(answer.reply)).toBeLessThan(limits.replyBytesMax);
  const found = await pages(q, { include: "payload" });
  expect(found.map((ids) => ids.length)).toEqual([17, 3]);
});

test("a page of jobs with long histories stays within 4 MiB", async () => {
  const q = await openEngine({
    config: { backoff: { kind: "fixed", delayMs: 0, jitter: "none" } },
  });
  const jobs = Array.from({ length: 150 }, () => ({ payload: "1", maxAttempts: 32 }));
  await q.run("job.enqueue", { jobs });
  const error = "e".repeat(limits.errorBytesMax);
  for (let i = 0; i < 32; i++) {
    const held = await q.claim({ max: 150 });
    const items = held.map(({ id, token }) => ({ op: "fail", id, token, error }) as const);
    await q.run("lease.settle", { items });
  }
  const answer = await q.answer("job.list", { state: "failed", limit: 1000 });
  const bytes = "reply" in answer ? Buffer.byteLength(answer.reply) : 0;
  expect(bytes).toBeLessThanOrEqual(limits.replyBytesMax);
  expect((await pages(q, { state: "failed", limit: 1000 })).flat()).toHaveLength(150);
});

test("a cursor of another list, another queue or nobody is refused", async () => {
  const q = await openEngine();
  for (const id of ["a", "b", "c"]) await q.enqueue({ id });
  const { cursor = "" } = await q.run("job.list", { state: "ready", limit: 1 });
  const other = (await q.run("job.list", { limit: 1 })).cursor ?? "";
  const forged = (after: unknown, state: unknown = "ready", queueId: unknown = "q0000000") =>
    btoa(JSON.stringify([queueId, 1, state, after]));
  const refused = async (input: ListInput) => (await q.refused("job.list", input)).refusalCode;
  for (const bad of [
    other,
    "",
    "garbage",
    "é",
    btoa("5"),
    btoa("null"),
    forged([0, 0, 0]),
    forged([0, 0, 0, 0, 0]),
    forged([0, 0, 0, "a"]),
    forged([0, 5000, 0, 0]),
    forged([-1, 0, 0, 0]),
    forged([0, 0, -1, 0]),
    forged([0, 0, 0.5, 0]),
    forged([0, 0, 0, 1e300]),
    forged({ length: 4 }),
    forged([0, 0, 0, 0], "scheduled"),
    forged([0, 0, 0, 0], "ready", "q0000001"),
  ]) {
    expect([bad, await refused({ state: "ready", cursor: bad })]).toEqual([bad, "cursor_invalid"]);
  }
  expect(await refused({ cursor })).toBe("cursor_invalid");
  expect(await refused({ cursor: forged(["\ud800"], null) })).toBe("cursor_invalid");
  expect(await refused({ cursor: forged(["é"], null) })).toBe("cursor_invalid");
  expect(await refused({ state: "failed", cursor: forged(["completed", 0, "a"], "failed") })).toBe(
    "cursor_invalid",
  );
  await q.run("queue.delete", { force: "true" });
  await q.enqueue();
  expect(await refused({ state: "ready", cursor })).toBe("cursor_invalid");
});

test("a cursor of one action's jobs is refused with another's, and with none", async () => {
  const q = await openEngine();
  await q.run("plan.submit", planOf("p"));
  for (const action of ["a", "b"]) await act(q, ["1", "2", "3"], { action });
  const { cursor = "" } = await q.run("job.list", { action: "a", limit: 1 });
  const all = (await q.run("job.list", { limit: 1 })).cursor ?? "";
  for (const input of [{ action: "b", cursor }, { cursor }, { action: "a", cursor: all }]) {
    expect((await q.refused("job.list", input)).refusalCode).toBe("cursor_invalid");
  }
  expect(await pages(q, { action: "a", limit: 1, cursor })).toHaveLength(2);
});

test("a page looks at rows of so many characters, shown or not, and the next one goes on behind them", async () => {
  const q = await openEngine();
  // As long as a text may be that stands in its row.
  const payload = JSON.stringify("x".repeat(limits.textInRowMax - 2));
  const most = limits.pageScanUnits / limits.textInRowMax;
  for (let i = 0; i < most; i += 128) {
    await q.run("job.enqueue", { jobs: Array.from({ length: 128 }, () => ({ payload })) });
  }
  await q.enqueue({ id: "zz", labels: { last: "yes" } });
  expect(await pages(q, { label: "last" })).toEqual([[], ["zz"]]);
  expect(await pages(q, { state: "ready", label: "none" })).toEqual([[], []]);
});

test("a page without payloads looks at none of the long ones", async () => {
  const q = await openEngine();
  const most = limits.pageScanUnits / limits.payloadBytesMax;
  const payload = JSON.stringify("x".repeat(limits.payloadBytesMax - 2));
  const ids = Array.from({ length: most + 5 }, (_, i) => `job-${100 + i}`);
  for (let i = 0; i < ids.length; i += 3) {
    const jobs = ids.slice(i, i + 3).map((id) => ({ id, payload }));
    await q.run("job.enqueue", { jobs });
  }
  expect(await pages(q, { limit: 1000 })).toEqual([ids]);
  expect(await pages(q, { state: "ready", label: "none" })).toEqual([[]]);
});
