/**
 * The job in a worker's hands: handed out, kept by heartbeats, told about, settled, given back.
 * Invariant: only the worker that was handed a job last says what it came to, by the token of its lease; what it says is kept at once. A worker that has
 * said who it is holds what it was handed over any of its connections, and no more than the last of it.
 */
import { utf8Bytes } from "../../contract/fields.ts";
import { JOB_ID } from "../../contract/ids.ts";
import type {
  ClaimedJob,
  ClaimInput,
  ClaimReply,
  HeldLease,
  Settlement,
} from "../../contract/leases.ts";
import { limits } from "../../contract/limits.ts";
import { rawMembers } from "../../contract/raw-json.ts";
import type { CommandAnswer } from "../../contract/rpc.ts";
import type { TaskRecord } from "../../contract/tasks.ts";
import { textOf } from "../binary.ts";
import type { HeldJob } from "../session.ts";
import { type AgqContext, AgqError, ask, Refused, unless } from "./command.ts";

/** Three of AGW's heartbeats, which come every 30 s. */
export const LEASE_MS = 90_000;

/** What a claim hands out: the job, its input as it was sent, and the plan. */
export interface Handed {
  readonly job: ClaimedJob;
  readonly input: string;
  readonly plan: unknown;
}

/** What the worker of this connection claims: any job of a plan, unless it has announced tools, also where it is registered no more. */
export function claimOf({ memory, ports }: Pick<AgqContext, "memory" | "ports">): ClaimInput {
  const { worker, tools } = memory;
  const claim = { max: 1, kinds: ["plan" as const], leaseMs: LEASE_MS };
  if (worker === undefined) return { ...claim, takesAny: true };
  const takesAny = tools?.worker !== worker && { takesAny: true as const };
  return { ...claim, ...takesAny, worker, session: ports.sessionOf(worker) };
}

/** A lease, as far as something is said by it. */
type Lease = Pick<HeldLease, "id" | "token">;

/** What the worker of this connection was handed over whichever one, the latest last; nothing where it has not said who it is. */
function leasesOf({ memory, ports }: AgqContext): readonly Lease[] {
  return memory.worker === undefined ? [] : ports.leasesOf(memory.worker);
}

/** The same, and what this connection was handed, which comes first: it may be lost, or have been handed to nobody by name. */
function inHand(context: AgqContext): readonly Lease[] {
  const leases = leasesOf(context);
  const { held } = context.memory;
  const isMore = held !== undefined && !held.isSettled && !leases.some(({ id }) => id === held.id);
  return isMore ? [held, ...leases] : leases;
}

/** The job that the worker of this connection has, or had last. */
export const latestJob = (context: AgqContext): string | undefined =>
  inHand(context).at(-1)?.id ?? context.memory.held?.id;

/** What a claim has handed the worker of this connection. Throws a `Refused`. */
export async function handedBy(
  context: AgqContext,
  answer: CommandAnswer,
): Promise<Handed | undefined> {
  if ("refusal" in answer) throw new Refused(answer.refusal);
  const { jobs, plans } = JSON.parse(answer.reply) as ClaimReply;
  const [job] = jobs;
  if (job === undefined) return undefined;
  context.memory.held = { id: job.id, token: job.token };
  // What it was handed over another connection since it asked is the one before. Of two at once each sees the same order.
  const leases = leasesOf(context);
  const place = leases.findIndex(({ token }) => token === job.token);
  await release(context, leases.slice(0, Math.max(0, place)));
  const [payload = "null"] = rawMembers(answer.reply, ["payload"], "jobs");
  return { job, input: payload, plan: plans?.[0]?.body };
}

async function release(context: AgqContext, leases: readonly Lease[]): Promise<void> {
  if (leases.length === 0) return;
  const items = leases.map(({ id, token }) => ({ op: "release" as const, id, token }));
  // One that is not held any more is refused, and needs no giving back.
  await unless(ask(context, "lease.settle", { items }), "queue_unknown");
}

/** An AGW works on one job: when it asks for another, it has not got, or has done, the one before. */
export async function giveBack(context: AgqContext): Promise<void> {
  const leases = inHand(context);
  delete context.memory.held;
  await release(context, leases);
}

/**
 * The worker lives: the lease of its job goes on. Where this connection was handed none, or has lost it, what the worker has by another one is
 * in its hands from now on.
 */
export async function keepJob(context: AgqContext): Promise<void> {
  const leases = inHand(context);
  if (leases.length === 0) return;
  const items = leases.map(({ id, token }) => {
    return { op: "extend" as const, id, token, leaseMs: LEASE_MS };
  });
  // Where one was lost, the worker is told once it says what the job came to: a PING has no words for it.
  const reply = await unless(ask(context, "lease.settle", { items }), "queue_unknown");
  const kept = leases.filter((_, i) => reply?.items[i]?.ok === true);
  const { memory } = context;
  const held = kept.find(({ id }) => id === memory.held?.id) ?? kept.at(-1);
  if (held !== undefined) memory.held = { id: held.id, token: held.token };
}

const lost = (): AgqError => new AgqError("lease lost");

/** The lease of a job that this connection, or its worker, was handed last. Throws where that is somebody else. */
export function heldOf(context: AgqContext, id: string): HeldJob {
  const { held } = context.memory;
  const lease = leasesOf(context).find((each) => each.id === id);
  if (lease !== undefined) return lease;
  if (held?.id !== id) throw lost();
  return held;
}

/** Settles; the last item is what counts. Throws where the lease is not held. */
async function settle(context: AgqContext, items: Settlement[]): Promise<void> {
  const reply = await unless(ask(context, "lease.settle", { items }), "queue_unknown");
  if (reply?.items.at(-1)?.ok !== true) throw lost();
}

export type Stream = "stdout" | "stderr";

/** The tasks of a job, with what they came to in its latest attempt; undefined where there is no such job, or it is of no plan. */
export async function tasksOf(
  context: AgqContext,
  id: string,
): Promise<readonly TaskRecord[] | undefined> {
  if (!JOB_ID.test(id)) return undefined;
  const asked = ask(context, "job.tasks", { id });
  return (await unless(asked, "job_unknown", "plan_unknown", "queue_unknown"))?.tasks;
}

/** The tasks of a job that is in hand. */
async function tasksInHand(context: AgqContext, id: string) {
  const tasks = await tasksOf(context, id);
  const last = tasks?.at(-1);
  if (tasks === undefined || last === undefined) throw lost();
  return { tasks, last };
}

/** What a report says that was made before. */
const outputs = ({ task, ...said }: TaskRecord) => {
  const { stdout, stdoutBytes, stdoutTruncated, stderr, stderrBytes, stderrTruncated } = said;
  const all = { stdout, stdoutBytes, stdoutTruncated, stderr, stderrBytes, stderrTruncated };
  return { task, ...all };
};

/** As much of an output as a task keeps. */
function cut(binary: string): string {
  const bytesMax = limits.taskOutputBytesMax;
  let end = Math.min(bytesMax, binary.length);
  // Not within a character: of its bytes all but the first are 10xxxxxx.
  while (end > 0 && (binary.charCodeAt(end) & 0xc0) === 0x80) end -= 1;
  let text = textOf(binary.slice(0, end));
  // What is no UTF-8 takes more bytes as a text than it had.
  while (utf8Bytes(text) > bytesMax) text = text.slice(0, Math.floor(text.length * 0.9));
  const isHalf = /[\ud800-\udbff]$/.test(text);
  return isHalf ? text.slice(0, -1) : text;
}

/** Keeps what a job wrote: AGW tells the outputs of all tasks as one, which stands with the last task. */
export async function say(
  context: AgqContext,
  id: string,
  stream: Stream,
  binary: string,
): Promise<void> {
  const { token } = heldOf(context, id);
  const { last } = await tasksInHand(context, id);
  const kept = cut(binary);
  const said = {
    [stream]: kept,
    [`${stream}Bytes`]: binary.length,
    [`${stream}Truncated`]: kept !== textOf(binary) || undefined,
  };
  await settle(context, [{ op: "task", id, token, ...outputs(last), ...said }]);
}

/** The end of what a job wrote as its error, as far as an error's text may go. */
function errorIn({ stderr = "" }: TaskRecord): string {
  const text = stderr.trim();
  let end = text.slice(-limits.errorBytesMax);
  while (utf8Bytes(end) > limits.errorBytesMax) end = end.slice(Math.ceil(end.length / 10));
  const whole = end.replace(/^[\udc00-\udfff]/, "");
  return whole === "" ? "the worker said failed" : whole;
}

/** The worker says that its job is done, or that it failed: that is final, and JOB.RETRY begins it again. */
export async function finish(
  context: AgqContext,
  id: string,
  status: "completed" | "failed",
): Promise<void> {
  const held = heldOf(context, id);
  const { token } = held;
  const { tasks, last } = await tasksInHand(context, id);
  if (status === "failed") {
    const error = errorIn(last);
    await settle(context, [{ op: "fail", id, token, error, retryable: false }]);
  } else {
    // An AGW completes a job only when every task ended with 0.
    const reports = tasks.map((task) => ({
      ...{ op: "task" as const, id, token, exitCode: 0 },
      ...(task === last ? outputs(task) : { task: task.task }),
    }));
    // A repeat finds that all of it was said.
    await settle(context, [...(held.isSettled ? [] : reports), { op: "complete", id, token }]);
  }
  context.memory.held = { id, token, isSettled: true };
}
