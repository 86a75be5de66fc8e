/**
 * Verifying unique keys, and jobs that wait for others: who waits for whom, and who is kept for whom.
 * Invariant: a job without a key, a unique key and parents looks nothing up here.
 */
import { isEndState } from "../contract/fields.ts";
import { type EdgeRow, pendingOf, type WaitRow } from "../store/flows.ts";
import type { JobRow } from "../store/jobs.ts";
import type { UniqueRow } from "../store/uniques.ts";
import { add, type RowCheck, type RowKey } from "./verify-state.ts";

/** A job without its texts. */
type Job = Omit<JobRow, "payload" | "result">;

/** What a job implies of its key, of those it waits for, of its slot and of its unique key. */
export function verifyFlowOf(check: RowCheck, id: string, job: Job): void {
  const { state, dependents = 0, pending = 0, after = [] } = job;
  const { found, implied, counted } = check.state;
  const isOpen = !isEndState(state);
  add(found.dependents, [id], dependents);
  check.expect(dependents >= 0, "I11", `${dependents} jobs wait for it`);
  if (state === "blocked") add(implied.blocked, [job.seq, id]);
  check.expect(
    pending > 0 === (state === "blocked"),
    "I11",
    `it is ${state}, and waits for ${pending}`,
  );
  check.expect(pending <= after.length, "I11", `it waits for ${pending} of ${after.length}`);
  if (pending > 0) implyEdges(check, id, job, pending);
  if (isOpen) for (const { id: parent } of after) add(implied.dependents, [parent]);
  if (isEndState(state) && dependents > 0 && job.action === undefined)
    counted[`parent_${state}`] += 1;
  if (dependents > 0 && job.action !== undefined) add(implied["parents of actions"], [job.action]);
  checkShelf(check, job);
  if (job.lingersUntil !== undefined) checkSlot(check, id, job, job.lingersUntil);
  if (isOpen && job.key !== undefined) implyKey(check, job, job.key);
  if (isOpen && job.unique !== undefined) checkUnique(check, id, job.unique);
}

/** A blocked job has an edge for each that it still waits for, and may count these beside its row. */
function implyEdges(check: RowCheck, id: string, job: Job, pending: number): void {
  const { implied } = check.state;
  let apart: WaitRow | undefined;
  const left = pendingOf(job, () => {
    apart = check.find("waits", [id]) as WaitRow | undefined;
    return apart;
  });
  if (left !== undefined) add(implied.edges, apart === undefined ? [id] : [id, "apart"], left);
  if (apart === undefined) return;
  add(implied.waits, [id]);
  check.expect(apart.left <= pending, "I11", `it waits for ${apart.left} of ${pending}`);
}

function checkShelf(check: RowCheck, { state, shelvedAt, endedAt = 0, ...job }: Job): void {
  check.expectPast({ shelvedAt });
  const isShelved = shelvedAt === undefined || (isEndState(state) && shelvedAt >= endedAt);
  check.expect(
    isShelved,
    "I1",
    `its retention began at ${shelvedAt}, and not at its end or behind`,
  );
  const isOfKey = job.key !== undefined || (job.ordered === undefined && job.set === undefined);
  check.expect(isOfKey, "I5", "it is of no key, and in a lane of one");
}

/** Of a job that ended in a worker's hands, the slot is taken until a timer lets go of it. */
function checkSlot(check: RowCheck, id: string, { state, grant = 0 }: Job, until: number): void {
  const isEnded = state === "cancelled" || state === "expired";
  check.expect(isEnded, "I11", `it is ${state}, and has left a slot`);
  const isTimed = check.find("timers", [until, "lingering", `${grant} ${id}`]) !== undefined;
  check.expect(isTimed, "I11", `it has a slot until ${until}, which has no timer`);
}

/** What a key counts of an open job, and the lane of the key that it is in. */
function implyKey({ state: { implied } }: RowCheck, job: Job, key: string): void {
  const isLater = job.state === "blocked" || job.state === "scheduled";
  add(implied.keys, [key, isLater ? "later" : job.state, job.ordered ? "fifo" : ""]);
  const index = job.ordered ? 0 : (job.set ?? 1);
  add(implied["lanes of keys"], [key, index, job.lane, "open"]);
  if (job.state === "ready") add(implied["lanes of keys"], [key, index, job.lane, "ready"]);
}

/** I7: a job that is to be the only one until it is done has the key, or is to have it next. */
function checkUnique(
  check: RowCheck,
  id: string,
  { key, until }: NonNullable<Job["unique"]>,
): void {
  if (until !== undefined && until !== "done") return;
  const row = check.find("uniques", [key]) as UniqueRow | undefined;
  const isHolder = row?.id === id || row?.follow === id;
  check.expect(isHolder, "I7", `it is to have unique key ${key}, which ${row?.id ?? "nobody"} has`);
}

/** An edge is of a job that is blocked and names the other; that one has a timer where it has ended. */
export function verifyEdge(check: RowCheck, [parent = "", child = ""]: RowKey, row: EdgeRow): void {
  const { found, implied } = check.state;
  add(found.edges, row.apart ? [child, "apart"] : [child]);
  const job = check.find("jobs", [child]) as JobRow | undefined;
  const named = job?.after?.find(({ id }) => id === parent);
  const told = `job ${child} does not wait for ${parent} so`;
  const isNamed = job?.state === "blocked" && named !== undefined && named.onFail === row.onFail;
  check.expect(isNamed, "I11", told);
  const isFirst = check.before?.table !== "edges" || check.before.key[0] !== parent;
  if (!isFirst) return;
  const before = check.find("jobs", [parent]) as JobRow | undefined;
  if (before?.endedAt !== undefined) add(implied.timers, [before.endedAt, "parent", parent]);
}

/** I7: a unique key is had by an open job that says so, or until a time. */
export function verifyUnique(check: RowCheck, key: string, { id, follow, until }: UniqueRow): void {
  if (until !== undefined) add(check.state.implied.timers, [until, "unique", key]);
  const holder = check.find("jobs", [id]) as JobRow | undefined;
  const isHad = holder !== undefined && !isEndState(holder.state) && holder.unique?.key === key;
  check.expect(until !== undefined || isHad, "I7", `job ${id} has it, which is not open with it`);
  if (follow === undefined) return;
  const next = check.find("jobs", [follow]) as JobRow | undefined;
  const isToHave = next !== undefined && !isEndState(next.state) && next.unique?.key === key;
  check.expect(isToHave, "I7", `job ${follow} is to have it next, which is not open with it`);
}
