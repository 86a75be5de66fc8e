/**
 * What settling means: complete, fail, release, extend, progress, each for one lease.
 * Invariant: only the latest token of a job, while its lease lasts, changes it; a late complete is the one exception.
 */

import type { EventFacts, EventType } from "../contract/events.ts";
import { isEndState } from "../contract/fields.ts";
import { grantOf } from "../contract/ids.ts";
import type { Settled, Settlement } from "../contract/leases.ts";
import { isRefusal, problemOf, type Refusal, refuse } from "../contract/refusals.ts";
import type { JobRow, LeaseOutcome } from "../store/jobs.ts";
import { type Decide, queueOf, type Transaction } from "./decide.ts";
import { jobAsOfNow, settleDue } from "./due.ts";
import { jobUnknown, maxAttemptsOf } from "./jobs-read.ts";
import { claim, leaseEnd } from "./leases.ts";
import { retryDelayMs } from "./retry.ts";
import { giveBack, headOf } from "./returns.ts";
import { seeWorker } from "./workers.ts";

export const settle: Decide<"lease.settle"> = (tx, input) => {
  let refused = 0;
  // The jobs of one claim have one token, so that mostly one is read for a whole batch.
  let token: string | undefined;
  let grant: number | undefined;
  const seen = new Set<string>();
  const items = input.items.map((item) => {
    if (item.token !== token) grant = grantOf(tx.identity, item.token);
    token = item.token;
    const settled = settleOne(tx, item, grant, seen);
    if (!isRefusal(settled)) return settled;
    refused += 1;
    return { id: item.id, ok: false as const, problem: problemOf(settled) };
  });
  const reply = { now: tx.at, items, refused };
  if (input.claim === undefined) return reply;
  // Decided after the settles, in the same turn; a claim is never refused once the queue exists.
  const claimed = claim(tx, input.claim);
  if (isRefusal(claimed)) throw new Error(`a claim was refused: ${claimed.detail}`);
  return { ...reply, claim: claimed };
};

/** What a settlement comes to when it is repeated: each outcome of a lease, by the verb that asks for it. */
const outcomeOf: Partial<Record<Settlement["op"], LeaseOutcome>> = {
  complete: "completed",
  fail: "failed",
  release: "released",
};

/** Settles one item, whose token is of a grant, or of none that this queue made. */
function settleOne(
  tx: Transaction,
  item: Settlement,
  grant: number | undefined,
  seen: Set<string>,
): Settled | Refusal {
  const job = jobAsOfNow(tx, item.id);
  if (job === undefined) return jobUnknown(item.id);
  const isLatest = job.grant !== undefined && grant === job.grant;
  if (isLatest && job.state === "running") {
    noteLife(tx, job, seen);
    return settleHeld(tx, item, job);
  }
  const outcome = isLatest ? job.outcome : undefined;
  if (outcome !== undefined && outcomeOf[item.op] === outcome) {
    return { id: item.id, ok: true, state: job.state, repeated: true };
  }
  // Its worker hears now that it ended: its slots are free.
  const { lingersUntil: until } = job;
  if (isLatest && until !== undefined && grant !== undefined) {
    tx.emit("lingering.ended", { id: item.id, grant, until });
  }
  if (job.state === "cancelled") {
    return jobCancelled(item.id, job.reason);
  }
  if (isEndState(job.state) || outcome === "failed" || outcome === "released") {
    return alreadySettled(item, job);
  }
  // Its lease ended by time, and nobody else was given the job, nor did a new run begin: its completion still counts.
  const isOfThisRun = job.deliveries > 0;
  if (outcome === "expired" && isOfThisRun && item.op === "complete") {
    return complete(tx, item, true);
  }
  return leaseStale(item, job);
}

/** A settlement is a sign of life of the worker that holds the job; one of a request is as good as many. */
function noteLife(tx: Transaction, { tracked, worker }: JobRow, seen: Set<string>): void {
  if (!tracked || worker === undefined || seen.has(worker)) return;
  seen.add(worker);
  seeWorker(tx, worker);
}

const jobCancelled = (id: string, reason: string | undefined): Refusal =>
  refuse("job_cancelled", `Job ${id} was cancelled: stop working on it.`, {
    id,
    ...(reason !== undefined && { reason }),
  });

/** What the holder of a lease is told that an event has ended without it. */
export function lossOf(type: EventType, facts: { readonly id: string }): Refusal {
  const { id } = facts;
  if (type === "job.cancelled") {
    return jobCancelled(id, (facts as EventFacts["job.cancelled"]).reason);
  }
  if (type === "job.removed") return jobUnknown(id);
  if (type === "job.expired") {
    const detail = `Job ${id} has expired: stop working on it.`;
    return refuse("already_settled", detail, { id, state: "expired" });
  }
  return refuse("lease_stale", `The lease of job ${id} has ended: drop the work.`, { id });
}

function alreadySettled({ id }: Settlement, job: JobRow): Refusal {
  return refuse("already_settled", `Job ${id} is ${job.state} already, with another outcome.`, {
    id,
    state: job.state,
  });
}

function leaseStale({ id }: Settlement, job: JobRow): Refusal {
  const ended = job.leaseEndedAt;
  const last = ended === undefined ? "no lease of it has ended" : `its last one ended at ${ended}`;
  const now =
    job.state === "running" ? `it was handed out at ${job.startedAt}` : `it is ${job.state}`;
  return refuse(
    "lease_stale",
    `This token holds no lease of job ${id}: ${last}, ${now}. Drop the work.`,
    { id, state: job.state, leaseEndedAt: ended ?? null },
  );
}

function settleHeld(tx: Transaction, item: Settlement, job: JobRow): Settled | Refusal {
  switch (item.op) {
    case "complete":
      return complete(tx, item, false);
    case "fail":
      return fail(tx, item, job);
    case "release":
      return release(tx, item, job);
    case "extend":
      return extend(tx, item, job);
    case "progress":
      tx.emit("job.progressed", { id: item.id, progress: item.progress ?? "null" });
      return { id: item.id, ok: true, state: "running" };
    case "task":
      return reportTask(tx, item, job);
  }
}

/** What a task came to. A job without a plan has no tasks; a number that its plan has not is no task of it. */
function reportTask(tx: Transaction, item: Verb<"task">, job: JobRow): Settled | Refusal {
  const { op: _op, token: _token, ...report } = item;
  const most = job.plan === undefined ? 0 : tasksIn(tx, job.plan, job.planVersion);
  if (report.task > most) {
    return refuse("task_unknown", `Job ${item.id} has ${most} tasks, and no task ${report.task}.`, {
      id: item.id,
      tasks: most,
    });
  }
  tx.emit("task.reported", report);
  return { id: item.id, ok: true, state: job.state };
}

function tasksIn(tx: Transaction, plan: string, version = 0): number {
  return tx.tables.plan_versions.get([plan, version])?.tasks ?? 0;
}

type Verb<Op extends Settlement["op"]> = Extract<Settlement, { op: Op }>;

function complete(tx: Transaction, { id, result }: Verb<"complete">, late: boolean): Settled {
  tx.emit("job.completed", {
    id,
    ...(result !== undefined && { result }),
    ...(late && { late: true as const }),
  });
  return { id, ok: true, state: "completed", ...(late && { late: true as const }) };
}

function fail(tx: Transaction, item: Verb<"fail">, job: JobRow): Settled {
  const { id, error } = item;
  const { config } = queueOf(tx);
  const attempt = job.failures + 1;
  if (item.retryable === false || attempt >= maxAttemptsOf(job, config)) {
    tx.emit("job.failed", { id, error });
    return { id, ok: true, state: "failed" };
  }
  const policy = job.backoff ?? config.backoff;
  const runAt = tx.at + (item.delayMs ?? retryDelayMs(policy, id, job.run, attempt));
  tx.emit("job.failed", { id, error, runAt, ...headOf(tx, job) });
  // Without a delay it is due already: the next claim, which may be in this request, can have it.
  const isDue = settleDue(tx, id);
  return isDue ? { id, ok: true, state: "ready" } : { id, ok: true, state: "scheduled", runAt };
}

/** Without a key to hold, it is the job itself that is not handed out for so long. */
function release(tx: Transaction, item: Verb<"release">, job: JobRow): Settled {
  const { key } = job;
  const { id, delayMs = 0, holdKeyMs = 0 } = item;
  const held = key === undefined || holdKeyMs === 0 ? {} : { holdKeyUntil: tx.at + holdKeyMs };
  const waitMs = key === undefined ? Math.max(delayMs, holdKeyMs) : delayMs;
  if (waitMs === 0) {
    giveBack(tx, job, { id, ...held });
    return { id, ok: true, state: "ready" };
  }
  const runAt = tx.at + waitMs;
  giveBack(tx, job, { id, runAt, ...held });
  return { id, ok: true, state: "scheduled", runAt };
}

function extend(tx: Transaction, { id, leaseMs }: Verb<"extend">, job: JobRow): Settled | Refusal {
  const length = leaseMs ?? job.claimLeaseMs ?? job.leaseMs ?? queueOf(tx).config.leaseMs;
  const wanted = leaseEnd(tx.at, length);
  const last = job.maxRunMs === undefined ? wanted : leaseEnd(job.startedAt ?? tx.at, job.maxRunMs);
  if (last <= (job.leaseUntil ?? 0) && wanted > last) {
    return refuse("max_run_reached", `Job ${id} may run ${job.maxRunMs} ms; its lease ends then.`, {
      id,
      leaseUntil: job.leaseUntil ?? null,
    });
  }
  const leaseUntil = Math.min(wanted, last);
  if (leaseUntil !== job.leaseUntil) tx.emit("job.extended", { id, leaseUntil });
  return { id, ok: true, state: "running", leaseUntil };
}
