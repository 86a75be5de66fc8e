/**
 * The names `queue:…`, and QUEUE.*: the queue's own jobs, as AGQ's programs see them in lists and in a sorted set.
 * Invariant: nothing is kept under these names; what is written to them is a command about a job, and what is read is its state.
 */

import type { JobState } from "../../contract/fields.ts";
import { utf8Bytes } from "../../contract/fields.ts";
import { hash52 } from "../../contract/hash.ts";
import type { JobRecord } from "../../contract/jobs.ts";
import { limits } from "../../contract/limits.ts";
import { rawMembers, withoutSpace } from "../../contract/raw-json.ts";
import type { RedisReply } from "../../contract/redis.ts";
import type { CommandAnswer } from "../../contract/rpc.ts";
import { ATTEMPTS } from "./actions.ts";
import { checkIdentifier, isInteger, objectIn, required } from "./arguments.ts";
import {
  type AgqContext,
  AgqError,
  type AgqPerform,
  ask,
  between,
  exactly,
  OK,
  textArgument,
  unless,
} from "./command.ts";
import { type Item, itemOf, itemsBetween } from "./items.ts";
import { jobNotFound, jobOf, neededJob } from "./jobs.ts";
import { rustNumber } from "./json.ts";
import { claimOf, giveBack, handedBy, heldOf } from "./leases.ts";
import { listed, pagesOf } from "./pages.ts";
import { submit } from "./plans.ts";

const plural = (name: string): JobState => (name === "queue:processing" ? "running" : "ready");

/** How many jobs are in each state; none of them where there is no queue yet. */
async function countOf(context: AgqContext, state: JobState): Promise<number> {
  const stats = await unless(ask(context, "queue.stats", {}), "queue_unknown");
  return stats?.counts[state] ?? 0;
}

/** The part of `count` elements between two indexes, of which negative ones are counted from the end. */
function rangeOf(count: number, start: string, stop: string) {
  const place = (text: string) => (Number(text) < 0 ? count + Number(text) : Number(text));
  return { from: Math.max(0, place(start)), end: Math.min(count, place(stop) + 1) };
}

const length: AgqPerform = (context, [name = ""]) => countOf(context, plural(name));

/** What is pushed at the left is popped last: the right end of the list is the job that is handed out next. */
const range: AgqPerform = async (context, [name = "", start = "", stop = ""]) => {
  const state = plural(name);
  const count = await countOf(context, state);
  const { from, end } = rangeOf(count, start, stop);
  const items = await itemsBetween(context, state, count - end, count - from);
  return items.reverse().map(({ item }) => item);
};

/** Seconds, as a sorted set's score, of an instant. */
const scoreOf = ({ runAt = 0 }: JobRecord): string => rustNumber(runAt / 1000);

const scored = (all: readonly Item[]): RedisReply =>
  all.flatMap(({ job, item }) => [item, scoreOf(job)]);

const scheduledCount: AgqPerform = (context) => countOf(context, "scheduled");

const scheduledRange: AgqPerform = async (context, [, start = "", stop = ""]) => {
  const { from, end } = rangeOf(await countOf(context, "scheduled"), start, stop);
  return scored(await itemsBetween(context, "scheduled", from, end));
};

/** They stand in the order of their times: none is looked at behind the first page that goes beyond the last time asked for. */
const scheduledByScore: AgqPerform = async (context, [, min = "", max = ""]) => {
  const [first, last] = [Number(min) * 1000, Number(max) * 1000];
  let before = 0;
  let upTo = 0;
  for await (const { items: jobs } of pagesOf(context, "job.list", { state: "scheduled" })) {
    before += jobs.filter(({ runAt = 0 }) => runAt < first).length;
    upTo += jobs.filter(({ runAt = 0 }) => runAt <= last).length;
    if ((jobs.at(-1)?.runAt ?? 0) > last) break;
  }
  const items = await itemsBetween(context, "scheduled", before, upTo);
  // One may have come or gone since they were counted.
  return scored(items.filter(({ job: { runAt = 0 } }) => runAt >= first && runAt <= last));
};

const scheduledScore: AgqPerform = async (context, [, member = ""]) => {
  const found = await jobOf(context, idOrNone(context, member));
  return found?.job.state === "scheduled" ? scoreOf(found.job) : null;
};

/** The id in an element of a list. */
function idOf({ memory }: AgqContext, element: string): string {
  if (memory.form === "g2") return textArgument(element);
  return required(objectIn(element).value, "job_id");
}

/** The same of an element that may be anything: where it is no job's, it stands in no list, and has no id. */
function idOrNone(context: AgqContext, element: string): string {
  try {
    return idOf(context, element);
  } catch (error) {
    if (error instanceof AgqError) return "";
    throw error;
  }
}

/** Puts a job on the queue, from a time on: one that is known goes there (again), and a G1 program sends one whole. */
async function put(context: AgqContext, element: string, runAt?: number): Promise<boolean> {
  const id = idOf(context, element);
  const found = await jobOf(context, id);
  if (found !== undefined) return await putAgain(context, found.job, runAt);
  if (context.memory.form === "g2") throw jobNotFound(id);
  await enqueue(context, id, element, runAt);
  return true;
}

/** Returns whether the job was not on the queue already. */
async function putAgain(context: AgqContext, job: JobRecord, runAt?: number): Promise<boolean> {
  const { id, state } = job;
  if (state === "running" || state === "blocked") {
    throw new AgqError(`Job ${id} is ${state}, and cannot be put on the queue`);
  }
  const isWaiting = state === "ready" || state === "scheduled";
  if (!isWaiting) await ask(context, "job.retry", { id, runAt });
  else if (runAt !== undefined) await ask(context, "job.update", { id, runAt });
  else if (state === "scheduled") await ask(context, "job.update", { id, delayMs: 0 });
  return runAt === undefined ? state !== "ready" : state !== "scheduled";
}

/** Takes a job that was sent whole, and its plan. */
async function enqueue(context: AgqContext, id: string, element: string, runAt?: number) {
  checkIdentifier(id, "job_id");
  const { text, value } = objectIn(element);
  const [payload = "null"] = rawMembers(text, ["input"]);
  const bytesMax = limits.payloadBytesMax;
  if (utf8Bytes(payload) > bytesMax)
    throw new AgqError(`input exceeds maximum size of ${bytesMax} bytes`);
  const { id: plan, version } = await submit(context, value);
  const fingerprint = hash52(withoutSpace(text)).toString(36);
  const spec = { id, plan, planVersion: version, payload, fingerprint, maxAttempts: ATTEMPTS };
  const jobs = [runAt === undefined ? spec : { ...spec, runAt }];
  const [result] = (await ask(context, "job.enqueue", { jobs })).results;
  if (result !== undefined && "problem" in result) throw new AgqError(result.problem.detail);
}

const push: AgqPerform = async (context, [, element = ""]) => {
  await put(context, element);
  // One who waits may have been handed it already; as in Redis it counts nevertheless.
  return Math.max(1, await countOf(context, "ready"));
};

const schedule: AgqPerform = async (context, [, score = "", element = ""]) => {
  const runAt = Math.round(Number(score) * 1000);
  if (runAt < 0 || runAt > limits.instantMax)
    throw new AgqError("ZADD score must be an instant in seconds");
  return (await put(context, element, runAt)) ? 1 : 0;
};

/** Hands out the next job; the worker has it under `queue:processing` until it has said what it came to. */
const take: AgqPerform = async (context) => {
  await giveBack(context);
  return await handOut(context, await context.ports.command("lease.claim", claimOf(context)));
};

/** The same, once there is a job. */
const takeAndWait: AgqPerform = async (context, args) => {
  await giveBack(context);
  const [, , timeout = ""] = args;
  const ms = Math.min(Number(timeout), WAIT_SECS_MAX) * 1000;
  return { waits: { call: ["BRPOPLPUSH", ...args], ms } };
};

/** What AGQ caps a wait at, in seconds. 0 is without end. */
export const WAIT_SECS_MAX = 3600;

/** What a claim has brought, as it stands in the list; nil where that is nothing. */
export async function handOut(context: AgqContext, answer: CommandAnswer): Promise<string | null> {
  const handed = await handedBy(context, answer);
  if (handed === undefined) return null;
  const { job, input, plan } = handed;
  if (context.memory.form === "g2") return job.id;
  // Which of its action's inputs it is stands with the job, and not with the claim.
  const { job: record } = await neededJob(context, job.id);
  return itemOf(context, { job: record, input }, plan);
}

/** Whether a job that has ended was in the hands of this connection's worker: for everybody else it has left the list already. */
function wasHandedTo({ memory }: AgqContext, id: string, job?: JobRecord): boolean {
  const { worker, held } = memory;
  // A record names whom the job was handed to last; where it names nobody, or there is none, only the connection knows.
  if (job?.worker !== undefined) return job.worker === worker;
  return held?.id === id && (held.isSettled === true || worker === undefined);
}

/** The worker lets go of a job that it has settled. */
const acknowledge: AgqPerform = async (context, [, , element = ""]) => {
  const id = idOrNone(context, element);
  const found = await jobOf(context, id);
  // Where the queue does not keep what has ended, its worker still knows.
  if (found === undefined || found.job.endedAt !== undefined) {
    return wasHandedTo(context, id, found?.job) ? 1 : 0;
  }
  if (found.job.state !== "running") return 0;
  heldOf(context, id);
  throw new AgqError(`Job ${id} is running: say first by SET job:${id}:status what it came to`);
};

const stats: AgqPerform = async (context) => [
  "pending_jobs",
  String(await countOf(context, "ready")),
  "scheduled_jobs",
  String(await countOf(context, "scheduled")),
];

const lists: ReadonlyMap<string, JobState> = new Map([
  ["queue:ready", "ready"],
  ["queue:processing", "running"],
  ["queue:scheduled", "scheduled"],
]);

const peek: AgqPerform = async (context, [name = "", count = "10"]) => {
  const state = lists.get(name);
  if (state === undefined) {
    throw new AgqError(`There is no queue '${name}': there are ${[...lists.keys()].join(", ")}`);
  }
  if (!isInteger(count) || Number(count) < 1)
    throw new AgqError("count must be a positive integer");
  return (await listed(context, "job.list", { state }, Number(count))).map(({ id }) => id);
};

const pause: AgqPerform = async (context) => {
  await ask(context, "queue.pause", {});
  return OK;
};

const resume: AgqPerform = async (context) => {
  await ask(context, "queue.resume", {});
  return OK;
};

export const queueCommands = {
  "QUEUE.STATS": exactly(0, "no arguments", stats),
  "QUEUE.PEEK": between(1, 2, "requires a name, and accepts a count", peek),
  "QUEUE.PAUSE": exactly(0, "no arguments", pause),
  "QUEUE.RESUME": exactly(0, "no arguments", resume),
};

/** What can be said of the names of queues. */
export const queueViews = {
  "llen queue:ready": length,
  "llen queue:processing": length,
  "llen queue:scheduled": scheduledCount,
  "lrange queue:ready": range,
  "lrange queue:processing": range,
  "lpush queue:ready": push,
  "rpoplpush queue:ready queue:processing": take,
  "brpoplpush queue:ready queue:processing": takeAndWait,
  "lrem queue:processing": acknowledge,
  "zadd queue:scheduled": schedule,
  "zcard queue:scheduled": scheduledCount,
  "zrange queue:scheduled": scheduledRange,
  "zrangebyscore queue:scheduled": scheduledByScore,
  "zscore queue:scheduled": scheduledScore,
} satisfies Readonly<Record<string, AgqPerform>>;
