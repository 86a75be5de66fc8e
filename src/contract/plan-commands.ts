/**
 * The commands about plans, actions and workers.
 * Invariant: as `command-row.ts` has it.
 */
import * as actions from "./actions.ts";
import { type CommandRow, key, row } from "./command-row.ts";
import * as plans from "./plans.ts";
import * as workers from "./workers.ts";

export const planCommands = {
  "plan.submit": row(
    "write",
    "Submit a plan, or a new version of it",
    plans.planWire,
    key,
    "queue_unknown",
    "plan_limit",
    "queue_full",
  ),
  "plan.get": row("read", "Read a plan", plans.planGet, "queue_unknown", "plan_unknown"),
  "plan.list": row("read", "List plans", plans.planList, "queue_unknown", "cursor_invalid"),
  "plan.remove": row(
    "write",
    "Remove a plan that nothing uses",
    undefined,
    key,
    "queue_unknown",
    "plan_unknown",
    "plan_in_use",
  ),
  "action.submit": row(
    "write",
    "Run a plan on up to 1,000 inputs",
    actions.actionWire,
    key,
    "queue_unknown",
    "action_exists",
    "plan_unknown",
    "input_mismatch",
    "queue_full",
    "requires_limit",
  ),
  "action.get": row("read", "Read an action", undefined, "queue_unknown", "action_unknown"),
  "action.list": row("read", "List actions", actions.actionList, "queue_unknown", "cursor_invalid"),
  "action.cancel": row(
    "write",
    "Cancel an action's open jobs",
    actions.actionCancel,
    key,
    "queue_unknown",
    "action_unknown",
  ),
  "action.retry": row(
    "write",
    "Run an action's failed jobs again",
    undefined,
    key,
    "queue_unknown",
    "action_unknown",
    "plan_unknown",
    "requires_limit",
  ),
  "worker.register": row(
    "write",
    "Register a worker, or change what it can do",
    workers.workerRegistration,
    key,
    "queue_unknown",
    "workers_limit",
  ),
  "worker.get": row("read", "Read a worker", undefined, "queue_unknown", "worker_unknown"),
  "worker.list": row("read", "List workers", workers.workerList, "queue_unknown"),
  "worker.heartbeat": row(
    "write",
    "Tell that a worker lives",
    undefined,
    "queue_unknown",
    "worker_unknown",
  ),
  "worker.drain": row(
    "write",
    "Give a worker no more jobs",
    undefined,
    key,
    "queue_unknown",
    "worker_unknown",
  ),
  "worker.remove": row(
    "write",
    "Unregister a worker; its jobs go back to their place",
    undefined,
    key,
    "queue_unknown",
    "worker_unknown",
  ),
} as const satisfies Record<string, CommandRow>;
