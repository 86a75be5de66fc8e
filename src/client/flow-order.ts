/**
 * In what order the jobs of one call are sent, where some of them wait for others.
 * Invariant: a job goes behind those of its call that it waits for, which go no earlier than for the first that does: so the server takes
 * the jobs of one request, too.
 */
import { SluiceError } from "./errors.ts";
import type { EnqueueOptions } from "./types.ts";

/** The places of jobs in the order in which they are sent; or why none of them can be: some wait for one another in a circle. */
export function flowOrder(
  jobs: readonly Pick<EnqueueOptions, "id" | "after">[],
): Iterable<number> | SluiceError {
  if (jobs.every(({ after }) => after === undefined)) return jobs.keys();
  const placeOf = new Map<string, number>();
  for (const [place, { id }] of jobs.entries()) {
    // Of several with one id, the first is waited for.
    if (id !== undefined && !placeOf.has(id)) placeOf.set(id, place);
  }
  const parentsOf = (place: number): number[] =>
    (jobs[place]?.after ?? []).flatMap(
      (parent) => placeOf.get(typeof parent === "string" ? parent : parent.id) ?? [],
    );
  const taken = new Set<number>();
  for (const place of jobs.keys()) {
    const inCircle = takeWithParents(place, parentsOf, taken);
    if (inCircle !== undefined) return circle(jobs[inCircle]?.id);
  }
  return taken;
}

/**
 * Takes a job behind those it waits for; returns one that waits for itself, where it meets one. A chain may be as long as the call, so the
 * path to a parent is kept in a list and not in calls.
 */
function takeWithParents(
  first: number,
  parentsOf: (place: number) => readonly number[],
  taken: Set<number>,
): number | undefined {
  const path: { readonly place: number; readonly parents: Iterator<number> }[] = [];
  const entered = new Set<number>();
  const enter = (place: number): void => {
    path.push({ place, parents: parentsOf(place).values() });
    entered.add(place);
  };
  if (!taken.has(first)) enter(first);
  for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
    const parent = last.parents.next();
    if (parent.done) {
      taken.add(last.place);
      path.pop();
    } else if (!taken.has(parent.value)) {
      if (entered.has(parent.value)) return parent.value;
      enter(parent.value);
    }
  }
  return undefined;
}

function circle(id = ""): SluiceError {
  const detail = `Job ${id} waits for itself, over others of this call or at once; no job of the call was enqueued.`;
  return new SluiceError({ code: "flow_cycle", status: 422, detail, retryable: false });
}
