/**
 * The forms of the rows of jobs, of where these stand, and of what they wait for.
 * Invariant: the fields of a job are those that an enqueue takes, by the contract's own schemas, and what became of it.
 */
import * as z from "zod";
import {
  duration,
  endStates,
  flowKey,
  instant,
  integer,
  jobId,
  jobKinds,
  jobStates,
  leaseMs,
  reason,
  text,
  uniqueKey,
  workerName,
} from "../contract/fields.ts";
import { parentPolicies } from "../contract/flows.ts";
import { backoff } from "../contract/jobs.ts";
import { keyLimits } from "../contract/keys.ts";
import { labels } from "../contract/labels.ts";
import { limits } from "../contract/limits.ts";
import { unique } from "../contract/uniques.ts";
import {
  capabilitySet,
  count,
  fingerprint,
  flag,
  json,
  ofSchedule,
  pointer,
  priority,
  share,
  usedUntil,
} from "./field-forms.ts";
import type { JobRow } from "./jobs.ts";
import type { Forms } from "./row-forms.ts";
import type { SluiceSchema } from "./schema.ts";

const error = text(limits.errorBytesMax);
const requirements = capabilitySet(limits.requiresPerJobMax + limits.tasksPerPlanMax);
const onFail = z.enum(parentPolicies).optional();

const attempt = z.strictObject({
  run: count,
  attempt: count,
  outcome: z.enum(["completed", "failed", "lease_expired", "worker_died", "cancelled", "expired"]),
  startedAt: instant,
  endedAt: instant,
  worker: workerName.optional(),
  error: error.optional(),
});

/** None are left of a job that was tried again once all that it had waited for were removed. */
const parents = z
  .array(z.strictObject({ id: jobId, onFail }))
  // A job that follows another one of its unique key waits for that one, too.
  .max(limits.parentsPerJobMax + 1)
  .refine((all) => new Set(all.map(({ id }) => id)).size === all.length, "names a job twice");

const textNumber = integer(0, 2 * limits.sequenceMax + 1);

/** What is wrong with where a job's texts stand. */
function textsFault(row: JobRow): string | undefined {
  const { seq, payload, payloadAt, result, resultAt, resultBytes } = row;
  if ((payload === undefined) === (payloadAt === undefined)) {
    return "its payload stands neither in it nor apart, or in both places";
  }
  if (result !== undefined && resultAt !== undefined) return "its result stands in two places";
  const isPlace = payloadAt === undefined || (payloadAt % 2 === 0 && payloadAt <= 2 * seq);
  if (!isPlace || (resultAt !== undefined && resultAt !== 2 * seq + 1)) {
    return "a text of it stands under a number that another job may be given";
  }
  return (resultAt === undefined) === (resultBytes === undefined)
    ? undefined
    : "of its result it says the place or the size alone";
}

const job = {
  state: z.enum(jobStates),
  seq: count,
  lane: count,
  set: count.optional(),
  key: flowKey.optional(),
  ordered: flag,
  head: flag,
  unique: unique.optional(),
  after: parents.optional(),
  pending: count.optional(),
  dependents: count.optional(),
  createdAt: instant,
  run: count,
  failures: count,
  deliveries: count,
  priority,
  payload: json(limits.payloadBytesMax).optional(),
  payloadAt: textNumber.optional(),
  payloadBytes: count,
  result: json(limits.resultBytesMax).optional(),
  resultAt: textNumber.optional(),
  resultBytes: integer(1, limits.resultBytesMax).optional(),
  progress: json(limits.progressBytesMax).optional(),
  kind: z.literal("plan").optional(),
  plan: jobId.optional(),
  planVersion: integer(1, limits.planVersionsMax).optional(),
  action: jobId.optional(),
  inputIndex: integer(0, limits.jobsPerEnqueueMax - 1).optional(),
  ...ofSchedule,
  labels: labels.optional(),
  requires: requirements.optional(),
  maxAttempts: integer(1, limits.attemptsMax).optional(),
  backoff: backoff.optional(),
  leaseMs: leaseMs.optional(),
  maxRunMs: integer(1, limits.delayMsMax).optional(),
  ttlMs: duration.optional(),
  expiresAt: instant.optional(),
  fingerprint,
  runAt: instant.optional(),
  readyAt: instant.optional(),
  ttlUntil: instant.optional(),
  startedAt: instant.optional(),
  worker: workerName.optional(),
  tracked: flag,
  grant: count.optional(),
  claimLeaseMs: leaseMs.optional(),
  queueCost: usedUntil.optional(),
  keyCost: usedUntil.optional(),
  inParts: flag,
  leaseUntil: instant.optional(),
  leaseEndedAt: instant.optional(),
  outcome: z.enum(["completed", "failed", "released", "expired"]).optional(),
  endedAt: instant.optional(),
  shelvedAt: instant.optional(),
  lingersUntil: instant.optional(),
  reason: reason.optional(),
  error: error.optional(),
  late: flag,
  attempts: z.array(attempt).max(limits.attemptsKeptMax).optional(),
  session: z
    .string()
    .regex(/^[A-Za-z0-9_-]{22}$/)
    .optional(),
};

const lane = z.strictObject({
  lane: count,
  open: count,
  ready: count,
  top: priority,
  atTop: count,
  round: z.tuple([count, priority]).optional(),
});

const shelves = endStates.flatMap((state) => [state, `${state}/action`, `${state}/parent`]);

export const jobForms = {
  jobs: { key: [jobId], value: job, whole: textsFault },
  job_texts: {
    key: [textNumber],
    value: { text: json(Math.max(limits.payloadBytesMax, limits.resultBytesMax)) },
  },
  ready: { key: [count, priority, instant, count], value: pointer },
  scheduled: { key: [instant, count], value: pointer },
  blocked: { key: [count], value: pointer },
  deadlines: { key: [instant, jobId], value: {} },
  finished: { key: [z.enum(shelves), instant, jobId], value: {} },
  leases: { key: [instant, count], value: pointer },
  edges: { key: [jobId, jobId], value: { onFail, apart: flag } },
  waits: { key: [jobId], value: { left: integer(1, limits.parentsPerJobMax + 1) } },
  uniques: {
    key: [uniqueKey],
    value: { id: jobId, follow: jobId.optional(), until: instant.optional() },
  },
  timers: {
    key: [
      instant,
      z.enum(["key", "lingering", "parent", "unique"]),
      z.string().max(limits.uniqueKeyCharsMax),
    ],
    value: { key: flowKey.optional() },
  },
  lanes: {
    key: [count],
    value: { kind: z.enum(jobKinds), requires: requirements, open: count, ready: count },
    rowsMax: limits.lanesMax,
  },
  lane_index: { key: [z.string()], value: { lane: count }, rowsMax: limits.lanesMax },
  keys: {
    key: [flowKey],
    value: {
      settings: z.strictObject(keyLimits).optional(),
      paused: z
        .strictObject({ at: instant, reason: reason.optional(), job: jobId.optional() })
        .optional(),
      order: z.literal("fifo").optional(),
      later: count,
      ready: count,
      running: count,
      lingering: count,
      holder: jobId.optional(),
      heldUntil: instant.optional(),
      usedUntil: usedUntil.optional(),
      dueAt: instant.optional(),
      lanes: z
        .record(z.string().regex(/^\d{1,14}$/), lane)
        .refine((all) => Object.keys(all).length <= limits.lanesMax + 1, "too many lanes"),
    },
  },
  turns: { key: [count, priority, count], value: { key: flowKey } },
  rounds: {
    key: [count, priority],
    value: {
      lanes: count,
      lane: count,
      left: integer(0, limits.weightMax),
      end: count.optional(),
      began: count.optional(),
      before: count.optional(),
      size: integer(1, Number.MAX_SAFE_INTEGER).optional(),
      used: count.optional(),
      plain: count.optional(),
      passed: share,
    },
  },
} satisfies Partial<Forms<SluiceSchema>>;
