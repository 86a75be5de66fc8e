/**
 * What becomes of a job whose unique key another one has.
 * Invariant: one that is answered for, or refused, changes nothing; one that replaces changes what waits.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import type { Refused } from "./answers.ts";
import { fitOf } from "./plans.ts";
import { whyFull } from "./room.ts";
import { isEnded, type Job } from "./state.ts";
import type { Turn } from "./turn.ts";
import { free } from "./uniques.ts";

type Spec = CommandInputs["job.enqueue"]["jobs"][number];
type Answered =
  | { readonly id: string; readonly deduplicated?: true; readonly replaced?: true }
  | Refused;

/** Who has a key as of now. */
function holderOf(turn: Turn, key: string) {
  for (;;) {
    const row = turn.state.uniques.get(key);
    if (row === undefined) return undefined;
    if (row.until !== undefined && row.until <= turn.at) {
      turn.emit("unique.expired");
      free(turn.state, turn.at, key);
      continue;
    }
    const isAsIs = (id: string | undefined) =>
      id === undefined || turn.state.jobs.get(id) === turn.asOfNow(id);
    if (isAsIs(row.id) && isAsIs(row.follow)) return row;
  }
}

const isWaiting = (job: Job | undefined): job is Job =>
  job !== undefined && job.state !== "running" && !isEnded(job.state);

/** The answer to a job whose key another one has, or the one that it follows; undefined where nobody has the key. */
export function meetHolder(
  turn: Turn,
  spec: Spec,
): Answered | { readonly follows: string } | undefined {
  if (spec.unique === undefined) return undefined;
  const { key, onConflict = "return" } = spec.unique;
  const row = holderOf(turn, key);
  if (row === undefined) return undefined;
  const { id, follow, until } = row;
  if (onConflict === "reject") return { code: "unique_conflict", key, id };
  if (onConflict === "return") return { id, deduplicated: true };
  // Another job may have the id of one that is gone.
  const own = [follow, id].map((each) => turn.state.jobs.get(each ?? ""));
  const waiting = own.filter((job) => job?.unique?.key === key).find(isWaiting);
  if (waiting !== undefined) return replace(turn, spec, waiting);
  const isRunning = turn.state.jobs.get(id)?.state === "running";
  return isRunning && until === undefined ? { follows: id } : { id, deduplicated: true };
}

function replace(turn: Turn, spec: Spec, job: Job): Answered {
  const { state, at } = turn;
  const { id, unique, payload } = job;
  const { plan, planVersion = job.planVersion } = spec;
  if (plan !== job.plan || planVersion !== job.planVersion) {
    return { code: "unique_conflict", key: unique?.key, id };
  }
  if (plan !== undefined) {
    const fit = fitOf(state, { plan, planVersion }, [spec.payload]);
    if ("code" in fit) return fit.code === "input_mismatch" ? misfit : fit;
  }
  const more = Buffer.byteLength(spec.payload) - Buffer.byteLength(payload);
  const full = whyFull(turn, 0, more);
  if (full !== undefined) return full;
  const due = spec.runAt ?? at + (spec.delayMs ?? 0);
  const isLater = due > at;
  const outcome = job.outcome === "expired" ? undefined : job.outcome;
  const other = { ...job, payload: spec.payload, progress: undefined, outcome };
  if (job.state === "blocked") {
    turn.put("job.replaced", other, { runAt: isLater ? due : undefined });
  } else if (isLater) {
    const readyAt = job.head ? job.readyAt : undefined;
    turn.put("job.replaced", other, { state: "scheduled", runAt: due, readyAt });
  } else if (job.state === "scheduled") {
    turn.becomeReady("job.replaced", other, job.readyAt ?? at);
  } else {
    turn.put("job.replaced", other);
  }
  return { id, replaced: true };
}

const misfit: Refused = {
  code: "input_mismatch",
  errors: [{ pointer: "/payload", code: "input_mismatch" }],
};

/** Why an ended job cannot run again: another one has its key by now. */
export function whyTaken(turn: Turn, { id, unique }: Job): Refused | undefined {
  if (unique === undefined || typeof unique.until === "object") return undefined;
  const row = holderOf(turn, unique.key);
  if (row === undefined || row.id === id) return undefined;
  return { code: "unique_conflict", key: unique.key, id: row.id };
}
