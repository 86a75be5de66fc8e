/**
 * Opening a queue's store, and when what is in it next asks for something to be done.
 * Invariant: a store that must not be used is not touched; what can be read of it is told.
 */
import { limits } from "../contract/limits.ts";
import type { View } from "../machine/decide.ts";
import { runningOperation } from "../machine/operations.ts";
import { nextDueAt } from "../machine/sweep.ts";
import { openStore, type SluiceStore, salvageStore } from "../store/schema.ts";
import type { Sql } from "../store/sql.ts";
import { StoreRefusal } from "../store/store.ts";
import type { Damaged } from "./reads.ts";
import { unusable } from "./refusals.ts";

interface OpeningPorts {
  readonly sql: Sql;
  readonly name: string;
  report(error: unknown, what: string): void;
}

/** The store, or why it is not used. */
export function openOrSalvage({ sql, name, report }: OpeningPorts): SluiceStore | Damaged {
  try {
    const store = openStore(sql);
    if (store.snapshots.damage !== undefined) report(store.snapshots.damage, "snapshots");
    return store;
  } catch (error) {
    if (!(error instanceof StoreRefusal)) throw error;
    report(error, "open");
    const { code, reason, index } = error;
    const where = index === undefined ? {} : { index };
    const refusal = unusable(name, code, reason, where);
    const damage = { code, detail: reason, ...where };
    return { refusal, damage, salvaged: salvageStore(sql, index) };
  }
}

/** When a queue next has something to do; `atOnce` where it could be done now. */
export function queueDueAt(view: View, store: SluiceStore, atOnce: number): number {
  // Where there is a queue, it is registered behind all farewells: they need no alarm of their own.
  const isUnregistered = view.tables.queue.get([0])?.registered === undefined;
  const isBusy = isUnregistered || runningOperation(view) !== undefined;
  const due = nextDueAt(view) ?? Number.POSITIVE_INFINITY;
  const trimAt = store.purgeDueAt(limits.logAgeMsMax) ?? Number.POSITIVE_INFINITY;
  const work = isBusy ? atOnce : Number.POSITIVE_INFINITY;
  return Math.min(work, due > view.at ? due : atOnce, trimAt > view.at ? trimAt : atOnce);
}
