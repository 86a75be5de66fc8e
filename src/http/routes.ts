/**
 * The whole API of a queue: one row per route, under `/v1/queues/{queue}`.
 * Invariant: every command of the contract has exactly one route, but those of Redis clients, which `redis.ts` and `resp.ts` serve.
 */
import { actionCancel, actionList } from "../contract/actions.ts";
import type { CommandName } from "../contract/commands.ts";
import { deliveryPause, deliveryPut } from "../contract/deliveries.ts";
import { noFields } from "../contract/fields.ts";
import { parentList } from "../contract/flows.ts";
import { jobCancel, jobList, jobUpdate, waitQuery } from "../contract/jobs.ts";
import { keyList } from "../contract/keys.ts";
import { claim } from "../contract/leases.ts";
import { discard, redrive } from "../contract/operations.ts";
import { planList } from "../contract/plans.ts";
import {
  queueConfig,
  queueDelete,
  queuePause,
  queuePurge,
  queueVerify,
} from "../contract/queue.ts";
import { scheduleList } from "../contract/schedules.ts";
import { workerList } from "../contract/workers.ts";
import { untilBuilt, untilDone } from "./answers.ts";
import { readFeed } from "./feed.ts";
import {
  body,
  enqueue,
  type InputReader,
  nothing,
  query,
  reference,
  settle,
  withBody,
  withQuery,
} from "./inputs.ts";
import { key, putKey } from "./key-inputs.ts";
import {
  action,
  jobTasks,
  plan,
  planVersion,
  registerWorker,
  submitAction,
  submitPlan,
  worker,
} from "./plan-inputs.ts";
import { preview, putSchedule, schedule } from "./schedule-inputs.ts";
import { exportRaw, exportSnapshot, importSnapshot, type Serve } from "./snapshots.ts";

export type Method = "GET" | "PUT" | "POST" | "PATCH" | "DELETE";

/** One row: the body of GET and DELETE is not read, and a query only where it is said so. */
export interface Route {
  readonly method: Method;
  /** Behind `/v1/queues/{queue}`. */
  readonly path: "" | `/${string}`;
  readonly command: CommandName;
  readonly read: InputReader;
  readonly takesQuery: boolean;
  /** Serves what comes or goes as a stream, in place of the command's one question and one answer. */
  readonly serve?: Serve;
}

function route<N extends CommandName>(
  method: Method,
  path: Route["path"],
  command: N,
  read: InputReader<N>,
  takesQuery = false,
): Route {
  return { method, path, command, read, takesQuery };
}

function streamed(method: Method, path: Route["path"], command: CommandName, serve: Serve): Route {
  return { method, path, command, read: nothing, takesQuery: true, serve };
}

const job = reference("job_unknown");
const operation = reference("operation_unknown");

const listJobs = query(jobList, "limit", "endedAfter", "endedBefore");

export const routes: readonly Route[] = [
  route("PUT", "", "queue.configure", body(queueConfig)),
  route("GET", "", "queue.get", nothing),
  route("DELETE", "", "queue.delete", query(queueDelete), true),
  route("POST", "/pause", "queue.pause", body(queuePause)),
  route("POST", "/resume", "queue.resume", body(noFields)),
  route("POST", "/purge", "queue.purge", body(queuePurge, untilDone)),
  route("POST", "/checkpoint", "queue.checkpoint", body(noFields)),
  route("GET", "/stats", "queue.stats", nothing),
  streamed("GET", "/feed", "feed.read", readFeed),

  route("POST", "/snapshot", "snapshot.build", body(noFields, untilBuilt)),
  streamed("GET", "/snapshot", "snapshot.read", exportSnapshot),
  streamed("PUT", "/snapshot", "snapshot.import", importSnapshot),
  route("DELETE", "/snapshot", "snapshot.remove", nothing),
  route("GET", "/snapshot/status", "snapshot.get", nothing),
  route("GET", "/verify", "queue.verify", query(queueVerify), true),
  streamed("GET", "/raw", "queue.raw", exportRaw),

  route("POST", "/jobs", "job.enqueue", enqueue),
  route("GET", "/jobs", "job.list", listJobs, true),
  route("GET", "/jobs/:id", "job.get", withQuery(job, waitQuery, "waitMs"), true),
  route("PATCH", "/jobs/:id", "job.update", withBody(job, jobUpdate)),
  route("DELETE", "/jobs/:id", "job.remove", job),
  route("POST", "/jobs/:id/cancel", "job.cancel", withBody(job, jobCancel)),
  route("POST", "/jobs/:id/retry", "job.retry", withBody(job, noFields)),
  route("GET", "/jobs/:id/parents", "job.parents", withQuery(job, parentList, "limit"), true),
  route("POST", "/redrive", "job.redrive", body(redrive, untilDone)),
  route("POST", "/discard", "job.discard", body(discard, untilDone)),
  route("GET", "/operations/:id", "operation.get", operation),

  route("GET", "/jobs/:id/tasks", "job.tasks", jobTasks, true),

  route("GET", "/delivery", "delivery.get", nothing),
  route("PUT", "/delivery", "delivery.put", body(deliveryPut)),
  route("DELETE", "/delivery", "delivery.remove", nothing),
  route("POST", "/delivery/pause", "delivery.pause", body(deliveryPause)),
  route("POST", "/delivery/resume", "delivery.resume", body(noFields)),

  route("GET", "/keys", "key.list", query(keyList, "limit"), true),
  route("GET", "/keys/:key", "key.get", key),
  route("PUT", "/keys/:key", "key.put", putKey),
  route("DELETE", "/keys/:key", "key.remove", key),

  route("GET", "/plans", "plan.list", query(planList, "limit"), true),
  route("PUT", "/plans/:id", "plan.submit", submitPlan),
  route("GET", "/plans/:id", "plan.get", planVersion, true),
  route("DELETE", "/plans/:id", "plan.remove", plan),
  route("POST", "/plans/:id/actions", "action.submit", submitAction),
  route("GET", "/actions", "action.list", query(actionList, "limit"), true),
  route("GET", "/actions/:id", "action.get", withQuery(action, waitQuery, "waitMs"), true),
  route("POST", "/actions/:id/cancel", "action.cancel", withBody(action, actionCancel)),
  route("POST", "/actions/:id/retry", "action.retry", withBody(action, noFields)),

  route("GET", "/schedules", "schedule.list", query(scheduleList, "limit"), true),
  route("PUT", "/schedules/:id", "schedule.put", putSchedule),
  route("GET", "/schedules/:id", "schedule.get", schedule),
  route("DELETE", "/schedules/:id", "schedule.remove", schedule),
  route("POST", "/schedules/:id/run", "schedule.run", withBody(schedule, noFields)),
  route("POST", "/schedules/:id/pause", "schedule.pause", withBody(schedule, noFields)),
  route("POST", "/schedules/:id/resume", "schedule.resume", withBody(schedule, noFields)),
  route("GET", "/schedules/:id/preview", "schedule.preview", preview, true),

  route("GET", "/workers", "worker.list", query(workerList, "limit"), true),
  route("PUT", "/workers/:id", "worker.register", registerWorker),
  route("GET", "/workers/:id", "worker.get", worker),
  route("DELETE", "/workers/:id", "worker.remove", worker),
  route("POST", "/workers/:id/heartbeat", "worker.heartbeat", withBody(worker, noFields)),
  route("POST", "/workers/:id/drain", "worker.drain", withBody(worker, noFields)),

  route("POST", "/claim", "lease.claim", body(claim)),
  route("POST", "/settle", "lease.settle", settle),
];
