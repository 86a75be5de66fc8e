/**
 * How the model shows jobs, queues and operations, as the API would.
 * Invariant: a field that has nothing to say is not there; texts are given as the values they mean.
 */
import {
  type Config,
  defined,
  isEnded,
  type Job,
  type JobState,
  type Operation,
  type Place,
  type State,
} from "./state.ts";

const parsed = (text: string | undefined): unknown =>
  text === undefined ? undefined : JSON.parse(text);

export const maxAttemptsOf = (job: Job, config: Config): number =>
  job.maxAttempts ?? (job.plan === undefined ? config.maxAttempts : config.planMaxAttempts);

const attemptOf = (job: Job, config: Config): number =>
  Math.min(job.failures + 1, maxAttemptsOf(job, config));

/** A job as it is read. */
export function record(job: Job, config: Config): object {
  const { id, state, reason, kind, labels, requires, priority, run, deliveries } = job;
  const { backoff, leaseMs, maxRunMs, ttlMs, expiresAt, worker, createdAt, runAt, readyAt } = job;
  const { startedAt, leaseUntil, endedAt, late, error, attempts } = job;
  const { plan, planVersion, action, inputIndex, schedule, slotAt, key, unique, after } = job;
  return defined({
    ...{ plan, planVersion, action, inputIndex, schedule, slotAt, key, unique, after },
    pending: job.waits?.length,
    ...{ id, state, reason, kind, labels, requires, priority, run, deliveries },
    ...{ backoff, leaseMs, maxRunMs, ttlMs, expiresAt, worker, createdAt, runAt, readyAt },
    ...{ startedAt, leaseUntil, endedAt, late, error, attempts },
    attempt: attemptOf(job, config),
    maxAttempts: maxAttemptsOf(job, config),
    progress: parsed(job.progress),
    payload: parsed(job.payload),
    result: parsed(job.result),
  });
}

/** A job as a list shows it. */
export function listed(job: Job, config: Config, isWhole: boolean): object {
  if (isWhole) return record(job, config);
  const { payload: _, result: __, ...rest } = record(job, config) as Record<string, unknown>;
  return rest;
}

/** A job as its worker sees it. */
export function claimed(job: Job, config: Config, token: string): object {
  const { id, leaseUntil, kind, run, deliveries, priority, createdAt, labels, requires } = job;
  const { plan, planVersion, action, schedule, slotAt, key, after } = job;
  return defined({
    ...{ plan, planVersion, action, schedule, slotAt, key, parents: after?.length },
    ...{ id, token, leaseUntil, kind, run, deliveries, priority, createdAt, labels, requires },
    attempt: attemptOf(job, config),
    maxAttempts: maxAttemptsOf(job, config),
    payload: parsed(job.payload),
    progress: parsed(job.progress),
  });
}

export function operationRecord(operation: Operation): object {
  const { id, kind, states, changed, examined, total, startedAt, endedAt } = operation;
  const status = endedAt === undefined ? "running" : "done";
  return defined({ id, kind, status, states, changed, examined, total, startedAt, endedAt });
}

export function queueRecord({ queue }: State): object {
  if (queue === undefined) throw new Error("the model has no queue");
  const { name, queueId, term, createdAt, config, paused } = queue;
  return defined({
    ...{ name, queueId, term, createdAt, config },
    paused: paused !== undefined,
    pausedReason: paused?.reason,
    pausedAt: paused?.at,
  });
}

/** By what a ready job stands in its lane first: in strict order only one that is tried again goes before the others. */
export const rankOf = ({ ordered, head, priority }: Job): number =>
  ordered ? (head ? -1 : 0) : priority;

/** Where a job stands in the list of its state, or of all jobs. */
export function placeIn(state: string | undefined, job: Job): Place {
  if (state === undefined) return [job.id];
  if (state === "ready") {
    const lane = job.key === undefined ? 0 : job.lane;
    return [lane, rankOf(job), job.readyAt ?? 0, job.seq];
  }
  if (state === "blocked") return [job.seq];
  if (state === "scheduled") return [job.runAt ?? 0, job.seq];
  if (state === "running") return [job.leaseUntil ?? 0, job.seq];
  return [job.shelvedAt ?? job.endedAt ?? 0, job.id];
}

/** Whether one place comes before another, part by part. */
export function isBefore(
  a: readonly (number | string)[],
  b: readonly (number | string)[],
): boolean {
  for (let i = 0; i < a.length; i++) {
    const [mine, theirs] = [a[i] ?? "", b[i] ?? ""];
    if (mine !== theirs) return mine < theirs;
  }
  return false;
}

/** The jobs of a state, or all, in their order, behind a place. */
export function inOrder(all: State, state: string | undefined, after?: Place): Job[] {
  const found: [Place, Job][] = [];
  for (const job of all.jobs.values()) {
    if (state !== undefined && job.state !== state) continue;
    const place = placeIn(state, job);
    if (after === undefined || isBefore(after, place)) found.push([place, job]);
  }
  return found.sort(([a], [b]) => (isBefore(a, b) ? -1 : 1)).map(([, job]) => job);
}

/** Whether a job has a label: `name` or `name:value`. */
export function hasLabel(job: Job, label: string): boolean {
  const [name = "", value] = label.split(":");
  const own = job.labels?.[name];
  return own !== undefined && (value === undefined || own === value);
}

type Counts = Record<JobState, number>;
const noCounts: Readonly<Counts> = {
  ...{ blocked: 0, scheduled: 0, ready: 0, running: 0 },
  ...{ completed: 0, failed: 0, cancelled: 0, expired: 0 },
};

const bytesOf = (...texts: readonly (string | undefined)[]): number =>
  texts.reduce((sum, text = "") => sum + Buffer.byteLength(text), 0);

/** How many jobs are in each state, and the bytes that they, the reports of their tasks and plans hold. */
export function countsOf({ jobs, plans }: State): { counts: Counts; bytes: number } {
  const counts = { ...noCounts };
  let bytes = 0;
  for (const job of jobs.values()) {
    counts[job.state] += 1;
    bytes += bytesOf(job.payload, job.result);
    const reports = job.reports === undefined ? [] : Object.values(job.reports);
    for (const { stdout, stderr } of reports) bytes += bytesOf(stdout, stderr);
  }
  for (const { versions } of plans.values()) {
    for (const { body } of versions) bytes += bytesOf(body);
  }
  return { counts, bytes };
}

/** The jobs of an action that are kept, in the order of its inputs. */
export function jobsOfAction({ jobs }: State, action: string): Job[] {
  const own = [...jobs.values()].filter((job) => job.action === action);
  return own.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** An action as it is read. */
export function actionRecord(state: State, id: string): { readonly counts: Readonly<Counts> } {
  const action = state.actions.get(id);
  if (action === undefined) throw new Error(`the model has lost action ${id}`);
  const { plan, planVersion, ended, round, total, schedule, slotAt, createdAt } = action;
  const counts = { ...noCounts };
  for (const job of state.jobs.values()) if (job.action === id) counts[job.state] += 1;
  return defined({
    ...{ id, plan, planVersion, round, total, counts, schedule, slotAt, createdAt },
    status: ended?.status ?? "running",
    endedAt: ended?.at,
  });
}

/** The sets of kind and requirements that open jobs have, but the plain one. */
export function setsOf({ jobs }: State): Set<string> {
  const sets = new Set<string>();
  for (const job of jobs.values()) if (!isEnded(job.state)) sets.add(setOf(job));
  sets.delete(setOf({ kind: "payload" }));
  return sets;
}

export const setOf = ({ kind, requires = [] }: Pick<Job, "kind" | "requires">): string =>
  JSON.stringify([kind, requires]);
