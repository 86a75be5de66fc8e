/**
 * Opening a store: the ports are checked against one another, and the log's tail is applied to the tables again.
 * Invariant: nothing is written; a store that contradicts itself is refused, never repaired.
 */
import { isSameAnchor, LogCorrupt, type LogId } from "./chain.ts";
import type { Schema } from "./declare.ts";
import type { StoredEvent } from "./entry.ts";
import { committedOf } from "./guards.ts";
import type { HardStateRow } from "./hard-state.ts";
import { storeFormat } from "./hard-state.ts";
import type { Log } from "./log.ts";
import { checkSegments } from "./log-check.ts";
import type { Ports } from "./ports.ts";
import { openPorts } from "./ports.ts";
import type { Sql } from "./sql.ts";
import { initialState } from "./startup.ts";
import type { StoreConfig } from "./store-config.ts";

/** A recovered store: its ports, and where they stand. */
export interface Recovered<S extends Schema, E extends StoredEvent> extends Ports<S, E> {
  /** Whether the format is the next one: it can be read, not written. */
  readonly readOnly: boolean;
}

/** Reads the checkpoint and applies the log's tail. Throws LogCorrupt, or StoreRefusal for a newer format. */
export function recover<S extends Schema, E extends StoredEvent>(
  sql: Sql,
  config: StoreConfig<S, E>,
): Recovered<S, E> {
  const ports = openPorts(sql, config);
  const { state, log, machine } = ports;
  checkPointers(state, log);
  if (state.isStored) checkSegments(sql, state);
  if (state.checkpointed.index > 0) config.check?.(machine.tables);
  initialState(log, machine, committedOf(ports));
  return { ...ports, readOnly: (state.known?.format ?? 0) > storeFormat };
}

/** purged ≤ checkpointed ≤ committed ≤ last, each the place it claims to be. */
function checkPointers(state: HardStateRow, log: Log): void {
  const { purged, checkpointed } = state;
  const { last } = log;
  const committed = committedOf({ log });
  const order = { purged, checkpointed, committed, last };
  checkOrder(order, "purged", "checkpointed");
  checkOrder(order, "checkpointed", "committed");
  checkOrder(order, "committed", "last");
  const term = state.known?.term ?? 0;
  if (term < last.term) throw new LogCorrupt(`term ${term} < ${last.term} of the log`);
  const found = log.anchor(checkpointed.index);
  if (!isSameAnchor(checkpointed, found)) {
    const what = `entry ${found.index} is not the one that was checkpointed`;
    throw new LogCorrupt(what, { index: found.index });
  }
  const entry = log.anchor(committed.index);
  if (committed.term !== entry.term) {
    const what = `entry ${entry.index} of term ${committed.term} was committed, and has term ${entry.term}`;
    throw new LogCorrupt(what, { index: entry.index });
  }
  const stated = state.membership.logId?.index ?? 0;
  if (stated > checkpointed.index) {
    throw new LogCorrupt(`hard state: entry ${stated} behind the checkpoint stated its membership`);
  }
}

/** Of two places the first is never behind the second. Where it is, the entry behind the second is the first that is missing. */
function checkOrder<P extends string>(
  places: Readonly<Record<P, LogId>>,
  first: P,
  second: P,
): void {
  const [early, late] = [places[first].index, places[second].index];
  if (early <= late) return;
  const what = `inverted log order: ${first} is ${early}, ${second} is ${late}`;
  throw new LogCorrupt(what, { index: late + 1 });
}
