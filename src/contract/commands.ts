/**
 * The command table: one row per command, from which routes, checks, documentation and clients are made.
 * Invariant: `refusals` stand in the order in which they are tried.
 */
import type * as actions from "./actions.ts";
import { type CommandRow, key, row } from "./command-row.ts";
import type * as deliveries from "./deliveries.ts";
import { deliveryCommands } from "./delivery-commands.ts";
import * as feed from "./feed.ts";
import type * as flows from "./flows.ts";
import { jobCommands } from "./job-commands.ts";
import * as jobs from "./jobs.ts";
import { keyCommands } from "./key-commands.ts";
import type * as keys from "./keys.ts";
import * as leases from "./leases.ts";
import type * as operations from "./operations.ts";
import { planCommands } from "./plan-commands.ts";
import * as plans from "./plans.ts";
import * as queue from "./queue.ts";
import * as redis from "./redis.ts";
import * as schedules from "./schedules.ts";
import * as snapshots from "./snapshots.ts";
import type * as tasks from "./tasks.ts";
import type * as workers from "./workers.ts";

export const commands = {
  ...jobCommands,
  ...deliveryCommands,
  ...keyCommands,
  ...planCommands,
  ...redis.redisCommands,
  "queue.get": row("read", "Read a queue", undefined, "queue_unknown"),
  "queue.configure": row("write", "Create or configure a queue", queue.queueConfig, key),
  "queue.pause": row("write", "Hand out no jobs", queue.queuePause, key, "queue_unknown"),
  "queue.resume": row("write", "Hand out jobs again", undefined, key, "queue_unknown"),
  "queue.purge": row("write", "Remove waiting jobs", queue.queuePurge, key, "queue_unknown"),
  "queue.checkpoint": row("write", "Write the tables now", undefined, "queue_unknown"),
  "queue.delete": row(
    "write",
    "Delete a queue",
    queue.queueDelete,
    "queue_unknown",
    "queue_not_empty",
  ),
  "queue.verify": row(
    "read",
    "Verify the log, and the tables as of the snapshot, step by step",
    queue.queueVerify,
    "queue_unknown",
    "snapshot_unknown",
    "cursor_invalid",
  ),
  "queue.raw": row("read", "Export the storage as it is, damaged or not", undefined),
  "snapshot.build": row(
    "write",
    "Build a snapshot of the state as of now",
    undefined,
    "queue_unknown",
    "snapshot_no_room",
  ),
  "snapshot.get": row("read", "Read what snapshots there are", undefined, "queue_unknown"),
  "snapshot.read": row(
    "read",
    "Export the current snapshot",
    undefined,
    "queue_unknown",
    "snapshot_unknown",
  ),
  "snapshot.import": row(
    "write",
    "Replace the state by a snapshot",
    snapshots.snapshotUpload,
    "snapshot_newer",
    "queue_not_empty",
    "snapshot_no_room",
    "import_unknown",
    "snapshot_invalid",
  ),
  "snapshot.remove": row("write", "Forget the snapshots", undefined, "queue_unknown"),
  "queue.stats": row("read", "Numbers about a queue", undefined, "queue_unknown"),
  "feed.read": row(
    "read",
    "Read every event in the order of the log",
    feed.feedQuery,
    "queue_unknown",
    "cursor_invalid",
    "feed_diverged",
    "feed_gone",
  ),
  "operation.get": row(
    "read",
    "Read an operation's progress",
    undefined,
    "queue_unknown",
    "operation_unknown",
  ),
} as const satisfies Record<string, CommandRow>;

export type CommandName = keyof typeof commands;

/** What each command takes behind the gate. */
export interface CommandInputs {
  "delivery.get": object;
  "delivery.put": deliveries.PutDeliveryInput;
  "delivery.pause": deliveries.PauseDeliveryInput;
  "delivery.resume": deliveries.ResumeDeliveryInput;
  "delivery.remove": object;
  "job.enqueue": jobs.EnqueueInput;
  "job.get": jobs.GetInput;
  "job.list": jobs.ListInput;
  "job.update": jobs.UpdateInput;
  "job.cancel": jobs.CancelInput;
  "job.retry": jobs.RetryInput;
  "job.remove": jobs.JobReference;
  "job.parents": flows.ParentListInput;
  "job.discard": operations.DiscardInput;
  "job.redrive": operations.RedriveInput;
  "key.list": keys.KeyListInput;
  "key.get": keys.KeyReference;
  "key.put": keys.PutKeyInput;
  "key.remove": keys.KeyReference;
  "job.tasks": tasks.TasksInput;
  "plan.submit": plans.SubmitPlanInput;
  "plan.get": plans.PlanInput;
  "plan.list": plans.PlanListInput;
  "plan.remove": jobs.JobReference;
  "action.submit": actions.SubmitActionInput;
  "action.get": jobs.GetInput;
  "action.list": actions.ActionListInput;
  "action.cancel": actions.CancelActionInput;
  "action.retry": jobs.JobReference;
  "schedule.put": schedules.PutScheduleInput;
  "schedule.get": jobs.JobReference;
  "schedule.list": schedules.ScheduleListInput;
  "schedule.preview": schedules.PreviewInput;
  "schedule.remove": jobs.JobReference;
  "schedule.pause": jobs.JobReference;
  "schedule.resume": jobs.JobReference;
  "schedule.run": jobs.JobReference;
  "worker.register": workers.RegisterInput;
  "worker.get": jobs.JobReference;
  "worker.list": workers.WorkerListInput;
  "worker.heartbeat": jobs.JobReference;
  "worker.drain": jobs.JobReference;
  "worker.remove": jobs.JobReference;
  "lease.claim": leases.ClaimInput;
  "lease.settle": leases.SettleInput;
  "queue.get": object;
  "queue.configure": queue.QueueConfigChange;
  "queue.pause": queue.PauseInput;
  "queue.resume": object;
  "queue.purge": queue.PurgeInput;
  "queue.checkpoint": object;
  "queue.delete": queue.DeleteQueueInput;
  "queue.stats": object;
  "queue.verify": queue.VerifyInput;
  "queue.raw": queue.RawInput;
  "snapshot.build": object;
  "snapshot.get": object;
  "snapshot.read": snapshots.SnapshotRead;
  "snapshot.import": snapshots.ImportStep;
  "snapshot.remove": object;
  "feed.read": feed.FeedInput;
  "operation.get": jobs.JobReference;
  "redis.run": redis.RedisRunInput;
  "redis.keyspace": object;
  "redis.versions": redis.RedisVersionsInput;
}

/** What each command answers when it is not refused. */
export interface CommandReplies {
  "delivery.get": deliveries.DeliveryReply;
  "delivery.put": deliveries.DeliveryReply;
  "delivery.pause": deliveries.DeliveryReply;
  "delivery.resume": deliveries.DeliveryReply;
  "delivery.remove": deliveries.RemoveDeliveryReply;
  "job.enqueue": jobs.EnqueueReply;
  "job.get": jobs.JobReply;
  "job.list": jobs.ListReply;
  "job.update": jobs.JobReply;
  "job.cancel": jobs.JobReply;
  "job.retry": jobs.JobReply;
  "job.remove": jobs.RemoveReply;
  "job.parents": jobs.ListReply;
  "job.discard": queue.OperationReply;
  "job.redrive": queue.OperationReply;
  "key.list": keys.KeyListReply;
  "key.get": keys.KeyReply;
  "key.put": keys.KeyReply;
  "key.remove": keys.KeyReply;
  "job.tasks": tasks.TasksReply;
  "plan.submit": plans.SubmitPlanReply;
  "plan.get": plans.PlanReply;
  "plan.list": plans.PlanListReply;
  "plan.remove": jobs.RemoveReply;
  "action.submit": actions.SubmitActionReply;
  "action.get": actions.ActionReply;
  "action.list": actions.ActionListReply;
  "action.cancel": actions.ChangeActionReply;
  "action.retry": actions.ChangeActionReply;
  "schedule.put": schedules.PutScheduleReply;
  "schedule.get": schedules.ScheduleReply;
  "schedule.list": schedules.ScheduleListReply;
  "schedule.preview": schedules.PreviewReply;
  "schedule.remove": jobs.RemoveReply;
  "schedule.pause": schedules.ScheduleReply;
  "schedule.resume": schedules.ScheduleReply;
  "schedule.run": schedules.ScheduleReply;
  "worker.register": workers.WorkerReply;
  "worker.get": workers.WorkerReply;
  "worker.list": workers.WorkerListReply;
  "worker.heartbeat": workers.WorkerReply;
  "worker.drain": workers.WorkerReply;
  "worker.remove": workers.UnregisterReply;
  "lease.claim": leases.ClaimReply;
  "lease.settle": leases.SettleReply;
  "queue.get": queue.QueueReply;
  "queue.configure": queue.QueueReply;
  "queue.pause": queue.QueueReply;
  "queue.resume": queue.QueueReply;
  "queue.purge": queue.OperationReply;
  "queue.checkpoint": queue.CheckpointReply;
  "queue.delete": queue.DeletedReply;
  "queue.stats": queue.QueueStats;
  "queue.verify": queue.VerifyReply;
  "queue.raw": string;
  "snapshot.build": snapshots.SnapshotStatus;
  "snapshot.get": snapshots.SnapshotStatus;
  "snapshot.read": string;
  "snapshot.import": snapshots.ImportReply;
  "snapshot.remove": snapshots.SnapshotStatus;
  "feed.read": feed.FeedPageTexts;
  "operation.get": queue.OperationReply;
  "redis.run": redis.RedisRunReply;
  "redis.keyspace": redis.RedisKeyspaceReply;
  "redis.versions": redis.RedisVersionsReply;
}

const jobReplyText = (reply: jobs.JobReply) =>
  `{"now":${reply.now},"job":${jobs.encodeJob(reply.job)}}`;

/** How a reply that carries raw texts becomes JSON; the others are plain JSON. */
const encoders: { [N in CommandName]?: (reply: CommandReplies[N]) => string } = {
  "job.enqueue": jobs.encodeEnqueue,
  "job.get": jobReplyText,
  "job.list": jobs.encodeList,
  "job.parents": jobs.encodeList,
  "job.update": jobReplyText,
  "job.cancel": jobReplyText,
  "job.retry": jobReplyText,
  "lease.claim": leases.encodeClaim,
  "lease.settle": leases.encodeSettle,
  "feed.read": feed.encodeFeed,
  "plan.get": plans.encodePlan,
  "schedule.put": schedules.encodeSchedule,
  "schedule.get": schedules.encodeSchedule,
  "schedule.list": schedules.encodeSchedules,
  "schedule.pause": schedules.encodeSchedule,
  "schedule.resume": schedules.encodeSchedule,
  "schedule.run": schedules.encodeSchedule,
  "queue.raw": (lines) => lines,
  "snapshot.read": (lines) => lines,
};

/** The JSON text of a command's reply. */
export function encodeReply<N extends CommandName>(name: N, reply: CommandReplies[N]): string {
  return encoders[name]?.(reply) ?? JSON.stringify(reply);
}
