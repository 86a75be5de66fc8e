/**
 * What schedules mean: when they are due, what a slot makes, and what becomes of slots that were missed.
 * Invariant: a slot that came due is passed exactly once, in the entry that makes what it makes.
 */
import type { CommandName } from "../contract/commands.ts";
import type { EventFacts } from "../contract/events.ts";
import { isEndState, utf8Bytes } from "../contract/fields.ts";
import { matcher } from "../contract/glob.ts";
import type { JobReference } from "../contract/jobs.ts";
import { limits } from "../contract/limits.ts";
import { isRefusal, type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandRequest } from "../contract/rpc.ts";
import type { ScheduleDefinition, ScheduleRecord } from "../contract/schedules.ts";
import type { ScheduleRow } from "../store/schedules.ts";
import { canonical } from "../store/snapshot-rows.ts";
import { cancelJobsOf, isActionOpen, submit } from "./actions.ts";
import { pageOf } from "./cursors.ts";
import { countersOf, type Decide, type Read, type Transaction, type View } from "./decide.ts";
import { jobAsOfNow } from "./due.ts";
import { aRequest, enqueueOne } from "./jobs.ts";
import { mismatch, runnable } from "./plans.ts";
import { whyFull } from "./room.ts";
import { lastSlot, nextSlot, slotsAfter } from "./slots.ts";

const scheduleUnknown = (id: string): Refusal =>
  refuse("schedule_unknown", `There is no schedule ${id}: PUT …/schedules/${id} makes it.`, { id });

function rowOf(view: View, id: string): ScheduleRow | Refusal {
  return view.tables.schedules.get([id]) ?? scheduleUnknown(id);
}

/** The slot behind an instant, if the schedule has not ended by then. */
function slotAfter(row: Pick<ScheduleRow, "definition" | "createdAt">, after: number) {
  const { timing, endAt = Infinity } = row.definition;
  const slot = nextSlot(timing, after, row.createdAt);
  return slot !== undefined && slot <= endAt ? slot : undefined;
}

function toRecord(id: string, row: ScheduleRow): ScheduleRecord {
  const { definition, pausedAt, nextAt, lastSlotAt, behind: _, ...rest } = row;
  const { timing, ...others } = definition;
  const { createdAt, updatedAt, fired, skipped, lastJob, lastAction, refused } = rest;
  return {
    id,
    definition: { ...timing, ...others },
    paused: pausedAt !== undefined,
    createdAt,
    updatedAt,
    nextAt: nextAt ?? null,
    lastSlotAt: lastSlotAt ?? null,
    ...(lastJob !== undefined && { lastJob }),
    ...(lastAction !== undefined && { lastAction }),
    fired,
    skipped,
    ...(refused !== undefined && { refused }),
  };
}

function replyWith(view: View, id: string) {
  const row = view.tables.schedules.get([id]);
  if (row === undefined) throw new Error(`schedule ${id} vanished in its own command`);
  return { now: view.at, schedule: toRecord(id, row) };
}

export const putSchedule: Decide<"schedule.put"> = (tx, { id, definition }) => {
  const before = tx.tables.schedules.get([id]);
  if (before !== undefined && canonical(before.definition) === canonical(definition)) {
    return { ...replyWith(tx, id), created: false };
  }
  const unknown = planProblem(tx, definition);
  if (unknown !== undefined) return unknown;
  if (before === undefined && countersOf(tx).schedules >= limits.schedulesMax) {
    return refuse("schedules_limit", `There are ${limits.schedulesMax} schedules already.`);
  }
  const more = bytesOf(definition) - (before === undefined ? 0 : bytesOf(before.definition));
  const full = more > 0 ? whyFull(tx, 0, more) : undefined;
  if (full !== undefined) return full;
  const row = { definition, createdAt: before?.createdAt ?? tx.at };
  const isPaused = tx.tables.schedules.get([id])?.pausedAt !== undefined;
  const nextAt = isPaused ? undefined : slotAfter(row, tx.at);
  tx.emit("schedule.put", { id, definition, ...(nextAt !== undefined && { nextAt }) });
  return { ...replyWith(tx, id), created: before === undefined };
};

/** What a definition, or a record with it, takes at most: a text in it is JSON already, and is written as a string. */
const bytesOf = (said: object): number => utf8Bytes(JSON.stringify(said));

/** Why the plan that a definition names, if any, cannot run what it says. A later version may still refuse it, slot by slot. */
function planProblem(tx: Transaction, { job, action }: ScheduleDefinition): Refusal | undefined {
  const plan = action?.plan ?? job?.plan;
  if (plan === undefined) return undefined;
  const found = runnable(tx, plan, action?.version ?? job?.planVersion);
  if (isRefusal(found)) return found;
  if (action === undefined) return mismatch(found, [job?.payload ?? "null"], () => "/job/payload");
  const inputs = action.inputs.length === 0 ? ["null"] : action.inputs;
  return mismatch(found, inputs, (index) => `/action/inputs/${index}`);
}

export const removeSchedule: Decide<"schedule.remove"> = (tx, { id }) => {
  const row = rowOf(tx, id);
  if (isRefusal(row)) return row;
  tx.emit("schedule.removed", { id });
  return { now: tx.at, removed: true };
};

export const pauseSchedule: Decide<"schedule.pause"> = (tx, { id }) => {
  const row = rowOf(tx, id);
  if (isRefusal(row)) return row;
  if (row.pausedAt === undefined) tx.emit("schedule.paused", { id });
  return replyWith(tx, id);
};

export const resumeSchedule: Decide<"schedule.resume"> = (tx, { id }) => {
  const row = rowOf(tx, id);
  if (isRefusal(row)) return row;
  if (row.pausedAt !== undefined) {
    const nextAt = slotAfter(row, tx.at);
    tx.emit("schedule.resumed", { id, ...(nextAt !== undefined && { nextAt }) });
  }
  return replyWith(tx, id);
};

export const runSchedule: Decide<"schedule.run"> = (tx, { id }) => {
  const row = rowOf(tx, id);
  if (isRefusal(row)) return row;
  const made = make(tx, id, row.definition, undefined);
  if (isRefusal(made)) return made;
  const { nextAt } = row;
  tx.emit("schedule.fired", { id, ...made, ...(nextAt !== undefined && { nextAt }) });
  return replyWith(tx, id);
};

/**
 * The schedule that a command is about, if slots of it are due: those come first, as the schedule is, however many entries that
 * takes. So a command is decided when none is due, and what it changes counts from there.
 */
export function scheduleBehind(view: View, { name, input }: CommandRequest): string | undefined {
  if (!commandsOfSlots.has(name)) return undefined;
  const { id } = input as JobReference;
  return isDue(view, id) ? id : undefined;
}

const commandsOfSlots: ReadonlySet<CommandName> = new Set<CommandName>([
  "schedule.pause",
  "schedule.put",
  "schedule.remove",
  "schedule.run",
]);

const isDue = (view: View, id: string): boolean =>
  (view.tables.schedules.get([id])?.nextAt ?? Infinity) <= view.at;

/** Passes what is due of one schedule, until that is `most` changes or `isEnough`. */
export function passDueSlots(
  tx: Transaction,
  id: string,
  most: number,
  isEnough: () => boolean,
): void {
  for (let changes = 0; isDue(tx, id) && changes < most && !isEnough(); ) {
    changes += passSlot(tx, id);
  }
}

/** What a slot takes in a sweep, in changes of a job: its arithmetic, and the search for the newest of those that were missed. */
const SLOT_CHANGES = 5;
const SEARCH_CHANGES = 5;

/**
 * Passes the slot of a schedule that is due: makes its job or action, unless something is in the way. Returns how many changes
 * that counts for in a sweep, among them each job that it made or replaced.
 */
export function passSlot(tx: Transaction, id: string): number {
  const row = tx.tables.schedules.get([id]);
  if (row?.nextAt === undefined) throw new Error(`schedule ${id} has no slot that is due`);
  const { definition, createdAt, behind } = row;
  const { timing, catchUp } = definition;
  let slotAt = row.nextAt;
  let nextAt = slotAfter(row, slotAt);
  let changes = SLOT_CHANGES;
  const isBehind = nextAt !== undefined && nextAt <= tx.at;
  if (isBehind && catchUp === "one") {
    changes += SEARCH_CHANGES;
    const most = Math.min(tx.at, definition.endAt ?? Infinity);
    slotAt = lastSlot(timing, most, slotAt, createdAt);
    nextAt = slotAfter(row, tx.at);
  } else if (isBehind && behind + 1 >= limits.catchUpSlotsMax) {
    nextAt = slotAfter(row, tx.at);
  }
  const isStillBehind = nextAt !== undefined && nextAt <= tx.at;
  const facts = {
    id,
    slotAt,
    ...(nextAt !== undefined && { nextAt }),
    ...(isStillBehind && { behind: behind + 1 }),
  };
  if (definition.overlap === "skip" && hasOpen(tx, row)) {
    tx.emit("schedule.fired", { ...facts, skipped: true });
    return changes;
  }
  if (definition.overlap === "replace") changes += cancelOpen(tx, id, row);
  const made = make(tx, id, definition, slotAt);
  tx.emit("schedule.fired", {
    ...facts,
    ...(isRefusal(made) ? { refused: made.refusalCode } : made),
  });
  return changes + (isRefusal(made) ? 0 : (definition.action?.inputs.length ?? 0));
}

/** Whether the last job or action has not ended as of now. */
function hasOpen(tx: Transaction, { lastJob, lastAction }: ScheduleRow): boolean {
  if (lastAction !== undefined) return isActionOpen(tx, lastAction);
  return lastJob !== undefined && isOpen(jobAsOfNow(tx, lastJob)?.state);
}

const isOpen = (state: Parameters<typeof isEndState>[0] | undefined): boolean =>
  state !== undefined && !isEndState(state);

/** Cancels what is open of the last job or action. Returns how many jobs that were. */
function cancelOpen(tx: Transaction, id: string, { lastJob, lastAction }: ScheduleRow): number {
  const reason = "replaced";
  if (lastAction !== undefined) return cancelJobsOf(tx, lastAction, reason);
  const job = lastJob === undefined ? undefined : jobAsOfNow(tx, lastJob);
  // By a unique key a slot may have come to a job that somebody else enqueued: that one is not the schedule's to cancel.
  if (lastJob === undefined || !isOpen(job?.state) || job?.schedule !== id) return 0;
  tx.emit("job.cancelled", { id: lastJob, reason });
  return 1;
}

type Made = Pick<EventFacts["schedule.fired"], "job" | "action">;

/** The job or the action of a slot, or why it could not be made. */
function make(
  tx: Transaction,
  schedule: string,
  { job, action }: ScheduleDefinition,
  slotAt: number | undefined,
): Made | Refusal {
  const of = { schedule, ...(slotAt !== undefined && { slotAt }) };
  if (action !== undefined) {
    const { plan: id, ...rest } = action;
    const reply = submit(tx, { ...rest, id }, of);
    return isRefusal(reply) ? reply : { action: reply.action.id };
  }
  if (job === undefined) throw new Error(`schedule ${schedule} makes nothing`);
  const result = enqueueOne(tx, job, aRequest(tx), of);
  return isRefusal(result) ? result : { job: result.id };
}

export const getSchedule: Read<"schedule.get"> = (view, { id }) => {
  const row = rowOf(view, id);
  return isRefusal(row) ? row : replyWith(view, id);
};

export const previewSchedule: Read<"schedule.preview"> = (view, { id, count = 10 }) => {
  const row = rowOf(view, id);
  if (isRefusal(row)) return row;
  const { timing, endAt = Infinity } = row.definition;
  const slots = slotsAfter(timing, view.at, count, row.createdAt).filter((slot) => slot <= endAt);
  return { now: view.at, slots };
};

export const listSchedules: Read<"schedule.list"> = (view, { match, limit, cursor }) => {
  const isListed = match === undefined ? () => true : matcher(match);
  const page = pageOf(view, {
    list: `schedules ${match ?? ""}`,
    cursor,
    limit,
    rows: (after) => view.tables.schedules.scan(after === undefined ? {} : { after: [after] }),
    bytesOf,
    show: (id, row) => (isListed(id) ? toRecord(id, row) : undefined),
  });
  if (isRefusal(page)) return page;
  const { items: schedules, cursor: next } = page;
  return { now: view.at, schedules, ...(next !== undefined && { cursor: next }) };
};
