/**
 * The ports over one database: log, state machine, and the row of hard state that both write their own fields of.
 * Invariant: each port is checked by itself; whether they fit together is for `recovery.ts` to say.
 */
import type { Catalog } from "./catalog.ts";
import { checkCatalog, readCatalog } from "./catalog.ts";
import { LogCorrupt } from "./chain.ts";
import type { Schema } from "./declare.ts";
import type { StoredEvent } from "./entry.ts";
import type { HardState } from "./hard-state.ts";
import { HardStateRow, readFormat, readHardState, storeFormat } from "./hard-state.ts";
import type { SegmentLimits } from "./log.ts";
import { Log } from "./log.ts";
import { StoreRefusal } from "./refusal.ts";
import { SnapshotStore } from "./snapshots.ts";
import type { Sql } from "./sql.ts";
import { TableMachine } from "./state-machine.ts";
import { type StoreConfig, storeLimits } from "./store-config.ts";

/** What a store is made of. */
export interface Ports<S extends Schema, E extends StoredEvent> {
  readonly sql: Sql;
  readonly state: HardStateRow;
  readonly log: Log;
  readonly machine: TableMachine<S, E>;
  readonly snapshots: SnapshotStore;
}

/** Opens the ports, also where nothing is stored. Writes nothing. Throws LogCorrupt, or StoreRefusal for a newer format. */
export function openPorts<S extends Schema, E extends StoredEvent>(
  sql: Sql,
  config: StoreConfig<S, E>,
): Ports<S, E> {
  const catalog = readCatalog(sql);
  checkCatalog(catalog, config.tables);
  const state = new HardStateRow(sql, readStored(sql, catalog, config.tables));
  const log = Log.open(sql, state, catalog.keys());
  const machine = new TableMachine(sql, state, config, catalog);
  const limits = { ...storeLimits, ...config.limits };
  const write = () => checkpoint({ sql, log, machine }, limits, Number.POSITIVE_INFINITY);
  const parts = { sql, state, machine, checkpoint: write };
  const snapshots = new SnapshotStore(parts, config, catalog);
  return { sql, state, log, machine, snapshots };
}

function readStored(sql: Sql, catalog: Catalog, schema: Schema): HardState | undefined {
  if (!catalog.has("raft_state")) {
    const own = new Set(Object.values(schema).map(({ name }) => name));
    const stray = [...catalog.keys()].find((each) => each.startsWith("raft_") || own.has(each));
    if (stray !== undefined) throw new LogCorrupt(`there is ${stray} but no hard state`);
    return undefined;
  }
  const format = readFormat(sql);
  if (format > storeFormat + 1) {
    throw new StoreRefusal("store_newer", `format ${format}, this code reads ${storeFormat + 1}`);
  }
  if (!catalog.has("raft_segments")) throw new LogCorrupt("the list of segments is missing");
  return readHardState(sql);
}

/**
 * Writes the changed rows, `most` of each table as `TableCheckpoint.flush` has it, the place in the log that they show, and the open
 * segment's figures, in one transaction.
 */
export function checkpoint(
  {
    sql,
    machine,
    log,
  }: Pick<Ports<Schema, never>, "sql" | "log"> & {
    readonly machine: Pick<TableMachine<Schema, never>, "flush">;
  },
  limits: SegmentLimits,
  most?: number,
): void {
  const settle = sql.transaction(() => [machine.flush(most), log.writeFigures(limits)]);
  for (const each of settle) each();
}
