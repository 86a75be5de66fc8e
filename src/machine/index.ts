/**
 * The machine: the meaning of every command that the state of a queue decides.
 * Invariant: every command of the table is here, or is the object's own (checkpoint, delete, stats, snapshots, verification).
 */
import type { CommandName } from "../contract/commands.ts";
import { cancelAction, getAction, listActions, retryAction, submitAction } from "./actions.ts";
import type { Decide, Read } from "./decide.ts";
import {
  getDelivery,
  pauseDelivery,
  putDelivery,
  removeDelivery,
  resumeDelivery,
} from "./deliveries.ts";
import { listParents } from "./flows.ts";
import { cancelJob, enqueue, removeJob, retryJob, updateJob } from "./jobs.ts";
import { getJob, listJobs } from "./jobs-read.ts";
import { getKey, listKeys, putKey, removeKey } from "./keys.ts";
import { claim } from "./leases.ts";
import { discard, getOperation, purge, redrive } from "./operations.ts";
import { getPlan, listPlans, removePlan, submitPlan } from "./plans.ts";
import { configureQueue, getQueue, pauseQueue, resumeQueue } from "./queue.ts";
import { redisKeyspace, redisVersions, runRedis } from "./redis.ts";
import {
  getSchedule,
  listSchedules,
  pauseSchedule,
  previewSchedule,
  putSchedule,
  removeSchedule,
  resumeSchedule,
  runSchedule,
} from "./schedules.ts";
import { settle } from "./settlements.ts";
import { getTasks } from "./tasks.ts";
import {
  drainWorker,
  getWorker,
  heartbeatWorker,
  listWorkers,
  registerWorker,
  removeWorker,
} from "./workers.ts";

type Own =
  | "feed.read"
  | "queue.checkpoint"
  | "queue.delete"
  | "queue.raw"
  | "queue.stats"
  | "queue.verify"
  | "snapshot.build"
  | "snapshot.get"
  | "snapshot.import"
  | "snapshot.read"
  | "snapshot.remove";
type ReadName =
  | "action.get"
  | "action.list"
  | "delivery.get"
  | "job.get"
  | "job.list"
  | "job.parents"
  | "job.tasks"
  | "key.get"
  | "key.list"
  | "operation.get"
  | "plan.get"
  | "plan.list"
  | "queue.get"
  | "redis.keyspace"
  | "redis.versions"
  | "schedule.get"
  | "schedule.list"
  | "schedule.preview"
  | "worker.get"
  | "worker.list";
type WriteName = Exclude<CommandName, Own | ReadName>;

/** Commands that may emit events. */
export const decisions: { readonly [N in WriteName]: Decide<N> } = {
  "action.cancel": cancelAction,
  "action.retry": retryAction,
  "action.submit": submitAction,
  "delivery.pause": pauseDelivery,
  "delivery.put": putDelivery,
  "delivery.remove": removeDelivery,
  "delivery.resume": resumeDelivery,
  "job.cancel": cancelJob,
  "job.enqueue": enqueue,
  "job.discard": discard,
  "job.redrive": redrive,
  "job.remove": removeJob,
  "job.retry": retryJob,
  "job.update": updateJob,
  "key.put": putKey,
  "key.remove": removeKey,
  "lease.claim": claim,
  "lease.settle": settle,
  "plan.remove": removePlan,
  "plan.submit": submitPlan,
  "queue.configure": configureQueue,
  "queue.pause": pauseQueue,
  "queue.purge": purge,
  "queue.resume": resumeQueue,
  "redis.run": runRedis,
  "schedule.pause": pauseSchedule,
  "schedule.put": putSchedule,
  "schedule.remove": removeSchedule,
  "schedule.resume": resumeSchedule,
  "schedule.run": runSchedule,
  "worker.drain": drainWorker,
  "worker.heartbeat": heartbeatWorker,
  "worker.register": registerWorker,
  "worker.remove": removeWorker,
};

/** Commands that only read. */
export const reads: { readonly [N in ReadName]: Read<N> } = {
  "action.get": getAction,
  "action.list": listActions,
  "delivery.get": getDelivery,
  "job.get": getJob,
  "job.list": listJobs,
  "job.parents": listParents,
  "job.tasks": getTasks,
  "key.get": getKey,
  "key.list": listKeys,
  "operation.get": getOperation,
  "plan.get": getPlan,
  "plan.list": listPlans,
  "queue.get": getQueue,
  "redis.keyspace": redisKeyspace,
  "redis.versions": redisVersions,
  "schedule.get": getSchedule,
  "schedule.list": listSchedules,
  "schedule.preview": previewSchedule,
  "worker.get": getWorker,
  "worker.list": listWorkers,
};

export { isDecided, isRead };

const isDecided = (name: CommandName): name is WriteName => Object.hasOwn(decisions, name);
const isRead = (name: CommandName): name is ReadName => Object.hasOwn(reads, name);
