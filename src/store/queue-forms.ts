/**
 * The forms of the rows of a queue, and of its plans, actions, schedules, workers and operations.
 * Invariant: what a row names is of its form; whether it is there, a verification tells.
 */
import * as z from "zod";
import { actionStatuses } from "../contract/actions.ts";
import { deliverySettings } from "../contract/deliveries.ts";
import {
  endStates,
  flowKey,
  instant,
  integer,
  jobId,
  jobKinds,
  jobStates,
  reason,
} from "../contract/fields.ts";
import { WORKER_NAME } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { planWire } from "../contract/plans.ts";
import { wholeConfig } from "../contract/queue.ts";
import { storedDefinition } from "../contract/schedules.ts";
import { taskReport } from "../contract/tasks.ts";
import {
  absent,
  capabilitySet,
  count,
  fingerprint,
  flag,
  json,
  ofSchedule,
  one,
  priority,
  share,
  usedUntil,
} from "./field-forms.ts";
import type { OperationRow } from "./operations.ts";
import type { PlanVersionRow } from "./plans.ts";
import { type Counters, noCounters } from "./queue.ts";
import type { Forms } from "./row-forms.ts";
import type { SluiceSchema } from "./schema.ts";

const numbers = Object.fromEntries(Object.keys(noCounters).map((name) => [name, count]));
const counters = {
  ...(numbers as unknown as Record<keyof Counters, z.ZodType>),
  passed: share,
  plain_passed: share,
  used_until: usedUntil,
};

/** Sequences go on behind an import. */
function counterFault(row: Readonly<Counters>): string | undefined {
  const sequences = ["seq", "grant", "lane", "operation", "action", "passed"] as const;
  const late = sequences.find((name) => row[name] > limits.importedSequenceMax);
  return late && `value.${late}: no queue comes to ${row[late]}`;
}

const deliveryPause = z
  .strictObject({
    at: instant,
    reason: reason.optional(),
    probe: z.strictObject({ at: instant, failed: count }).optional(),
  })
  .optional();
const version = integer(1, limits.planVersionsMax);
const tasks = integer(1, limits.tasksPerPlanMax);
const worker = z.string().regex(WORKER_NAME);
const [, ...endStatuses] = actionStatuses;
const bytes = integer(0, Number.MAX_SAFE_INTEGER).optional();

/** A version's tasks are those of its body, in AGQ's form. */
function planFault({ body, tasks: told, commands }: PlanVersionRow): string | undefined {
  const { data } = planWire.safeParse(JSON.parse(body));
  const used = [...new Set(data?.tasks.map(({ command }) => command))].sort();
  const isSame = data?.tasks.length === told && used.join() === commands.join();
  return isSame ? undefined : "value.body: it is not the plan that the row describes";
}

/** What each kind of operation works on, and the place where it goes on there. */
const operationStates: Readonly<Record<OperationRow["kind"], readonly string[]>> = {
  purge: jobStates,
  redrive: endStates,
  discard: endStates,
  release: ["running"],
  resize: ["ready"],
};
const ended = z.tuple([instant, jobId]);
const places = {
  blocked: z.tuple([count]),
  scheduled: z.tuple([instant, count]),
  ready: z.tuple([count, priority, instant, count]),
  running: z.tuple([instant, count]),
  completed: ended,
  failed: ended,
  cancelled: ended,
  expired: ended,
} as const;

function operationFault(row: OperationRow): string | undefined {
  const { kind, state, states, after, left } = row;
  if (!states.every((each) => operationStates[kind].includes(each))) {
    return `value.states: a ${kind} works on others`;
  }
  if (left !== undefined) {
    const isThere = z.tuple([count.max(left.length)]).safeParse(after).success;
    return isThere && states.length === 0 ? undefined : "value.left: no place among the ids";
  }
  if (after === undefined || state === undefined) return undefined;
  const place = kind === "resize" ? z.tuple([flowKey]) : places[state];
  return place.safeParse(after).success ? undefined : `value.after: no place of ${state} jobs`;
}

export const queueForms = {
  queue: {
    key: [one],
    value: {
      name: absent,
      queueId: absent,
      term: absent,
      registered: absent,
      createdAt: instant,
      config: wholeConfig,
      paused: z.strictObject({ at: instant, reason: reason.optional() }).optional(),
      delivery: z.strictObject({ settings: deliverySettings, paused: deliveryPause }).optional(),
    },
    rowsMax: 1,
  },
  counters: { key: [one], value: counters, incoming: counterFault, rowsMax: 1 },
  actions: {
    key: [jobId],
    value: {
      plan: jobId,
      planVersion: version,
      firstJob: jobId,
      lastJob: jobId,
      total: count,
      round: count,
      createdAt: instant,
      fingerprint,
      ...ofSchedule,
      counts: z.record(z.enum(jobStates), count),
      parents: count.optional(),
      ended: z
        .strictObject({
          at: instant,
          status: z.enum(endStatuses),
          shelvedAt: instant.optional(),
        })
        .optional(),
    },
  },
  ended_actions: { key: [z.enum(endStatuses), instant, jobId], value: {} },
  plans: {
    key: [jobId],
    value: {
      latest: integer(0, limits.planVersionsMax),
      numbered: version.optional(),
      createdAt: instant,
      updatedAt: instant,
      description: z.string().max(limits.planDescriptionCharsMax).optional(),
      tasks: integer(0, limits.tasksPerPlanMax),
      actions: count,
      jobs: count,
      open: count,
      schedules: count,
      lastUsedAt: instant.optional(),
      removedAt: instant.optional(),
    },
  },
  plan_versions: {
    key: [jobId, version],
    value: {
      createdAt: instant,
      parent: version.optional(),
      body: json(limits.bodyBytesMax),
      tasks,
      commands: capabilitySet(limits.tasksPerPlanMax),
      fields: z.array(z.string()),
    },
    whole: planFault,
  },
  schedules: {
    key: [jobId],
    value: {
      definition: storedDefinition,
      createdAt: instant,
      updatedAt: instant,
      pausedAt: instant.optional(),
      nextAt: instant.optional(),
      lastSlotAt: instant.optional(),
      lastJob: jobId.optional(),
      lastAction: jobId.optional(),
      fired: count,
      skipped: count,
      refused: z.string().max(64).optional(),
      behind: count,
    },
  },
  schedule_due: { key: [instant, jobId], value: {} },
  tasks: {
    key: [jobId, tasks],
    value: {
      run: count,
      delivery: count,
      reportedAt: instant,
      exitCode: taskReport.exitCode.unwrap().unwrap().optional(),
      signal: taskReport.signal.unwrap().unwrap().optional(),
      timedOut: flag,
      stdout: taskReport.stdout,
      stderr: taskReport.stderr,
      stdoutBytes: bytes,
      stderrBytes: bytes,
      stdoutTruncated: flag,
      stderrTruncated: flag,
      startedAt: taskReport.startedAt,
      durationMs: taskReport.durationMs,
    },
  },
  workers: {
    key: [worker],
    value: {
      capabilities: capabilitySet(limits.capabilitiesPerClaimMax),
      kinds: z.array(z.enum(jobKinds)).min(1).max(jobKinds.length),
      ttlMs: integer(limits.workerTtlMsMin, limits.workerTtlMsMax),
      slots: integer(1, limits.jobsPerClaimMax).optional(),
      info: z.string().max(limits.workerInfoCharsMax).optional(),
      registeredAt: instant,
      seenAt: instant,
      drainingAt: instant.optional(),
      diedAt: instant.optional(),
      leftAt: instant.optional(),
      running: count,
    },
    rowsMax: limits.workersMax,
  },
  held: { key: [worker, jobId], value: {} },
  worker_due: { key: [instant, worker], value: {}, rowsMax: limits.workersMax },
  operations: {
    key: [count],
    value: {
      id: z.string().max(64),
      kind: z.enum(["purge", "redrive", "discard", "release", "resize"]),
      states: z.array(z.enum(jobStates)).max(jobStates.length),
      seqMax: count,
      grantMax: count.optional(),
      fromBack: z.literal(true).optional(),
      left: z.array(jobId).max(limits.idsPerRedriveMax).optional(),
      label: z.string().min(1).max(512).optional(),
      key: flowKey.optional(),
      error: z.string().min(1).max(256).optional(),
      endedAfter: instant.optional(),
      endedBefore: instant.optional(),
      changed: count,
      examined: count,
      total: count,
      startedAt: instant,
      endedAt: instant.optional(),
      state: z.enum(jobStates).optional(),
      after: z.array(z.union([z.string(), z.number()])).optional(),
    },
    whole: operationFault,
    rowsMax: limits.operationsImportedMax,
  },
} satisfies Partial<Forms<SluiceSchema>>;
