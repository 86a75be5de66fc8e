/**
 * Sluice for programs: a typed queue and a worker. Web standards only, no dependencies: Node, Bun,
 * Deno, Workers, browsers.
 * Invariant: what is exported here is public, and nothing else of this folder is.
 */
export type {
  ActionFilter,
  ActionOptions,
  ActionPage,
  ActionRecord,
  ActionStatus,
  ChangedAction,
  SubmittedAction,
} from "./actions.ts";
export { type Clock, systemClock } from "./clock.ts";
export type { DeliveryChange, DeliveryRecord } from "./deliveries.ts";
export { JobNotCompletedError, SluiceError, UnreachableError } from "./errors.ts";
export type { FeedEvent, FeedEventType, WatchOptions } from "./feed.ts";
export type { Handler, JobContext } from "./hold.ts";
export type {
  KeyChange,
  KeyFilter,
  KeyLimits,
  KeyOrder,
  KeyPage,
  KeyRecord,
  KeySettings,
  LimitedBy,
  Rate,
} from "./keys.ts";
export { NonRetryableError, ReleaseJob, type ReleaseOptions, RetryLater } from "./outcome.ts";
export type {
  Plan,
  PlanDetail,
  PlanFilter,
  PlanPage,
  PlanSummary,
  PlanTask,
  PlanUsage,
  PlanVersion,
  SubmittedPlan,
} from "./plans.ts";
export { Queue, type QueueOptions, queues } from "./queue.ts";
export type { SelfRegistration } from "./registration.ts";
export type {
  PutSchedule,
  Schedule,
  ScheduleInput,
  SchedulePage,
  ScheduleTarget,
  ScheduleTiming,
} from "./schedules.ts";
export type {
  OnProgress,
  SnapshotManifest,
  SnapshotStatus,
  Verification,
  VerifyProblem,
} from "./snapshots.ts";
export type { ConnectOptions, RequestOptions } from "./transport.ts";
export type * from "./types.ts";
export {
  newWebhookSecret,
  type VerifiedWebhook,
  type VerifyOptions,
  verifyWebhook,
  WebhookError,
} from "./webhooks.ts";
export { Worker } from "./worker.ts";
export type { WorkerOptions } from "./worker-options.ts";
export type {
  WorkerDetail,
  WorkerFilter,
  WorkerPage,
  WorkerRecord,
  WorkerRegistration,
  WorkerState,
} from "./workers.ts";
