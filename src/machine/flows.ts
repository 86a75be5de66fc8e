/**
 * What waiting for other jobs means: which may be named, in what order a graph is taken, and what follows when one has ended.
 * Invariant: a job that waits is enqueued behind those it waits for, so that nothing ever waits in a circle.
 */
import { isEndState, utf8Bytes } from "../contract/fields.ts";
import type { Parent } from "../contract/flows.ts";
import { encodeJob, type JobRecord, type JobSpec } from "../contract/jobs.ts";
import { limits } from "../contract/limits.ts";
import { isRefusal, type Refusal, refuse } from "../contract/refusals.ts";
import { type EdgeRow, isEnough, isLaterThan, nextEdges, ownParents } from "../store/flows.ts";
import { resultOf } from "../store/job-texts.ts";
import type { JobRow } from "../store/jobs.ts";
import { pageOf } from "./cursors.ts";
import type { Read, Transaction, View } from "./decide.ts";
import { settleDue } from "./due.ts";
import { jobUnknown, toRecord } from "./jobs-read.ts";

/**
 * The jobs of one request, each behind those of the request that it waits for; undefined where they can be taken as they stand.
 * Refuses a circle.
 */
export function inFlowOrder(jobs: readonly JobSpec[]): JobSpec[] | Refusal | undefined {
  if (jobs.every(({ after }) => after === undefined)) return undefined;
  const named = new Map<string, JobSpec>();
  for (const job of jobs) {
    if (job.id !== undefined && !named.has(job.id)) named.set(job.id, job);
  }
  const parentsOf = ({ after = [] }: JobSpec): JobSpec[] =>
    after.flatMap(({ id }) => named.get(id) ?? []);
  const taken = new Set<JobSpec>();
  for (const job of jobs) {
    const circle = takeWithParents(job, parentsOf, taken);
    if (circle !== undefined) return cycle(circle, jobs);
  }
  return [...taken];
}

/** Jobs of which each waits for the next, and the last for the first. */
type Circle = readonly [JobSpec, ...JobSpec[]];

/**
 * Takes a job behind those it waits for, which are taken no earlier than for the first that does. Returns the circle in which it or one of
 * these waits for itself, if there is one. A chain may be as long as a request, so the path to a parent is kept in a list and not in calls.
 */
function takeWithParents(
  first: JobSpec,
  parentsOf: (job: JobSpec) => readonly JobSpec[],
  taken: Set<JobSpec>,
): Circle | undefined {
  const path: { readonly job: JobSpec; readonly parents: Iterator<JobSpec> }[] = [];
  const onPath = new Set<JobSpec>();
  const enter = (job: JobSpec): void => {
    path.push({ job, parents: parentsOf(job).values() });
    onPath.add(job);
  };
  if (!taken.has(first)) enter(first);
  for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
    const parent = last.parents.next();
    if (parent.done) {
      taken.add(last.job);
      path.pop();
    } else if (!taken.has(parent.value)) {
      if (onPath.has(parent.value)) {
        const jobs = path.map(({ job }) => job);
        return [parent.value, ...jobs.slice(jobs.indexOf(parent.value) + 1)];
      }
      enter(parent.value);
    }
  }
  return undefined;
}

/** How much of a circle is told: all of its names, or the first ones and how many others there are. */
const NAMES_TOLD = 5;

function cycle(circle: Circle, jobs: readonly JobSpec[]): Refusal {
  const [first] = circle;
  const names = circle.map(({ id }) => id);
  const others = names.length - NAMES_TOLD + 1;
  const told = others > 1 ? [...names.slice(0, -others), `${others} others`] : names;
  const detail = `Job ${first.id} waits for itself: ${[...told, first.id].join(" after ")}.`;
  const pointer = `/jobs/${jobs.indexOf(first)}/after`;
  return {
    ...refuse("flow_cycle", detail),
    errors: [{ pointer, code: "flow_cycle", detail }],
  };
}

/**
 * The ids that the jobs of a request give themselves, each with the id of the job that it came to: another one's, where that has its
 * unique key; undefined where it was refused, or that job is gone.
 */
export type Named = Map<string, string | undefined>;

/** Whom a job waits for, each once, or why it cannot: one that it names is not there, or was refused in the same request. */
export function parentsFor(
  tx: Transaction,
  { after }: JobSpec,
  named: Named,
): readonly Parent[] | Refusal | undefined {
  if (after === undefined) return undefined;
  const parents = new Map<string, Parent>();
  for (const parent of after) {
    const id = named.has(parent.id) ? named.get(parent.id) : parent.id;
    if (id !== undefined) settleDue(tx, id);
    if (id === undefined || tx.tables.jobs.get([id]) === undefined) return orphan(parent.id);
    if (!parents.has(id)) parents.set(id, id === parent.id ? parent : { ...parent, id });
  }
  return [...parents.values()];
}

const orphan = (parent: string): Refusal =>
  refuse(
    "parent_unknown",
    `There is no job ${parent} to wait for: it was never here, was refused, or was removed.`,
    { parent },
  );

/** What a job counts for where it ends, or begins to wait: as many as it names, since each of these is told; at least for itself. */
export const namesOf = (job: JobRow | undefined): number => Math.max(1, job?.after?.length ?? 0);

/** Whether all that waited for an ended job have heard of it; a bounded number of them is told now. */
export function haveHeard(tx: Transaction, id: string, { dependents }: JobRow): boolean {
  if (!dependents) return true;
  resolveChildren(tx, id, limits.releasedMax);
  return nextEdges(tx.tables, id, 1).length === 0;
}

/**
 * The jobs that are to run again for one, each behind those of them that it names, which come no earlier than for the first that does: none
 * would wait for one that runs again behind it. `met` are those that came before, or did not run. A chain may be as long as the queue, so the
 * path is kept in a list and not in calls.
 */
export function* behindParents(
  { tables }: View,
  first: string,
  isMeant: (id: string, job: JobRow) => boolean,
  met: Set<string>,
): Generator<string> {
  const path: { readonly id: string; readonly parents: Iterator<Parent> }[] = [];
  const enter = (id: string): void => {
    const job = met.has(id) ? undefined : tables.jobs.get([id]);
    if (job === undefined || !isMeant(id, job)) return;
    met.add(id);
    path.push({ id, parents: (ownParents(tables, job) ?? []).values() });
  };
  enter(first);
  for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
    const parent = last.parents.next();
    if (!parent.done) enter(parent.value.id);
    else {
      path.pop();
      yield last.id;
    }
  }
}

/**
 * Tells the jobs that wait for an ended one, until that is `most` changes: those for which it ended well enough go on, the others end,
 * each of which gives up all that it waited for and counts for as many changes. Returns how many that was; only the last job may pass `most`.
 */
export function resolveChildren(tx: Transaction, id: string, most: number): number {
  const state = tx.tables.jobs.get([id])?.state;
  if (state === undefined || !isEndState(state)) return 0;
  let told = 0;
  while (told < most) {
    const [next] = nextEdges(tx.tables, id, 1);
    if (next === undefined) break;
    const [[, child], edge] = next;
    if (isEnough(state, edge)) {
      const waiting = nextEdges(tx.tables, id, most - told);
      const other = waiting.findIndex(([, each]) => !isEnough(state, each));
      const children = other < 0 ? waiting.length : other;
      tx.emit("job.parent_ended", { id, children });
      told += children;
    } else {
      told += namesOf(tx.tables.jobs.get([child]));
      endWith(tx, child, edge, `job ${id} is ${state}`);
    }
  }
  return told;
}

/** A job ends since one that it waits for did not end well enough. */
function endWith(tx: Transaction, id: string, { onFail }: EdgeRow, error: string): void {
  const reason = "parent_failed";
  if (onFail === "cancel") tx.emit("job.cancelled", { id, reason });
  else tx.emit("job.failed", { id, reason, error });
}

/**
 * The jobs that a job waits for or waited for, in the order in which it names them, with their results: as far as they are kept. A later
 * job with the id of one that is gone is none of them.
 */
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
      if (job === undefined || isLaterThan(job, child)) return undefined;
      return toRecord(view, parent, job, { result: resultOf(view.tables, job) });
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
