/**
 * What it means that a job is the only one of its unique key: what becomes of another one.
 * Invariant: a job that another one's key refuses, or answers for, changes nothing; one that replaces changes only the payload and
 * the due time of the one that waits; one that follows is not handed out while the one that has the key until it is done has not ended.
 */
import { isEndState, utf8Bytes } from "../contract/fields.ts";
import type { Parent } from "../contract/flows.ts";
import type { EnqueueResult, JobSpec } from "../contract/jobs.ts";
import { isRefusal, type Refusal, refuse } from "../contract/refusals.ts";
import type { JobRow } from "../store/jobs.ts";
import type { UniqueRow } from "../store/uniques.ts";
import type { Transaction } from "./decide.ts";
import { settleDue } from "./due.ts";
import { mismatch, runnable } from "./plans.ts";
import { whyFull } from "./room.ts";

/** Who has a unique key as of now: what time has done to the key and to its holder has happened. */
function holderOf(tx: Transaction, key: string): UniqueRow | undefined {
  for (;;) {
    const row = tx.tables.uniques.get([key]);
    if (row === undefined) return undefined;
    if (row.until !== undefined && row.until <= tx.at) tx.emit("unique.expired", { key });
    else if (!settleDue(tx, row.id) && !(row.follow !== undefined && settleDue(tx, row.follow))) {
      return row;
    }
  }
}

const conflict = (key: string, id: string, why: string): Refusal =>
  refuse("unique_conflict", `Job ${id} has the unique key ${key}${why}.`, { key, id });

/** A job that may be enqueued, to wait until the one that runs with its unique key has ended. */
interface Following {
  readonly follows: string;
}

/** A job as far as it is the one that has a unique key, or follows: where that is gone, another one may have its id. */
export function jobOfKey(tx: Transaction, key: string, id: string | undefined): JobRow | undefined {
  const job = id === undefined ? undefined : tx.tables.jobs.get([id]);
  return job?.unique?.key === key ? job : undefined;
}

/** What a job meets whose unique key another one has: an answer, or whom it is to follow; undefined for one that meets nobody. */
export function meetHolder(
  tx: Transaction,
  spec: JobSpec,
): EnqueueResult | Refusal | Following | undefined {
  if (spec.unique === undefined) return undefined;
  const { key, onConflict = "return" } = spec.unique;
  const row = holderOf(tx, key);
  if (row === undefined) return undefined;
  if (onConflict === "reject") return conflict(key, row.id, ": this one is refused");
  if (onConflict === "return") return { id: row.id, deduplicated: true };
  const follow = jobOfKey(tx, key, row.follow);
  if (row.follow !== undefined && follow && isWaiting(follow)) {
    return replace(tx, spec, key, row.follow, follow);
  }
  const holder = jobOfKey(tx, key, row.id);
  if (holder !== undefined && isWaiting(holder)) return replace(tx, spec, key, row.id, holder);
  // While the holder runs, one follows it; where the key stands for a time, none does before that is over.
  if (holder?.state === "running" && row.until === undefined) return { follows: row.id };
  return { id: row.id, deduplicated: true };
}

/** Whom a job waits for that follows another one: that one too, however it ends. */
export function behind({ follows: id }: Following, after: readonly Parent[] = []) {
  const isNamed = after.some((parent) => parent.id === id);
  return isNamed ? after : [...after, { id, onFail: "continue" as const }];
}

const isWaiting = ({ state }: JobRow): boolean => state !== "running" && !isEndState(state);

function replace(
  tx: Transaction,
  spec: JobSpec,
  key: string,
  id: string,
  job: JobRow,
): EnqueueResult | Refusal {
  const { payload, plan, planVersion = job.planVersion, delayMs, runAt } = spec;
  if (plan !== job.plan || planVersion !== job.planVersion) {
    return conflict(key, id, ` and is of another plan: it takes no payload of this one`);
  }
  const found = plan === undefined ? undefined : runnable(tx, plan, planVersion);
  if (isRefusal(found)) return found;
  const wrong = found && mismatch(found, [payload], () => "/payload");
  if (wrong !== undefined) return wrong;
  const payloadBytes = utf8Bytes(payload);
  const full = whyFull(tx, 0, payloadBytes - job.payloadBytes);
  if (full !== undefined) return full;
  const due = runAt ?? (delayMs === undefined ? undefined : tx.at + delayMs);
  const isLater = due !== undefined && due > tx.at;
  // Whoever was handed the other payload may not complete this one, nor does its progress say anything of it.
  const anew = job.outcome === "expired" || job.progress !== undefined;
  const also = { ...(isLater && { runAt: due }), ...(anew && { anew: true as const }) };
  tx.emit("job.replaced", { id, payload, payloadBytes, ...also });
  return { id, replaced: true };
}

/** Why an ended job cannot run again: another one has its unique key by now. */
export function whyTaken(tx: Transaction, id: string, { unique }: JobRow): Refusal | undefined {
  if (unique === undefined || typeof unique.until === "object") return undefined;
  const row = holderOf(tx, unique.key);
  if (row === undefined || row.id === id) return undefined;
  return conflict(unique.key, row.id, ` by now: job ${id} cannot run beside it`);
}
