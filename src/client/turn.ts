/**
 * One request of a worker: what it has to say about its jobs, and a claim for its free slots.
 * Invariant: its body is made once, so that its repeats are the same request.
 */
import type { limits } from "../contract/limits.ts";
import { withTasks } from "./claimed.ts";
import { type Batch, jsonArray } from "./outbox.ts";
import type { Queue } from "./queue.ts";
import type { RequestOptions } from "./transport.ts";
import type { SettleAnswer, SettleOutcome } from "./types.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** Jobs of one claim. */
export const JOBS_PER_CLAIM: typeof limits.jobsPerClaimMax = 1000;
const LEASE_MS = 30_000;
const TIMEOUT_MS_MAX = 10_000;

/** How long an attempt may take, in ms: short enough that a request which hangs costs no lease. */
export const turnTimeoutMs = (leaseMs: number = LEASE_MS): number =>
  Math.min(TIMEOUT_MS_MAX, leaseMs / 3);

/** The answer to a settle with or without a claim, or to a claim alone. */
export type TurnReply<Payload> = Partial<SettleOutcome<Payload>> & { readonly now: number };

/** Sends a batch of settlements and claims up to `max` jobs; one of the two may be absent. */
export async function takeTurn<Payload, Result>(
  { transport, path }: Queue<Payload, Result>,
  { worker, leaseMs, capabilities, kinds }: WorkerOptions<Payload>,
  { batch, max }: { readonly batch: Batch<SettleAnswer>; readonly max: number },
  request: RequestOptions,
): Promise<TurnReply<Payload>> {
  const options = { ...request, timeoutMs: turnTimeoutMs(leaseMs) };
  const claim = JSON.stringify({ worker, max, leaseMs, capabilities, kinds });
  const [verb, body] =
    batch.length === 0
      ? ["claim", claim]
      : ["settle", `{"items":${jsonArray(batch)}${max > 0 ? `,"claim":${claim}` : ""}}`];
  return withTasks(
    await transport.write<TurnReply<Payload>>("POST", `${path}/${verb}`, body, options),
  );
}
