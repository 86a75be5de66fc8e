/**
 * What tests of verifications share: queues with something of everything, and damage that is written into their storage.
 * Invariant: damage is sought in a verification of one chunk a table or more, in one of many small chunks, and in an import.
 */
import { expect } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { VerifyProblem } from "../../src/contract/queue.ts";
import { sealOf } from "../../src/object/snapshot-answers.ts";
import { noChunks, withChunk } from "../../src/store/snapshot-chunks.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { able, act, planOf } from "../machine/plan-rig.ts";
import { MINUTE, put } from "../machine/schedule-rig.ts";
import { chunksOf, exported, type File, imported, verified } from "./snapshot-rig.ts";

/** Writes a field into the rows of a table, or into those that a condition names. */
export function set(table: string, field: string, value: unknown, where = "true"): string {
  const text = JSON.stringify(value).replaceAll("'", "''");
  return `UPDATE ${table} SET value = json_set(value, '$.${field}', json('${text}')) WHERE ${where}`;
}

/** Takes a field out of the rows of a table. */
export const unset = (table: string, field: string, where = "true"): string =>
  `UPDATE ${table} SET value = json_remove(value, '$.${field}') WHERE ${where}`;

/** A queue with an ended action and a live one, whose worker has reported a task, another worker, and an operation. */
export async function plannedQueue(): Promise<Harness> {
  const queue = await openEngine({ config: {} });
  await queue.run("plan.submit", planOf("p"));
  await act(queue, ["1", "2"], { action: "ended" });
  await queue.run("action.cancel", { id: "ended" });
  await queue.enqueue({ id: "plain" });
  await queue.run("job.cancel", { id: "plain" });
  await act(queue, ["1", "2"], { action: "live" });
  await queue.enqueue({ id: "single", plan: "p" });
  for (const id of ["w", "v"]) await queue.run("worker.register", { id, ...able });
  const { id, token } = await queue.claimOne({ worker: "w" });
  await queue.settle({ op: "task", id, token, task: 1, exitCode: 0, stdout: "out" });
  return queue;
}

/** The same with three versions of the plan, more claims, a plan that is gone and purges. */
export async function variedQueue(): Promise<Harness> {
  const queue = await plannedQueue();
  await queue.run("plan.submit", planOf("gone"));
  await queue.enqueue({ id: "of-gone", plan: "gone" });
  await queue.run("job.cancel", { id: "of-gone" });
  await queue.run("plan.remove", { id: "gone" });
  for (const argument of ["2", "3"]) await queue.run("plan.submit", planOf("p", [argument]));
  await queue.enqueue({ id: "newest", plan: "p" });
  await queue.enqueue({ id: "cancelled", plan: "p" });
  await queue.run("job.cancel", { id: "cancelled" });
  await queue.claimOne({ worker: "v" });
  const jobs = ["a", "b", "c"].map((id) => ({ id, payload: "1" }));
  await queue.run("job.enqueue", { jobs });
  await queue.claim({ max: 2 });
  queue.now += 10;
  await queue.claim({ worker: "other" });
  await queue.run("worker.drain", { id: "v" });
  await queue.run("queue.purge", { states: ["expired"] });
  await queue.run("job.redrive", { ids: ["b"] });
  return queue;
}

/** A queue with schedules of jobs and of actions, paused ones and one that is gone, which have fired some slots. */
export async function scheduledQueue(): Promise<Harness> {
  const queue = await openEngine({ config: {} });
  for (const argument of ["1", "2"]) await queue.run("plan.submit", planOf("p", [argument]));
  const inputs = ["1", "2"];
  await put(queue, { everyMs: MINUTE }, {}, "jobs");
  await put(queue, { everyMs: MINUTE }, { action: { plan: "p", version: 1, inputs } }, "actions");
  await put(queue, { everyMs: MINUTE }, { job: { payload: "1", plan: "p" } }, "plans");
  await put(queue, { everyMs: MINUTE }, { catchUp: "all" }, "again");
  await queue.advance(3 * MINUTE);
  await queue.run("schedule.run", { id: "jobs" });
  await queue.run("schedule.pause", { id: "plans" });
  await queue.run("schedule.remove", { id: "again" });
  await put(queue, { everyMs: MINUTE }, { overlap: "skip" }, "again");
  await put(queue, { everyMs: MINUTE }, {}, "gone");
  await queue.advance(MINUTE + 1);
  await queue.run("schedule.remove", { id: "gone" });
  return queue;
}

/** Writes into a queue's storage behind its back. */
export async function damage(queue: Harness, damages: readonly string[]): Promise<void> {
  // What a build freezes is in the tables, and nothing of it in the lists beside them.
  queue.store.startSnapshot(0);
  queue.store.snapshots.dropBuild();
  for (const each of damages) {
    queue.sql.run(each);
    expect(queue.sql.rows("SELECT changes()")[0]?.[0], each).not.toBe(0);
  }
  await queue.crash();
}

/** What a verification tells of what is stored now. */
export async function problemsOf(queue: Harness): Promise<VerifyProblem[]> {
  await queue.answer("snapshot.build", {});
  await queue.fire();
  return (await verified(queue)).problems;
}

/** Does something while chunks of snapshots hold a few rows. */
export async function withSmallChunks<T>(work: () => Promise<T>, bytes = 900): Promise<T> {
  const changing = limits as { -readonly [L in keyof typeof limits]: number };
  const { snapshotChunkBytes } = limits;
  changing.snapshotChunkBytes = bytes;
  try {
    return await work();
  } finally {
    changing.snapshotChunkBytes = snapshotChunkBytes;
  }
}

/** Expects damage to be found, in however many steps, and not to be let in. */
export async function expectFound(
  queue: Harness,
  damages: readonly string[],
  invariant: string,
  told: string,
): Promise<void> {
  await damage(queue, damages);
  const problem = { invariant, detail: expect.stringContaining(told) };
  expect(await problemsOf(queue)).toContainEqual(problem);
  const file = await chunksOf(queue);
  expect(await withSmallChunks(() => problemsOf(queue))).toContainEqual(problem);
  const small = await chunksOf(queue);
  expect(small.chunks.length).toBeGreaterThan(file.chunks.length + 5);
  for (const each of [file, small]) {
    const refusal = await imported(await openEngine(), each);
    expect(refusal).toMatchObject({
      refusalCode: "snapshot_invalid",
      detail: expect.stringMatching(/contradict each other|chunk \d+, line \d+/),
    });
  }
}

/** Expects nothing to be found, in however many steps, and an import to be verified as what it came from. */
export async function expectSound(queue: Harness): Promise<void> {
  const small = await withSmallChunks(() => exported(queue));
  expect((await verified(queue)).problems).toEqual([]);
  const large = await exported(queue);
  expect((await verified(queue)).problems).toEqual([]);
  for (const file of [large, small]) {
    const target = await openEngine();
    expect(await imported(target, file)).toMatchObject({ chunks: file.chunks.length });
    expect((await verified(target)).problems).toEqual([]);
    await exported(target);
    expect((await verified(target)).problems).toEqual([]);
  }
}

type Manifest = File["manifest"];

const inOneChunk = (lines: readonly string[]): string[] => [`${lines.join("\n")}\n`];

/** A file with other lines, or with other chunks, as an exporter with these ideas would write it. */
export function forged(
  file: File,
  edit: (lines: readonly string[]) => readonly string[],
  cut: (lines: readonly string[]) => readonly string[] = inOneChunk,
): File {
  const lines = edit(file.chunks.join("").split("\n").slice(0, -1));
  const chunks = cut(lines);
  const rows = (name: string) => lines.filter((line) => line.startsWith(`["${name}",`)).length;
  const tables = Object.entries(file.manifest.tables).map(
    ([name, { version }]) => [name, { version, rows: rows(name) }] as const,
  );
  const totals = chunks.reduce(withChunk, noChunks);
  return resealed(chunks, { ...file.manifest, ...totals, tables: Object.fromEntries(tables) });
}

function resealed(chunks: readonly string[], { sluice, format, seal: _, ...meta }: Manifest): File {
  return { chunks, manifest: { sluice, format, ...meta, seal: sealOf(meta) } };
}
