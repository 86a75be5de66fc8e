/**
 * What may be said about workers: who they are, what they can do, and whether they live.
 * Invariant: only a worker that registered can die by silence; one that only claims is bounded by its leases.
 */
import * as z from "zod";
import { capabilities, integer, type JobKind, jobKinds } from "./fields.ts";
import { WORKER_NAME } from "./ids.ts";
import { limits } from "./limits.ts";

/** What is said of a worker that can do too much. */
export const tooManyCapabilities = `the names may have ${limits.workerCapabilityBytesMax} bytes together, with ${limits.capabilityOverheadBytes} more for each`;

/** Whether these are few and short enough for one worker that registers. */
export const fitOneWorker = (names: readonly string[]): boolean =>
  // Their names are ASCII.
  names.reduce((sum, { length }) => sum + length + limits.capabilityOverheadBytes, 0) <=
  limits.workerCapabilityBytesMax;

const ownCapabilities = capabilities(limits.capabilitiesPerClaimMax).refine(
  fitOneWorker,
  tooManyCapabilities,
);

/** A registration: what is left out of a later one goes back to its default. */
export const workerRegistration = z.strictObject({
  capabilities: ownCapabilities.optional(),
  kinds: z.array(z.enum(jobKinds)).min(1).max(jobKinds.length).optional(),
  /** After so much silence it is taken for dead, half as much later at most. The queue's `workerTtlMs` where left out. */
  ttlMs: integer(limits.workerTtlMsMin, limits.workerTtlMsMax).optional(),
  /** How many jobs it works on at once, for people to see. */
  slots: integer(1, limits.jobsPerClaimMax).optional(),
  /** What else people may want to know of it: a version, a host. */
  info: z.string().max(limits.workerInfoCharsMax).optional(),
});
export type RegisterInput = z.output<typeof workerRegistration> & { readonly id: string };

export const workerStates = ["alive", "draining", "dead"] as const;
export type WorkerState = (typeof workerStates)[number];

/** A page of workers in the order of their names. */
export const workerList = z.strictObject({
  state: z.enum(workerStates).optional(),
  limit: integer(1, limits.pageJobsMax).optional(),
  cursor: z.string().regex(WORKER_NAME).optional(),
});
export type WorkerListInput = z.output<typeof workerList>;

/** A worker as the API shows it. */
export interface WorkerRecord {
  readonly name: string;
  readonly state: WorkerState;
  readonly capabilities: readonly string[];
  readonly kinds: readonly JobKind[];
  readonly ttlMs: number;
  readonly slots?: number;
  readonly info?: string;
  /** Jobs in its hands. */
  readonly running: number;
  readonly registeredAt: number;
  /** Its last sign of life that was noted: one is noted at most every half of its `ttlMs`. */
  readonly seenAt: number;
  readonly diedAt?: number;
}
export interface WorkerReply {
  readonly now: number;
  readonly worker: WorkerRecord;
  /** The jobs in its hands, as many as a page holds. */
  readonly jobs: readonly string[];
}
export interface WorkerListReply {
  readonly now: number;
  readonly workers: readonly WorkerRecord[];
  readonly cursor?: string;
}
export interface UnregisterReply {
  readonly now: number;
  readonly removed: true;
  /** Jobs that went back to their place. */
  readonly released: number;
}
