/**
 * Sluice for programs: a typed queue and a worker. Web standards only, no dependencies: Node, Bun,
 * Deno, Workers, browsers.
 * Invariant: what is exported here is public, and nothing else of this folder is.
 */
export { type Clock, systemClock } from "./clock.ts";
export { SluiceError, UnreachableError } from "./errors.ts";
export type { Handler, JobContext } from "./hold.ts";
export { NonRetryableError, ReleaseJob, RetryLater } from "./outcome.ts";
export { Queue, type QueueOptions, queues } from "./queue.ts";
export type {
  OnProgress,
  SnapshotManifest,
  SnapshotStatus,
  Verification,
  VerifyProblem,
} from "./snapshots.ts";
export type { ConnectOptions, RequestOptions } from "./transport.ts";
export type * from "./types.ts";
export { Worker } from "./worker.ts";
export type { WorkerOptions } from "./worker-options.ts";
