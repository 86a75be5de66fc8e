/**
 * What may be said about when a schedule runs: by a cron expression, at an interval, or once.
 * Invariant: a timing that passes is exactly one of the three, and its expression and zone are known to be good.
 */
import * as z from "zod";
import { actionOptions } from "./actions.ts";
import { cronProblem } from "./cron.ts";
import { instant, integer, jobId } from "./fields.ts";
import { type JobSpec, jobOptions, onePlan, onePlanMessage } from "./jobs.ts";
import { encodeWithTexts, isJson, type JsonText } from "./json.ts";
import { limits } from "./limits.ts";
import type { RefusalCode } from "./refusals.ts";

/** By the clock on the wall of a zone. */
export interface CronTiming {
  readonly cron: string;
  /** An IANA name. */
  readonly timeZone: string;
}
/** Every `everyMs` ms, counted from `startAt` (epoch ms) or else from when the schedule was made. */
export interface IntervalTiming {
  readonly everyMs: number;
  readonly startAt?: number;
}
/** Once, at an instant (epoch ms). */
export interface OnceTiming {
  readonly at: number;
}
export type Timing = CronTiming | IntervalTiming | OnceTiming;

const cron = z
  .string()
  .max(limits.cronCharsMax)
  .superRefine((expression, context) => {
    const message = cronProblem(expression);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

/** The platform also takes offsets such as +02:00, which are no names. */
function isZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
const timeZone = z
  .string()
  .max(limits.timeZoneCharsMax)
  .refine(isZone, "not the IANA name of a time zone, such as Europe/Berlin");

const said = z.strictObject({
  cron: cron.optional(),
  timeZone: timeZone.optional(),
  everyMs: integer(limits.everyMsMin, limits.delayMsMax).optional(),
  startAt: instant.optional(),
  at: instant.optional(),
});

/**
 * When a schedule runs: `{cron, timeZone?}`, `{everyMs, startAt?}` or `{at}`. Without a zone it is UTC.
 * One object rather than a union of three, whose refusal could not say which field is wrong.
 * @example timing.parse({ cron: "30 2 * * *" }) // { cron: "30 2 * * *", timeZone: "UTC" }
 */
export const timing = said.transform((given, context): Timing => {
  const refused = (message: string, field?: keyof typeof given) => {
    context.addIssue({ code: "custom", message, path: field === undefined ? [] : [field] });
    return z.NEVER;
  };
  const kinds = [given.cron, given.everyMs, given.at].filter((value) => value !== undefined);
  if (kinds.length !== 1) return refused("give exactly one of cron, everyMs and at");
  if (given.timeZone !== undefined && given.cron === undefined) {
    return refused("timeZone goes with cron only", "timeZone");
  }
  if (given.startAt !== undefined && given.everyMs === undefined) {
    return refused("startAt goes with everyMs only", "startAt");
  }
  if (given.cron !== undefined) return { cron: given.cron, timeZone: given.timeZone ?? "UTC" };
  if (given.at !== undefined) return { at: given.at };
  const everyMs = given.everyMs ?? limits.everyMsMin;
  return given.startAt === undefined ? { everyMs } : { everyMs, startAt: given.startAt };
});

/** A job that a schedule enqueues: as in an enqueue, but it has no id and no due time of its own. */
const scheduledJob = z
  .strictObject({ payload: z.unknown().optional(), ...jobOptions })
  .omit({ id: true, idempotencyKey: true, delayMs: true, runAt: true, after: true })
  .refine(onePlan, onePlanMessage);
/** An action that a schedule submits. */
const scheduledAction = z.strictObject({
  plan: jobId,
  version: integer(1, limits.planVersionsMax).optional(),
  inputs: z.array(z.unknown()).max(limits.jobsPerEnqueueMax).optional(),
  ...actionOptions,
});

export const catchUps = ["one", "all"] as const;
export const overlaps = ["allow", "skip", "replace"] as const;

/** A schedule on the wire: its timing, and either a job or an action. */
export const scheduleWire = said
  .extend({
    /** No slot comes after it. */
    endAt: instant.optional(),
    /** What becomes of slots that were missed: one job for all of them, for the newest; or one for each, 1,000 at most. */
    catchUp: z.enum(catchUps).optional(),
    /** What happens to a slot while the job or action of the one before has not ended. */
    overlap: z.enum(overlaps).optional(),
    job: scheduledJob.optional(),
    action: scheduledAction.optional(),
  })
  .transform((given, context) => {
    const { endAt, catchUp = "one", overlap = "allow", job, action, ...when } = given;
    if ((job === undefined) === (action === undefined)) {
      context.addIssue({ code: "custom", message: "give exactly one of job and action" });
      return z.NEVER;
    }
    const checked = timing.safeParse(when);
    if (checked.success) return { timing: checked.data, endAt, catchUp, overlap, job, action };
    for (const { path, message } of checked.error.issues) {
      context.addIssue({ code: "custom", path, message });
    }
    return z.NEVER;
  });
type Wire = z.output<typeof scheduleWire>;

/** The text of a payload or of an input. */
const jsonText = z.string().refine(isJson, "not JSON");

/** A definition as it is kept: every choice is made, and payloads are texts. */
export const storedDefinition = z
  .strictObject({
    timing,
    endAt: instant.optional(),
    catchUp: z.enum(catchUps),
    overlap: z.enum(overlaps),
    job: scheduledJob.safeExtend({ payload: jsonText }).optional(),
    action: scheduledAction.extend({ inputs: z.array(jsonText) }).optional(),
  })
  .refine(({ job, action }) => (job === undefined) !== (action === undefined), "not one of two");

/** What a schedule is: when it is due, and what it then does. */
export interface ScheduleDefinition extends Omit<Wire, "job" | "action" | "endAt"> {
  readonly endAt?: number;
  readonly job?: Omit<
    JobSpec,
    "id" | "delayMs" | "runAt" | "after" | "idempotencyKey" | "fingerprint"
  >;
  readonly action?: Omit<NonNullable<Wire["action"]>, "inputs"> & {
    readonly inputs: readonly JsonText[];
  };
}
export interface PutScheduleInput {
  readonly id: string;
  readonly definition: ScheduleDefinition;
}

export const scheduleList = z.strictObject({
  /** As in a list of plans. */
  match: z.string().min(1).max(limits.globCharsMax).optional(),
  limit: integer(1, limits.pageJobsMax).optional(),
  cursor: z.string().max(1024).optional(),
});
export type ScheduleListInput = z.output<typeof scheduleList>;
export const schedulePreview = z.strictObject({
  count: integer(1, limits.previewSlotsMax).optional(),
});
export type PreviewInput = z.output<typeof schedulePreview> & { readonly id: string };

/** What a schedule was defined as, in the form in which it is put. */
export type ShownDefinition = Timing & Omit<ScheduleDefinition, "timing">;

/** A schedule as the API shows it. Times are epoch ms. */
export interface ScheduleRecord {
  readonly id: string;
  readonly definition: ShownDefinition;
  readonly paused: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The next slot; null when there is none, or it is paused. */
  readonly nextAt: number | null;
  /** The newest slot that came due. */
  readonly lastSlotAt: number | null;
  /** The newest job or action that it made. */
  readonly lastJob?: string;
  readonly lastAction?: string;
  /** How often it made a job or an action, for a slot or by hand. */
  readonly fired: number;
  /** Slots that did not, because the one before had not ended. */
  readonly skipped: number;
  /** Why the newest slot made nothing, if it was refused: a code of a refusal. */
  readonly refused?: RefusalCode;
}
export interface ScheduleReply {
  readonly now: number;
  readonly schedule: ScheduleRecord;
}
export interface PutScheduleReply extends ScheduleReply {
  readonly created: boolean;
}
export interface ScheduleListReply {
  readonly now: number;
  readonly schedules: readonly ScheduleRecord[];
  readonly cursor?: string;
}
export interface PreviewReply {
  readonly now: number;
  /** Its next slots, also of one that is paused. */
  readonly slots: readonly number[];
}

function encodeDefinition({ job, action, ...fields }: ShownDefinition): JsonText {
  const { payload, ...ofJob } = job ?? {};
  const { inputs, ...ofAction } = action ?? {};
  return encodeWithTexts(fields, {
    job: job && encodeWithTexts(ofJob, { payload }),
    action: action && encodeWithTexts(ofAction, { inputs: `[${inputs?.join()}]` }),
  });
}

function encodeRecord({ definition, ...fields }: ScheduleRecord): JsonText {
  return encodeWithTexts(fields, { definition: encodeDefinition(definition) });
}

/** The JSON text of a schedule. */
export function encodeSchedule({ schedule, ...fields }: ScheduleReply): JsonText {
  return encodeWithTexts(fields, { schedule: encodeRecord(schedule) });
}

/** The JSON text of a page of schedules. */
export function encodeSchedules({ schedules, ...fields }: ScheduleListReply): JsonText {
  return encodeWithTexts(fields, { schedules: `[${schedules.map(encodeRecord).join(",")}]` });
}
