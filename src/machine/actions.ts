/**
 * What submitting, cancelling and retrying an action mean: one plan on many inputs, as one.
 * Invariant: an action is taken whole or not at all; its status follows from its counters.
 */
import type { ActionRecord, SubmitActionInput, SubmitActionReply } from "../contract/actions.ts";
import { isEndState, utf8Bytes } from "../contract/fields.ts";
import { actionId, isGenerated, jobIds } from "../contract/ids.ts";
import { isRefusal, type Refusal, refuse } from "../contract/refusals.ts";
import { type ActionRow, openJobsOf } from "../store/actions.ts";
import { requirements } from "../store/lanes.ts";
import { jobsOf } from "./action-jobs.ts";
import { pageOf } from "./cursors.ts";
import { countersOf, type Decide, type Read, type Transaction, type View } from "./decide.ts";
import { jobAsOfNow, settleDue } from "./due.ts";
import { laneFor, type OfSchedule, runAgain } from "./jobs.ts";
import { mismatch, runnable, versionOf } from "./plans.ts";
import { whyFull, whyKeyFull } from "./room.ts";

const actionUnknown = (id: string): Refusal =>
  refuse("action_unknown", `There is no action ${id}: it was never here, or was removed.`, { id });

/** An action as the API shows it. */
export function toRecord(id: string, row: ActionRow): ActionRecord {
  const { plan, planVersion, round, total, counts, schedule, slotAt, createdAt, ended } = row;
  return {
    id,
    plan,
    planVersion,
    status: ended?.status ?? "running",
    round,
    total,
    counts,
    ...(schedule !== undefined && { schedule }),
    ...(slotAt !== undefined && { slotAt }),
    createdAt,
    ...(ended !== undefined && { endedAt: ended.at }),
  };
}

export const submitAction: Decide<"action.submit"> = (tx, input) => submit(tx, input);

/** Submits an action, for a schedule perhaps. */
export function submit(
  tx: Transaction,
  input: SubmitActionInput,
  of?: OfSchedule,
): SubmitActionReply | Refusal {
  const seq = countersOf(tx).action + 1;
  const { action: id = actionId(tx.identity, seq) } = input;
  const repeat = findRepeat(tx, input);
  if (repeat !== undefined) return repeat;
  const found = runnable(tx, input.id, input.version);
  if (isRefusal(found)) return found;
  const { version, row } = found;
  const inputs = input.inputs.length === 0 ? ["null"] : input.inputs;
  const wrong = mismatch(found, inputs, (index) => `/inputs/${index}`);
  if (wrong !== undefined) return wrong;
  const bytes = inputs.reduce((sum, text) => sum + utf8Bytes(text), 0);
  const full = whyKeyFull(tx, input.key, inputs.length) ?? whyFull(tx, inputs.length, bytes);
  if (full !== undefined) return full;
  const requires = requirements(row.commands, input.requires);
  const lanes = laneFor(tx, { key: input.key, kind: "plan", requires });
  if (isRefusal(lanes)) return lanes;
  const jobs = take(tx, { id, seq, lanes, planVersion: version, of }, { ...input, inputs });
  return replyWith(tx, id, jobs);
}

/** The answer to an action whose id is here already. */
function findRepeat(tx: Transaction, { action: id, id: plan, fingerprint }: SubmitActionInput) {
  if (id === undefined) return undefined;
  if (isGenerated(tx.identity, id)) {
    return refuse("action_exists", `The queue itself makes ids like ${id}. Choose another id.`, {
      id,
    });
  }
  const row = tx.tables.actions.get([id]);
  if (row === undefined) return undefined;
  if (row.plan === plan && row.fingerprint === fingerprint) {
    const jobs = [...jobsOf(tx, id, row)];
    return { ...replyWith(tx, id, jobs), deduplicated: true as const };
  }
  return refuse("action_exists", `Action ${id} exists with other content. Choose another id.`, {
    id,
  });
}

/** What was decided of an action before it is taken. */
interface Taken {
  readonly id: string;
  readonly seq: number;
  readonly lanes: { readonly lane: number; readonly set?: number };
  readonly planVersion: number;
  readonly of: OfSchedule | undefined;
}

/** Takes the action and its jobs. Returns their ids. */
function take(tx: Transaction, taken: Taken, input: SubmitActionInput): string[] {
  const { of, lanes, ...known } = taken;
  const { id: plan, inputs, action: _, version: __, fingerprint, delayMs, ...said } = input;
  const firstSeq = countersOf(tx).seq + 1;
  const { queueId, term } = tx.identity;
  const due = said.runAt ?? (delayMs === undefined ? undefined : tx.at + delayMs);
  const { runAt: ___, ...options } = said;
  tx.emit("action.submitted", {
    ...known,
    ...of,
    plan,
    jobIds: [queueId, term],
    firstSeq,
    inputs: inputs.join(""),
    lengths: inputs.map(({ length }) => length),
    ...(fingerprint !== undefined && { fingerprint }),
    options: { ...options, ...lanes, ...(due !== undefined && due > tx.at && { runAt: due }) },
  });
  const idOf = jobIds(tx.identity);
  return inputs.map((_input, index) => idOf(firstSeq + index));
}

function rowOf(view: View, id: string): ActionRow | Refusal {
  return view.tables.actions.get([id]) ?? actionUnknown(id);
}

function recordOf(view: View, id: string): ActionRecord {
  const row = view.tables.actions.get([id]);
  if (row === undefined) throw new Error(`action ${id} vanished in its own command`);
  return toRecord(id, row);
}

const replyWith = (tx: Transaction, id: string, jobs: readonly string[]) => ({
  now: tx.at,
  action: recordOf(tx, id),
  jobs,
});

export const cancelAction: Decide<"action.cancel"> = (tx, { id, reason }) => {
  const row = rowOf(tx, id);
  if (isRefusal(row)) return row;
  const changed = cancelJobsOf(tx, id, reason);
  return { now: tx.at, action: recordOf(tx, id), changed };
};

/** Whether any job of an action is open as of now, whatever of that is visible. */
export function isActionOpen(tx: Transaction, id: string): boolean {
  const row = tx.tables.actions.get([id]);
  if (row === undefined || row.ended !== undefined) return false;
  for (const job of [...jobsOf(tx, id, row)]) {
    const state = jobAsOfNow(tx, job)?.state;
    if (state !== undefined && !isEndState(state)) return true;
  }
  return false;
}

/** Cancels the open jobs of an action, if it is there. Returns how many that were. */
export function cancelJobsOf(tx: Transaction, id: string, reason: string | undefined): number {
  const row = tx.tables.actions.get([id]);
  if (row === undefined || openJobsOf(row) === 0) return 0;
  let changed = 0;
  for (const job of [...jobsOf(tx, id, row)]) {
    settleDue(tx, job);
    const state = tx.tables.jobs.get([job])?.state;
    if (state === undefined || isEndState(state)) continue;
    tx.emit("job.cancelled", { id: job, ...(reason !== undefined && { reason }) });
    changed += 1;
  }
  return changed;
}

export const retryAction: Decide<"action.retry"> = (tx, { id }) => {
  const row = rowOf(tx, id);
  if (isRefusal(row)) return row;
  const plan = versionOf(tx, row.plan, row.planVersion);
  if (isRefusal(plan)) return plan;
  let changed = 0;
  for (const jobId of [...jobsOf(tx, id, row)]) {
    settleDue(tx, jobId);
    const job = tx.tables.jobs.get([jobId]);
    if (job?.state !== "failed" && job?.state !== "expired") continue;
    // One that is past its deadline stays as it ended.
    const refusal = runAgain(tx, jobId, job);
    if (refusal === undefined) changed += 1;
    else if (refusal.refusalCode === "requires_limit") return refusal;
  }
  return { now: tx.at, action: recordOf(tx, id), changed };
};

export const getAction: Read<"action.get"> = (view, { id }) => {
  const row = rowOf(view, id);
  return isRefusal(row) ? row : { now: view.at, action: toRecord(id, row) };
};

export const listActions: Read<"action.list"> = (view, { status, plan, limit, cursor }) => {
  const page = pageOf(view, {
    list: `actions ${status ?? ""} ${plan ?? ""}`,
    cursor,
    limit,
    rows: (after) => view.tables.actions.scan(after === undefined ? {} : { after: [after] }),
    show: (id, row) => {
      const record = toRecord(id, row);
      const isMeant = status === undefined || record.status === status;
      return isMeant && (plan === undefined || row.plan === plan) ? record : undefined;
    },
  });
  if (isRefusal(page)) return page;
  const { items: actions, cursor: next } = page;
  return { now: view.at, actions, ...(next !== undefined && { cursor: next }) };
};
