/**
 * Opening a queue's store.
 * Invariant: a store that must not be used is not touched; what can be read of it is told.
 */
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
