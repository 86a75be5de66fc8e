/**
 * What claiming and settling should do.
 * Invariant: only the latest token of a job, while its lease lasts, changes it; a late completion is the one exception.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { small } from "../small.ts";
import type { Answer, Refused } from "./answers.ts";
import { holderOf, isFull, nextWorkAt } from "./due.ts";
import { idOf, pad } from "./jobs.ts";
import type { Report } from "./nouns.ts";
import { takeInOrder } from "./order.ts";
import { tasksIn, versionOf } from "./plans.ts";
import { costsOf, isHeld, rateOpensAt } from "./rounds.ts";
import { claimed } from "./show.ts";
import {
  type Backoff,
  defined,
  isEnded,
  type Job,
  letGo,
  type Queue,
  type State,
} from "./state.ts";
import type { Turn } from "./turn.ts";
import { see } from "./workers.ts";

type ClaimInput = CommandInputs["lease.claim"];
type SettleItem = CommandInputs["lease.settle"]["items"][number];
interface Settled {
  readonly id: string;
  readonly ok: true;
  readonly state: string;
  readonly [fact: string]: unknown;
}

/** What was really answered: jitter is taken from it, within its bounds. */
export interface Hint {
  readonly items?: readonly { readonly state?: string; readonly runAt?: number }[];
}

export const tokenOf = (queue: Queue, grant: number): string => idOf(queue, pad(grant, 9));

/** The end of a lease: a whole second, never early. */
const leaseEnd = (at: number, ms: number): number => Math.ceil((at + ms) / 1000) * 1000;

function mayHave(job: Job, { kinds = ["payload"], capabilities = [] }: ClaimInput): boolean {
  return (
    kinds.includes(job.kind) && (job.requires ?? []).every((need) => capabilities.includes(need))
  );
}

/** Claims: the jobs handed out, or why there are none. */
export function claim(turn: Turn, said: ClaimInput): { jobs: object[] } {
  const { queue, state } = turn;
  const { config } = queue;
  const worker = see(turn, said.worker);
  // A registered worker need not say again what it can do.
  const input: ClaimInput =
    worker === undefined
      ? said
      : { kinds: [...worker.kinds], capabilities: [...worker.capabilities], ...said };
  const isServed = worker?.drainingAt === undefined && worker?.diedAt === undefined;
  const jobs: object[] = [];
  const taken: Job[] = [];
  let over = 0;
  const max = input.max ?? 1;
  const { kinds = ["payload"], capabilities = [] } = input;
  const mayHandOut = queue.paused === undefined && isServed && hasRoom(turn);
  const takes = { kinds: mayHandOut ? kinds : [], capabilities };
  takeInOrder(turn, takes, (job) => {
    if (endIfOver(turn, job)) {
      over += 1;
      return over < small.sweepMax ? "ended" : "enough";
    }
    if (jobs.length === 0) state.grant += 1;
    const leaseMs = input.leaseMs ?? job.leaseMs ?? config.leaseMs;
    const held = turn.put("job.claimed", job, {
      ...{ state: "running", deliveries: job.deliveries + 1, grant: state.grant },
      ...{ worker: input.worker, claimLeaseMs: input.leaseMs, startedAt: turn.at },
      ...costsOf(turn.state, job),
      ...{ leaseUntil: leaseEnd(turn.at, leaseMs), ttlUntil: undefined },
      ...{ outcome: undefined, reason: undefined, error: undefined },
      tracked: worker === undefined ? undefined : true,
    });
    jobs.push(claimed(held, config, tokenOf(queue, state.grant)));
    taken.push(held);
    return jobs.length < max && hasRoom(turn) ? "handed_out" : "enough";
  });
  if (jobs.length > 0) return { jobs, ...plansOf(state, taken) };
  const cut = over >= small.sweepMax && { nextDueAt: turn.at };
  return { jobs, ...whyEmpty(turn, input), ...cut, ...(!isServed && { draining: true }) };
}

/** Whether the queue's own limits leave room for one more job. */
function hasRoom({ at, queue, state }: Turn): boolean {
  return !isFull(state) && rateOpensAt(state.usedUntil, queue.config.rate) <= at;
}

/** The plans of jobs that are handed out, each once. */
export function plansOf(state: State, jobs: readonly Job[]): { plans?: object[] } {
  const plans = new Map<string, object>();
  for (const { plan, planVersion } of jobs) {
    if (plan === undefined) continue;
    const version = versionOf(state, plan, planVersion);
    if ("code" in version) throw new Error(`an open job is of plan ${plan}, which is not there`);
    const body = JSON.parse(version.body) as object;
    plans.set(`${plan} ${planVersion}`, { plan, version: planVersion, body });
  }
  return plans.size === 0 ? {} : { plans: [...plans.values()] };
}

function endIfOver(turn: Turn, job: Job): boolean {
  if (Math.min(job.ttlUntil ?? Infinity, job.expiresAt ?? Infinity) <= turn.at) {
    turn.asOfNow(job.id);
    return true;
  }
  const most = turn.queue.config.maxDeliveries ?? 10 * turn.maxAttemptsOf(job);
  if (job.deliveries < most) return false;
  turn.end("job.failed", job, "failed", { error: undefined, reason: "delivery_limit" });
  return true;
}

function whyEmpty(turn: Turn, input: ClaimInput): object {
  const { queue, state, at } = turn;
  const { paused } = queue;
  const rateAt = rateOpensAt(state.usedUntil, queue.config.rate);
  const nextAt = Math.min(nextWorkAt(state, at) ?? Infinity, rateAt > at ? rateAt : Infinity);
  const all = [...state.jobs.values()];
  const ready = all.filter((job) => job.state === "ready");
  const limited = ready.filter(({ key, lane }) => key !== undefined && !state.turns.has(lane));
  return {
    paused: paused !== undefined,
    ...(paused?.reason !== undefined && { pausedReason: paused.reason }),
    waiting: ready.length,
    scheduled: all.filter((job) => job.state === "scheduled").length,
    nextDueAt: nextAt === Infinity ? null : nextAt,
    limited: hasRoom(turn) ? limited.length : ready.length,
    unclaimable: ready.filter((job) => !mayHave(job, input)).length,
  };
}

export const emptyQueue = {
  ...{ jobs: [], paused: false, waiting: 0, scheduled: 0, nextDueAt: null },
  ...{ limited: 0, unclaimable: 0 },
};

export function settle(turn: Turn, input: CommandInputs["lease.settle"], hint: Hint): Answer {
  const seen = new Set<string>();
  const items = input.items.map((item, i) => {
    const settled = settleOne(turn, item, hint.items?.[i] ?? {}, seen);
    return "code" in settled ? { id: item.id, ok: false, problem: settled } : settled;
  });
  const refusals = items.filter((item) => !item.ok).length;
  const reply = { now: turn.at, items, refused: refusals };
  return { reply: input.claim === undefined ? reply : { ...reply, ...claim(turn, input.claim) } };
}

const outcomes: Partial<Record<SettleItem["op"], Job["outcome"]>> = {
  complete: "completed",
  fail: "failed",
  release: "released",
};

type Told = NonNullable<Hint["items"]>[number];

function settleOne(turn: Turn, item: SettleItem, told: Told, seen: Set<string>): Settled | Refused {
  const { id, op } = item;
  const job = turn.asOfNow(id);
  if (job === undefined) return { code: "job_unknown", id };
  const { state, outcome } = job;
  const isLatest = job.grant !== undefined && item.token === tokenOf(turn.queue, job.grant);
  if (isLatest && state === "running") {
    const holder = holderOf(job);
    // A settlement is a sign of life; one of a request is as good as many.
    if (holder !== undefined && !seen.has(holder)) see(turn, holder);
    if (holder !== undefined) seen.add(holder);
    return settleHeld(turn, item, job, told);
  }
  if (isLatest && outcome !== undefined && outcomes[op] === outcome) {
    return { id, ok: true, state, repeated: true };
  }
  // Its worker hears now that it ended: its slots are free.
  if (isLatest && job.lingersUntil !== undefined) turn.endSlot(id, job.grant);
  if (state === "cancelled") {
    return { code: "job_cancelled", id, ...(job.reason !== undefined && { reason: job.reason }) };
  }
  const isSettled = isLatest && (outcome === "failed" || outcome === "released");
  if (isEnded(state) || isSettled) return { code: "already_settled", id, state };
  const isLate = isLatest && outcome === "expired" && job.deliveries > 0;
  if (isLate && op === "complete") {
    return complete(turn, item, job, true);
  }
  return { code: "lease_stale", id, state, leaseEndedAt: job.leaseEndedAt ?? null };
}

function complete(
  turn: Turn,
  item: Extract<SettleItem, { op: "complete" }>,
  job: Job,
  isLate: boolean,
): Settled {
  const late = isLate ? { late: true as const } : {};
  turn.end("job.completed", job, "completed", {
    ...{ outcome: "completed", result: item.result, progress: undefined, reason: undefined },
    late: isLate || undefined,
  });
  return { id: item.id, ok: true, state: "completed", ...late };
}

function settleHeld(turn: Turn, item: SettleItem, job: Job, told: Told): Settled | Refused {
  const { id } = item;
  switch (item.op) {
    case "complete":
      return complete(turn, item, job, false);
    case "fail":
      return fail(turn, item, job, told);
    case "release":
      return release(turn, job, item);
    case "extend":
      return extend(turn, job, item.leaseMs);
    case "progress":
      turn.put("job.progressed", job, { progress: item.progress ?? "null" });
      return { id, ok: true, state: "running" };
    case "task":
      return report(turn, item, job);
  }
}

function report(
  turn: Turn,
  item: Extract<SettleItem, { op: "task" }>,
  job: Job,
): Settled | Refused {
  const { id, task } = item;
  const tasks = tasksIn(turn.state, job);
  if (task > tasks) return { code: "task_unknown", id, tasks };
  const { stdout, stderr, stdoutBytes, stderrBytes, startedAt, durationMs } = item;
  const row: Report = defined({
    ...{ run: job.run, delivery: job.deliveries, reportedAt: turn.at },
    ...{ stdout, stderr, stdoutBytes, stderrBytes, startedAt, durationMs },
    exitCode: item.exitCode ?? undefined,
    signal: item.signal ?? undefined,
    timedOut: item.timedOut || undefined,
    stdoutTruncated: item.stdoutTruncated || undefined,
    stderrTruncated: item.stderrTruncated || undefined,
  });
  turn.put("task.reported", job, { reports: { ...job.reports, [task]: row } });
  return { id, ok: true, state: job.state };
}

function fail(
  turn: Turn,
  { id, error, retryable, delayMs }: Extract<SettleItem, { op: "fail" }>,
  job: Job,
  told: Told,
): Settled {
  const changes: Partial<Job> = {
    ...{ error, reason: undefined, failures: job.failures + 1 },
    outcome: "failed",
    attempts: turn.attemptsWith(job, "failed", turn.at, error),
  };
  if (retryable === false || job.failures + 1 >= turn.maxAttemptsOf(job)) {
    turn.end("job.failed", job, "failed", changes);
    return { id, ok: true, state: "failed" };
  }
  const policy = job.backoff ?? turn.queue.config.backoff;
  const wait = delayMs ?? waitOf(policy, job.failures + 1, told, turn.at);
  const runAt = turn.at + wait;
  turn.put("job.failed", job, {
    ...{ ...changes, ...letGo, state: "scheduled", runAt, leaseEndedAt: turn.at },
    ...(isHeld(turn.state, job)
      ? { head: true as const }
      : { head: undefined, readyAt: undefined }),
  });
  if (runAt > turn.at) return { id, ok: true, state: "scheduled", runAt };
  turn.asOfNow(id);
  return { id, ok: true, state: "ready" };
}

/** The delay before the next attempt; with jitter the one that was told, if it is within bounds. */
function waitOf(policy: Backoff, attempt: number, told: Told, at: number): number {
  const most = delayOf(policy, attempt);
  if (policy.jitter === "none") return Math.round(most);
  const wait = told.state === "ready" ? 0 : (told.runAt ?? at) - at;
  return wait >= 0 && wait <= Math.ceil(most) ? wait : Math.ceil(most);
}

function delayOf(policy: Backoff, attempt: number): number {
  if (policy.kind === "fixed") return policy.delayMs;
  if (policy.kind === "list") return policy.delaysMs[attempt - 1] ?? policy.delaysMs.at(-1) ?? 0;
  const cap = policy.capMs ?? Infinity;
  if (policy.kind === "linear") return Math.min(cap, policy.delayMs * attempt);
  return Math.min(cap, policy.delayMs * (policy.factor ?? 2) ** (attempt - 1));
}

function release(
  turn: Turn,
  job: Job,
  { delayMs = 0, holdKeyMs = 0 }: Extract<SettleItem, { op: "release" }>,
): Settled {
  const { id, key } = job;
  const waitMs = key === undefined ? Math.max(delayMs, holdKeyMs) : delayMs;
  const runAt = waitMs === 0 ? undefined : turn.at + waitMs;
  turn.giveBack(job, runAt, holdKeyMs === 0 ? undefined : turn.at + holdKeyMs);
  if (runAt === undefined) return { id, ok: true, state: "ready" };
  return { id, ok: true, state: "scheduled", runAt };
}

function extend(turn: Turn, job: Job, leaseMs: number | undefined): Settled | Refused {
  const { id, maxRunMs, leaseUntil = 0 } = job;
  const ms = leaseMs ?? job.claimLeaseMs ?? job.leaseMs ?? turn.queue.config.leaseMs;
  const wanted = leaseEnd(turn.at, ms);
  const last = maxRunMs === undefined ? Infinity : leaseEnd(job.startedAt ?? 0, maxRunMs);
  if (wanted > last && leaseUntil >= last) return { code: "max_run_reached", id, leaseUntil };
  const until = Math.min(wanted, last);
  if (until !== leaseUntil) turn.put("job.extended", job, { leaseUntil: until });
  return { id, ok: true, state: "running", leaseUntil: until };
}
