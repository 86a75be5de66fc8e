/**
 * What a claim means: which jobs a worker gets, in which order, and why it got none.
 * Invariant: a job is handed out only while nobody holds it, with a token greater than any before.
 */

import { defaults } from "../contract/defaults.ts";
import { utf8Bytes } from "../contract/fields.ts";
import { leaseToken } from "../contract/ids.ts";
import type {
  ClaimedJob,
  ClaimedPlan,
  ClaimInput,
  ClaimReply,
  EmptyClaim,
  HeldLease,
} from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";
import { deadline } from "../store/job-indexes.ts";
import { payloadOf } from "../store/job-texts.ts";
import type { JobRow } from "../store/jobs.ts";
import { bodyOf } from "../store/plans.ts";
import { opensAt } from "../store/token-bucket.ts";
import { countersOf, type Decide, queueOf, type Transaction, type View } from "./decide.ts";
import { settleDue } from "./due.ts";
import { attemptOf, maxAttemptsOf } from "./jobs-read.ts";
import { hasRate } from "./returns.ts";
import { earliest, hasNoSlot, nextWorkAt } from "./sweep.ts";
import { setsFor, takeInOrder } from "./turns.ts";
import { asRegistered, isServed, seeWorker } from "./workers.ts";

/** A lease ends on a whole second, so that many leases share one alarm. */
export const leaseEnd = (at: number, leaseMs: number): number =>
  Math.ceil((at + leaseMs) / 1000) * 1000;

export const claim: Decide<"lease.claim"> = (tx, said) => {
  const queue = queueOf(tx);
  const worker = seeWorker(tx, said.worker);
  const input = asRegistered(said, worker);
  const isDraining = worker !== undefined && !isServed(worker);
  const jobs: ClaimedJob[] = [];
  const plans = new Map<string, ClaimedPlan>();
  let over = 0;
  if (queue.paused === undefined && !isDraining) {
    const grant = countersOf(tx).grant + 1;
    const token = leaseToken(tx.identity, grant);
    const max = input.max ?? 1;
    let bytes = 0;
    const seek = () => (mayHandOut(tx) ? setsFor(tx, input) : []);
    takeInOrder(tx, seek, max, (id, hasTurn) => {
      const job = tx.tables.jobs.get([id]);
      if (job === undefined) throw new Error(`ready job ${id} is not kept`);
      if (endIfOver(tx, id, job)) {
        over += 1;
        return over < limits.sweepMax ? "ended" : "enough";
      }
      const plan = newPlan(tx, plans, job);
      bytes += bytesOf(job) + (plan === undefined ? 0 : utf8Bytes(plan.body));
      if (jobs.length > 0 && bytes > limits.replyBytesMax) return "enough";
      if (plan !== undefined) plans.set(planName(job), plan);
      const isTracked = worker !== undefined;
      jobs.push(handOut(tx, id, job, { grant, token, input, isTracked, hasTurn }));
      return jobs.length < max && mayHandOut(tx) ? "handed_out" : "enough";
    });
  }
  if (jobs.length > 0) return { now: tx.at, jobs, ...shown(plans) };
  const draining = isDraining ? { draining: true as const } : {};
  // Behind those that it ended there may be others, and nothing has to come due for them.
  const cut = over < limits.sweepMax ? {} : { nextDueAt: tx.at };
  return { now: tx.at, jobs, ...whyEmpty(tx, input), ...cut, ...draining };
};

/** Whether any claim may find a job; cheap, for it is asked for those who wait whenever something has happened. */
export function mayFindJobs(view: View): boolean {
  const { ready, limited } = countersOf(view);
  return ready > limited && queueOf(view).paused === undefined && mayHandOut(view);
}

/** When the queue's rate lets the next ready job go, if that is all that holds it back and is not yet; never otherwise. */
export function rateOpensAt(view: View): number {
  const { ready, limited, used_until } = countersOf(view);
  const { config, paused } = queueOf(view);
  const opens = opensAt(used_until, config.rate);
  const isAll = ready > limited && paused === undefined && opens > view.at;
  return isAll ? opens : Number.POSITIVE_INFINITY;
}

/** Whether the queue's own limits leave room for one more job. */
function mayHandOut(view: View): boolean {
  const { rate } = queueOf(view).config;
  return !hasNoSlot(view) && opensAt(countersOf(view).used_until, rate) <= view.at;
}

const planName = ({ plan, planVersion }: JobRow): string => `${plan} ${planVersion}`;

const shown = (plans: ReadonlyMap<string, ClaimedPlan>) =>
  plans.size === 0 ? {} : { plans: [...plans.values()] };

/** The plan of a job, unless the reply has it already or the job is of none. */
function newPlan(
  { tables }: View,
  plans: ReadonlyMap<string, ClaimedPlan>,
  job: JobRow,
): ClaimedPlan | undefined {
  const { plan, planVersion: version } = job;
  if (plan === undefined || version === undefined || plans.has(planName(job))) return undefined;
  const row = tables.plan_versions.get([plan, version]);
  if (row === undefined) throw new Error(`an open job is of plan ${plan} ${version}, not kept`);
  return { plan, version, body: bodyOf(row) };
}

/** The plans of jobs, each once. */
export function plansOf(view: View, ids: readonly string[]): { plans?: readonly ClaimedPlan[] } {
  const plans = new Map<string, ClaimedPlan>();
  for (const id of ids) {
    const job = view.tables.jobs.get([id]);
    const plan = job === undefined ? undefined : newPlan(view, plans, job);
    if (job !== undefined && plan !== undefined) plans.set(planName(job), plan);
  }
  return shown(plans);
}

/** Ends a ready job whose life is over, or that was handed out so often that it never will end by itself. */
function endIfOver(tx: Transaction, id: string, job: JobRow): boolean {
  if ((deadline(job) ?? Infinity) <= tx.at) return settleDue(tx, id);
  const { config } = queueOf(tx);
  const most = config.maxDeliveries ?? defaults.deliveriesPerAttempt * maxAttemptsOf(job, config);
  if (job.deliveries < most) return false;
  tx.emit("job.failed", { id, reason: "delivery_limit" });
  return true;
}

/** The bytes of a job in a reply, at most: its texts, and room for the fields whose size is bounded. */
function bytesOf({ payloadBytes, progress = "", labels, requires }: JobRow): number {
  const isPlain = labels === undefined && requires === undefined;
  const sets = isPlain ? "" : JSON.stringify([labels, requires]);
  return 500 + payloadBytes + utf8Bytes(progress) + utf8Bytes(sets);
}

/** To whom a job is handed out, and as which one. */
interface HandOut {
  readonly grant: number;
  readonly token: string;
  readonly input: ClaimInput;
  /** The worker is registered. */
  readonly isTracked: boolean;
  /** It is the job's turn: keys have turns. */
  readonly hasTurn: boolean;
}

function handOut(
  tx: Transaction,
  id: string,
  job: JobRow,
  { grant, token, input, isTracked, hasTurn }: HandOut,
): ClaimedJob {
  const leaseMs = input.leaseMs ?? job.leaseMs ?? queueOf(tx).config.leaseMs;
  const leaseUntil = leaseEnd(tx.at, leaseMs);
  const { worker, session } = input;
  const facts = { id, grant, leaseUntil, worker, leaseMs: input.leaseMs };
  const said = session === undefined ? facts : { ...facts, session };
  const parts = hasRate(tx, job) ? { parts: true as const } : {};
  const fair = job.key !== undefined || parts.parts ? { fair: true as const } : {};
  const turn = hasTurn ? { turn: true as const } : {};
  const tracked = isTracked && { tracked: true as const };
  tx.emit("job.claimed", { ...said, ...tracked, ...fair, ...turn, ...parts });
  return toClaimed(tx, id, job, { token, leaseUntil, deliveries: job.deliveries + 1 });
}

/** A job as its worker sees it. */
function toClaimed(
  view: View,
  id: string,
  job: JobRow,
  lease: Pick<ClaimedJob, "token" | "leaseUntil" | "deliveries">,
): ClaimedJob {
  const { config } = queueOf(view);
  return {
    id,
    token: lease.token,
    leaseUntil: lease.leaseUntil,
    kind: job.kind ?? "payload",
    plan: job.plan,
    planVersion: job.planVersion,
    action: job.action,
    key: job.key,
    parents: job.after?.length,
    schedule: job.schedule,
    slotAt: job.slotAt,
    run: job.run,
    attempt: attemptOf(job, config),
    maxAttempts: maxAttemptsOf(job, config),
    deliveries: lease.deliveries,
    priority: job.priority,
    createdAt: job.createdAt,
    labels: job.labels,
    requires: job.requires,
    payload: payloadOf(view.tables, job),
    progress: job.progress,
  };
}

function whyEmpty(view: View, input: ClaimInput): EmptyClaim {
  const { paused, config } = queueOf(view);
  const { ready, scheduled, limited, used_until } = countersOf(view);
  const { kinds = ["payload"] } = input;
  const mine = new Set(setsFor(view, input));
  const rateAt = opensAt(used_until, config.rate);
  let unclaimable = 0;
  let elsewhere = 0;
  for (const [[lane], row] of view.tables.lanes.scan({})) {
    elsewhere += row.ready;
    if (!mine.has(lane)) unclaimable += row.ready;
  }
  if (!kinds.includes("payload")) unclaimable += ready - elsewhere;
  return {
    paused: paused !== undefined,
    ...(paused?.reason !== undefined && { pausedReason: paused.reason }),
    waiting: ready,
    scheduled,
    nextDueAt: earliest(nextWorkAt(view), rateAt > view.at ? rateAt : undefined) ?? null,
    limited: mayHandOut(view) ? limited : ready,
    unclaimable,
  };
}

/** The answer to a claim of a queue that does not exist: empty, and nothing is created. */
export const emptyClaim = (at: number): ClaimReply => ({
  now: at,
  jobs: [],
  paused: false,
  waiting: 0,
  scheduled: 0,
  nextDueAt: null,
  limited: 0,
  unclaimable: 0,
});

/** The answer to a claim that waits no longer: why it gets nothing. */
export const noJobs = (view: View | undefined, at: number, input: ClaimInput): ClaimReply =>
  view === undefined ? emptyClaim(at) : { now: at, jobs: [], ...whyEmpty(view, input) };

/** The jobs of an earlier claim that are still held under its token. */
export function stillHeld(view: View, grant: number, ids: readonly string[]): ClaimedJob[] {
  const token = leaseToken(view.identity, grant);
  return ids.flatMap((id) => {
    const job = view.tables.jobs.get([id]);
    if (job?.state !== "running" || job.grant !== grant) return [];
    const { leaseUntil = 0, deliveries } = job;
    return leaseUntil > view.at
      ? [toClaimed(view, id, job, { token, leaseUntil, deliveries })]
      : [];
  });
}

/**
 * The lease of a job that was handed out over the channel of a session, also where its time is over and the sweep has not come yet;
 * undefined where the session has none.
 */
export function leaseOf(view: View, id: string, session: string): HeldLease | undefined {
  const { session: holder, grant = 0, leaseUntil } = view.tables.jobs.get([id]) ?? {};
  if (holder !== session || leaseUntil === undefined) return undefined;
  return { id, token: leaseToken(view.identity, grant), leaseUntil };
}

/** All jobs that sessions hold, each with its session. It looks at every lease there is. */
export function* sessionsHolding({ tables }: View): Generator<readonly [string, string]> {
  for (const [, { id }] of tables.leases.scan({})) {
    const { session } = tables.jobs.get([id]) ?? {};
    if (session !== undefined) yield [id, session];
  }
}
