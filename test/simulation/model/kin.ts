/**
 * Which jobs wait for which, which are kept for others, and what those that wait are told when one has ended.
 * Invariant: a job that any open job names is kept, and its retention begins when none does.
 */
import { small } from "../small.ts";
import { isEnded, type Job, type Parent, type State } from "./state.ts";
import type { Turn } from "./turn.ts";

/** The jobs that open ones name. */
export function parentsOf({ jobs }: State): Set<string> {
  const named = new Set<string>();
  for (const { state, after } of jobs.values()) {
    if (after === undefined || isEnded(state)) continue;
    for (const { id } of after) named.add(id);
  }
  return named;
}

export const isParent = ({ jobs }: State, parent: string): boolean =>
  [...jobs.values()].some(
    ({ state, after }) => !isEnded(state) && after?.some(({ id }) => id === parent),
  );

/** Whether a job is still there that another one named, and not a later one of its id. */
export function isOwnParent(parent: Job | undefined, child: Job): parent is Job {
  if (parent === undefined) return false;
  if (parent.createdAt !== child.createdAt) return parent.createdAt < child.createdAt;
  return parent.run > 1 || parent.seq < child.seq;
}

/** Those that wait for a job, by their ids. */
export const waitingFor = ({ jobs }: State, parent: string): Job[] =>
  [...jobs.values()]
    .filter(({ waits }) => waits?.includes(parent))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

/** Those that a job named which are still there, and not later ones of their ids. */
export const ownParents = ({ jobs }: Pick<State, "jobs">, job: Job): readonly Parent[] =>
  (job.after ?? []).filter(({ id }) => isOwnParent(jobs.get(id), job));

/** One that ends, or begins to wait, counts for all that it names. */
export const weightOf = ({ after = [] }: Job): number => Math.max(1, after.length);

const isEnough = (state: string, { onFail }: Parent): boolean =>
  state === "completed" || onFail === "continue";

/** Those of its parents that a job waits for: a new one also for those that ended badly, of which it is told at once. */
export function waitsFor({ jobs }: State, after: readonly Parent[], isNew: boolean): string[] {
  return after.flatMap((parent) => {
    const job = jobs.get(parent.id);
    if (job === undefined) return [];
    const isOver = isEnded(job.state) && (!isNew || isEnough(job.state, parent));
    return isOver ? [] : [parent.id];
  });
}

/** A job has ended, or is gone: the retention of those that are kept for nobody now begins. */
export function freeParents(state: State, at: number, { after = [] }: Job): void {
  for (const { id } of after) {
    const job = state.jobs.get(id);
    if (job === undefined || !isEnded(job.state) || isParent(state, id)) continue;
    state.jobs.set(id, { ...job, shelvedAt: at });
    const action = state.actions.get(job.action ?? "");
    if (job.action === undefined || action?.ended === undefined) continue;
    if (isKeptForOthers(state, job.action)) continue;
    const { ended } = action;
    const shelved = at > ended.at ? { shelvedAt: at } : {};
    state.actions.set(job.action, { ...action, ended: { ...ended, ...shelved } });
  }
}

/** Whether open jobs wait, or waited, for any job of an action. */
export function isKeptForOthers(state: State, action: string): boolean {
  const named = parentsOf(state);
  return [...state.jobs.values()].some((job) => job.action === action && named.has(job.id));
}

/** Tells those that wait for an ended job, until that is `most` changes: one that ends counts for all that it names. Returns how many. */
export function tellChildren(turn: Turn, id: string, most: number): number {
  const parent = turn.state.jobs.get(id);
  if (parent === undefined || !isEnded(parent.state)) return 0;
  let told = 0;
  while (told < most) {
    const waiting = waitingFor(turn.state, id).slice(0, most - told);
    const bad = waiting.findIndex((each) => !isEnough(parent.state, saidOf(each, id)));
    const enough = bad < 0 ? waiting : waiting.slice(0, bad);
    if (enough.length > 0) goOn(turn, id, enough);
    told += enough.length;
    const child = waiting[enough.length];
    if (child === undefined) return told;
    if (saidOf(child, id).onFail === "cancel") turn.cancel(child, "parent_failed");
    else {
      const error = `job ${id} is ${parent.state}`;
      turn.end("job.failed", child, "failed", { reason: "parent_failed", error });
    }
    told += weightOf(child);
  }
  return told;
}

/** Whether all that waited for an ended job have heard of it, of which so many are told now. */
export function haveHeard(turn: Turn, { id }: Job): boolean {
  tellChildren(turn, id, small.releasedMax);
  return waitingFor(turn.state, id).length === 0;
}

const saidOf = ({ after = [] }: Job, id: string): Parent =>
  after.find((each) => each.id === id) ?? { id };

function goOn(turn: Turn, id: string, children: readonly Job[]): void {
  turn.emit("job.parent_ended");
  for (const child of children) {
    const rest = (child.waits ?? []).filter((each) => each !== id);
    const waits = rest.length > 0 ? rest : undefined;
    if (waits !== undefined) turn.replace(child, { waits });
    else if ((child.runAt ?? 0) > turn.at) turn.replace(child, { waits, state: "scheduled" });
    else turn.replace(child, { waits, ...turn.asReady(child, turn.at) });
  }
}

/** Events after which a job may have ended, or be open again. */
export const mayEnd: ReadonlySet<string> = new Set([
  ...["job.cancelled", "job.completed", "job.expired"],
  ...["job.failed", "job.lease_expired", "job.retried"],
]);
