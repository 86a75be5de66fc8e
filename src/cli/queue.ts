/**
 * Commands on whole queues: queues, info, configure, stats, pause, resume, checkpoint, delete.
 * Invariant: a queue with jobs is deleted only by `--force`.
 */
import type { Command } from "commander";
import {
  type QueueConfigChange,
  type QueueRecord,
  type QueueStats,
  queues,
} from "../client/index.ts";
import { addQueueFlowFlags, type QueueFlowFlags, queueFlow } from "./flow-flags.ts";
import { rateText } from "./keys.ts";
import type { Session } from "./session.ts";
import { bytesText, durationText, fields, jsonField, table, timeField, timeText } from "./text.ts";
import { duration, integer, jsonObject, queueArgument } from "./values.ts";

export function addQueueCommands(program: Command, session: Session): void {
  program
    .command("queues")
    .description("list queues")
    .action(async () => {
      const all = await Array.fromAsync(queues(session.connection));
      session.show(all, (list) =>
        list.length === 0
          ? "No queues."
          : table(
              ["NAME", "CREATED"],
              list.map(({ name, createdAt }) => [name, timeText(createdAt)]),
            ),
      );
    });
  addReads(program, session);
  addConfigure(program, session);
  addGates(program, session);
  addDelete(program, session);
}

const command = (program: Command, name: string, description: string) =>
  program.command(name).description(description).addArgument(queueArgument());

function addReads(program: Command, session: Session): void {
  command(program, "info", "show a queue and its configuration").action(async (queue: string) => {
    session.show(await session.queue(queue).info(), queueText);
  });
  command(program, "stats", "show numbers about a queue").action(async (queue: string) => {
    session.show(await session.queue(queue).stats(), statsText);
  });
}

type ConfigFlags = Pick<QueueConfigChange, "backoff" | "maxDeliveries" | "maxBytes" | "maxJobs"> & {
  readonly lease?: number;
  readonly attempts?: number;
  readonly planAttempts?: number;
  readonly workerTtl?: number;
  readonly retention?: QueueConfigChange["retention"];
};

function addConfigure(program: Command, session: Session): void {
  const configure = command(program, "configure", "create a queue, or change its configuration");
  addQueueFlowFlags(configure)
    .option("--lease <duration>", "how long a worker may be silent about a job", duration)
    .option("--attempts <n>", "how often to try a job", integer)
    .option("--plan-attempts <n>", "how often to try a job of a plan", integer)
    .option("--worker-ttl <duration>", "after how much silence a worker is dead", duration)
    .option("--max-deliveries <n>", "how often to hand a job out", integer)
    .option("--backoff <json>", `as {"kind":"fixed","delayMs":5000}`, jsonObject)
    .option("--max-bytes <n>", "what the queue may store", integer)
    .option("--max-jobs <n>", "how many jobs it may keep", integer)
    .option("--retention <json>", `as {"failed":{"ageMs":86400000}}`, jsonObject)
    .action(async (queue: string, flags: ConfigFlags & QueueFlowFlags) => {
      const { maxDeliveries, backoff, maxBytes, maxJobs, retention } = flags;
      const change = {
        ...queueFlow(flags),
        ...{ maxDeliveries, backoff, maxBytes, maxJobs, retention },
        leaseMs: flags.lease,
        maxAttempts: flags.attempts,
        planMaxAttempts: flags.planAttempts,
        workerTtlMs: flags.workerTtl,
      };
      session.show(await session.queue(queue).configure(change), queueText);
    });
}

function addGates(program: Command, session: Session): void {
  command(program, "pause", "hand out no more jobs")
    .option("--reason <text>", "why, for those who wait")
    .action(async (queue: string, { reason }: { reason?: string }) => {
      session.show(await session.queue(queue).pause(reason), ({ name }) => `${name} is paused.`);
    });
  command(program, "resume", "hand out jobs again").action(async (queue: string) => {
    session.show(await session.queue(queue).resume(), ({ name }) => `${name} hands out jobs.`);
  });
}

function addDelete(program: Command, session: Session): void {
  command(program, "checkpoint", "write a queue's tables now").action(async (queue: string) => {
    const checkpointed = await session.queue(queue).checkpoint();
    session.show({ checkpointed }, () =>
      checkpointed === null
        ? "Nothing to write."
        : `The tables stand at index ${checkpointed.index} of term ${checkpointed.term}.`,
    );
  });
  command(program, "delete", "delete a queue")
    .option("--force", "also when it has jobs, and with them")
    .action(async (queue: string, { force = false }: { force?: boolean }) => {
      await session.queue(queue).delete({ force });
      session.show({ deleted: true }, () => `${queue} is deleted.`);
    });
}

function queueText({ config, ...queue }: QueueRecord): string {
  const kept = Object.entries(config.retention).map(
    ([state, { ageMs, count }]) => `${state} ${durationText(ageMs)} or ${count}`,
  );
  return fields({
    name: queue.name,
    id: queue.queueId,
    term: queue.term,
    created: timeText(queue.createdAt),
    paused: queue.paused ? (queue.pausedReason ?? "yes") : "no",
    "paused since": timeField(queue.pausedAt),
    lease: durationText(config.leaseMs),
    attempts: config.maxAttempts,
    "attempts of plans": config.planMaxAttempts,
    "worker ttl": durationText(config.workerTtlMs),
    deliveries: config.maxDeliveries ?? undefined,
    backoff: jsonField(config.backoff),
    concurrency: config.concurrency ?? undefined,
    rate: config.rate === null ? undefined : rateText(config.rate),
    keys: jsonField(config.keys),
    "max bytes": bytesText(config.maxBytes),
    "max jobs": config.maxJobs,
    kept: kept.join(", ") || undefined,
  });
}

function statsText(stats: QueueStats): string {
  const { counts, perMinute, storage, log } = stats;
  const age = stats.oldestReadyAgeMs;
  return fields({
    ...counts,
    "oldest ready": age === null ? undefined : durationText(age),
    "next due": timeField(stats.nextDueAt),
    workers: Object.entries(stats.workers)
      .map(([state, count]) => `${count} ${state}`)
      .join(", "),
    unclaimable:
      stats.unclaimable
        .map(({ kind, requires, ready }) => `${ready} ${kind} (${requires.join(", ")})`)
        .concat(stats.unclaimableOmitted ? [`${stats.unclaimableOmitted} more`] : [])
        .join("; ") || undefined,
    "last minute": Object.entries(perMinute)
      .map(([what, count]) => `${count} ${what}`)
      .join(", "),
    jobs: bytesText(stats.jobBytes),
    database: bytesText(storage.databaseBytes),
    log: `${bytesText(log.bytes)}, index ${log.firstIndex} to ${log.lastIndex}, term ${log.term}`,
    checkpointed: `index ${log.checkpointedIndex}`,
    "keys kept": durationText(log.windowMs),
  });
}
