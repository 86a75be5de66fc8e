/**
 * Commands on jobs: enqueue, get, result, parents, list, update, cancel, retry, remove.
 * Invariant: what a command leaves out is left to the queue's own defaults.
 */
import type { Command } from "commander";
import type {
  EnqueueOptions,
  EnqueueResult,
  Job,
  JobChange,
  JobFilter,
  JobPage,
} from "../client/index.ts";
import { addFilterFlags, addFlowFlags, type FlowFlags, flowOptions } from "./flow-flags.ts";
import { addJobFlags, type JobFlags, jobOptions } from "./job-flags.ts";
import type { Session } from "./session.ts";
import {
  type Cell,
  durationText,
  fields,
  jsonField,
  more,
  table,
  timeField,
  timeText,
} from "./text.ts";
import { duration, idArgument, instant, integer, queueArgument } from "./values.ts";

type AnyJob = Job<unknown, unknown>;

export function addJobCommands(program: Command, session: Session): void {
  addEnqueue(program, session);
  addList(program, session);
  program
    .command("get")
    .description("show a job, and how its attempts ended")
    .addArgument(queueArgument())
    .addArgument(idArgument())
    .action(async (queue: string, id: string) => {
      session.show(await session.queue(queue).get(id), jobText);
    });
  addOutcomes(program, session);
  addChanges(program, session);
}

function addEnqueue(program: Command, session: Session): void {
  const command = program
    .command("enqueue")
    .description("enqueue a job")
    .addArgument(queueArgument())
    .argument("[payload]", "any JSON value, or - to read it from standard input", "null")
    .option("--id <id>", "an id of your own: the same job is enqueued once")
    .option("--plan <id>", "the plan to run, with the payload as its input")
    .option("--plan-version <n>", "a version of it; by default the newest", integer)
    .option("--idempotency-key <key>", "of two with the same one, the second is the first");
  addFlowFlags(addJobFlags(command)).action(
    async (queue: string, payload: string, flags: EnqueueFlags) => {
      const value = await session.value(payload);
      const { unique, uniqueUntil, onConflict, after, ...same } = flags;
      const flow = flowOptions({ unique, uniqueUntil, onConflict, after });
      const result = await session.queue(queue).enqueue(value, { ...jobOptions(same), ...flow });
      session.show(result, enqueuedText);
    },
  );
}

type EnqueueFlags = JobFlags &
  FlowFlags &
  Pick<EnqueueOptions, "id" | "plan" | "planVersion" | "idempotencyKey">;

function enqueuedText({ id, deduplicated, replaced }: EnqueueResult): string {
  if (replaced) return `${id} (has this payload now)`;
  return deduplicated ? `${id} (was there already)` : id;
}

function addOutcomes(program: Command, session: Session): void {
  program
    .command("result")
    .description("print the result of a completed job as JSON")
    .addArgument(queueArgument())
    .addArgument(idArgument())
    .option("--wait <duration>", "how long to wait for its end", duration)
    .action(async (queue: string, id: string, { wait: waitMs }: { wait?: number }) => {
      const result = await session.queue(queue).result(id, { waitMs });
      if (result !== undefined) session.show(result, (value) => JSON.stringify(value));
      else session.found(`Job ${id} has not ended.`);
    });
  program
    .command("parents")
    .description("list the jobs that a job waits for, with their results")
    .addArgument(queueArgument())
    .addArgument(idArgument())
    .action(async (queue: string, id: string) => {
      session.show(await Array.fromAsync(session.queue(queue).parents(id)), parentsText);
    });
}

function addList(program: Command, session: Session): void {
  const command = program
    .command("list")
    .description("list jobs")
    .addArgument(queueArgument())
    .option("--state <state>", "only jobs in this state");
  addFilterFlags(command)
    .option("--plan <id>", "only jobs of this plan")
    .option("--limit <n>", "jobs on the page", integer, 50)
    .option("--cursor <cursor>", "go on where a page ended")
    .option("--payload", "with payloads")
    .action(async (queue: string, flags: ListFlags) => {
      const { payload, ...filter } = flags;
      const include = payload ? { include: "payload" as const } : {};
      session.show(await session.queue(queue).list({ ...filter, ...include }), pageText);
    });
}

type ListFlags = JobFilter & { readonly cursor?: string; readonly payload?: true };

function addChanges(program: Command, session: Session): void {
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .addArgument(queueArgument())
      .addArgument(idArgument());
  const show = (job: AnyJob) => session.show(job, ({ id, state }) => `${id} is ${state}.`);

  command("cancel", "cancel a job")
    .option("--reason <text>", "why, to be kept with it")
    .action(async (queue: string, id: string, { reason }: { reason?: string }) => {
      show(await session.queue(queue).cancel(id, reason));
    });
  command("retry", "run an ended job again").action(async (queue: string, id: string) => {
    show(await session.queue(queue).retry(id));
  });
  command("update", "change a waiting job")
    .option("--priority <n>", "-1000 to 1000, lower runs first", integer)
    .option("--delay <duration>", "run it after this time", duration)
    .option("--run-at <time>", "run it at this time", instant)
    .action(async (queue: string, id: string, flags: JobChange & { delay?: number }) => {
      const { delay: delayMs, ...same } = flags;
      show(await session.queue(queue).update(id, { ...same, delayMs }));
    });
  command("remove", "remove an ended job's record").action(async (queue: string, id: string) => {
    await session.queue(queue).remove(id);
    session.show({ removed: true }, () => `${id} is removed.`);
  });
}

/** Jobs as a table. */
export function pageText({ jobs, cursor, now }: JobPage<unknown, unknown>): string {
  const rows = jobs.map((job): Cell[] => [
    job.id,
    job.state,
    job.priority,
    `${job.attempt}/${job.maxAttempts}`,
    durationText(now - job.createdAt),
    job.error ?? job.reason ?? (job.payload === undefined ? "" : JSON.stringify(job.payload)),
  ]);
  const headings = ["ID", "STATE", "PRIORITY", "ATTEMPT", "AGE", ""];
  return more(jobs.length === 0 ? "No jobs." : table(headings, rows), cursor);
}

function parentsText(parents: readonly AnyJob[]): string {
  const rows = parents.map((job): Cell[] => [
    job.id,
    job.state,
    job.error ?? job.reason ?? jsonField(job.result) ?? "",
  ]);
  return parents.length === 0 ? "No parents." : table(["ID", "STATE", ""], rows);
}

function jobText(job: AnyJob): string {
  const { attempts = [] } = job;
  const head = fields({
    id: job.id,
    state: job.state,
    reason: job.reason,
    error: job.error,
    kind: job.kind,
    plan: job.plan === undefined ? undefined : `${job.plan}, version ${job.planVersion}`,
    action: job.action,
    key: job.key,
    unique: jsonField(job.unique),
    after: job.after === undefined ? undefined : afterText(job),
    priority: job.priority,
    run: job.run,
    attempt: `${job.attempt} of ${job.maxAttempts}`,
    deliveries: job.deliveries,
    worker: job.worker,
    created: timeField(job.createdAt),
    "runs at": timeField(job.runAt),
    ready: timeField(job.readyAt),
    started: timeField(job.startedAt),
    "lease until": timeField(job.leaseUntil),
    ended: timeField(job.endedAt),
    labels: jsonField(job.labels),
    requires: job.requires?.join(", "),
    payload: jsonField(job.payload),
    progress: jsonField(job.progress),
    result: jsonField(job.result),
  });
  return attempts.length === 0 ? head : `${head}\n\n${attemptsText(attempts)}`;
}

/** The attempts that have ended, of all runs; of more than are kept the newest. */
function attemptsText(attempts: NonNullable<AnyJob["attempts"]>): string {
  const rows = attempts.map(
    ({ run, attempt, endedAt, startedAt, outcome, worker, error = "" }): Cell[] => [
      ...[run, attempt, timeText(endedAt), durationText(endedAt - startedAt)],
      ...[outcome, worker, error],
    ],
  );
  return table(["RUN", "ATTEMPT", "ENDED", "TOOK", "OUTCOME", "WORKER", "ERROR"], rows);
}

/** The jobs that a job waits for, as they are written in a flag, and how many of them are open. */
function afterText({ after = [], pending = 0 }: AnyJob): string {
  const ids = after.map(({ id, onFail }) => (onFail === undefined ? id : `${id}:${onFail}`));
  return `${ids.join(", ")}${pending > 0 ? ` (${pending} not ended)` : ""}`;
}
