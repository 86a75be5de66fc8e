/**
 * What schedules should do: when they are due, what a slot makes, and what becomes of slots that were missed.
 * Invariant: a slot is passed once, in the order of its time; the arithmetic of one slot is the machine's, which has tests
 * of its own.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import type { CommandRequest } from "../../../src/contract/rpc.ts";
import { nextSlot } from "../../../src/machine/slots.ts";
import { small } from "../small.ts";
import { demand } from "../violation.ts";
import { cancelJobsOf, submitAction } from "./actions.ts";
import { type Answer, type Refused, refused } from "./answers.ts";
import { enqueueOne, type OfSchedule } from "./jobs.ts";
import type { Definition, Schedule } from "./nouns.ts";
import { type Cursor, type Page, pageOf } from "./pages.ts";
import { fitOf, globbed } from "./plans.ts";
import { whyFull } from "./room.ts";
import { jobsOfAction } from "./show.ts";
import { defined, isEnded, type Job, type State } from "./state.ts";
import type { Turn } from "./turn.ts";

const unknown = (id: string): Answer => refused("schedule_unknown", { id });

/** The slot behind an instant, if the schedule has not ended by then. */
function slotAfter(
  { definition, createdAt }: Pick<Schedule, "definition" | "createdAt">,
  after: number,
): number | undefined {
  const slot = nextSlot(definition.timing, after, createdAt);
  return slot === undefined || slot > (definition.endAt ?? Infinity) ? undefined : slot;
}

function record(id: string, schedule: Schedule): object {
  const { definition, createdAt, updatedAt, pausedAt, fired, skipped, refused: code } = schedule;
  const { nextAt = null, lastSlotAt = null, lastJob, lastAction } = schedule;
  const { timing, job, action, ...others } = definition;
  const parsed = (text: string): unknown => JSON.parse(text);
  return defined({
    ...{ id, createdAt, updatedAt, nextAt, lastSlotAt, lastJob, lastAction, fired, skipped },
    definition: {
      ...{ ...timing, ...others },
      ...(job && { job: { ...job, payload: parsed(job.payload) } }),
      ...(action && { action: { ...action, inputs: action.inputs.map(parsed) } }),
    },
    paused: pausedAt !== undefined,
    refused: code,
  });
}

function show({ at, state }: Turn, id: string, more: object = {}): Answer {
  const schedule = state.schedules.get(id);
  if (schedule === undefined) throw new Error(`the model has lost schedule ${id}`);
  return { reply: { now: at, schedule: record(id, schedule), ...more } };
}

/** The answer to a command that was done before: the schedule as it is now. */
export function showAgain(turn: Turn, first: Readonly<Record<string, unknown>>): Answer {
  const { id } = first["schedule"] as { readonly id: string };
  if (!turn.state.schedules.has(id)) return refused("answer_gone");
  const { created } = first;
  return show(turn, id, created === undefined ? {} : { created });
}

function change(turn: Turn, event: string, id: string, schedule: Schedule): void {
  turn.emit(event);
  turn.state.schedules.set(id, schedule);
}

/** A definition as one text, whatever the order of its fields. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

/** Why the plan of a definition cannot run what it says. */
function misfitOf({ state }: Turn, { job, action }: Definition): Refused | undefined {
  const plan = action?.plan ?? job?.plan;
  if (plan === undefined) return undefined;
  const planVersion = action?.version ?? job?.planVersion;
  const own = action?.inputs ?? [job?.payload ?? "null"];
  const fit = fitOf(state, { plan, planVersion }, own.length === 0 ? ["null"] : own);
  if (!("code" in fit) || fit.code !== "input_mismatch") return "code" in fit ? fit : undefined;
  const { code, errors } = fit as Refused & { errors: readonly { readonly pointer: string }[] };
  const pointerOf = (pointer: string) =>
    action === undefined ? "/job/payload" : `/action${pointer}`;
  return { code, errors: errors.map((error) => ({ ...error, pointer: pointerOf(error.pointer) })) };
}

export function putSchedule(turn: Turn, input: CommandInputs["schedule.put"]): Answer {
  const { id } = input;
  const { at, state } = turn;
  const definition = input.definition as Definition;
  const before = state.schedules.get(id);
  if (before !== undefined && textOf(before.definition) === textOf(definition)) {
    return show(turn, id, { created: false });
  }
  const misfit = misfitOf(turn, definition);
  if (misfit !== undefined) return { refusal: misfit };
  if (before === undefined && state.schedules.size >= small.schedulesMax) {
    return refused("schedules_limit");
  }
  const bytesOf = (said: object): number => Buffer.byteLength(JSON.stringify(said));
  const more = bytesOf(definition) - (before === undefined ? 0 : bytesOf(before.definition));
  const full = more > 0 ? whyFull(turn, 0, more) : undefined;
  if (full !== undefined) return { refusal: full };
  const fresh = { createdAt: at, fired: 0, skipped: 0 };
  const kept = state.schedules.get(id) ?? fresh;
  const after = { ...kept, definition, updatedAt: at, behind: 0 };
  const isPaused = "pausedAt" in kept && kept.pausedAt !== undefined;
  const nextAt = isPaused ? undefined : slotAfter(after, at);
  change(turn, "schedule.put", id, { ...after, nextAt });
  return show(turn, id, { created: before === undefined });
}

export function removeSchedule(turn: Turn, { id }: CommandInputs["schedule.remove"]): Answer {
  if (!turn.state.schedules.has(id)) return unknown(id);
  turn.emit("schedule.removed");
  turn.state.schedules.delete(id);
  return { reply: { now: turn.at, removed: true } };
}

export function pauseSchedule(turn: Turn, { id }: CommandInputs["schedule.pause"]): Answer {
  const before = turn.state.schedules.get(id);
  if (before === undefined) return unknown(id);
  if (before.pausedAt === undefined) {
    const paused = { pausedAt: turn.at, nextAt: undefined, behind: 0 };
    change(turn, "schedule.paused", id, { ...before, ...paused });
  }
  return show(turn, id);
}

export function resumeSchedule(turn: Turn, { id }: CommandInputs["schedule.resume"]): Answer {
  const schedule = turn.state.schedules.get(id);
  if (schedule === undefined) return unknown(id);
  if (schedule.pausedAt !== undefined) {
    const nextAt = slotAfter(schedule, turn.at);
    change(turn, "schedule.resumed", id, { ...schedule, pausedAt: undefined, nextAt });
  }
  return show(turn, id);
}

export function runSchedule(turn: Turn, { id }: CommandInputs["schedule.run"]): Answer {
  const schedule = turn.state.schedules.get(id);
  if (schedule === undefined) return unknown(id);
  const made = make(turn, { schedule: id }, schedule.definition);
  if ("code" in made) return { refusal: made };
  fire(turn, id, { nextAt: schedule.nextAt, ...made });
  return show(turn, id);
}

const commandsOfSlots: readonly string[] = [
  ...["schedule.pause", "schedule.put", "schedule.remove", "schedule.run"],
];

/** Whether slots of its schedule come before a command. In an entry that is still empty some of them are passed at once. */
export function slotsComeFirst(
  turn: Turn,
  { name, input }: CommandRequest,
  isEmptyEntry: boolean,
): boolean {
  const { id } = input as { readonly id: string };
  const isDue = () => (turn.state.schedules.get(id)?.nextAt ?? Infinity) <= turn.at;
  if (!commandsOfSlots.includes(name) || !isDue()) return false;
  turn.renew();
  for (let changes = 0; isEmptyEntry && isDue() && changes < small.sweepMax; ) {
    changes += passSlot(turn, id);
  }
  return true;
}

interface Passed {
  readonly slotAt?: number;
  readonly nextAt: number | undefined;
  readonly behind?: number;
  readonly job?: string | undefined;
  readonly action?: string | undefined;
  readonly skipped?: true;
  readonly refused?: string;
}

/** A slot was passed, or it was run by hand. */
function fire(turn: Turn, id: string, passed: Passed): void {
  const before = turn.state.schedules.get(id);
  if (before === undefined) throw new Error(`the model has lost schedule ${id}`);
  const { slotAt, nextAt, behind = 0, job, action, skipped, refused: code } = passed;
  const isMade = job !== undefined || action !== undefined;
  const { lastSlotAt = 0 } = before;
  demand(slotAt === undefined || slotAt > lastSlotAt, "I8", "slots fire in order", id, passed);
  change(turn, "schedule.fired", id, {
    ...{ ...before, nextAt, behind, refused: slotAt === undefined ? before.refused : code },
    lastSlotAt: slotAt ?? before.lastSlotAt,
    ...(isMade && { lastJob: job, lastAction: action }),
    fired: before.fired + (isMade ? 1 : 0),
    skipped: before.skipped + (skipped === undefined ? 0 : 1),
  });
}

/** What a slot counts for in a sweep, and the search for the newest of those that were missed. */
const slotChanges = 5;
const searchChanges = 5;

/**
 * Passes the slot of a schedule that is due: makes its job or action, unless something is in the way. Returns how many changes
 * it counts for.
 */
export function passSlot(turn: Turn, id: string): number {
  const { at, state } = turn;
  const schedule = state.schedules.get(id);
  const due = schedule?.nextAt;
  if (schedule === undefined || due === undefined) throw new Error(`nothing is due of ${id}`);
  const { definition, behind } = schedule;
  // The slots that have come: one for all of them, or one by one up to a bound.
  const missed = [due];
  let next = slotAfter(schedule, due);
  while (next !== undefined && next <= at) {
    missed.push(next);
    next = slotAfter(schedule, next);
  }
  const isAll = definition.catchUp === "all" && behind + 1 < small.catchUpSlotsMax;
  const slotAt = definition.catchUp === "all" ? due : (missed.at(-1) ?? due);
  const nextAt = isAll && missed.length > 1 ? missed[1] : next;
  const isBehind = nextAt !== undefined && nextAt <= at;
  const isSearch = definition.catchUp === "one" && missed.length > 1;
  const changes = slotChanges + (isSearch ? searchChanges : 0);
  const passed = { slotAt, nextAt, ...(isBehind && { behind: behind + 1 }) };
  if (definition.overlap === "skip" && isLastOpen(turn, schedule)) {
    fire(turn, id, { ...passed, skipped: true });
    return changes;
  }
  const replaced = definition.overlap === "replace" ? replaceLast(turn, id, schedule) : 0;
  const made = make(turn, { schedule: id, slotAt }, definition);
  fire(turn, id, { ...passed, ...("code" in made ? { refused: made.code } : made) });
  return changes + replaced + ("code" in made ? 0 : (definition.action?.inputs.length ?? 0));
}

const isOpen = (job: Job | undefined): job is Job => job !== undefined && !isEnded(job.state);

/** Whether the last job or action has not ended as of now. */
function isLastOpen(turn: Turn, { lastJob, lastAction }: Schedule): boolean {
  if (lastAction === undefined) return isOpen(turn.asOfNow(lastJob ?? ""));
  if (turn.state.actions.get(lastAction)?.ended !== undefined) return false;
  return jobsOfAction(turn.state, lastAction).some(({ id }) => isOpen(turn.asOfNow(id)));
}

/** Cancels what is open of the last job or action, unless another made it. Returns how many jobs that were. */
function replaceLast(turn: Turn, id: string, { lastJob, lastAction }: Schedule): number {
  if (lastAction !== undefined) return cancelJobsOf(turn, lastAction, "replaced");
  const job = turn.asOfNow(lastJob ?? "");
  if (!isOpen(job) || job.schedule !== id) return 0;
  turn.cancel(job, "replaced");
  return 1;
}

/** The job or the action of a slot, or why it could not be made. */
function make(
  turn: Turn,
  of: OfSchedule,
  { job, action }: Definition,
): { readonly job?: string; readonly action?: string } | Refused {
  if (action !== undefined) {
    const answer = submitAction(turn, { ...action, id: action.plan, plan: undefined } as never, of);
    if ("refusal" in answer) return answer.refusal;
    return { action: (answer.reply as { readonly action: { readonly id: string } }).action.id };
  }
  if (job === undefined) throw new Error("a schedule makes nothing");
  const item = enqueueOne(turn, job, new Map(), of);
  return "problem" in item ? item.problem : { job: item.id };
}

export function getSchedule(state: State, now: number, id: string): Answer {
  const schedule = state.schedules.get(id);
  if (schedule === undefined) return unknown(id);
  return { reply: { now, schedule: record(id, schedule) } };
}

export function preview(
  state: State,
  now: number,
  { id, count = 10 }: CommandInputs["schedule.preview"],
): Answer {
  const schedule = state.schedules.get(id);
  if (schedule === undefined) return unknown(id);
  const slots: number[] = [];
  let next = slotAfter(schedule, now);
  while (next !== undefined && slots.length < count) {
    slots.push(next);
    next = slotAfter(schedule, next);
  }
  return { reply: { now, slots } };
}

export function listSchedules(
  state: State,
  now: number,
  input: CommandInputs["schedule.list"],
  meaning: Cursor | undefined,
): Page {
  const isMeant = (id: string) => input.match === undefined || globbed(input.match).test(id);
  return pageOf(state, now, "schedules", {
    ...{ input, meaning, list: `schedules ${input.match ?? ""}`, ids: state.schedules.keys() },
    show: (id) => {
      const schedule = state.schedules.get(id);
      return schedule !== undefined && isMeant(id) ? record(id, schedule) : undefined;
    },
  });
}
