/**
 * How long a failed job waits: the backoff as data, and jitter that is the same on every replay.
 * Invariant: a delay is a whole number of milliseconds from 0 to the policy's cap.
 */
import type { Backoff } from "../contract/jobs.ts";
import { limits } from "../contract/limits.ts";

function baseDelay(policy: Backoff, attempt: number): number {
  switch (policy.kind) {
    case "fixed":
      return policy.delayMs;
    case "linear":
      return Math.min(policy.delayMs * attempt, policy.capMs ?? limits.delayMsMax);
    case "exponential": {
      const grown = policy.delayMs * (policy.factor ?? 2) ** (attempt - 1);
      return Math.min(grown, policy.capMs ?? limits.delayMsMax);
    }
    case "list":
      return policy.delaysMs[Math.min(attempt, policy.delaysMs.length) - 1] ?? 0;
  }
}

/**
 * A number in [0, 1) from a text: FNV-1a, then a finalizer that spreads the last characters over all bits.
 * It is jitter, not security: equal for equal texts, and well mixed for texts that differ in one character.
 */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/**
 * The delay after the failed `attempt` (from 1) of a run of a job, in ms. Full jitter (the default) spreads it evenly
 * from 0 to the policy's delay (AWS, "Exponential Backoff And Jitter").
 * @example retryDelayMs({ kind: "fixed", delayMs: 1000, jitter: "none" }, "a", 1, 1) // 1000
 */
export function retryDelayMs(policy: Backoff, id: string, run: number, attempt: number): number {
  const delay = Math.min(baseDelay(policy, attempt), limits.delayMsMax);
  if (policy.jitter === "none") return Math.round(delay);
  return Math.floor(fraction(`${id}/${run}/${attempt}`) * (delay + 1));
}
