/**
 * Verifying jobs: what each implies of indexes, lanes and counters, and what it says against itself and against rows it names.
 * Invariant: a plain job looks no other row up, so that a million of them are verified in one pass.
 */
import { isEndState, utf8Bytes } from "../contract/fields.ts";
import { hash52 } from "../contract/hash.ts";
import { limits } from "../contract/limits.ts";
import type { JobRow } from "../store/jobs.ts";
import { PLAIN_LANE } from "../store/lanes.ts";
import type { PlanRow } from "../store/plans.ts";
import { shiftedId } from "./verify-actions.ts";
import { verifyFlowOf } from "./verify-flows.ts";
import { verifySlot } from "./verify-schedules.ts";
import {
  add,
  countUse,
  follow,
  type RowCheck,
  type VerifiedRow,
  type VerifyState,
} from "./verify-state.ts";

/** A job without its texts. */
type Job = Omit<JobRow, "payload" | "result">;

export function verifyJob(check: RowCheck, { key, value, texts }: VerifiedRow): void {
  const id = String(key[0]);
  const job = value as Job;
  countJob(check.state, job);
  checkTexts(check, job, texts);
  implyIndexes(check.state, id, job);
  verifyFlowOf(check, id, job);
  if (job.action !== undefined) implyAction(check.state, id, job.action, job);
  checkShape(check, job);
  checkTimes(check, job);
  if (job.plan !== undefined) {
    countUse(check.state, job.plan, 1, 0);
    checkPlan(check, job, job.plan);
  }
  if (job.state === "running") checkGrant(check, job);
  // Of an action's job, the row of the action speaks.
  if (job.action === undefined) verifySlot(check, "job", id, job);
}

/** The texts that stand in the row, the rows of those that stand apart, and what all of them take. */
function checkTexts(check: RowCheck, job: Job, texts: VerifiedRow["texts"]): void {
  const { payloadAt, payloadBytes, resultAt, resultBytes = 0 } = job;
  const { implied, counted } = check.state;
  const [payload = null, result = null] = texts;
  counted.bytes += payloadBytes + (resultAt === undefined ? utf8Bytes(result ?? "") : resultBytes);
  if (resultAt !== undefined) add(implied.job_texts, [resultAt, resultBytes]);
  check.expect(result === null || resultAt === undefined, "I11", "its result stands in two places");
  if (payloadAt !== undefined) {
    add(implied.job_texts, [payloadAt, payloadBytes]);
    check.expect(payload === null, "I11", "its payload stands in two places");
    return;
  }
  check.expect(payload !== null, "I1", "it has no payload");
  check.expect(utf8Bytes(payload ?? "") === payloadBytes, "I11", "its payload has another size");
}

/** A text that stands apart: the job whose row names it says how long it is. */
export function verifyJobText(check: RowCheck, { key, texts: [text = null] }: VerifiedRow): void {
  check.expect(text !== null, "I1", "the text is gone");
  add(check.state.found.job_texts, [Number(key[0]), utf8Bytes(text ?? "")]);
}

function countJob({ counted }: VerifyState, job: Job): void {
  counted[job.state] += 1;
  counted.seq = Math.max(counted.seq, job.seq);
  counted.grant = Math.max(counted.grant, job.grant ?? 0);
  if (!isEndState(job.state)) counted.lane = Math.max(counted.lane, job.lane, setOf(job));
}

/** The index rows that follow from a job, and what lanes, plans and workers count of it. */
function implyIndexes({ implied }: VerifyState, id: string, job: Job): void {
  const { lane, priority, readyAt = -1, runAt = -1, leaseUntil = -1, endedAt = -1, seq } = job;
  const { action, plan, worker = "" } = job;
  const rank = job.ordered ? (job.head ? -1 : 0) : priority;
  if (job.state === "ready") add(implied.ready, [lane, rank, readyAt, seq, id]);
  if (job.state === "scheduled") add(implied.scheduled, [runAt, seq, id]);
  if (job.state === "running") add(implied.leases, [leaseUntil, seq, id]);
  if (job.state === "running" && job.tracked) {
    add(implied.held, [worker, id]);
    add(implied.holders, [worker]);
  }
  if (isEndState(job.state)) {
    const ofOthers = (job.dependents ?? 0) > 0 ? `${job.state}/parent` : job.state;
    const shelf = action === undefined ? ofOthers : `${job.state}/action`;
    add(implied.finished, [shelf, job.shelvedAt ?? endedAt, id]);
    return;
  }
  if (plan !== undefined) add(implied.plans, [plan]);
  const ends = Math.min(job.ttlUntil ?? Infinity, job.expiresAt ?? Infinity);
  if (ends < Infinity) add(implied.deadlines, [ends, id]);
  const set = setOf(job);
  if (set === PLAIN_LANE) return;
  const name = [job.kind ?? "payload", ...(job.requires ?? [])].join();
  add(implied.open, [set, name]);
  if (job.state === "ready") add(implied["ready in lanes"], [set, name]);
}

/** The lane of its kind and requirements, also where it waits in one of its key's. */
const setOf = ({ key, lane, set }: Job): number => (key === undefined ? lane : (set ?? PLAIN_LANE));

/** The action that follows from one of its jobs: its number in the action tells the id of the first one. */
function implyAction({ implied }: VerifyState, id: string, action: string, job: Job): void {
  const { plan = "", planVersion = 0, schedule = "", slotAt = "", createdAt } = job;
  add(implied.actions, [action, job.state]);
  const first = shiftedId(id, -(job.inputIndex ?? 0));
  const facts = [action, first, plan, planVersion, schedule, slotAt, createdAt];
  add(implied["jobs of actions"], facts);
}

/** What a job's row says against itself. */
function checkShape(check: RowCheck, job: Job): void {
  const { state } = job;
  const has = (isIn: boolean, fact: unknown): boolean => isIn === (fact !== undefined);
  check.expect(has(isEndState(state), job.endedAt), "I1", `it is ${state}, by its end it is not`);
  check.expect(has(state === "running", job.leaseUntil), "I2", `it is ${state}, its lease not`);
  // A blocked one may be due at a time once it waits for nobody.
  const isTimed = state === "blocked" || has(state === "scheduled", job.runAt);
  check.expect(isTimed, "I1", `it is ${state}, its due time not`);
  check.expect(state !== "ready" || job.readyAt !== undefined, "I1", "it is ready without a place");
  check.expect(state !== "running" || job.grant !== undefined, "I2", "it runs without a token");
  const isPlain = (job.kind ?? "payload") === "payload" && (job.requires ?? []).length === 0;
  const isInPlain = setOf(job) === PLAIN_LANE;
  const isOwn = job.key === undefined || job.lane !== setOf(job) || isEndState(state);
  check.expect(
    isPlain === isInPlain && isOwn,
    "I6",
    "its lane is not that of its kind and requirements",
  );
  check.expect(has(job.kind === "plan", job.plan), "I1", "its kind and its plan differ");
  check.expect(
    has(job.action !== undefined, job.inputIndex),
    "I11",
    "its action and its place in it differ",
  );
  const isCounted = job.run >= 1 && job.failures >= 0 && job.deliveries >= 0;
  check.expect(isCounted, "I4", "a count is negative");
  const most = job.maxAttempts ?? limits.attemptsMax;
  check.expect(job.failures <= most, "I4", `it failed ${job.failures} times of ${most}`);
}

function checkTimes(check: RowCheck, job: Job): void {
  const { createdAt, readyAt, startedAt, leaseEndedAt, endedAt } = job;
  check.expectPast({ createdAt, readyAt, startedAt, leaseEndedAt, endedAt });
  for (const attempt of job.attempts ?? []) {
    check.expectPast({ "attempt's start": attempt.startedAt, "attempt's end": attempt.endedAt });
  }
}

/** An open job can be run, for its version is kept; of an ended one the plan still knows that the version was there. */
function checkPlan(check: RowCheck, { state, planVersion = 0 }: Job, plan: string): void {
  const version = `version ${planVersion} of plan ${plan}`;
  if (!isEndState(state)) {
    const isKept = check.find("plan_versions", [plan, planVersion]) !== undefined;
    check.expect(isKept, "I1", `it is open and of ${version}, which is not kept`);
    return;
  }
  const row = check.find("plans", [plan]) as PlanRow | undefined;
  check.expect((row?.latest ?? 0) >= planVersion, "I11", `it was of ${version}, never made`);
}

/** The jobs of one grant were handed out by one claim. */
function checkGrant(check: RowCheck, { grant = 0, worker = "", tracked, startedAt = 0 }: Job) {
  const claim = hash52([worker, tracked ? 1 : 0, startedAt].join("\n"));
  const other = follow(check.state.grants, String(grant), claim);
  const isSame = other === undefined || other === claim;
  check.expect(isSame, "I2", `it runs by grant ${grant}, which was given in another claim`);
}
