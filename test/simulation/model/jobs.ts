/**
 * What enqueueing, changing, cancelling, retrying and removing a job should do.
 * Invariant: refusals are tried in the order of docs/semantics.md; a refused item changes nothing.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { fitOf, needsOf, versionOf } from "./plans.ts";
import { isOverLimit, whyFull } from "./room.ts";
import { defined, isEnded, type Job, type Queue, type State } from "./state.ts";
import { type Answer, type Refused, refused, type Turn } from "./turn.ts";

type Spec = CommandInputs["job.enqueue"]["jobs"][number];
export type Item =
  | { readonly id: string; readonly deduplicated?: true }
  | { readonly problem: Refused };

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

/** Which schedule makes a job, and for which of its slots. */
export interface OfSchedule {
  readonly schedule: string;
  readonly slotAt?: number;
}

/** Takes a job, or says why not. */
export function enqueueOne(turn: Turn, spec: Spec, of?: OfSchedule): Item {
  const repeat = repeatOf(turn, spec);
  if (repeat !== undefined) return repeat;
  const fit = spec.plan === undefined ? undefined : fitOf(turn.state, spec, [spec.payload]);
  if (fit !== undefined && "code" in fit) return { problem: told(fit) };
  const full = whyFull(turn, 1, Buffer.byteLength(spec.payload));
  if (full !== undefined) return { problem: full };
  const { idempotencyKey, fingerprint } = spec;
  const kind = fit === undefined ? ("payload" as const) : ("plan" as const);
  const requires = fit === undefined ? spec.requires : needsOf(fit.version, spec.requires);
  if (isOverLimit(turn, { kind, requires })) return problem("requires_limit");
  const planVersion = fit?.version.version;
  const { id } = takeJob(turn, { ...spec, ...of, kind, requires, planVersion });
  if (idempotencyKey !== undefined) {
    const body = fingerprint ?? "";
    const kept = { index: turn.state.index + 1, body, name: "job", reply: { id } };
    turn.history.keep(`job:${idempotencyKey}`, kept);
  }
  return { id };
}

/** What a problem of an item tells where it is told by itself; that of a batch says which items. */
const told = ({ code, errors, ...facts }: Refused): Refused =>
  code === "input_mismatch"
    ? { code, errors: [{ pointer: "/payload", code }] }
    : { code, ...facts };

type Taken = Omit<Spec, "kind"> & Partial<OfSchedule> & Pick<Job, "kind" | "action" | "inputIndex">;

/** A job becomes one of the queue's, with an id of its own or the next one. */
export function takeJob(turn: Turn, taken: Taken): Job {
  const { state } = turn;
  state.seq += 1;
  const id = taken.id ?? idOf(turn.queue, pad(state.seq, 9));
  const due = taken.runAt ?? turn.at + (taken.delayMs ?? 0);
  const isLater = due > turn.at;
  const { runAt: _, delayMs: __, idempotencyKey: ___, ...options } = taken;
  const job: Job = defined({
    ...options,
    ...{ id, seq: state.seq, createdAt: turn.at, run: 1, failures: 0, deliveries: 0 },
    priority: taken.priority ?? 0,
    state: isLater ? ("scheduled" as const) : ("ready" as const),
    ...(isLater && { runAt: due }),
  });
  const plan = state.plans.get(job.plan ?? "");
  if (job.plan !== undefined && plan !== undefined) {
    turn.use(job.plan, { jobs: plan.jobs + 1, lastUsedAt: turn.at });
  }
  if (isLater) return turn.put("job.enqueued", job);
  return turn.becomeReady("job.enqueued", job, turn.at);
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
  turn.cancel(job, reason);
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
  if (job.plan !== undefined) {
    const version = versionOf(turn.state, job.plan, job.planVersion);
    if ("code" in version) return { refusal: version };
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

/** Whether a job is of an action that has open jobs: then its record must stay. */
export function isOfLiveAction({ actions }: State, { action }: Job): boolean {
  return action !== undefined && actions.get(action)?.ended === undefined;
}

export function remove(turn: Turn, { id }: CommandInputs["job.remove"]): Answer {
  const job = turn.asOfNow(id);
  if (job === undefined) return unknown(id);
  if (!isEnded(job.state) || isOfLiveAction(turn.state, job)) return wrongState(job);
  turn.remove(id);
  return { reply: { now: turn.at, removed: true } };
}
