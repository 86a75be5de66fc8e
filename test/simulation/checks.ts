/**
 * Whether an instance shows what the model says, and the invariants of DESIGN §8, recounted from its tables.
 * Invariant: what changed is compared after every step, everything every few steps and after each recovery.
 */
import type { JobRow } from "../../src/store/jobs.ts";
import { openStore, type SluiceStore } from "../../src/store/schema.ts";
import { dumpOf, Watch, type Watched } from "../invariants.ts";
import { textsOf } from "../invariants-texts.ts";
import type { Disk } from "./disk.ts";
import { checkFlow, countsOfFlow } from "./flow-checks.ts";
import { undisturbed } from "./injector.ts";
import type { Instance } from "./instance.ts";
import { countsOf } from "./model/show.ts";
import type { Job, State } from "./model/state.ts";
import { checkNames } from "./name-checks.ts";
import { checkNouns, checkSlots, countsOfNouns } from "./noun-checks.ts";
import { small } from "./small.ts";
import { SnapshotSql } from "./snapshot-sql.ts";
import { demand, same } from "./violation.ts";

/** Fields of a job that are compared as they are. */
const plain = [
  ...["state", "seq", "createdAt", "run", "failures", "deliveries", "priority", "payload"],
  ...["result", "progress", "maxAttempts", "leaseMs", "maxRunMs", "ttlMs", "expiresAt"],
  ...["fingerprint", "runAt", "readyAt", "ttlUntil", "startedAt", "worker", "grant"],
  ...[
    "claimLeaseMs",
    "queueCost",
    "keyCost",
    "head",
    "plan",
    "planVersion",
    "action",
    "inputIndex",
    "schedule",
    "slotAt",
    "tracked",
    "leaseUntil",
    "leaseEndedAt",
    "outcome",
    "endedAt",
    "reason",
    "error",
    "late",
    "key",
    "lane",
    "ordered",
    "shelvedAt",
    "lingersUntil",
  ],
] as readonly (keyof Job & keyof JobRow)[];
/** Fields that are compared by what they hold. */
const structured = ["labels", "requires", "backoff", "attempts", "unique", "after"] as const;

function checkJob(
  { tables }: SluiceStore,
  id: string,
  job: Job | undefined,
  kept: JobRow | undefined,
): void {
  demand((job === undefined) === (kept === undefined), "state", `job ${id} is kept`, job, kept);
  if (job === undefined || kept === undefined) return;
  const row = { ...kept, ...textsOf(tables, kept) };
  for (const field of plain) {
    if (job[field] !== row[field]) same("state", `job ${id}: ${field}`, row[field], job[field]);
  }
  same("state", `job ${id}: kind`, row.kind ?? "payload", job.kind);
  const isSaid = job.key !== undefined && job.set > 1;
  same("state", `job ${id}: set`, row.set, isSaid ? job.set : undefined);
  // Of one that waits for many, `waits` says how many are left: `checkFlow` compares these.
  const isApart = (job.after?.length ?? 0) > small.parentsCountedInRowMax;
  const pending = isApart && job.waits !== undefined ? row.pending : job.waits?.length;
  same("state", `job ${id}: pending`, row.pending, pending);
  for (const field of structured) {
    if (job[field] === row[field]) continue;
    same("state", `job ${id}: ${field}`, asStored(row[field]), asStored(job[field]));
  }
}

/** Rows in memory may have fields that are undefined; stored ones do not. */
const asStored = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value));

/** Compares the jobs that changed, the counters, and the end of the log. */
export function checkChanges(store: SluiceStore, state: State, touched: ReadonlySet<string>): void {
  for (const id of touched) checkJob(store, id, state.jobs.get(id), store.tables.jobs.get([id]));
  checkNouns(store, state);
  checkFlow(store, state);
  checkNames(store, state);
  same("I14", "the last entry", [store.last.index, store.last.at], [state.index, state.at]);
  const row = store.tables.counters.get([0]);
  demand((row === undefined) === (state.queue === undefined), "state", "the queue exists", row);
  if (row === undefined) return;
  same("I11", "counters", row, recounted(state));
}

/** What each counter should say. */
function recounted(state: State): object {
  const { counts, bytes } = countsOf(state);
  const { seq, grant, operation, operations, action } = state;
  const underway = operations.filter((each) => each.endedAt === undefined).length;
  const recount = { ...counts, bytes, underway, seq, grant, operation, action };
  return { ...recount, ...countsOfNouns(state), ...countsOfFlow(state) };
}

/** Compares every row that the model knows of. */
export function checkAll(store: SluiceStore, state: State): void {
  const { jobs, operations, queue } = store.tables;
  let kept = 0;
  for (const [[id], row] of jobs.scan({})) {
    checkJob(store, id, state.jobs.get(id), row);
    kept += 1;
  }
  same("state", "jobs that are kept", kept, state.jobs.size);
  const rows = [...operations.scan({})].map(([[seq], each]) => asStored({ seq, ...each }));
  same("state", "operations", rows, asStored(state.operations));
  const row = queue.get([0]);
  if (row === undefined || state.queue === undefined) return;
  const { registered, ...shown } = row;
  const isRegistered = registered === true;
  same("state", "the queue", asStored({ ...shown, isRegistered }), asStored(state.queue));
}

/** The invariants over all tables, from one look to the next. */
export class Invariants {
  #watch = new Watch();

  /** A crash took what was not durable: what was seen since may not have happened. */
  crashed(): void {
    this.#watch = new Watch();
  }

  /** `armedAt` is the alarm as the check should take it; `isWhole` also recovers the written state once more. */
  check(
    instance: Instance,
    given: { readonly disk: Disk; readonly armedAt: number | null; readonly now: number },
    isWhole: boolean,
  ): void {
    const { store } = instance;
    if (store === undefined) return;
    const nothing = () => ({});
    const recover = () => undisturbed(() => dumpOf(openStore(new SnapshotSql(given.disk)).tables));
    const watched: Watched = {
      ...{ armedAt: given.armedAt, now: given.now, store },
      dump: isWhole ? () => dumpOf(store.tables) : nothing,
      dumpRecovered: isWhole ? recover : nothing,
    };
    this.#watch.check(watched);
    checkSlots(store);
  }
}
