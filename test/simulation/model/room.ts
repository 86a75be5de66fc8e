/**
 * Whether a queue has room for more.
 * Invariant: it is recounted whenever it is asked.
 */
import { changing, small } from "../small.ts";
import type { Refused } from "./answers.ts";
import { limitsOf, openOf } from "./rounds.ts";
import { countsOf, setOf, setsOf } from "./show.ts";
import type { Job } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Why there is no room for so many more jobs and bytes. */
export function whyFull(turn: Turn, more: number, moreBytes: number): Refused | undefined {
  const { maxJobs, maxBytes } = turn.queue.config;
  const full = (facts: object) => ({ code: "queue_full", ...facts });
  if (turn.state.jobs.size + more > maxJobs) return full({ maxJobs });
  if (turn.isFull) return full({ databaseBytesMax: changing.databaseBytesMax });
  const bytes = countsOf(turn.state).bytes + moreBytes;
  return bytes > maxBytes ? full({ maxBytes }) : undefined;
}

/** Why a key takes no more jobs that wait. */
export function whyKeyFull(
  { state }: Turn,
  key: string | undefined,
  more: number,
): Refused | undefined {
  if (key === undefined) return undefined;
  const { maxBacklog } = limitsOf(state, key);
  const waiting = openOf(state, key).filter((job) => job.state !== "running").length;
  if (maxBacklog === null || waiting + more <= maxBacklog) return undefined;
  return { code: "key_full", key, maxBacklog };
}

/** Whether a job's set of requirements would be one too many. */
export function isOverLimit(turn: Turn, job: Pick<Job, "kind" | "requires">): boolean {
  const sets = setsOf(turn.state);
  const own = setOf(job);
  return !sets.has(own) && own !== setOf({ kind: "payload" }) && sets.size >= small.lanesMax;
}
