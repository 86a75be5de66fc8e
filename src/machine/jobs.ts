/**
 * What enqueueing, changing, cancelling, retrying and removing a job mean.
 * Invariant: refusals are tried in the order of the command table; a refused item changes nothing.
 */

import { isEndState, utf8Bytes } from "../contract/fields.ts";
import { isGenerated, jobIds } from "../contract/ids.ts";
import type { EnqueueResult, JobSpec } from "../contract/jobs.ts";
import { limits } from "../contract/limits.ts";
import { isRefusal, problemOf, type Refusal, refuse } from "../contract/refusals.ts";
import { ownParents } from "../store/flows.ts";
import { textsOf } from "../store/job-texts.ts";
import type { JobRow } from "../store/jobs.ts";
import { MIXED, orderOf } from "../store/keys.ts";
import { laneName, PLAIN_LANE, requirements } from "../store/lanes.ts";
import { countersOf, type Decide, queueOf, type Transaction, type View } from "./decide.ts";
import { jobAsOfNow } from "./due.ts";
import { haveHeard, inFlowOrder, type Named, parentsFor } from "./flows.ts";
import { jobUnknown, toRecord } from "./jobs-read.ts";
import { mismatch, type RunnablePlan, runnable, versionOf } from "./plans.ts";
import { whyFull, whyKeyFull } from "./room.ts";
import { behind, jobOfKey, meetHolder, whyTaken } from "./uniques.ts";

export const enqueue: Decide<"job.enqueue"> = (tx, { jobs }) => {
  const order = inFlowOrder(jobs);
  if (isRefusal(order)) return order;
  let refused = 0;
  const request = aRequest(tx);
  const take = (spec: JobSpec) => {
    const result = enqueueOne(tx, spec, request);
    // Of several jobs with one id the first is the one that others wait for, where any do.
    if (order !== undefined && spec.id !== undefined && !request.named.has(spec.id)) {
      request.named.set(spec.id, isRefusal(result) ? undefined : cameTo(tx, spec, result));
    }
    if (!isRefusal(result)) return result;
    refused += 1;
    return { problem: problemOf(result) };
  };
  if (order === undefined) return { now: tx.at, results: jobs.map(take), refused };
  // Jobs are taken behind those they wait for, and answered in the order in which they were said.
  const taken = new Map(order.map((spec) => [spec, take(spec)]));
  const results = jobs.map((spec) => taken.get(spec) as ReturnType<typeof take>);
  return { now: tx.at, results, refused };
};

/**
 * The job that one of a request came to, for those that wait for it; undefined where that is gone, since another one may have its id by now.
 * The one that is meant has the same content, or, where its id is another, the unique key.
 */
function cameTo(
  tx: Transaction,
  { id, unique, fingerprint }: JobSpec,
  { id: found }: EnqueueResult,
): string | undefined {
  const isMeant =
    found === id
      ? tx.tables.jobs.get([found])?.fingerprint === fingerprint
      : unique !== undefined && jobOfKey(tx, unique.key, found) !== undefined;
  return isMeant ? found : undefined;
}

/** What the jobs of one request share. */
interface Request {
  readonly idOf: (seq: number) => string;
  /** The plans that were found already. */
  readonly plans: Map<string, RunnablePlan>;
  readonly named: Named;
  /** How many sets of requirements open jobs have; undefined while nobody has counted them. */
  sets: number | undefined;
}

export const aRequest = (tx: Transaction): Request => ({
  idOf: jobIds(tx.identity),
  plans: new Map(),
  named: new Map(),
  sets: undefined,
});

/** Which schedule makes a job or an action, and for which of its slots. */
export interface OfSchedule {
  readonly schedule: string;
  readonly slotAt?: number;
}

/** Takes one job, or says why not. */
export function enqueueOne(
  tx: Transaction,
  spec: JobSpec,
  request: Request,
  of?: OfSchedule,
): EnqueueResult | Refusal {
  const repeat = findRepeat(tx, spec);
  if (repeat !== undefined) return repeat;
  const met = meetHolder(tx, spec);
  if (met !== undefined && !("follows" in met)) {
    // What was replaced once is not replaced again by a repeat: another one may have come between.
    if (!isRefusal(met) && met.replaced) keepItem(tx, spec, met.id);
    return met;
  }
  const ofPlan = planFor(tx, spec, request.plans);
  if (isRefusal(ofPlan)) return ofPlan;
  const parents = parentsFor(tx, spec, request.named);
  // With a parent whose time is over its set may have gone.
  if (parents !== undefined) request.sets = undefined;
  if (isRefusal(parents)) return parents;
  const payloadBytes = utf8Bytes(spec.payload);
  const full = whyKeyFull(tx, spec.key, 1) ?? whyFull(tx, 1, payloadBytes);
  if (full !== undefined) return full;
  const lanes = laneFor(tx, { key: spec.key, ...(ofPlan ?? spec) }, request);
  if (isRefusal(lanes)) return lanes;

  const { payload, delayMs, runAt: runAtSpec, idempotencyKey: _key, kind: _, ...options } = spec;
  const { kind, planVersion } = ofPlan ?? {};
  const seq = countersOf(tx).seq + 1;
  const id = spec.id ?? request.idOf(seq);
  const runAt = runAtSpec ?? (delayMs === undefined ? undefined : tx.at + delayMs);
  const isLater = runAt !== undefined && runAt > tx.at;
  const facts = { ...options, ...of, kind, planVersion, id, seq, ...lanes, payload, payloadBytes };
  const after = met === undefined ? parents : behind(met, parents);
  tx.emit("job.enqueued", { ...facts, ...(after && { after }), ...(isLater && { runAt }) });
  keepItem(tx, spec, id);
  return { id };
}

/**
 * The kind and requirements of a job of a plan, or why the plan cannot run it; undefined for any other job. `plans` are those that
 * the command has found already.
 */
function planFor(
  tx: Transaction,
  { plan, planVersion, payload, requires }: JobSpec,
  plans: Map<string, RunnablePlan>,
) {
  if (plan === undefined) return undefined;
  const name = `${plan} ${planVersion ?? ""}`;
  const found = plans.get(name) ?? runnable(tx, plan, planVersion);
  if (isRefusal(found)) return found;
  plans.set(name, found);
  const { version, row } = found;
  const wrong = mismatch(found, [payload], () => "/payload");
  if (wrong !== undefined) return wrong;
  const needs = requirements(row.commands, requires);
  return { kind: "plan", planVersion: version, requires: needs } as const;
}

const itemKey = (key: string): string => `job:${key}`;

/** Keeps which job an item of a request came to, under the item's own key. */
function keepItem(
  tx: Transaction,
  { idempotencyKey, fingerprint = "" }: JobSpec,
  id: string,
): void {
  if (idempotencyKey !== undefined) tx.keep(itemKey(idempotencyKey), fingerprint, id);
}

/** The answer to a job that is here already, by its idempotency key or its id. */
function findRepeat(tx: Transaction, spec: JobSpec): EnqueueResult | Refusal | undefined {
  const { idempotencyKey, id, fingerprint } = spec;
  const kept = idempotencyKey === undefined ? undefined : tx.recall(itemKey(idempotencyKey));
  if (kept !== undefined) {
    if (kept.bodyHash === fingerprint) return { id: kept.answer, deduplicated: true };
    return refuse(
      "idempotency_key_reused",
      `The idempotency key ${idempotencyKey} was used for another job. Use a new key for new content.`,
    );
  }
  if (id === undefined) return undefined;
  if (isGenerated(tx.identity, id)) {
    return refuse("job_exists", `The queue itself makes ids like ${id}. Choose another id.`, {
      id,
    });
  }
  const existing = tx.tables.jobs.get([id]);
  if (existing === undefined) return undefined;
  if (existing.fingerprint === fingerprint) return { id, deduplicated: true };
  return refuse("job_exists", `Job ${id} exists with other content. Choose another id.`, {
    id,
    state: existing.state,
  });
}

/** What decides where a job waits. */
interface Waits {
  readonly key?: string | undefined;
  readonly kind?: "payload" | "plan" | undefined;
  readonly requires?: readonly string[] | undefined;
}

/** Where a job waits: the lane of its kind and requirements, or of its key for these. It is taken in at once. */
export function laneFor(
  tx: Transaction,
  job: Waits,
  counted: Pick<Request, "sets"> = { sets: undefined },
): { readonly lane: number; readonly set?: number } | Refusal {
  const set = setFor(tx, job, counted);
  if (isRefusal(set)) return set;
  if (job.key === undefined) return { lane: set };
  const row = tx.tables.keys.get([job.key]);
  const isOrdered = orderOf(row, queueOf(tx).config) === "fifo";
  const known = row?.lanes[isOrdered ? MIXED : set]?.lane;
  const lane = known ?? Math.max(countersOf(tx).lane, set) + 1;
  return set === PLAIN_LANE ? { lane } : { lane, set };
}

/** The number of a job's kind and requirements: that of the set that is there, or the next one. */
function setFor(
  tx: Transaction,
  { kind = "payload", requires = [] }: Waits,
  counted: Pick<Request, "sets">,
): number | Refusal {
  if (kind === "payload" && requires.length === 0) return PLAIN_LANE;
  const known = tx.tables.lane_index.get([laneName(kind, requires)]);
  if (known !== undefined) return known.lane;
  const sets = counted.sets ?? tx.tables.lanes.range({ limit: limits.lanesMax }).length;
  const isNew = sets < limits.lanesMax;
  counted.sets = isNew ? sets + 1 : sets;
  if (isNew) return countersOf(tx).lane + 1;
  return refuse(
    "requires_limit",
    `Jobs with ${sets} distinct sets of requirements wait already; that is the most.`,
  );
}

/** The job a command names, as of now: what is due for it has happened. */
function currentJob(tx: Transaction, id: string): JobRow | Refusal {
  return jobAsOfNow(tx, id) ?? jobUnknown(id);
}

const wrongState = (id: string, job: JobRow, wanted: string): Refusal =>
  refuse("job_state", `Job ${id} is ${job.state}; only ${wanted} can be changed so.`, {
    id,
    state: job.state,
  });

function replyWith(tx: Transaction, id: string) {
  const job = tx.tables.jobs.get([id]);
  if (job === undefined) throw new Error(`job ${id} vanished in its own command`);
  return { now: tx.at, job: toRecord(tx, id, job, textsOf(tx.tables, job)) };
}

export const updateJob: Decide<"job.update"> = (tx, { id, priority, delayMs, runAt }) => {
  const job = currentJob(tx, id);
  if (isRefusal(job)) return job;
  if (job.state !== "ready" && job.state !== "scheduled") {
    return wrongState(id, job, "a ready or scheduled job");
  }
  const due = runAt ?? (delayMs === undefined ? undefined : tx.at + delayMs);
  const isNow = due !== undefined && due <= tx.at;
  const changes = {
    ...(priority !== undefined && priority !== job.priority && { priority }),
    ...(due !== undefined && !isNow && due !== job.runAt && { runAt: due }),
    ...(isNow && job.state === "scheduled" && { runAt: null }),
  };
  if (Object.keys(changes).length > 0) tx.emit("job.updated", { id, ...changes });
  return replyWith(tx, id);
};

export const cancelJob: Decide<"job.cancel"> = (tx, { id, reason }) => {
  const held = currentJob(tx, id);
  if (isRefusal(held)) return held;
  if (held.state !== "cancelled") {
    if (isEndState(held.state)) return wrongState(id, held, "a job that has not ended");
    const before = toRecord(tx, id, held, textsOf(tx.tables, held));
    const why = reason === undefined ? {} : { reason };
    tx.emit("job.cancelled", { id, ...why });
    // Where cancelled jobs are not kept, the reply still says what became of it.
    if (tx.tables.jobs.get([id]) === undefined) {
      const { leaseUntil: _lease, runAt: _run, readyAt: _ready, ...job } = before;
      return { now: tx.at, job: { ...job, ...why, state: "cancelled", endedAt: tx.at } };
    }
  }
  return replyWith(tx, id);
};

export const retryJob: Decide<"job.retry"> = (tx, { id, runAt }) => {
  const job = currentJob(tx, id);
  if (isRefusal(job)) return job;
  const refusal = runAgain(tx, id, job);
  if (refusal !== undefined) return refusal;
  // In the same entry: between two of them somebody who waits would be handed it.
  if (runAt !== undefined && runAt > tx.at) tx.emit("job.updated", { id, runAt });
  return replyWith(tx, id);
};

/** Opens a new run of an ended job, or says why not. */
export function runAgain(tx: Transaction, id: string, job: JobRow): Refusal | undefined {
  if (!isEndState(job.state) || job.state === "completed") {
    return wrongState(id, job, "a failed, cancelled or expired job");
  }
  if (job.expiresAt !== undefined && job.expiresAt <= tx.at) {
    return refuse("job_state", `Job ${id} is past its deadline, which a retry does not move.`, {
      id,
      state: job.state,
      expiresAt: job.expiresAt,
    });
  }
  if (job.plan !== undefined) {
    const version = versionOf(tx, job.plan, job.planVersion);
    if (isRefusal(version)) return version;
  }
  const taken = whyTaken(tx, id, job);
  if (taken !== undefined) return taken;
  const lanes = laneFor(tx, job);
  if (isRefusal(lanes)) return lanes;
  // What they hear is how it has ended: a new run is none of theirs.
  if (!haveHeard(tx, id, job)) {
    const detail = `Job ${id} has just ended, and not all that wait for it have heard of it. Try again at once.`;
    return refuse("job_state", detail, { id, state: job.state });
  }
  const isReused = ownParents(tx.tables, job)?.length !== job.after?.length;
  const reused = isReused ? { reused: true as const } : {};
  tx.emit("job.retried", { id, seq: countersOf(tx).seq + 1, ...lanes, ...reused });
  return undefined;
}

/** Who still needs a job's record: the action that it is of, or jobs that wait for it; undefined where nobody does. */
export function neededBy({ tables }: View, job: JobRow): "action" | "children" | undefined {
  if (job.action !== undefined && tables.actions.get([job.action])?.ended === undefined) {
    return "action";
  }
  return job.dependents ? "children" : undefined;
}

export const removeJob: Decide<"job.remove"> = (tx, { id }) => {
  const job = currentJob(tx, id);
  if (isRefusal(job)) return job;
  if (!isEndState(job.state)) return wrongState(id, job, "an ended job");
  const needed = neededBy(tx, job);
  if (needed !== undefined) {
    const by = needed === "action" ? `its action ${job.action} has` : "those that wait for it have";
    return refuse("job_state", `Job ${id} is kept until ${by} ended.`, { id, state: job.state });
  }
  tx.emit("job.removed", { id });
  return { now: tx.at, removed: true };
};
