/**
 * What enqueueing, changing, cancelling, retrying and removing a job should do.
 * Invariant: refusals are tried in the order of docs/semantics.md; a refused item changes nothing.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { type Answer, type Refused, refused } from "./answers.ts";
import { meetHolder, whyTaken } from "./conflicts.ts";
import { inFlowOrder } from "./flows.ts";
import { haveHeard, isParent, ownParents, waitsFor } from "./kin.ts";
import { fitOf, needsOf, versionOf } from "./plans.ts";
import { isOverLimit, whyFull, whyKeyFull } from "./room.ts";
import { isStrict, openOf } from "./rounds.ts";
import { setOf } from "./show.ts";
import { defined, isEnded, type Job, type Queue, type State } from "./state.ts";
import type { Turn } from "./turn.ts";
import { take } from "./uniques.ts";

type Spec = CommandInputs["job.enqueue"]["jobs"][number];
export type Item =
  | { readonly id: string; readonly deduplicated?: true; readonly replaced?: true }
  | { readonly problem: Refused };

export const pad = (value: number, width: number): string =>
  value.toString(36).padStart(width, "0");

/** An id that a queue makes: it names the queue and the term of its history. */
export const idOf = ({ queueId, term }: Queue, last: string): string =>
  `${queueId}-${pad(term, 3)}-${last}`;

export function enqueue(turn: Turn, { jobs }: CommandInputs["job.enqueue"]): Answer {
  const order = inFlowOrder(jobs);
  if ("refusal" in order || "reply" in order) return order;
  // Those that wait are taken behind those they wait for, and answered in the order of the request.
  const cameTo: CameTo = new Map();
  const taken = new Map<Spec, Item>();
  for (const spec of order) {
    const item = enqueueOne(turn, spec, cameTo);
    taken.set(spec, item);
    const isFirst = spec.id === undefined || jobs.find(({ id }) => id === spec.id) === spec;
    if (isFirst) cameTo.set(spec.id ?? "", foundBy(turn, spec, item));
  }
  const results = jobs.map((spec) => taken.get(spec) as Item);
  const refusals = results.filter((item) => "problem" in item).length;
  return { reply: { now: turn.at, results, refused: refusals } };
}

/** The job that one was answered with, unless it is gone and another one has its id. */
function foundBy({ state }: Turn, { id, unique, fingerprint }: Spec, item: Item) {
  const job = "id" in item ? state.jobs.get(item.id) : undefined;
  const isOwn = job?.id === id && job?.fingerprint === fingerprint;
  const isOfKey = job?.id !== id && unique !== undefined && job?.unique?.key === unique.key;
  return isOwn || isOfKey ? job?.id : undefined;
}

const problem = (code: string, facts: object = {}): Item => ({ problem: { code, ...facts } });

/** By the ids that the jobs of a request have in it: the job that each came to; undefined for one that was refused, or is gone. */
export type CameTo = Map<string, string | undefined>;

/** Which schedule makes a job, and for which of its slots. */
export interface OfSchedule {
  readonly schedule: string;
  readonly slotAt?: number;
}

/** Takes a job, or says why not. */
export function enqueueOne(turn: Turn, spec: Spec, cameTo: CameTo, of?: OfSchedule): Item {
  const repeat = repeatOf(turn, spec);
  if (repeat !== undefined) return repeat;
  const met = meetHolder(turn, spec);
  if (met !== undefined && "code" in met) return { problem: met };
  if (met !== undefined && "id" in met) {
    if (met.replaced) keepItem(turn, spec, met.id);
    return met;
  }
  const fit = spec.plan === undefined ? undefined : fitOf(turn.state, spec, [spec.payload]);
  if (fit !== undefined && "code" in fit) return { problem: told(fit) };
  const parents: NonNullable<Spec["after"]> = [];
  for (const { id: parent, ...rest } of spec.after ?? []) {
    const id = cameTo.has(parent) ? cameTo.get(parent) : parent;
    if (id === undefined || turn.asOfNow(id) === undefined)
      return problem("parent_unknown", { parent });
    if (!parents.some((each) => each.id === id)) parents.push({ id, ...rest });
  }
  const waits = spec.after && parents;
  const bytes = Buffer.byteLength(spec.payload);
  const full = whyKeyFull(turn, spec.key, 1) ?? whyFull(turn, 1, bytes);
  if (full !== undefined) return { problem: full };
  const kind = fit === undefined ? ("payload" as const) : ("plan" as const);
  const requires = fit === undefined ? spec.requires : needsOf(fit.version, spec.requires);
  if (isOverLimit(turn, { kind, requires })) return problem("requires_limit");
  const planVersion = fit?.version.version;
  const after = met === undefined ? waits : behind(met.follows, waits);
  const { id } = takeJob(turn, { ...spec, ...of, kind, requires, planVersion, after });
  keepItem(turn, spec, id);
  return { id };
}

/** One that follows waits also for the holder, and goes on however that ends. */
function behind(holder: string, after: NonNullable<Spec["after"]> = []): Spec["after"] {
  const isNamed = after.some(({ id }) => id === holder);
  return isNamed ? after : [...after, { id: holder, onFail: "continue" }];
}

/** An item that was taken is known again by its key. */
function keepItem(turn: Turn, { idempotencyKey, fingerprint }: Spec, id: string): void {
  if (idempotencyKey === undefined) return;
  const body = fingerprint ?? "";
  const kept = { index: turn.state.index + 1, body, name: "job", reply: { id } };
  turn.history.keep(`job:${idempotencyKey}`, kept);
}

/** What a problem of an item tells where it is told by itself; that of a batch says which items. */
const told = ({ code, errors, ...facts }: Refused): Refused =>
  code === "input_mismatch"
    ? { code, errors: [{ pointer: "/payload", code }] }
    : { code, ...facts };

type Taken = Omit<Spec, "kind"> & Partial<OfSchedule> & Pick<Job, "kind" | "action" | "inputIndex">;

/** Where a job waits: the number of its set, and of the lane of that or of its key. */
export function lanesFor(
  state: State,
  { kind, requires, key }: Pick<Job, "kind" | "requires" | "key">,
): Pick<Job, "set" | "lane" | "ordered"> {
  const name = setOf({ kind, requires });
  const open = [...state.jobs.values()].filter((job) => !isEnded(job.state));
  const isPlain = name === setOf({ kind: "payload" });
  const set = isPlain ? 1 : (open.find((job) => setOf(job) === name)?.set ?? state.lane + 1);
  if (key === undefined) return { set, lane: set };
  const ordered = isStrict(state, key) || undefined;
  const beside = openOf(state, key).find((job) => ordered || job.set === set);
  return { set, ordered, lane: beside?.lane ?? Math.max(state.lane, set) + 1 };
}

/** A job becomes one of the queue's, with an id of its own or the next one. */
export function takeJob(turn: Turn, taken: Taken): Job {
  const { state } = turn;
  state.seq += 1;
  const id = taken.id ?? idOf(turn.queue, pad(state.seq, 9));
  const due = taken.runAt ?? turn.at + (taken.delayMs ?? 0);
  const isLater = due > turn.at;
  const waits = taken.after === undefined ? [] : waitsFor(state, taken.after, true);
  const isBlocked = waits.length > 0;
  const { runAt: _, delayMs: __, idempotencyKey: ___, ...options } = taken;
  const job: Job = defined({
    ...options,
    ...{ id, seq: state.seq, createdAt: turn.at, run: 1, failures: 0, deliveries: 0 },
    ...lanesFor(state, taken),
    priority: taken.priority ?? 0,
    waits: isBlocked ? waits : undefined,
    state: isBlocked ? ("blocked" as const) : isLater ? ("scheduled" as const) : ("ready" as const),
    ...(isLater && { runAt: due }),
  });
  const plan = state.plans.get(job.plan ?? "");
  if (job.plan !== undefined && plan !== undefined) {
    turn.use(job.plan, { jobs: plan.jobs + 1, lastUsedAt: turn.at });
  }
  const isReady = !isBlocked && !isLater;
  const own = isReady
    ? turn.becomeReady("job.enqueued", job, turn.at)
    : turn.put("job.enqueued", job);
  take(state, turn.at, own);
  return own;
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
  // One that holds its key keeps its place.
  const readyAt = job.head ? job.readyAt : undefined;
  if (isFreed) {
    return turn.show(turn.becomeReady("job.updated", { ...job, priority }, readyAt ?? turn.at));
  }
  const moved = isMoved ? { state: "scheduled" as const, runAt: due, readyAt } : {};
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
  const other = whyTaken(turn, job);
  if (other !== undefined) return { refusal: other };
  if (isOverLimit(turn, job)) return refused("requires_limit");
  if (!haveHeard(turn, job)) return wrongState(job);
  const { state } = turn;
  state.seq += 1;
  const after = job.after && ownParents(state, job);
  const waits = waitsFor(state, after ?? [], false);
  const isBlocked = waits.length > 0;
  const again = turn.put("job.retried", job, {
    ...lanesFor(state, job),
    ...{ after, waits: isBlocked ? waits : undefined, shelvedAt: undefined },
    ...{ lingersUntil: undefined, state: isBlocked ? "blocked" : "ready" },
    ...{ seq: turn.state.seq, run: job.run + 1, failures: 0, deliveries: 0 },
    ...{
      readyAt: isBlocked ? undefined : turn.at,
      endedAt: undefined,
      reason: undefined,
      error: undefined,
    },
    ...{ result: undefined, late: undefined, worker: undefined },
  });
  if (job.unique !== undefined && !state.uniques.has(job.unique.key)) take(state, turn.at, again);
  return undefined;
}

/** Whether a job is of an action that has open jobs, or named by open jobs: then its record must stay. */
export function isNeeded(state: State, { id, action }: Job): boolean {
  const isOfLive = action !== undefined && state.actions.get(action)?.ended === undefined;
  return isOfLive || isParent(state, id);
}

export function remove(turn: Turn, { id }: CommandInputs["job.remove"]): Answer {
  const job = turn.asOfNow(id);
  if (job === undefined) return unknown(id);
  if (!isEnded(job.state) || isNeeded(turn.state, job)) return wrongState(job);
  turn.remove(id);
  return { reply: { now: turn.at, removed: true } };
}
