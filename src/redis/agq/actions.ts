/**
 * ACTION.*: actions as AGQ's programs submit and read them.
 * Invariant: an action is taken whole or not at all, and its counters are those of its jobs as of now.
 */
import { type ActionRecord, type ActionStatus, actionStatuses } from "../../contract/actions.ts";
import { utf8Bytes } from "../../contract/fields.ts";
import { hash52 } from "../../contract/hash.ts";
import { JOB_ID } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { rawElements, withoutSpace } from "../../contract/raw-json.ts";
import { checkIdentifier, objectIn, pageIn, pageWords, required } from "./arguments.ts";
import {
  type AgqContext,
  AgqError,
  type AgqPerform,
  ask,
  between,
  bulk,
  exactly,
  textArgument,
  unless,
} from "./command.ts";
import { jobIdsOf } from "./jobs.ts";
import { seconds, sortedJson } from "./json.ts";
import { listed, pageOf } from "./pages.ts";
import { planNotFound, planOf } from "./plans.ts";

/** How often a job of AGQ's is handed out anew when its lease ends; what its worker calls failed stays so. */
export const ATTEMPTS = 3;

const submitAction: AgqPerform = async (context, [json = ""]) => {
  const { text, value } = objectIn(json, () => "Missing required field: action_id");
  const action = required(value, "action_id");
  const id = required(value, "plan_id");
  checkIdentifier(action, "action_id");
  checkIdentifier(id, "plan_id");
  const { inputs: said } = value;
  if (!Array.isArray(said)) throw new AgqError("Missing or invalid field: inputs (must be array)");
  const inputs = rawElements(text, "inputs");
  checkInputs(inputs);
  const plan = await planOf(context, id);
  if (plan === undefined) throw planNotFound(id);
  const whole = [id, ...inputs.map(withoutSpace)].join("\n");
  // It guards a client against using an id twice by mistake, not against itself.
  const fingerprint = [0, 0x5bd1e995].map((seed) => hash52(whole, seed).toString(36)).join("-");
  const input = { id, action, inputs, fingerprint, maxAttempts: ATTEMPTS };
  const reply = await unless(ask(context, "action.submit", input), "action_exists");
  if (reply === undefined) throw new AgqError(`Action ID already exists: ${action}`);
  return bulk(
    sortedJson({
      action_id: action,
      job_ids: reply.jobs,
      jobs_created: reply.jobs.length,
      plan_description: plan.description,
      plan_id: id,
    }),
  );
};

function checkInputs(inputs: readonly string[]): void {
  const most = limits.jobsPerEnqueueMax;
  if (inputs.length > most) {
    throw new AgqError(`inputs array exceeds maximum of ${most} inputs per Action`);
  }
  const bytesMax = limits.payloadBytesMax;
  for (const [i, input] of inputs.entries()) {
    const bytes = utf8Bytes(input);
    if (bytes > bytesMax) {
      throw new AgqError(
        `Input ${i} exceeds maximum size of ${bytesMax} bytes (got ${bytes} bytes)`,
      );
    }
  }
}

async function actionOf(context: AgqContext, name: string): Promise<ActionRecord | undefined> {
  const id = textArgument(name);
  if (!JOB_ID.test(id)) return undefined;
  const asked = ask(context, "action.get", { id });
  return (await unless(asked, "action_unknown", "queue_unknown"))?.action;
}

async function neededAction(context: AgqContext, name: string): Promise<ActionRecord> {
  const action = await actionOf(context, name);
  if (action === undefined) throw new AgqError(`Action not found: ${textArgument(name)}`);
  return action;
}

/** The counters of AGQ: what has not ended is pending, and what ended otherwise has failed. */
function summaryOf({ counts, total }: ActionRecord) {
  const { blocked, scheduled, ready, running, completed } = counts;
  const pending = blocked + scheduled + ready + running;
  return {
    jobs_completed: completed,
    jobs_failed: total - pending - completed,
    jobs_pending: pending,
    jobs_total: total,
  };
}

const jobPageWords = {
  offset: "job_offset must be a non-negative integer",
  limit: "job_limit must be a positive integer",
  both: "job_offset must be >= 0 and job_limit must be > 0",
};

const getAction: AgqPerform = async (context, [name = "", ...page]) => {
  checkIdentifier(textArgument(name), "action_id");
  const { offset, limit } = pageIn(page, { limit: 100, most: 1000 }, jobPageWords);
  const action = await neededAction(context, name);
  const newestFirst = (await jobIdsOf(context, action.id)).reverse();
  const ids = pageOf(newestFirst, { offset, limit });
  return bulk(
    sortedJson({
      action_id: action.id,
      created_at: seconds(action.createdAt),
      job_ids: ids,
      job_ids_limit: limit,
      job_ids_offset: offset,
      job_ids_returned: ids.length,
      plan_id: action.plan,
      status: action.status,
      summary: summaryOf(action),
    }),
  );
};

const actionStatus: AgqPerform = async (context, [name = ""]) => {
  const { id, plan, total, counts, createdAt, endedAt } = await neededAction(context, name);
  return bulk(
    sortedJson({
      action_id: id,
      plan_id: plan,
      total_jobs: total,
      pending: counts.blocked + counts.scheduled + counts.ready,
      running: counts.running,
      completed: counts.completed,
      failed: counts.failed + counts.expired,
      cancelled: counts.cancelled,
      // A job that failed is not tried again by itself, which is what AGQ calls dead; it counts once.
      dead: 0,
      created_at: seconds(createdAt),
      completed_jobs_at: endedAt === undefined ? null : seconds(endedAt),
    }),
  );
};

const isStatus = (word: string): word is ActionStatus =>
  (actionStatuses as readonly string[]).includes(word);

const listActions: AgqPerform = async (context, [status = "all", ...rest]) => {
  const isNone = status === "pending";
  if (status !== "all" && status !== "" && !isNone && !isStatus(status)) {
    throw new AgqError("status must be one of: pending, running, completed, failed, all");
  }
  const isBefore = Number(rest[0] ?? 0) < 0;
  const both = isBefore ? "offset must be non-negative" : "limit must be positive";
  const page = pageIn(rest, { limit: 100, most: 1000 }, { ...pageWords, both });
  // An action runs from its first moment on.
  if (isNone) return "[]";
  const asked = isStatus(status) ? { status } : {};
  const actions = await listed(context, "action.list", asked);
  const oldestFirst = actions.sort((a, b) => a.createdAt - b.createdAt);
  const items = pageOf(oldestFirst, page).map((action) => ({
    ...summaryOf(action),
    action_id: action.id,
    created_at: seconds(action.createdAt),
    plan_id: action.plan,
    status: action.status,
  }));
  return bulk(sortedJson(items));
};

/** Cancels what is open of an action, or runs again what failed. Answers how many jobs that were. */
const changeAction =
  (name: "action.cancel" | "action.retry"): AgqPerform =>
  async (context, [word = ""]) => {
    const { id } = await neededAction(context, word);
    return (await ask(context, name, { id })).changed;
  };

export const actionCommands = {
  "ACTION.SUBMIT": exactly(1, "one argument (action JSON)", submitAction),
  "ACTION.GET": between(1, 3, "requires at least one argument (action_id)", getAction),
  "ACTION.STATUS": exactly(1, "one argument (action_id)", actionStatus),
  "ACTION.LIST": between(
    0,
    3,
    "accepts at most three arguments (status offset limit)",
    listActions,
  ),
  "ACTION.CANCEL": exactly(1, "one argument (action_id)", changeAction("action.cancel")),
  "ACTION.RETRY": exactly(1, "one argument (action_id)", changeAction("action.retry")),
};
