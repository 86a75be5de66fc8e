/**
 * The whole API of a queue: one row per route, under `/v1/queues/{queue}`.
 * Invariant: every command of the contract has exactly one route.
 */
import type { CommandName } from "../contract/commands.ts";
import { noFields } from "../contract/fields.ts";
import { jobCancel, jobList, jobUpdate } from "../contract/jobs.ts";
import { claim } from "../contract/leases.ts";
import { redrive } from "../contract/operations.ts";
import { queueConfig, queueDelete, queuePause, queuePurge } from "../contract/queue.ts";
import { untilDone } from "./answers.ts";
import {
  body,
  enqueue,
  type InputReader,
  jobAnd,
  nothing,
  query,
  reference,
  settle,
} from "./inputs.ts";

export type Method = "GET" | "PUT" | "POST" | "PATCH" | "DELETE";

/** One row: the body of GET and DELETE is not read, and a query only where it is said so. */
export interface Route {
  readonly method: Method;
  /** Behind `/v1/queues/{queue}`. */
  readonly path: "" | `/${string}`;
  readonly command: CommandName;
  readonly read: InputReader;
  readonly takesQuery: boolean;
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

const job = reference("job_unknown");
const operation = reference("operation_unknown");

export const routes: readonly Route[] = [
  route("PUT", "", "queue.configure", body(queueConfig)),
  route("GET", "", "queue.get", nothing),
  route("DELETE", "", "queue.delete", query(queueDelete), true),
  route("POST", "/pause", "queue.pause", body(queuePause)),
  route("POST", "/resume", "queue.resume", body(noFields)),
  route("POST", "/purge", "queue.purge", body(queuePurge, untilDone)),
  route("POST", "/checkpoint", "queue.checkpoint", body(noFields)),
  route("GET", "/stats", "queue.stats", nothing),

  route("POST", "/jobs", "job.enqueue", enqueue),
  route("GET", "/jobs", "job.list", query(jobList, "limit"), true),
  route("GET", "/jobs/:id", "job.get", job),
  route("PATCH", "/jobs/:id", "job.update", jobAnd(jobUpdate)),
  route("DELETE", "/jobs/:id", "job.remove", job),
  route("POST", "/jobs/:id/cancel", "job.cancel", jobAnd(jobCancel)),
  route("POST", "/jobs/:id/retry", "job.retry", jobAnd(noFields)),
  route("POST", "/redrive", "job.redrive", body(redrive, untilDone)),
  route("GET", "/operations/:id", "operation.get", operation),

  route("POST", "/claim", "lease.claim", body(claim)),
  route("POST", "/settle", "lease.settle", settle),
];
