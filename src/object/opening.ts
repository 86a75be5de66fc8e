/**
 * The store of an instance: opened, read only, or found to be damaged, at first or later.
 * Invariant: a store that must not be used is not touched; what can be read of it is told.
 */
import type { Refusal } from "../contract/refusals.ts";
import type { View } from "../machine/decide.ts";
import { type Contents, contentsOf } from "../machine/queue.ts";
import { refusalFor } from "../store/refusal.ts";
import { openStore, type SluiceStore, salvageStore } from "../store/schema.ts";
import type { Sql } from "../store/sql.ts";
import { StoreRefusal } from "../store/store.ts";
import { type Damaged, isDamaged } from "./reads.ts";
import { newer, unusable } from "./refusals.ts";

interface OpeningPorts {
  readonly sql: Sql;
  readonly name: string;
  report(error: unknown, what: string): void;
}

export class OpenedStore {
  readonly #ports: OpeningPorts;
  #store: SluiceStore | Damaged;

  constructor(ports: OpeningPorts) {
    this.#ports = ports;
    this.#store = openOrSalvage(ports);
  }

  /** It, or what is known of it when it must not be used. */
  get current(): SluiceStore | Damaged {
    return this.#store;
  }

  /** It, where it may be used. Throws where not. */
  get open(): SluiceStore {
    if (isDamaged(this.#store)) throw new Error(this.#store.refusal.detail);
    return this.#store;
  }

  /** Why nothing of it may be used; undefined while it may. */
  get damage(): Refusal | undefined {
    return isDamaged(this.#store) ? this.#store.refusal : undefined;
  }

  /** Why nothing is written to it; undefined while it is. */
  get closed(): Refusal | undefined {
    return this.damage ?? (this.open.readOnly ? newer(this.#ports.name) : undefined);
  }

  /** The state as of a time; undefined where there is no queue. Throws where it must not be used. */
  view(at: () => number): View | undefined {
    const { hard, tables } = this.open;
    if (hard === undefined || tables.queue.get([0]) === undefined) return undefined;
    const { queueId, term } = hard;
    return { tables, at: at(), identity: { queueId, term } };
  }

  /** Storage was emptied: what is there now. */
  reopen(): void {
    this.#store = openOrSalvage(this.#ports);
  }

  /** It is used no longer, for what was found in it, or was before. Returns why. */
  giveUp(refusal: StoreRefusal): Refusal {
    if (!isDamaged(this.#store)) this.#store = salvaged(this.#ports, refusal);
    return this.#store.refusal;
  }
}

/** What a queue keeps; undefined where there is none. */
export const contentsIn = (view: View | undefined): Contents | undefined =>
  view === undefined ? undefined : contentsOf(view);

/** The store, or why it is not used. */
function openOrSalvage(ports: OpeningPorts): SluiceStore | Damaged {
  const { sql, report } = ports;
  try {
    const store = openStore(sql);
    checkPrimary(store);
    if (store.snapshots.damage !== undefined) report(store.snapshots.damage, "snapshots");
    return store;
  } catch (error) {
    if (!(error instanceof StoreRefusal)) throw error;
    report(error, "open");
    return salvaged(ports, error);
  }
}

/** The primary of a queue has nothing that is not committed: where it is stored how far that goes, it goes to the log's end. */
function checkPrimary({ hard, last }: SluiceStore): void {
  const index = hard?.role === "primary" ? hard.committed?.index : undefined;
  if (index === undefined || index >= last.index) return;
  const told = `the log of a primary ends at ${last.index}, and was committed to ${index}`;
  throw new StoreRefusal("store_corrupt", told);
}

/** What a store is that is not used, whether that was seen when it was opened or later. */
function salvaged(
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
