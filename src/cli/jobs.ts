/**
 * Commands on jobs: enqueue, get, list, update, cancel, retry, remove.
 * Invariant: what a command leaves out is left to the queue's own defaults.
 */
import type { Command } from "commander";
import type { EnqueueOptions, Job, JobChange, JobFilter, JobPage } from "../client/index.ts";
import type { Session } from "./session.ts";
import { type Cell, durationText, fields, jsonField, table, timeField } from "./text.ts";
import {
  duration,
  idArgument,
  instant,
  integer,
  jsonObject,
  label,
  list,
  queueArgument,
} from "./values.ts";

type AnyJob = Job<unknown, unknown>;

export function addJobCommands(program: Command, session: Session): void {
  addEnqueue(program, session);
  addList(program, session);
  program
    .command("get")
    .description("show a job")
    .addArgument(queueArgument())
    .addArgument(idArgument())
    .action(async (queue: string, id: string) => {
      session.show(await session.queue(queue).get(id), jobText);
    });
  addChanges(program, session);
}

function addEnqueue(program: Command, session: Session): void {
  program
    .command("enqueue")
    .description("enqueue a job")
    .addArgument(queueArgument())
    .argument("[payload]", "any JSON value, or - to read it from standard input", "null")
    .option("--id <id>", "an id of your own: the same job is enqueued once")
    .option("--delay <duration>", "run it after this time", duration)
    .option("--run-at <time>", "run it at this time", instant)
    .option("--priority <n>", "-1000 to 1000, lower runs first", integer)
    .option(
      "--ttl <duration>",
      "expire it if it has not begun this long after its due time",
      duration,
    )
    .option("--expires-at <time>", "expire it if it has not begun by then", instant)
    .option("--lease <duration>", "how long a worker may be silent about it", duration)
    .option("--max-run <duration>", "how long leases may be extended in all", duration)
    .option("--attempts <n>", "how often to try", integer)
    .option("--backoff <json>", `as {"kind":"fixed","delayMs":5000}`, jsonObject)
    .option("--label <name=value>", "to find it by; may be repeated", label)
    .option("--requires <names>", "what a worker must be capable of", list)
    .option("--key <key>", "an idempotency key")
    .action(async (queue: string, payload: string, flags: EnqueueFlags) => {
      const value = await session.value(payload);
      const result = await session.queue(queue).enqueue(value, enqueueOptions(flags));
      session.show(result, (r) => (r.deduplicated ? `${r.id} (was there already)` : r.id));
    });
}

interface EnqueueFlags {
  readonly id?: string;
  readonly delay?: number;
  readonly runAt?: number;
  readonly priority?: number;
  readonly ttl?: number;
  readonly expiresAt?: number;
  readonly lease?: number;
  readonly maxRun?: number;
  readonly attempts?: number;
  readonly backoff?: NonNullable<EnqueueOptions["backoff"]>;
  readonly label?: Record<string, string>;
  readonly requires?: string[];
  readonly key?: string;
}

function enqueueOptions(flags: EnqueueFlags): EnqueueOptions {
  const { delay, ttl, lease, maxRun, attempts, label: labels, key, ...same } = flags;
  return {
    ...same,
    delayMs: delay,
    ttlMs: ttl,
    leaseMs: lease,
    maxRunMs: maxRun,
    maxAttempts: attempts,
    labels,
    idempotencyKey: key,
  };
}

function addList(program: Command, session: Session): void {
  program
    .command("list")
    .description("list jobs")
    .addArgument(queueArgument())
    .option("--state <state>", "only jobs in this state")
    .option("--label <name[:value]>", "only jobs with this label")
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

function pageText({ jobs, cursor, now }: JobPage<unknown, unknown>): string {
  const rows = jobs.map((job): Cell[] => [
    job.id,
    job.state,
    job.priority,
    `${job.attempt}/${job.maxAttempts}`,
    durationText(now - job.createdAt),
    job.error ?? job.reason ?? (job.payload === undefined ? "" : JSON.stringify(job.payload)),
  ]);
  const headings = ["ID", "STATE", "PRIORITY", "ATTEMPT", "AGE", ""];
  const body = jobs.length === 0 ? "No jobs." : table(headings, rows);
  return cursor === undefined ? body : `${body}\nMore: --cursor ${cursor}`;
}

function jobText(job: AnyJob): string {
  return fields({
    id: job.id,
    state: job.state,
    reason: job.reason,
    error: job.error,
    kind: job.kind,
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
}
