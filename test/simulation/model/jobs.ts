/**
 * What enqueueing, changing, cancelling, retrying and removing a job should do.
 * Invariant: refusals are tried in the order of docs/semantics.md; a refused item changes nothing.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { changing, small } from "../small.ts";
import { countsOf, setOf, setsOf } from "./show.ts";
import { defined, isEnded, type Job, type Queue } from "./state.ts";
import { type Answer, type Refused, refused, type Turn } from "./turn.ts";

type Spec = CommandInputs["job.enqueue"]["jobs"][number];
type Item = { readonly id: string; readonly deduplicated?: true } | { readonly problem: Refused };

export const pad = (value: number, width: number): string =>
  value.toString(36).padStart(width, "0");

/** An id that a queue makes: it names the queue and the term of its history. */
export const idOf = ({ queueId, term }: Queue, last: string): string =>
  `${queueId}-${pad(term, 3)}-${last}`;

export function enqueue(turn: Turn, { jobs }: CommandInputs["job.enqueue"]): Answer {
  const results = jobs.map((spec) => enqueueOne(turn, spec));
  const refusals = results.filter((item) => "problem" in item).length;
  return { reply: { now: turn.at, results, refused: refusals } };
}

const problem = (code: string, facts: object = {}): Item => ({ problem: { code, ...facts } });

function enqueueOne(turn: Turn, spec: Spec): Item {
  const repeat = repeatOf(turn, spec);
  if (repeat !== undefined) return repeat;
  const full = whyFull(turn, Buffer.byteLength(spec.payload));
  if (full !== undefined) return full;
  const { kind = "payload", requires } = spec;
  if (isOverLimit(turn, { kind, requires })) return problem("requires_limit");

  const { state } = turn;
  state.seq += 1;
  const id = spec.id ?? idOf(turn.queue, pad(state.seq, 9));
  const due = spec.runAt ?? turn.at + (spec.delayMs ?? 0);
  const isLater = due > turn.at;
  const { runAt: _, delayMs: __, idempotencyKey, ...options } = spec;
  const job: Job = defined({
    ...options,
    ...{ id, kind, seq: state.seq, createdAt: turn.at, run: 1, failures: 0, deliveries: 0 },
    priority: spec.priority ?? 0,
    state: isLater ? ("scheduled" as const) : ("ready" as const),
    ...(isLater && { runAt: due }),
  });
  if (isLater) turn.put("job.enqueued", job);
  else turn.becomeReady("job.enqueued", job, turn.at);
  if (idempotencyKey !== undefined) {
    const body = spec.fingerprint ?? "";
    const kept = { index: state.index + 1, body, name: "job", reply: { id } };
    state.history.keep(`job:${idempotencyKey}`, kept);
  }
  return { id };
}

function repeatOf(turn: Turn, spec: Spec): Item | undefined {
  const { history, purged } = turn;
  const kept =
    spec.idempotencyKey === undefined
      ? undefined
      : history.find(`job:${spec.idempotencyKey}`, purged);
  if (kept !== undefined) {
    if (kept.body !== spec.fingerprint) return problem("idempotency_key_reused");
    return { id: (kept.reply as { id: string }).id, deduplicated: true };
  }
  if (spec.id === undefined) return undefined;
  if (spec.id.startsWith(`${turn.queue.queueId}-`)) return problem("job_exists", { id: spec.id });
  const existing = turn.state.jobs.get(spec.id);
  if (existing === undefined) return undefined;
  if (existing.fingerprint === spec.fingerprint) return { id: spec.id, deduplicated: true };
  return problem("job_exists", { id: spec.id, state: existing.state });
}

function whyFull(turn: Turn, payloadBytes: number): Item | undefined {
  const { maxJobs, maxBytes } = turn.queue.config;
  if (turn.state.jobs.size >= maxJobs) return problem("queue_full", { maxJobs });
  if (turn.isFull) {
    return problem("queue_full", { databaseBytesMax: changing.databaseBytesMax });
  }
  const bytes = countsOf(turn.state).bytes + payloadBytes;
  return bytes > maxBytes ? problem("queue_full", { maxBytes }) : undefined;
}

/** Whether a job's set of requirements would be one too many. */
function isOverLimit(turn: Turn, job: Pick<Job, "kind" | "requires">): boolean {
  const sets = setsOf(turn.state);
  const own = setOf(job);
  return !sets.has(own) && own !== setOf({ kind: "payload" }) && sets.size >= small.lanesMax;
}

const unknown = (id: string): Answer => refused("job_unknown", { id });
const wrongState = ({ id, state }: Job, facts: object = {}) =>
  refused("job_state", { id, state, ...facts });

export function update(turn: Turn, input: CommandInputs["job.update"]): Answer {
  const job = turn.asOfNow(input.id);
  if (job === undefined) return unknown(input.id);
  if (job.state !== "ready" && job.state !== "scheduled") return wrongState(job);
  const due = input.runAt ?? (input.delayMs === undefined ? undefined : turn.at + input.delayMs);
  const priority = input.priority ?? job.priority;
  const isNow = due !== undefined && due <= turn.at;
  const isMoved = due !== undefined && !isNow && due !== job.runAt;
  const isFreed = isNow && job.state === "scheduled";
  if (priority === job.priority && !isMoved && !isFreed) return turn.show(job);
  if (isFreed) return turn.show(turn.becomeReady("job.updated", { ...job, priority }, turn.at));
  const moved = isMoved ? { state: "scheduled" as const, runAt: due, readyAt: undefined } : {};
  return turn.show(turn.put("job.updated", job, { priority, ...moved }));
}

export function cancel(turn: Turn, { id, reason }: CommandInputs["job.cancel"]): Answer {
  const job = turn.asOfNow(id);
  if (job === undefined) return unknown(id);
  if (job.state === "cancelled") return turn.show(job);
  if (isEnded(job.state)) return wrongState(job);
  const attempts = job.state === "running" && turn.attemptsWith(job, "cancelled", turn.at);
  turn.end("job.cancelled", job, "cancelled", { reason, ...(attempts && { attempts }) });
  const kept = turn.state.jobs.get(id);
  if (kept !== undefined) return turn.show(kept);
  const why = reason === undefined ? {} : { reason };
  const none = { leaseUntil: undefined, runAt: undefined, readyAt: undefined };
  const last: Job = { ...job, ...why, ...none, state: "cancelled", endedAt: turn.at };
  return turn.show(last);
}

export function retry(turn: Turn, { id }: CommandInputs["job.retry"]): Answer {
  const job = turn.asOfNow(id);
  if (job === undefined) return unknown(id);
  return runAgain(turn, job) ?? turn.show(turn.state.jobs.get(id) ?? job);
}

/** Opens a new run of a job, or says why not. */
export function runAgain(turn: Turn, job: Job): Answer | undefined {
  if (!isEnded(job.state) || job.state === "completed") return wrongState(job);
  if (job.expiresAt !== undefined && job.expiresAt <= turn.at) {
    return wrongState(job, { expiresAt: job.expiresAt });
  }
  if (isOverLimit(turn, job)) return refused("requires_limit");
  turn.state.seq += 1;
  turn.put("job.retried", job, {
    ...{ state: "ready", seq: turn.state.seq, run: job.run + 1, failures: 0, deliveries: 0 },
    ...{ readyAt: turn.at, endedAt: undefined, reason: undefined, error: undefined },
    ...{ result: undefined, late: undefined, worker: undefined },
  });
  return undefined;
}

export function remove(turn: Turn, { id }: CommandInputs["job.remove"]): Answer {
  const job = turn.asOfNow(id);
  if (job === undefined) return unknown(id);
  if (!isEnded(job.state)) return wrongState(job);
  turn.remove(id);
  return { reply: { now: turn.at, removed: true } };
}
