/**
 * JOB.* and JOBS.LIST, and the names `job:<id>`: jobs as AGQ's programs read, change and finish them.
 * Invariant: what a job came to is said by the worker that was handed it last, and by nobody else.
 */
import { isEndState, type JobState, jobStates } from "../../contract/fields.ts";
import { JOB_ID } from "../../contract/ids.ts";
import type { JobRecord } from "../../contract/jobs.ts";
import { rawMembers } from "../../contract/raw-json.ts";
import { objectIn, pageIn, required } from "./arguments.ts";
import {
  type AgqContext,
  AgqError,
  type AgqPerform,
  ask,
  between,
  bulk,
  exactly,
  OK,
  textArgument,
  textOfReply,
  unless,
} from "./command.ts";
import { fieldsJson, isoTime, seconds, sortedJson, statusOf } from "./json.ts";
import { finish, heldOf, type Stream, say, tasksOf } from "./leases.ts";
import { listed, pageOf } from "./pages.ts";

/** A job, and its input as it was sent. */
export interface FoundJob {
  readonly job: JobRecord;
  readonly input: string;
}

/** A job; undefined where there is none. */
export async function jobOf(context: AgqContext, id: string): Promise<FoundJob | undefined> {
  if (!JOB_ID.test(id)) return undefined;
  const text = await unless(
    textOfReply(context, "job.get", { id }),
    "job_unknown",
    "queue_unknown",
  );
  if (text === undefined) return undefined;
  const [raw = "{}"] = rawMembers(text, ["job"]);
  const [input = "null"] = rawMembers(raw, ["payload"]);
  return { job: JSON.parse(raw) as JobRecord, input };
}

export const jobNotFound = (id: string): AgqError => new AgqError(`Job not found: ${id}`);

/** A job that has to be there. */
export async function neededJob(context: AgqContext, id: string): Promise<FoundJob> {
  const found = await jobOf(context, id);
  if (found === undefined) throw jobNotFound(id);
  return found;
}

const quoted = (text: string | undefined) =>
  text === undefined ? undefined : JSON.stringify(text);

/** A job in AGQ's JSON. */
const toJson = ({ job, input }: FoundJob): string =>
  fieldsJson({
    created_at: String(seconds(job.createdAt)),
    input,
    input_index: job.inputIndex?.toString(),
    job_id: quoted(job.id),
    plan_id: quoted(job.plan ?? ""),
    status: quoted(statusOf(job.state)),
  });

/** `GET job:<id>`: the job as a worker reads it. */
export const viewJob: AgqPerform = async (context, [name = ""]) => {
  const found = await jobOf(context, name.slice("job:".length));
  return found === undefined ? null : bulk(toJson(found));
};

const getJob: AgqPerform = async (context, [name = ""]) =>
  bulk(toJson(await neededJob(context, textArgument(name))));

const jobStatus: AgqPerform = async (context, [name = ""]) => {
  const found = await jobOf(context, textArgument(name));
  if (found === undefined) return null;
  const { job } = found;
  const tasks = (await tasksOf(context, job.id)) ?? [];
  const results = tasks.flatMap(({ task, command, status, exitCode, durationMs, ...said }) =>
    status === "waiting"
      ? []
      : {
          ...{ task_number: task, command, exit_code: exitCode ?? null },
          ...{ stdout: said.stdout ?? "", stderr: said.stderr ?? "" },
          duration_ms: durationMs ?? null,
        },
  );
  return bulk(
    sortedJson({
      job_id: job.id,
      action_id: job.action ?? null,
      plan_id: job.plan ?? null,
      status: statusOf(job.state),
      created_at: isoTime(job.createdAt),
      started_at: isoTime(job.startedAt),
      completed_at: isoTime(job.endedAt),
      worker_id: job.worker ?? null,
      task_results: results,
    }),
  );
};

/** What a job's outputs came to: those of its tasks, one behind the other. */
const viewOutput =
  (stream: Stream): AgqPerform =>
  async (context, [name = ""]) => {
    const tasks = await tasksOf(context, idIn(name));
    const said = tasks?.flatMap((task) => task[stream] ?? []) ?? [];
    return said.length === 0 ? null : bulk(said.join(""));
  };

/** The id in `job:<id>:stdout`. */
const idIn = (name: string): string => name.split(":")[1] ?? "";

const viewStatus: AgqPerform = async (context, [name = ""]) => {
  const found = await jobOf(context, idIn(name));
  return found !== undefined && isEndState(found.job.state) ? statusOf(found.job.state) : null;
};

const setOutput =
  (stream: Stream): AgqPerform =>
  async (context, [name = "", value = ""]) => {
    await say(context, idIn(name), stream, value);
    return OK;
  };

const setStatus: AgqPerform = async (context, [name = "", value = ""]) => {
  if (value !== "completed" && value !== "failed") {
    throw new AgqError("SET job:<id>:status takes completed or failed");
  }
  await finish(context, idIn(name), value);
  return OK;
};

const updateJob: AgqPerform = async (context, [name = "", json = ""]) => {
  const { value } = objectIn(json);
  const status = required(value, "status");
  const { job } = await neededJob(context, textArgument(name));
  const before = statusOf(job.state);
  const isMove = status === "running" || status === "completed" || status === "failed";
  if (!isMove || job.state !== "running") {
    throw new AgqError(`Invalid status transition: ${before} -> ${status}`);
  }
  heldOf(context, job.id);
  for (const stream of ["stdout", "stderr"] as const) {
    const said = value[stream];
    if (typeof said === "string") await say(context, job.id, stream, bulk(said));
  }
  if (status !== "running") await finish(context, job.id, status);
  return OK;
};

/** The states that a status stands for. */
function statesOf(status: string): readonly JobState[] {
  const states = jobStates.filter((state) => statusOf(state) === status);
  if (states.length > 0) return states;
  throw new AgqError("status must be one of: pending, running, completed, failed, cancelled");
}

/** The ids of an action's jobs, in the order of its inputs. */
export async function jobIdsOf(context: AgqContext, action: string): Promise<string[]> {
  if (!JOB_ID.test(action)) return [];
  return (await listed(context, "job.list", { action })).map(({ id }) => id);
}

const listJobsOf: AgqPerform = async (context, [name = "", status]) => {
  const action = textArgument(name);
  const states = status === undefined ? jobStates : statesOf(status);
  if (!JOB_ID.test(action)) return [];
  const jobs = await listed(context, "job.list", { action });
  return jobs.flatMap(({ id, state }) => (states.includes(state) ? [id] : []));
};

/** Jobs of all states in the order of their ids: those that the queue named stand in the order in which they came. */
const listJobs: AgqPerform = async (context, args) => {
  const page = pageIn(args, { limit: 100, most: 1000 });
  const jobs = await listed(context, "job.list", {}, page.offset + page.limit);
  return pageOf(jobs, page).map(({ action, createdAt, id, plan, state }) =>
    bulk(
      sortedJson({
        action_id: action,
        created_at: seconds(createdAt),
        job_id: id,
        plan_id: plan,
        status: statusOf(state),
      }),
    ),
  );
};

const retryJob: AgqPerform = async (context, [name = ""]) => {
  const { job } = await neededJob(context, textArgument(name));
  if (statusOf(job.state) !== "failed") throw new AgqError("Job not in failed status");
  await ask(context, "job.retry", { id: job.id });
  return { ok: "OK job re-queued" };
};

const cancelJob: AgqPerform = async (context, [name = ""]) => {
  const { job } = await neededJob(context, textArgument(name));
  await ask(context, "job.cancel", { id: job.id });
  return OK;
};

export const jobCommands = {
  "JOB.GET": exactly(1, "one argument (job_id)", getJob),
  "JOB.STATUS": exactly(1, "one argument (job_id)", jobStatus),
  "JOB.UPDATE": exactly(2, "two arguments (job_id update JSON)", updateJob),
  "JOB.LIST": between(1, 2, "requires an action_id, and accepts a status", listJobsOf),
  "JOB.RETRY": exactly(1, "one argument (job_id)", retryJob),
  "JOB.CANCEL": exactly(1, "one argument (job_id)", cancelJob),
  "JOBS.LIST": between(0, 2, "accepts at most two arguments (offset limit)", listJobs),
};

/** What can be said of the names of jobs. */
export const jobViews = {
  "get job:*": viewJob,
  "get job:*:stdout": viewOutput("stdout"),
  "get job:*:stderr": viewOutput("stderr"),
  "get job:*:status": viewStatus,
  "set job:*:stdout": setOutput("stdout"),
  "set job:*:stderr": setOutput("stderr"),
  "set job:*:status": setStatus,
};
