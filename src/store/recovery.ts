/**
 * Opening a store: what is stored is read, checked against itself, and the log's tail is applied to the tables again.
 * Invariant: nothing is written; a store that contradicts itself is refused, never repaired.
 */
import type { Anchor, Entry } from "./chain.ts";
import { checkLink, genesis, LogCorrupt } from "./chain.ts";
import type { Schema } from "./declare.ts";
import type { HardState } from "./hard-state.ts";
import { readFormat, readHardState, storeFormat } from "./hard-state.ts";
import { Log } from "./log.ts";
import { StoreRefusal } from "./refusal.ts";
import type { Sql } from "./sql.ts";

/** Bytes of log read at once while the tail is applied. */
const pageBytes = 2_000_000;

/** Column names by table, of every table in the database. */
export type Catalog = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the catalog; the platform's own tables (`_cf_…`) may not be looked at. */
export function readCatalog(sql: Sql): Catalog {
  const catalog = new Map<string, Set<string>>();
  const rows = sql.rows<[table: string, column: string]>(
    `SELECT t.name, c.name
     FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
     WHERE t.type = 'table' AND t.name NOT GLOB '_cf_*'`,
  );
  for (const [table, column] of rows) {
    const columns = catalog.get(table) ?? new Set();
    catalog.set(table, columns.add(column));
  }
  return catalog;
}

/** A table that exists must have the key columns that are declared; text columns may be added later. */
export function checkCatalog(catalog: Catalog, schema: Schema): void {
  for (const { name, key } of Object.values(schema)) {
    const stored = catalog.get(name);
    const expected = [...key.map((each) => each.name), "version", "value"];
    if (stored !== undefined && !expected.every((each) => stored.has(each))) {
      throw new LogCorrupt(`table ${name} has not the columns ${expected.join()}`);
    }
  }
}

/** What a database holds of a store. */
export interface Stored {
  /** Undefined when no store was ever written here. */
  readonly hard: HardState | undefined;
  readonly log: Log;
  /** Whether the format is the next one: it can be read, not written. */
  readonly readOnly: boolean;
}

/** Reads hard state and log, and checks what can be checked without reading entries. */
export function readStored(sql: Sql, catalog: Catalog): Stored {
  if (!catalog.has("raft_state")) {
    const stray = [...catalog.keys()].find((each) => each.startsWith("raft_"));
    if (stray !== undefined) throw new LogCorrupt(`there is ${stray} but no hard state`);
    return { hard: undefined, log: Log.empty(sql, genesis), readOnly: false };
  }
  const format = readFormat(sql);
  if (format > storeFormat + 1) {
    throw new StoreRefusal("store_newer", `format ${format}, this code reads ${storeFormat + 1}`);
  }
  const hard = readHardState(sql);
  if (!catalog.has("raft_segments")) throw new LogCorrupt("the list of segments is missing");
  const log = Log.open(sql, hard.purged, catalog.keys());
  checkPointers(hard, log);
  return { hard, log, readOnly: format > storeFormat };
}

/** purged ≤ checkpointed ≤ last, each the place it claims to be. */
function checkPointers({ purged, checkpointed, term }: HardState, log: Log): void {
  if (checkpointed.index < purged.index || checkpointed.index > log.last.index) {
    throw new LogCorrupt(`checkpointed ${checkpointed.index} is not in the log`);
  }
  if (term < log.last.term) throw new LogCorrupt(`term ${term} < ${log.last.term} of the log`);
  for (const pointer of [purged, checkpointed]) {
    if (isRetained(log, pointer)) checkSame(pointer, log.anchor(pointer.index));
  }
}

function isRetained(log: Log, { index }: Anchor): boolean {
  return index > log.purged.index;
}

function checkSame(pointer: Anchor, found: Anchor): void {
  const isSame = pointer.hash === found.hash && pointer.term === found.term;
  if (!isSame) throw new LogCorrupt(`entry ${pointer.index} is not the one that was checkpointed`);
}

/** Hands every entry after the checkpoint to `apply`, in order, its hash checked. */
export function replay(log: Log, checkpointed: Anchor, apply: (entry: Entry) => void): void {
  const { last } = log;
  let before: Anchor = checkpointed;
  while (before.index < last.index) {
    const page = log.entries({ from: before.index + 1, to: last.index, maxBytes: pageBytes });
    if (page.length === 0) throw new LogCorrupt(`log entry ${before.index + 1} is missing`);
    for (const entry of page) {
      checkLink(before, entry);
      apply(entry);
      before = entry;
    }
  }
}
