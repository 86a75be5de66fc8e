/**
 * Verifying the state tables of a snapshot, row by row, by plain recounting and by looking up what a row names.
 * Invariant: it shares nothing with the writers it checks, and what it must remember between two steps is small.
 */
import type { VerifyProblem } from "../contract/queue.ts";
import type { ActionRow } from "../store/actions.ts";
import { LogCorrupt } from "../store/chain.ts";
import type { EdgeRow } from "../store/flows.ts";
import type { GenerationRow } from "../store/generations.ts";
import type { JobPointer } from "../store/jobs.ts";
import type { KeyRow, RoundRow } from "../store/keys.ts";
import type { LaneRow } from "../store/lanes.ts";
import type { KeyspaceRow } from "../store/names.ts";
import type { OperationRow } from "../store/operations.ts";
import type { PlanRow } from "../store/plans.ts";
import type { Counters, QueueRow } from "../store/queue.ts";
import type { ScheduleRow } from "../store/schedules.ts";
import type { TimerRow } from "../store/timers.ts";
import type { UniqueRow } from "../store/uniques.ts";
import type { WorkerRow } from "../store/workers.ts";
import { verifyAction } from "./verify-actions.ts";
import { verifyEdge, verifyUnique } from "./verify-flows.ts";
import { verifyJob, verifyJobText } from "./verify-jobs.ts";
import { verifyKey, verifyReady, verifyRound, verifyTimer, verifyTurn } from "./verify-keys.ts";
import {
  verifyElement,
  verifyGeneration,
  verifyKeyspace,
  verifyListItem,
  verifyLongString,
  verifyName,
  verifyRemoval,
} from "./verify-names.ts";
import { verifyPlan, verifyPlanVersion, verifyTask } from "./verify-plans.ts";
import {
  verifyCounters,
  verifyLane,
  verifyOperation,
  verifyQueue,
  verifyWorker,
} from "./verify-queue.ts";
import { verifySchedule } from "./verify-schedules.ts";
import {
  add,
  type FindRow,
  RowCheck,
  type RowPlace,
  type VerifiedRow,
  type VerifyState,
} from "./verify-state.ts";

/** Takes a row in; what is wrong with it by itself is a problem, also that it has not the shape of a row of its table. */
export function verifyRow(state: VerifyState, row: VerifiedRow, find: FindRow): VerifyProblem[] {
  const check = new RowCheck(state, find, row);
  checkOrder(check, row);
  try {
    checks[row.table]?.(check, row);
  } catch (fault) {
    if (fault instanceof LogCorrupt) throw fault;
    check.expect(false, "I11", `the row cannot be read (${fault})`);
  }
  return check.problems;
}

/** Longer parts of keys do not travel in a cursor, nor those that base64 does not take. */
const travelling = /^[ -~]{0,200}$/;

/** Rows stand in the order of tables and keys: what is looked up is found, and no row is there twice. */
function checkOrder(check: RowCheck, { table, key }: VerifiedRow): void {
  const { before } = check;
  const isInOrder = before === undefined || isBehind({ table, key }, before);
  check.expect(isInOrder, "I11", "it does not stand behind the row before it");
  const isTravelling = key.every((part) => travelling.test(JSON.stringify(part)));
  check.state.before = isTravelling ? { table, key } : undefined;
}

function isBehind({ table, key }: RowPlace, before: RowPlace): boolean {
  if (table !== before.table) return table > before.table;
  for (const [i, part] of key.entries()) {
    const other = before.key[i];
    if (part !== other) return other !== undefined && part > other;
  }
  return false;
}

type Check = (check: RowCheck, row: VerifiedRow) => void;

/** A table whose rows say all in their keys. */
const keyed: Check = ({ state }, { table, key }) => {
  add(state.found[table as keyof VerifyState["found"]], key);
};

/** A table whose rows are places of jobs. */
const pointing: Check = ({ state }, { table, key, value }) => {
  add(state.found[table as keyof VerifyState["found"]], [...key, (value as JobPointer).id]);
};

/** How the rows of each table are checked. */
const checks: Readonly<Record<string, Check>> = {
  actions: (check, { key, value }) => verifyAction(check, String(key[0]), value as ActionRow),
  blocked: pointing,
  counters: (check, { value }) => verifyCounters(check, value as Counters),
  deadlines: keyed,
  edges: (check, { key, value }) => verifyEdge(check, key, value as EdgeRow),
  ended_actions: keyed,
  finished: keyed,
  generations: (check, { key, value }) =>
    verifyGeneration(check, Number(key[0]), value as GenerationRow),
  hash_fields: verifyElement("hash"),
  held: keyed,
  job_texts: verifyJobText,
  jobs: verifyJob,
  keys: (check, { key, value }) => verifyKey(check, String(key[0]), value as KeyRow),
  keyspace: (check, { value }) => verifyKeyspace(check, value as KeyspaceRow),
  lane_index: ({ state }, { key, value }) => {
    add(state.found.lane_index, [...key, (value as { readonly lane: number }).lane]);
  },
  lanes: (check, { key, value }) => verifyLane(check, Number(key[0]), value as LaneRow),
  leases: pointing,
  list_items: (check, { key }) => verifyListItem(check, key),
  long_strings: verifyLongString,
  name_expiries: keyed,
  name_removals: (check, { value }) =>
    verifyRemoval(check, (value as { readonly version: number }).version),
  names: verifyName,
  operations: (check, { key, value }) =>
    verifyOperation(check, Number(key[0]), value as OperationRow),
  plan_versions: verifyPlanVersion,
  plans: (check, { key, value }) => verifyPlan(check, String(key[0]), value as PlanRow),
  queue: (check, { value }) => verifyQueue(check, value as QueueRow),
  ready: verifyReady,
  rounds: (check, { key, value }) => verifyRound(check, key, value as RoundRow),
  schedule_due: keyed,
  scheduled: pointing,
  schedules: (check, { key, value }) => verifySchedule(check, String(key[0]), value as ScheduleRow),
  set_members: verifyElement("set"),
  tasks: verifyTask,
  timers: (check, { key, value }) => verifyTimer(check, key, value as TimerRow),
  turns: (check, { key, value }) => verifyTurn(check, key, (value as { readonly key: string }).key),
  uniques: (check, { key, value }) => verifyUnique(check, String(key[0]), value as UniqueRow),
  waits: keyed,
  worker_due: keyed,
  workers: (check, { key, value }) => verifyWorker(check, String(key[0]), value as WorkerRow),
  zset_members: verifyElement("zset"),
  zset_scores: keyed,
};
