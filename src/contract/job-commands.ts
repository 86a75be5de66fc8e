/**
 * The commands about jobs, leases and operations.
 * Invariant: as `command-row.ts` has it.
 */
import { type CommandRow, key, row } from "./command-row.ts";
import * as flows from "./flows.ts";
import * as jobs from "./jobs.ts";
import * as leases from "./leases.ts";
import * as operations from "./operations.ts";
import * as tasks from "./tasks.ts";

export const jobCommands = {
  "job.enqueue": row(
    "write",
    "Enqueue one job or up to 1,000",
    undefined,
    key,
    "queue_unknown",
    "flow_cycle",
    "job_exists",
    "unique_conflict",
    "plan_unknown",
    "input_mismatch",
    "parent_unknown",
    "key_full",
    "queue_full",
    "requires_limit",
  ),
  "job.get": row(
    "read",
    "Read one job, perhaps once it has ended",
    jobs.waitQuery,
    "queue_unknown",
    "job_unknown",
  ),
  "job.list": row("read", "List jobs", jobs.jobList, "queue_unknown", "cursor_invalid"),
  "job.update": row(
    "write",
    "Change a waiting job's priority or due time",
    jobs.jobUpdate,
    key,
    "answer_gone",
    "queue_unknown",
    "job_unknown",
    "job_state",
  ),
  "job.cancel": row(
    "write",
    "Cancel a job",
    jobs.jobCancel,
    key,
    "answer_gone",
    "queue_unknown",
    "job_unknown",
    "job_state",
  ),
  "job.retry": row(
    "write",
    "Run an ended job again",
    undefined,
    key,
    "answer_gone",
    "queue_unknown",
    "job_unknown",
    "job_state",
    "plan_unknown",
    "unique_conflict",
    "requires_limit",
  ),
  "job.tasks": row(
    "read",
    "Read what the tasks of a plan's job came to",
    tasks.tasksGet,
    "queue_unknown",
    "job_unknown",
    "plan_unknown",
  ),
  "job.remove": row(
    "write",
    "Remove an ended job's record",
    undefined,
    key,
    "queue_unknown",
    "job_unknown",
    "job_state",
  ),
  "job.parents": row(
    "read",
    "Read the jobs that a job waits for, with their results",
    flows.parentList,
    "queue_unknown",
    "job_unknown",
    "cursor_invalid",
  ),
  "job.discard": row("write", "Forget many ended jobs", operations.discard, key, "queue_unknown"),
  "job.redrive": row(
    "write",
    "Run many ended jobs again",
    operations.redrive,
    key,
    "queue_unknown",
  ),
  "lease.claim": row("write", "Take jobs to work on", leases.claim, key, "answer_gone"),
  "lease.settle": row(
    "write",
    "Complete, fail, release, extend or report on claimed jobs; and claim the next",
    leases.settleWire,
    key,
    "queue_unknown",
    "job_unknown",
    "job_cancelled",
    "already_settled",
    "lease_stale",
    "max_run_reached",
    "task_unknown",
  ),
} as const satisfies Record<string, CommandRow>;
