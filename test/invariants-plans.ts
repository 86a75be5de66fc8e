/**
 * The invariants of plans, actions, tasks, workers and schedules, checked by plain recounting.
 * Invariant: nothing here shares code with the writers it checks.
 */
import { limits } from "../src/contract/limits.ts";
import type { ActionRow } from "../src/store/actions.ts";
import type { JobRow } from "../src/store/jobs.ts";
import type { SluiceTables } from "../src/store/schema.ts";
import type { WorkerRow } from "../src/store/workers.ts";
import { fail, same } from "./differences.ts";

type Jobs = ReadonlyMap<string, JobRow>;
const ended = ["completed", "failed", "cancelled", "expired"];
const isEnded = (job: JobRow): boolean => ended.includes(job.state);
const bytesOf = (...texts: (string | undefined)[]) =>
  texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ""), 0);
const sorted = (rows: readonly unknown[]) => rows.map((each) => JSON.stringify(each)).sort();

/** What jobs of plans are counted as besides their state: by which counter, and how much. */
export function countedOfPlans(tables: SluiceTables, jobs: Jobs): Record<string, number> {
  const counted: Record<string, number> = { bytes: 0 };
  const add = (name: string, count: number) => {
    counted[name] = (counted[name] ?? 0) + count;
  };
  for (const job of jobs.values()) {
    if (job.action !== undefined && isEnded(job)) add(`action_${job.state}`, 1);
  }
  for (const [, { ended: end, total }] of tables.actions.scan({})) {
    if (end !== undefined) add(`ended_${end.status}`, total);
  }
  for (const [, { body }] of tables.plan_versions.scan({})) add("bytes", bytesOf(body));
  for (const [, { stdout, stderr }] of tables.tasks.scan({})) add("bytes", bytesOf(stdout, stderr));
  for (const _ of tables.workers.scan({})) add("workers", 1);
  for (const _ of tables.schedules.scan({})) add("schedules", 1);
  return counted;
}

/** Checks the tables of plans, actions, tasks and workers against the jobs. */
export function checkPlanTables(tables: SluiceTables, jobs: Jobs): void {
  checkActions(tables, jobs);
  checkPlans(tables, jobs);
  checkTasks(tables, jobs);
  checkWorkers(tables, jobs);
  checkSchedules(tables);
}

function checkSchedules(tables: SluiceTables): void {
  const rows = [...tables.schedules.scan({})];
  const due = rows.flatMap(([[id], { nextAt }]) => (nextAt === undefined ? [] : [[nextAt, id]]));
  const found = [...tables.schedule_due.scan({})].map(([key]) => key);
  same("I8", "schedules stand in the order of their slots", sorted(found), sorted(due));
  const uses = new Map<string, number>();
  for (const [, { definition }] of rows) {
    const used = definition.action?.plan ?? definition.job?.plan;
    if (used !== undefined) uses.set(used, (uses.get(used) ?? 0) + 1);
  }
  for (const [[id], row] of tables.plans.scan({})) {
    same("I8", `the schedules that use plan ${id}`, row.schedules, uses.get(id) ?? 0);
  }
}

/** How bad each status is: of an action's jobs, the worst end is its status. */
const severity = { completed: 0, cancelled: 1, failed: 2, expired: 2 } as const;
const statuses = ["completed", "cancelled", "failed"];

function checkActions(tables: SluiceTables, jobs: Jobs): void {
  const rows = new Map([...tables.actions.scan({})].map(([[id], row]) => [id, row]));
  const ofAction = new Map<string, JobRow[]>([...rows.keys()].map((id) => [id, []]));
  for (const [id, job] of jobs) {
    if (job.action === undefined) continue;
    const row = rows.get(job.action);
    if (row === undefined) fail("I12", `job ${id} is of action ${job.action}, which is not kept`);
    const isWithin = id >= row.firstJob && id <= row.lastJob;
    if (!isWithin) fail("I12", `job ${id} is not within its action`, job.action);
    same("I12", `job ${id} is of its action's plan`, plan(job), plan(row));
    ofAction.get(job.action)?.push(job);
  }
  for (const [id, row] of rows) checkAction(id, row, ofAction.get(id) ?? []);
  // One that is kept for others stands nowhere, and behind its end where it was.
  const ends = [...rows].flatMap(([id, { ended: end, parents }]) =>
    end === undefined || parents ? [] : [[end.status, end.shelvedAt ?? end.at, id]],
  );
  const found = [...tables.ended_actions.scan({})].map(([key]) => key);
  same("I12", "ended actions stand in the order of their ends", sorted(found), sorted(ends));
}

const plan = (of: { plan?: string | undefined; planVersion?: number | undefined }) => [
  of.plan,
  of.planVersion,
];

function checkAction(id: string, row: ActionRow, jobs: readonly JobRow[]): void {
  const counts: Record<string, number> = {};
  for (const state of ["blocked", "scheduled", "ready", "running", ...ended]) counts[state] = 0;
  for (const { state } of jobs) counts[state] = (counts[state] ?? 0) + 1;
  same("I12", `action ${id} counts its jobs`, row.counts, counts);
  if (jobs.length > row.total) fail("I12", `action ${id} has too many jobs`, jobs.length);
  const isOpen = jobs.some((job) => !isEnded(job));
  if (isOpen === (row.ended !== undefined)) fail("I12", `action ${id}: its end is wrong`, row);
  if (isOpen && jobs.length < row.total && row.round === 1) {
    fail("I12", `action ${id} has lost jobs while it ran`, jobs.length, row.total);
  }
  if (row.ended === undefined) return;
  const worst = Math.max(0, ...jobs.map((job) => severity[job.state as keyof typeof severity]));
  const is = statuses.indexOf(row.ended.status);
  // Jobs that were removed since may have been the worst ones.
  const isRight = jobs.length === row.total ? is === worst : is >= worst;
  if (!isRight) fail("I12", `action ${id} has another status than its jobs imply`, row);
}

function checkPlans(tables: SluiceTables, jobs: Jobs): void {
  const open = new Map<string, number>();
  const kept = new Map<string, number>();
  for (const [id, { plan: name, planVersion = 0, ...job }] of jobs) {
    if (name === undefined) continue;
    kept.set(name, (kept.get(name) ?? 0) + 1);
    if (isEnded(job as JobRow)) continue;
    open.set(name, (open.get(name) ?? 0) + 1);
    const version = tables.plan_versions.get([name, planVersion]);
    if (version === undefined) fail("I12", `job ${id} is of a plan that is not kept`, name);
    const needs = version.commands.every((command) => job.requires?.includes(command));
    if (!needs) fail("I12", `job ${id} does not require its plan's commands`, job.requires);
  }
  const versions = new Map<string, { readonly version: number; readonly parent: unknown }[]>();
  for (const [[id, version], { parent }] of tables.plan_versions.scan({})) {
    versions.set(id, [...(versions.get(id) ?? []), { version, parent }]);
  }
  for (const [[id], row] of tables.plans.scan({})) {
    same("I12", `plan ${id} counts its open jobs`, row.open, open.get(id) ?? 0);
    if (row.jobs < (kept.get(id) ?? 0)) fail("I12", `plan ${id} has more jobs than it counts`);
    const own = versions.get(id) ?? [];
    versions.delete(id);
    open.delete(id);
    if (row.removedAt !== undefined) {
      same("I12", `plan ${id} is gone, and its versions`, [own, row.open], [[], 0]);
      continue;
    }
    same("I12", `the newest version of plan ${id}`, own.at(-1)?.version, row.latest);
    const lineage = own.map(({ version }, i) => ({ version, parent: own[i - 1]?.version }));
    same("I12", `the versions of plan ${id} descend from one another`, own, lineage);
  }
  same("I12", "every version is of a plan", [...versions], []);
  same("I12", "every job is of a plan", [...open], []);
}

function checkTasks(tables: SluiceTables, jobs: Jobs): void {
  for (const [[id, task], row] of tables.tasks.scan({})) {
    const job = jobs.get(id);
    if (job?.plan === undefined) fail("I12", `a task is of job ${id}, which is not kept`, task);
    const isKnown = row.run < job.run || (row.run === job.run && row.delivery <= job.deliveries);
    if (!isKnown) fail("I12", `a task of job ${id} is of the future`, row, job);
    const most = bytesOf(row.stdout) <= 65_536 && bytesOf(row.stderr) <= 65_536;
    if (!most) fail("I12", `a task of job ${id} has a longer output than is kept`);
  }
}

/** When time next does something to a worker: it dies, its leases end, it is forgotten. */
function dueAt(worker: WorkerRow, running: number): number {
  if (worker.leftAt !== undefined) return worker.leftAt;
  if (worker.diedAt === undefined) return worker.seenAt + Math.ceil((worker.ttlMs * 3) / 2);
  return running > 0 ? worker.diedAt : worker.diedAt + limits.deadWorkerKeptMs;
}

function checkWorkers(tables: SluiceTables, jobs: Jobs): void {
  const held = [...jobs].flatMap(([id, job]) =>
    job.state === "running" && job.tracked ? [[job.worker ?? "", id] as const] : [],
  );
  const found = [...tables.held.scan({})].map(([key]) => key);
  same("I12", "what workers hold is what jobs say", sorted(found), sorted(held));
  const due: unknown[] = [];
  const names = new Set<string>();
  for (const [[name], row] of tables.workers.scan({})) {
    const running = held.filter(([worker]) => worker === name).length;
    same("I12", `worker ${name} counts what it holds`, row.running, running);
    due.push([dueAt(row, running), name]);
    names.add(name);
  }
  for (const [worker, id] of held) {
    if (!names.has(worker)) fail("I12", `job ${id} is held by ${worker}, which is not kept`);
  }
  const rows = [...tables.worker_due.scan({})].map(([key]) => key);
  same("I12", "every worker is due once", sorted(rows), sorted(due));
}

/** When time next does something to workers and to ended actions; `at` is the time of the last entry. */
export function earliestOfPlans(tables: SluiceTables, at: number): number {
  const { retention } = tables.queue.get([0])?.config ?? {};
  let earliest = Infinity;
  for (const [[name], row] of tables.workers.scan({})) {
    const running = [...tables.held.scan({ prefix: [name] })].length;
    earliest = Math.min(earliest, dueAt(row, running));
  }
  const totals = new Map<string, number>();
  const all = [...tables.actions.scan({})].map(([, row]) => row);
  for (const { ended: end, total } of all) {
    if (end !== undefined) totals.set(end.status, (totals.get(end.status) ?? 0) + total);
  }
  for (const { ended: end, parents } of all) {
    // Those that are kept for others count too, but do not go.
    if (end === undefined || parents || retention === undefined) continue;
    const { ageMs, count } = retention[end.status];
    const isOver = (totals.get(end.status) ?? 0) > count;
    earliest = Math.min(earliest, isOver ? at : (end.shelvedAt ?? end.at) + ageMs);
  }
  return earliest;
}
