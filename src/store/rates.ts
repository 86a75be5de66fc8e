/**
 * What a hand-out takes of the rates of its queue and its key, and what comes back of one that does not count.
 * Invariant: no more comes back than was taken, nor than a token of the rate that holds by then.
 */
import type { JobRow } from "./jobs.ts";
import { editKey } from "./key-edits.ts";
import { limitsOf } from "./keys.ts";
import { editCounters, readQueue } from "./queue.ts";
import type { SluiceTables } from "./schema.ts";
import { costOf, refund } from "./token-bucket.ts";

/** No more than a token of a rate is given back. */
const aToken = { queueCost: Number.POSITIVE_INFINITY, keyCost: Number.POSITIVE_INFINITY };

/** What a hand-out takes of the rates that hold for a job, to be noted in its row. */
export function costsOf(
  tables: SluiceTables,
  { key }: JobRow,
): Pick<JobRow, "queueCost" | "keyCost"> {
  const { config } = readQueue(tables);
  const ofKey = key === undefined ? null : limitsOf(tables.keys.get([key]), config).rate;
  return {
    queueCost: config.rate === null ? undefined : costOf(config.rate),
    keyCost: ofKey === null ? undefined : costOf(ofKey),
  };
}

/**
 * A hand-out that does not count gives back what it took of the rates of its key and of the queue; where that `isExact`, as noted, else a token
 * of each.
 */
export function refundRates(tables: SluiceTables, at: number, job: JobRow, isExact: boolean): void {
  const { key, inParts } = job;
  const { queueCost, keyCost } = isExact ? job : aToken;
  const { rate } = readQueue(tables).config;
  const counters = tables.counters.get([0]);
  if (queueCost !== undefined && rate !== null && counters !== undefined) {
    editCounters(tables).used_until = refund(counters.used_until, rate, queueCost, inParts) ?? 0;
  }
  if (key === undefined || keyCost === undefined) return;
  editKey(tables, at, key, (row, all) => {
    if (all.rate !== null) row.usedUntil = refund(row.usedUntil, all.rate, keyCost, inParts);
    return undefined;
  });
}
