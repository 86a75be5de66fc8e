/**
 * Whether an instance has of plans, tasks, actions, workers and schedules what the model has, and what that implies.
 * Invariant: every row of their tables is compared, after every step; what follows from jobs is recounted.
 */
import type { SluiceStore } from "../../src/store/schema.ts";
import { endedTotal, heldBy, holderOf, nextDueAt, workerDueAt } from "./model/due.ts";
import { isKeptForOthers, parentsOf } from "./model/kin.ts";
import { useOf } from "./model/plans.ts";
import { actionRecord } from "./model/show.ts";
import { isEnded, type State } from "./model/state.ts";
import { demand, same } from "./violation.ts";

type Rows = readonly (readonly [key: readonly unknown[], row: object])[];

/** Rows in memory may have fields that are undefined; stored ones do not. */
const asStored = (rows: Rows): unknown => JSON.parse(JSON.stringify(rows.toSorted(byKey)));

const byKey = ([a]: Rows[number], [b]: Rows[number]): number => {
  const i = a.findIndex((part, at) => part !== b[at]);
  return (a[i] as string) < (b[i] as string) ? -1 : 1;
};

const names = [
  ...(["plans", "plan_versions", "tasks", "actions", "ended_actions"] as const),
  ...(["workers", "held", "worker_due", "schedules", "schedule_due"] as const),
];

/** An action that is needed by no jobs any more is as one that never was. */
const withoutZero = ([key, row]: Rows[number]): Rows[number] => {
  const { parents } = row as { readonly parents?: number };
  return parents === 0 ? [key, { ...row, parents: undefined }] : [key, row];
};

/** Compares every row. */
export function checkNouns({ tables }: SluiceStore, state: State): void {
  const expected = rowsOf(state);
  for (const name of names) {
    const found: Rows = [...tables[name].scan({})].map(withoutZero);
    const rows = expected[name];
    if (found.length === 0 && rows.length === 0) continue;
    same("I11", `the rows of ${name}`, asStored(found), asStored(rows));
  }
}

/** What should stand in each table. */
function rowsOf(state: State): Readonly<Record<(typeof names)[number], Rows>> {
  const { jobs, plans, actions, workers, schedules } = state;
  const all = [...jobs.values()];
  return {
    plans: [...plans].map(([id, { versions: _, ...plan }]) => [
      [id],
      { ...plan, ...useOf(state, id) },
    ]),
    plan_versions: [...plans].flatMap(([id, { versions }]) =>
      versions.map(({ version, ...row }) => [[id, version], row]),
    ),
    tasks: all.flatMap(({ id, reports = {} }) =>
      Object.entries(reports).map(([task, row]) => [[id, Number(task)], row]),
    ),
    actions: [...actions].map(([id, action]) => {
      const { counts } = actionRecord(state, id);
      const named = parentsOf(state);
      const own = [...jobs.values()].filter((job) => job.action === id && named.has(job.id));
      return [[id], { ...action, counts, parents: own.length || undefined }];
    }),
    ended_actions: [...actions].flatMap(([id, { ended }]) =>
      ended === undefined || isKeptForOthers(state, id)
        ? []
        : [[[ended.status, ended.shelvedAt ?? ended.at, id], {}]],
    ),
    workers: [...workers].map(([name, worker]) => [
      [name],
      { ...worker, running: heldBy(state, name).length },
    ]),
    held: all.flatMap((job) => {
      const holder = holderOf(job);
      return holder === undefined ? [] : [[[holder, job.id], {}]];
    }),
    worker_due: [...workers].map(([name, worker]) => [
      [workerDueAt(state, name, worker), name],
      {},
    ]),
    schedules: [...schedules].map(([id, schedule]) => [[id], schedule]),
    schedule_due: [...schedules].flatMap(([id, { nextAt }]) =>
      nextAt === undefined ? [] : [[[nextAt, id], {}]],
    ),
  };
}

/** What is counted of actions, workers and schedules. */
export function countsOfNouns(state: State): object {
  const { jobs, workers, schedules } = state;
  const counts = { action_completed: 0, action_failed: 0, action_cancelled: 0, action_expired: 0 };
  for (const job of jobs.values()) {
    if (job.action !== undefined && isEnded(job.state)) counts[`action_${job.state}`] += 1;
  }
  const ends = ["completed", "failed", "cancelled"] as const;
  const totals = ends.map((status) => [`ended_${status}`, endedTotal(state, status)]);
  return {
    ...counts,
    ...Object.fromEntries(totals),
    workers: workers.size,
    schedules: schedules.size,
  };
}

/** I9: the alarm stands at the first thing that time does, or before. */
export function checkAlarm(state: State, armedAt: number | null, now: number): void {
  if (state.queue === undefined) return;
  const due = Math.max(nextDueAt(state, state.at) ?? Infinity, now);
  demand((armedAt ?? Infinity) <= due, "I9", "the alarm is late", armedAt, due);
}

/** I8: a slot has made one job or one action, told from the jobs alone. */
export function checkSlots({ tables }: SluiceStore): void {
  const makers = new Map<string, string>();
  for (const [[id], { schedule, slotAt, action }] of tables.jobs.scan({})) {
    if (schedule === undefined || slotAt === undefined) continue;
    const owner = action ?? id;
    const slot = `${schedule} ${slotAt}`;
    const other = makers.get(slot) ?? owner;
    demand(other === owner, "I8", `slot ${slotAt} of ${schedule} was fired twice`, other, owner);
    makers.set(slot, owner);
  }
}
