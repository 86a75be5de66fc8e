/**
 * What tests of keys, unique keys and flows say again and again.
 * Invariant: nothing here expects anything; it throws where a step was not possible.
 */
import type { ClaimInput, Settlement } from "../../src/contract/leases.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { exported, imported } from "../object/snapshot-rig.ts";

type Spec = Parameters<Harness["enqueue"]>[0] & object;

/** The ids of things, in their order. */
export const idsOf = (all: readonly { readonly id: string }[]): string[] => all.map(({ id }) => id);

/** Claims up to so many; their ids, in the order in which they were handed out. */
export const take = async (q: Harness, max = 1, input: ClaimInput = {}): Promise<string[]> =>
  idsOf(await q.claim({ ...input, max }));

/** Enqueues jobs in one request; what became of each: its id, or the code of its refusal, with what else is said. */
export async function enqueueAll(q: Harness, jobs: readonly Spec[]) {
  const specs = jobs.map((job) => ({ payload: "null", ...job }));
  const { results } = await q.run("job.enqueue", { jobs: specs });
  return results.map((result) => ("problem" in result ? { code: result.problem.code } : result));
}

/** Enqueues one job; its id, or the code of its refusal, with what else is said. */
export const tryEnqueue = async (q: Harness, job: Spec) => (await enqueueAll(q, [job]))[0];

/** Enqueues so many jobs, named by a letter and a number from 0. */
export const enqueueMany = (q: Harness, name: string, count: number, options: Spec = {}) =>
  enqueueAll(
    q,
    Array.from({ length: count }, (_, i) => ({ id: `${name}${i}`, ...options })),
  );

/** Claims the next job, which must be the one named, and settles it. */
export async function end(q: Harness, id: string, how: Partial<Settlement> = {}) {
  const job = await q.claimOne();
  if (job.id !== id) throw new Error(`job ${job.id} was handed out instead of ${id}`);
  return q.settle({ op: "complete", id, token: job.token, ...how } as Settlement);
}

/** A failure that is not tried again. */
export const forGood = { op: "fail", error: "no", retryable: false } as const;

/** A new queue with the state of another one. */
export async function moved(q: Harness): Promise<Harness> {
  const target = await openEngine();
  target.now = q.now;
  const reply = await imported(target, await exported(q));
  if (reply.imported === undefined) throw new Error(`not imported: ${JSON.stringify(reply)}`);
  return target;
}
