/**
 * Where actions are kept, with the number of their jobs in each state.
 * Invariant: every job of an action has its action's row, whose counters equal a recount of them.
 */
import type { EndStatus } from "../contract/actions.ts";
import { type EndState, isEndState, type JobState } from "../contract/fields.ts";
import { declareTable } from "./declare.ts";
import type { JobRow } from "./jobs.ts";
import { ascii, integer } from "./key-columns.ts";
import { editCounters } from "./queue.ts";
import type { SluiceTables } from "./schema.ts";

export interface ActionRow {
  readonly plan: string;
  readonly planVersion: number;
  /** Its jobs have ids from the first to the last, in the order of its inputs. */
  readonly firstJob: string;
  readonly lastJob: string;
  readonly total: number;
  readonly round: number;
  readonly createdAt: number;
  readonly fingerprint?: string | undefined;
  readonly schedule?: string | undefined;
  readonly slotAt?: number | undefined;
  /** Jobs that are kept, by state. */
  readonly counts: Readonly<Record<JobState, number>>;
  /** Jobs of it that others, which are open, wait for or did: it is kept for them. */
  readonly parents?: number | undefined;
  /** Set once no job is open. */
  readonly ended?: {
    readonly at: number;
    readonly status: EndStatus;
    /** When its retention began, where that was not at its end. */
    readonly shelvedAt?: number | undefined;
  };
}

export const actions = declareTable<ActionRow>()({
  name: "actions",
  version: 1,
  key: [ascii("id")],
  valueBytesMax: 2000,
});
/** Ended actions by how they ended, in the order of their ends. */
export const ended_actions = declareTable<object>()({
  name: "ended_actions",
  version: 1,
  key: [ascii("status"), integer("ended_at"), ascii("id")],
  valueBytesMax: 10,
});

/** Of an action that has no jobs yet. */
export const noCounts: Readonly<Record<JobState, number>> = {
  blocked: 0,
  scheduled: 0,
  ready: 0,
  running: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
};

/** Jobs of an action that have not ended. */
export const openJobsOf = ({ counts }: Pick<ActionRow, "counts">): number =>
  counts.blocked + counts.scheduled + counts.ready + counts.running;

/** Counts the jobs of an action, and those of all actions that have ended. */
export function countInAction(
  tables: SluiceTables,
  at: number,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  const id = (after ?? before)?.action;
  if (id === undefined) return;
  const parents = Number((after?.dependents ?? 0) > 0) - Number((before?.dependents ?? 0) > 0);
  if (parents !== 0) countParents(tables, at, id, parents);
  if (before?.state === after?.state) return;
  const row = tables.actions.get([id]);
  if (row === undefined) throw new Error(`a job is of action ${id}, which is not kept`);
  const counts = { ...row.counts };
  if (before !== undefined) counts[before.state] -= 1;
  if (after !== undefined) counts[after.state] += 1;
  tables.actions.put([id], { ...row, counts });
  const counters = editCounters(tables);
  if (before !== undefined && isEndState(before.state)) counters[keptBy(before.state)] -= 1;
  if (after !== undefined && isEndState(after.state)) counters[keptBy(after.state)] += 1;
}

/** An ended action goes on being kept while any of its jobs is for others, and its retention begins when none is. */
function countParents(tables: SluiceTables, at: number, id: string, change: number): void {
  const row = tables.actions.get([id]);
  if (row === undefined) throw new Error(`a job is of action ${id}, which is not kept`);
  const after = { ...row, parents: (row.parents ?? 0) + change };
  if (row.ended !== undefined) unshelve(tables, id, row);
  tables.actions.put(
    [id],
    row.ended === undefined ? after : shelve(tables, id, after, row.ended, at),
  );
}

/** Begins the retention of an ended action that no job is kept of for others. Returns its row. */
export function shelve(
  tables: SluiceTables,
  id: string,
  row: ActionRow,
  ended: NonNullable<ActionRow["ended"]>,
  at: number,
): ActionRow {
  if (row.parents) return { ...row, ended };
  tables.ended_actions.insert([ended.status, at, id], {});
  return { ...row, ended: { ...ended, ...(at > ended.at && { shelvedAt: at }) } };
}

/** Ends the retention of an ended action, if it has begun. */
export function unshelve(tables: SluiceTables, id: string, { ended, parents }: ActionRow): void {
  if (ended === undefined || parents) return;
  tables.ended_actions.remove([ended.status, ended.shelvedAt ?? ended.at, id]);
}

/** The counter of the ended jobs of one state that are kept because of their action. */
export const keptBy = <S extends EndState>(state: S): `action_${S}` => `action_${state}`;

/** The counter of the jobs that ended actions of one status were made of: they go all together, so they count until then. */
export const endedBy = <S extends EndStatus>(status: S): `ended_${S}` => `ended_${status}`;
