/**
 * Opening a queue's store.
 * Invariant: a store that must not be used is not touched; what can be read of it is told.
 */

import { refusalFor } from "../store/refusal.ts";
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
export function openOrSalvage(ports: OpeningPorts): SluiceStore | Damaged {
  const { sql, report } = ports;
  try {
    const store = openStore(sql);
    if (store.snapshots.damage !== undefined) report(store.snapshots.damage, "snapshots");
    return store;
  } catch (error) {
    if (!(error instanceof StoreRefusal)) throw error;
    report(error, "open");
    return salvaged(ports, error);
  }
}

/** What a store is that is not used, whether that was seen when it was opened or later. */
export function salvaged(
  { sql, name }: Pick<OpeningPorts, "sql" | "name">,
  { code, reason, index }: StoreRefusal,
): Damaged {
  const where = index === undefined ? {} : { index };
  const refusal = unusable(name, code, reason, where);
  const damage = { code, detail: reason, ...where };
  return { refusal, damage, salvaged: salvageStore(sql, index) };
}

/** What a fault says of the log: that an entry does not stand. Undefined for any other fault. */
export function damageOfLog(fault: unknown): StoreRefusal | undefined {
  const refusal = refusalFor(fault);
  const isOfLog = refusal?.code === "store_corrupt" && refusal.index !== undefined;
  return isOfLog ? refusal : undefined;
}
