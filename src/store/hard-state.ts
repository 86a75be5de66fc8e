/**
 * Hard state: the one row that says whose store this is and how far it is known to be right.
 * Invariant: written only when it changes, in the transaction of the change that it describes.
 */
import type { Anchor, LogId } from "./chain.ts";
import { genesis, LogCorrupt } from "./chain.ts";
import { parseAnchor } from "./segments.ts";
import type { Sql } from "./sql.ts";

/** The stored format that this code writes. It reads this one, and, without writing, the next. */
export const storeFormat = 1;

/** JSON as stored: used where the store keeps something for others. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** The stored state of a queue beside its tables and its log. */
export interface HardState {
  readonly format: number;
  readonly queueId: string;
  readonly role: string;
  /** Raised by restore, import and promotion; never falls. */
  readonly term: number;
  readonly vote: Json;
  /** The last entry that was dropped. */
  readonly purged: Anchor;
  /** The last entry whose changes the tables hold. */
  readonly checkpointed: Anchor;
  /** Null for a primary, whose last entry is committed by definition. */
  readonly committed: LogId | null;
  readonly snapshot: Json;
}

/** The hard state of a new queue. */
export function newHardState(queueId: string, term: number): HardState {
  return {
    format: storeFormat,
    queueId,
    role: "primary",
    term,
    vote: null,
    purged: genesis,
    checkpointed: genesis,
    committed: null,
    snapshot: null,
  };
}

export function createHardState(sql: Sql): void {
  sql.run(`CREATE TABLE raft_state (
    one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL, queue_id TEXT NOT NULL,
    role TEXT NOT NULL, term INTEGER NOT NULL, vote TEXT NOT NULL, purged TEXT NOT NULL,
    checkpointed TEXT NOT NULL, committed TEXT NOT NULL, snapshot TEXT NOT NULL) STRICT`);
}

/** Stores the whole row: one row written. */
export function writeHardState(sql: Sql, state: HardState): void {
  const json = [state.vote, state.purged, state.checkpointed, state.committed, state.snapshot];
  sql.run(
    `INSERT OR REPLACE INTO raft_state
     (one, format, queue_id, role, term, vote, purged, checkpointed, committed, snapshot)
     VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    state.format,
    state.queueId,
    state.role,
    state.term,
    ...json.map((each) => JSON.stringify(each)),
  );
}

/** The format alone: the rest of a newer store's row may not be what this code expects. Throws LogCorrupt. */
export function readFormat(sql: Sql): number {
  const [row] = sql.rows<[format: number]>("SELECT format FROM raft_state");
  if (row === undefined) throw new LogCorrupt("the hard state is missing");
  return row[0];
}

/** The stored row. Throws LogCorrupt when it cannot be read. */
export function readHardState(sql: Sql): HardState {
  const [row] = sql.rows<HardStateRow>(
    `SELECT format, queue_id, role, term, vote, purged, checkpointed, committed, snapshot
     FROM raft_state`,
  );
  if (row === undefined) throw new LogCorrupt("the hard state is missing");
  const [format, queueId, role, term, vote, purged, checkpointed, committed, snapshot] = row;
  return {
    format,
    queueId,
    role,
    term,
    vote: parse("vote", vote),
    purged: parseAnchor(purged),
    checkpointed: parseAnchor(checkpointed),
    committed: parse("committed", committed) as LogId | null,
    snapshot: parse("snapshot", snapshot),
  };
}

/** As the table is created: STRICT, so that the columns hold what it says. */
type HardStateRow = [
  format: number,
  queueId: string,
  role: string,
  term: number,
  vote: string,
  purged: string,
  checkpointed: string,
  committed: string,
  snapshot: string,
];

function parse(column: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new LogCorrupt(`hard state: ${column} is not JSON`, { cause });
  }
}
