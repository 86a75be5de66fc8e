/**
 * What submitting, cancelling, retrying, reading and forgetting an action should do: one plan on many inputs, as one.
 * Invariant: it is taken whole or not at all; its jobs are those that name it.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { type Answer, refused } from "./answers.ts";
import { idOf, type OfSchedule, pad, runAgain, takeJob } from "./jobs.ts";
import type { Action } from "./nouns.ts";
import { type Cursor, type Page, pageOf } from "./pages.ts";
import { fitOf, needsOf, versionOf } from "./plans.ts";
import { isOverLimit, whyFull, whyKeyFull } from "./room.ts";
import { actionRecord, jobsOfAction } from "./show.ts";
import { isEnded, type State } from "./state.ts";
import type { Turn } from "./turn.ts";

const unknown = (id: string): Answer => refused("action_unknown", { id });

type Input = CommandInputs["action.submit"];

/** Submits an action, for a schedule perhaps. */
export function submitAction(turn: Turn, input: Input, of?: OfSchedule): Answer {
  const { state, queue } = turn;
  const seq = state.action + 1;
  const { action: id = idOf(queue, `ac${pad(seq, 7)}`), fingerprint } = input;
  if (input.action?.startsWith(`${queue.queueId}-`)) return refused("action_exists", { id });
  const existing = input.action === undefined ? undefined : state.actions.get(id);
  if (existing !== undefined) {
    const isSame = existing.plan === input.id && existing.fingerprint === fingerprint;
    if (!isSame) return refused("action_exists", { id });
    const jobs = jobsOfAction(state, id).map((job) => job.id);
    return shown(turn, id, { jobs, deduplicated: true });
  }
  const inputs = input.inputs.length === 0 ? ["null"] : input.inputs;
  const fit = fitOf(state, { plan: input.id, planVersion: input.version }, inputs);
  if ("code" in fit) return { refusal: fit };
  const bytes = inputs.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const full = whyKeyFull(turn, input.key, inputs.length) ?? whyFull(turn, inputs.length, bytes);
  if (full !== undefined) return { refusal: full };
  const kind = "plan" as const;
  const requires = needsOf(fit.version, input.requires);
  if (isOverLimit(turn, { kind, requires })) return refused("requires_limit");
  const { version: planVersion } = fit.version;
  const first = state.seq + 1;
  const jobId = (i: number) => idOf(queue, pad(first + i, 9));
  turn.emit("action.submitted");
  state.action = seq;
  turn.use(input.id, { actions: (state.plans.get(input.id)?.actions ?? 0) + 1 });
  state.actions.set(id, {
    ...{ plan: input.id, planVersion, firstJob: jobId(0), lastJob: jobId(inputs.length - 1) },
    ...{ total: inputs.length, round: 1, createdAt: turn.at, fingerprint, ...of },
  });
  const { id: plan, inputs: _, action: __, version: ___, fingerprint: ____, ...options } = input;
  const jobs = inputs.map((payload, inputIndex) => {
    const own = { payload, inputIndex, plan, planVersion, kind, requires, action: id };
    return takeJob(turn, { ...options, ...of, ...own }).id;
  });
  return shown(turn, id, { jobs });
}

const shown = ({ at, state }: Turn, id: string, more: object): Answer => ({
  reply: { now: at, action: actionRecord(state, id), ...more },
});

/** Cancels what is open of an action. Returns how many jobs that were. */
export function cancelJobsOf(turn: Turn, id: string, reason: string | undefined): number {
  const all = jobsOfAction(turn.state, id);
  if (all.every((job) => isEnded(job.state))) return 0;
  let changed = 0;
  for (const each of all) {
    const job = turn.asOfNow(each.id);
    if (job === undefined || isEnded(job.state)) continue;
    turn.cancel(job, reason);
    changed += 1;
  }
  return changed;
}

export function cancelAction(turn: Turn, input: CommandInputs["action.cancel"]): Answer {
  const { id, reason } = input;
  if (!turn.state.actions.has(id)) return unknown(id);
  const changed = cancelJobsOf(turn, id, reason);
  return shown(turn, id, { changed });
}

export function retryAction(turn: Turn, { id }: CommandInputs["action.retry"]): Answer {
  const action = turn.state.actions.get(id);
  if (action === undefined) return unknown(id);
  const version = versionOf(turn.state, action.plan, action.planVersion);
  if ("code" in version) return { refusal: version };
  let changed = 0;
  for (const each of jobsOfAction(turn.state, id)) {
    const job = turn.asOfNow(each.id);
    if (job?.state !== "failed" && job?.state !== "expired") continue;
    const refusal = runAgain(turn, job);
    if (refusal === undefined) changed += 1;
    else if ("refusal" in refusal && refusal.refusal.code === "requires_limit") return refusal;
  }
  return shown(turn, id, { changed });
}

/** Removes so many jobs of an action that ended, and behind the last one the action. Returns how many changes that was. */
export function removeOfAction(turn: Turn, id: string, most: number): number {
  const going = jobsOfAction(turn.state, id).slice(0, most);
  for (const job of going) turn.remove(job.id);
  if (going.length === most) return most;
  turn.emit("action.removed");
  turn.state.actions.delete(id);
  return going.length + 1;
}

export const getAction = (state: State, now: number, id: string): Answer =>
  state.actions.has(id) ? { reply: { now, action: actionRecord(state, id) } } : unknown(id);

export function listActions(
  state: State,
  now: number,
  input: CommandInputs["action.list"],
  meaning: Cursor | undefined,
): Page {
  const { status = "", plan = "" } = input;
  const isMeant = ({ plan: own, ended }: Action) =>
    (status === "" || status === (ended?.status ?? "running")) && (plan === "" || plan === own);
  return pageOf(state, now, "actions", {
    ...{ input, meaning, list: `actions ${status} ${plan}`, ids: state.actions.keys() },
    show: (id) => {
      const action = state.actions.get(id);
      return action !== undefined && isMeant(action) ? actionRecord(state, id) : undefined;
    },
  });
}
