/**
 * The machine: the meaning of every command that the state of a queue decides.
 * Invariant: every command of the table is here, or is the object's own (checkpoint, delete, stats, snapshots, verification).
 */
import type { CommandName } from "../contract/commands.ts";
import type { Decide, Read } from "./decide.ts";
import { cancelJob, enqueue, removeJob, retryJob, updateJob } from "./jobs.ts";
import { getJob, listJobs } from "./jobs-read.ts";
import { claim } from "./leases.ts";
import { getOperation, purge, redrive } from "./operations.ts";
import { configureQueue, getQueue, pauseQueue, resumeQueue } from "./queue.ts";
import { settle } from "./settlements.ts";

type Own =
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
type ReadName = "job.get" | "job.list" | "operation.get" | "queue.get";
type WriteName = Exclude<CommandName, Own | ReadName>;

/** Commands that may emit events. */
export const decisions: { readonly [N in WriteName]: Decide<N> } = {
  "job.cancel": cancelJob,
  "job.enqueue": enqueue,
  "job.redrive": redrive,
  "job.remove": removeJob,
  "job.retry": retryJob,
  "job.update": updateJob,
  "lease.claim": claim,
  "lease.settle": settle,
  "queue.configure": configureQueue,
  "queue.pause": pauseQueue,
  "queue.purge": purge,
  "queue.resume": resumeQueue,
};

/** Commands that only read. */
export const reads: { readonly [N in ReadName]: Read<N> } = {
  "job.get": getJob,
  "job.list": listJobs,
  "operation.get": getOperation,
  "queue.get": getQueue,
};

export { isDecided, isRead };

const isDecided = (name: CommandName): name is WriteName => Object.hasOwn(decisions, name);
const isRead = (name: CommandName): name is ReadName => Object.hasOwn(reads, name);
