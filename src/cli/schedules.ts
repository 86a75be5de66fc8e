/**
 * Commands on schedules: put, get, list, remove, pause, resume, run, preview.
 * Invariant: what a command leaves out is left to the server, which also says what does not go together.
 */
import type { Command } from "commander";
import type { Schedule, ScheduleInput, SchedulePage } from "../client/index.ts";
import type { Session } from "./session.ts";
import { durationText, fields, jsonField, table, timeField, timeText } from "./text.ts";
import { duration, idArgument, instant, integer, json, queueArgument } from "./values.ts";

type Definition = Schedule["definition"];

export function addScheduleCommands(program: Command, session: Session): void {
  const group = program.command("schedule").description("work with schedules");
  addPut(group, session);
  addReads(group, session);
  addChanges(group, session);
}

const command = (group: Command, name: string, description: string) =>
  group.command(name).description(description).addArgument(queueArgument());
const ofOne = (group: Command, name: string, description: string) =>
  command(group, name, description).addArgument(idArgument("the schedule's id"));

interface PutFlags {
  readonly cron?: string;
  readonly zone?: string;
  readonly every?: number;
  readonly start?: number;
  readonly at?: number;
  readonly endAt?: number;
  readonly payload?: string;
  readonly plan?: string;
  readonly planVersion?: number;
  readonly input?: unknown[];
  readonly catchUp?: string;
  readonly overlap?: string;
}

function addPut(group: Command, session: Session): void {
  ofOne(group, "put", "make a schedule, or change it to this")
    .option("--cron <expression>", 'as "30 2 * * *": minute, hour, day, month, weekday')
    .option("--zone <name>", "whose clock that is, as Europe/Berlin (default: UTC)")
    .option("--every <duration>", "at an interval", duration)
    .option("--start <time>", "where the interval is counted from", instant)
    .option("--at <time>", "once, at this time", instant)
    .option("--end-at <time>", "with no slot after this time", instant)
    .option("--payload <json>", "enqueue a job with this payload, or - for standard input")
    .option("--plan <id>", "run a plan")
    .option("--plan-version <n>", "a version of the plan (default: the newest)", integer)
    .option("--input <json>", "an input of the plan; may be repeated", jsonItem)
    .option("--catch-up <how>", "of slots that were missed: one (default) or all")
    .option("--overlap <how>", "while the last has not ended: allow (default), skip or replace")
    .action(async (queue: string, id: string, flags: PutFlags) => {
      const input = await inputOf(session, flags);
      const done = await session.queue(queue).schedules.put(id, input);
      session.show(done, ({ schedule }) => dueText(schedule));
    });
}

/** Collects JSON values. */
const jsonItem = (word: string, before: readonly unknown[] = []) => [...before, json(word)];

/** What the flags say; the server refuses what does not go together. */
async function inputOf(session: Session, flags: PutFlags): Promise<ScheduleInput> {
  const { payload, plan, planVersion: version, input: inputs, ...timing } = flags;
  const { zone, every, start, ...same } = timing;
  const isAction = plan !== undefined || version !== undefined || inputs !== undefined;
  const said = {
    ...same,
    timeZone: zone,
    everyMs: every,
    startAt: start,
    ...(payload !== undefined && { job: { payload: await session.value(payload) } }),
    ...(isAction && { action: { plan, version, inputs } }),
  };
  return said as unknown as ScheduleInput;
}

function addReads(group: Command, session: Session): void {
  ofOne(group, "get", "show a schedule").action(async (queue: string, id: string) => {
    session.show(await session.queue(queue).schedules.get(id), scheduleText);
  });
  command(group, "list", "list schedules")
    .option("--match <pattern>", "only those whose ids match, as mail-*")
    .option("--limit <n>", "schedules on the page", integer, 50)
    .option("--cursor <cursor>", "go on where a page ended")
    .action(async (queue: string, filter: { match?: string; limit: number; cursor?: string }) => {
      session.show(await session.queue(queue).schedules.list(filter), pageText);
    });
  ofOne(group, "preview", "show when a schedule is due next, also when it is paused")
    .option("--count <n>", "how many slots", integer, 10)
    .action(async (queue: string, id: string, { count }: { count: number }) => {
      const slots = await session.queue(queue).schedules.preview(id, count);
      session.show({ slots }, () => slots.map(timeText).join("\n") || "It is not due any more.");
    });
}

function addChanges(group: Command, session: Session): void {
  ofOne(group, "remove", "remove a schedule").action(async (queue: string, id: string) => {
    await session.queue(queue).schedules.remove(id);
    session.show({ removed: true }, () => `${id} is removed.`);
  });
  ofOne(group, "pause", "forget a schedule's slots until it is resumed").action(
    async (queue: string, id: string) => {
      session.show(await session.queue(queue).schedules.pause(id), dueText);
    },
  );
  ofOne(group, "resume", "go on with a schedule").action(async (queue: string, id: string) => {
    session.show(await session.queue(queue).schedules.resume(id), dueText);
  });
  ofOne(group, "run", "do now what a schedule does").action(async (queue: string, id: string) => {
    session.show(await session.queue(queue).schedules.run(id), madeText);
  });
}

function dueText({ id, paused, nextAt }: Schedule): string {
  if (paused) return `${id} is paused.`;
  return nextAt === null ? `${id} is not due any more.` : `${id} is due at ${timeText(nextAt)}.`;
}

const madeText = ({ id, lastJob, lastAction }: Schedule): string =>
  lastAction === undefined ? `${id} made job ${lastJob}.` : `${id} made action ${lastAction}.`;

function timingText(timing: Definition): string {
  if ("cron" in timing) return `${timing.cron} ${timing.timeZone}`;
  return "at" in timing ? timeText(timing.at) : `every ${durationText(timing.everyMs)}`;
}

function pageText({ schedules, cursor }: SchedulePage): string {
  const rows = schedules.map((each) => [
    each.id,
    timingText(each.definition),
    each.paused ? "paused" : timeField(each.nextAt),
    timeField(each.lastSlotAt),
    each.fired,
  ]);
  const headings = ["ID", "TIMING", "NEXT", "LAST", "FIRED"];
  const body = schedules.length === 0 ? "No schedules." : table(headings, rows);
  return cursor === undefined ? body : `${body}\nMore: --cursor ${cursor}`;
}

function scheduleText({ definition, ...schedule }: Schedule): string {
  const { payload, ...job } = "job" in definition ? definition.job : {};
  const { inputs, ...action } = "action" in definition ? definition.action : {};
  return fields({
    id: schedule.id,
    timing: timingText(definition),
    "starts at": "startAt" in definition ? timeField(definition.startAt) : undefined,
    "ends at": timeField(definition.endAt),
    "catch up": definition.catchUp,
    overlap: definition.overlap,
    paused: schedule.paused ? "yes" : "no",
    "next slot": timeField(schedule.nextAt),
    "last slot": timeField(schedule.lastSlotAt),
    fired: schedule.fired,
    skipped: schedule.skipped,
    refused: schedule.refused,
    "last job": schedule.lastJob,
    "last action": schedule.lastAction,
    created: timeText(schedule.createdAt),
    updated: timeText(schedule.updatedAt),
    job: "job" in definition ? jsonField(job) : undefined,
    payload: jsonField(payload),
    action: "action" in definition ? jsonField(action) : undefined,
    inputs: jsonField(inputs),
  });
}
