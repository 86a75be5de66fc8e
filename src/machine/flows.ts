/**
 * What waiting for other jobs means: which may be named, in what order a graph is taken, and what follows when one has ended.
 * Invariant: a job that waits is enqueued behind those it waits for, so that nothing ever waits in a circle.
 */
import { isEndState, utf8Bytes } from "../contract/fields.ts";
import { encodeJob, type JobRecord, type JobSpec } from "../contract/jobs.ts";
import { isRefusal, type Refusal, refuse } from "../contract/refusals.ts";
import { isEnough, nextEdges } from "../store/flows.ts";
import { pageOf } from "./cursors.ts";
import { queueOf, type Read, type Transaction, type View } from "./decide.ts";
import { settleDue } from "./due.ts";
import { jobUnknown, toRecord } from "./jobs-read.ts";

/**
 * The jobs of one request, each behind those of the request that it waits for; undefined where they can be taken as they stand.
 * Refuses a circle.
 */
export function inFlowOrder(jobs: readonly JobSpec[]): JobSpec[] | Refusal | undefined {
  if (jobs.every(({ after }) => after === undefined)) return undefined;
  const named = new Map<string, number>();
  for (const [i, { id }] of jobs.entries())
    if (id !== undefined && !named.has(id)) named.set(id, i);
  const children = jobs.map((): number[] => []);
  const waits = jobs.map(() => 0);
  for (const [i, { after = [] }] of jobs.entries()) {
    for (const { id } of after) {
      const parent = named.get(id);
      if (parent === undefined) continue;
      children[parent]?.push(i);
      waits[i] = (waits[i] ?? 0) + 1;
    }
  }
  const order = jobs.flatMap((_, i) => (waits[i] === 0 ? [i] : []));
  for (const i of order) {
    for (const child of children[i] ?? []) {
      waits[child] = (waits[child] ?? 0) - 1;
      if (waits[child] === 0) order.push(child);
    }
  }
  if (order.length === jobs.length) return order.map((i) => jobs[i] as JobSpec);
  return cycle(jobs, waits);
}

function cycle(jobs: readonly JobSpec[], waits: readonly number[]): Refusal {
  const first = waits.findIndex((count) => count > 0);
  const detail = `Job ${jobs[first]?.id ?? first} waits for itself, over others of this request or at once.`;
  return {
    ...refuse("flow_cycle", detail),
    errors: [{ pointer: `/jobs/${first}/after`, code: "flow_cycle", detail }],
  };
}

/** Why a job cannot wait for what it names: it is not there. */
export function whyOrphan(tx: Transaction, { after = [] }: JobSpec): Refusal | undefined {
  for (const { id } of after) {
    settleDue(tx, id);
    if (tx.tables.jobs.get([id]) !== undefined) continue;
    return refuse(
      "parent_unknown",
      `There is no job ${id} to wait for: it was never here, was refused, or was removed.`,
      { parent: id },
    );
  }
  return undefined;
}

/**
 * Tells up to `most` of the jobs that wait for an ended one: those for which it ended well enough go on, the others end. Returns
 * how many were told; at least one, where any waits.
 */
export function resolveChildren(tx: Transaction, id: string, most: number): number {
  const state = tx.tables.jobs.get([id])?.state;
  if (state === undefined || !isEndState(state)) return 0;
  let told = 0;
  while (told < most) {
    const waiting = nextEdges(tx.tables, id, most - told);
    const enough = waiting.findIndex(([, edge]) => !isEnough(state, edge));
    const children = enough < 0 ? waiting.length : enough;
    if (children > 0) tx.emit("job.parent_ended", { id, children });
    told += children;
    const other = waiting[children];
    if (other === undefined) return told;
    const [[, child], { onFail }] = other;
    if (onFail === "cancel") tx.emit("job.cancelled", { id: child, reason: "parent_failed" });
    else
      tx.emit("job.failed", { id: child, reason: "parent_failed", error: `job ${id} is ${state}` });
    told += 1;
  }
  return told;
}

/** The jobs that a job waits for or waited for, in the order in which it names them, with their results: as far as they are kept. */
export const listParents: Read<"job.parents"> = (view, { id, limit, cursor }) => {
  const child = view.tables.jobs.get([id]);
  if (child === undefined) return jobUnknown(id);
  const parents = (child.after ?? []).map((parent) => parent.id);
  const page = pageOf(view, {
    list: `parents ${id}`,
    cursor,
    limit,
    bytesOf: (job: JobRecord) => utf8Bytes(encodeJob(job)),
    rows: (after) => rowsBehind(view, parents, after),
    show: (parent, job): JobRecord | undefined => {
      if (job === undefined) return undefined;
      const { payload: _, ...record } = toRecord(parent, job, queueOf(view).config);
      return record;
    },
  });
  if (isRefusal(page)) return page;
  const { items: jobs, cursor: next } = page;
  return { now: view.at, jobs, ...(next !== undefined && { cursor: next }) };
};

function* rowsBehind(view: View, ids: readonly string[], after: string | undefined) {
  const start = after === undefined ? 0 : ids.indexOf(after) + 1;
  for (const id of ids.slice(start)) yield [[id], view.tables.jobs.get([id])] as const;
}
