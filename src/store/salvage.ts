/**
 * What can still be shown of a store that is not used: its tables, and the log's tail up to the first entry that does not stand.
 * Invariant: nothing is written, and nothing behind the damage is shown.
 */
import { readCatalog } from "./catalog.ts";
import type { Anchor } from "./chain.ts";
import type { Schema, Tables } from "./declare.ts";
import type { StoredEvent } from "./entry.ts";
import { committedOf } from "./guards.ts";
import {
  type HardState,
  HardStateRow,
  readFormat,
  salvageHardState,
  storeFormat,
} from "./hard-state.ts";
import { openPorts } from "./ports.ts";
import type { Sql } from "./sql.ts";
import { linked } from "./startup.ts";
import { TableMachine } from "./state-machine.ts";
import type { StoreConfig } from "./store-config.ts";

/** A damaged store, as far as it can be read. */
export interface Salvaged<S extends Schema> {
  readonly tables: Tables<S>;
  readonly hard: HardState;
  /** The last entry whose events the tables show. */
  readonly last: Anchor;
}

/** What can be read of a store whose log does not stand from entry `bad` on; undefined where that is nothing. */
export function salvage<S extends Schema, E extends StoredEvent>(
  sql: Sql,
  config: StoreConfig<S, E>,
  bad: number | undefined,
): Salvaged<S> | undefined {
  return attempt(() => withTail(sql, config, bad)) ?? attempt(() => checkpointOnly(sql, config));
}

function withTail<S extends Schema, E extends StoredEvent>(
  sql: Sql,
  config: StoreConfig<S, E>,
  bad = Infinity,
) {
  const ports = openPorts(sql, config);
  const { machine, log, state } = ports;
  if (state.known === undefined) return undefined;
  attempt(() => {
    const to = Math.min(committedOf(ports).index, bad - 1);
    const range = { from: machine.last.index + 1, to };
    // Entry by entry, so that one that cannot be applied is undone whole.
    for (const entry of linked(log, range)) machine.apply([entry]);
  });
  return { tables: machine.tables, hard: state.known, last: machine.last };
}

/** The tables without the log, where that cannot even be opened. */
function checkpointOnly<S extends Schema, E extends StoredEvent>(
  sql: Sql,
  config: StoreConfig<S, E>,
) {
  // A format beyond the next one may have other tables: reading them could show what is not so.
  if (readFormat(sql) > storeFormat + 1) return undefined;
  const state = new HardStateRow(sql, salvageHardState(sql));
  const machine = new TableMachine(sql, state, config, readCatalog(sql));
  return { tables: machine.tables, hard: state.current, last: machine.last };
}

/** Undefined where the damage is in the way, however it shows. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
