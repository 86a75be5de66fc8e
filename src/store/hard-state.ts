/**
 * Hard state: the one row that says whose store this is and how far it is known to be right.
 * Invariant: written only when it changes, in the transaction of the change that it describes.
 */
import * as z from "zod";
import type { QueueIdentity } from "../contract/ids.ts";
import { storedMembership } from "../contract/snapshots.ts";
import type { Anchor, LogId } from "./chain.ts";
import { anchorOf, genesis, LogCorrupt } from "./chain.ts";
import { noMembership, type Settle, type StoredMembership, type Vote } from "./raft.ts";
import { createSegmentList, parseAnchor } from "./segments.ts";
import type { Sql } from "./sql.ts";

/**
 * The stored format that this code writes. It reads those before, and, without writing, the next. Format 3 has lists of pending
 * rows; code of format 1 would read 2 and not see them, and so 2 was passed over. Format 4 has counts of blocks of rows: code of format
 * 3, which would not go on with them, reads it without writing. Format 6 has lists of pending jobs, which code of format 4 must not
 * pass over: 5 was never written. Format 8 has lists to which is added, which code of format 6 would refuse as damaged: 7 was never written.
 * Format 9 counts apart for how many others a job waits, which code of format 8, which would not go on counting so, reads without writing.
 * Format 11 has long texts of jobs, and long strings, apart from their rows, which code of format 9 would take for lost: 10 was never written.
 */
export const storeFormat = 11;

/** The stored state of a queue beside its tables and its log. */
export interface HardState {
  readonly format: number;
  readonly queueId: string;
  readonly role: string;
  /** Raised by restore, import and promotion; never falls. */
  readonly term: number;
  readonly vote: Vote | null;
  /** The last entry that was dropped. */
  readonly purged: Anchor;
  /** The last entry whose changes the tables hold. */
  readonly checkpointed: Anchor;
  /** The last membership stated up to there; stored with `checkpointed`, in its column. */
  readonly membership: StoredMembership;
  /** Null for a primary, whose last entry is committed by definition. */
  readonly committed: LogId | null;
}

/** The hard state of a store, and its row once there is one. */
export class HardStateRow {
  readonly #sql: Sql;
  #current: HardState | undefined;
  #isStored: boolean;

  /** `stored` is the row that was read; undefined when no store was ever written. */
  constructor(sql: Sql, stored: HardState | undefined) {
    this.#sql = sql;
    this.#current = stored;
    this.#isStored = stored !== undefined;
  }

  /** Undefined while the queue was never created. */
  get known(): HardState | undefined {
    return this.#current;
  }

  get current(): HardState {
    if (this.#current === undefined) throw new Error("the queue was not created");
    return this.#current;
  }

  /** The last entry that is gone from the log. */
  get purged(): Anchor {
    return this.#current?.purged ?? genesis;
  }

  /** The last entry whose changes are in SQLite's tables. */
  get checkpointed(): Anchor {
    return this.#current?.checkpointed ?? genesis;
  }

  /** The last membership stated up to there. */
  get membership(): StoredMembership {
    return this.#current?.membership ?? noMembership;
  }

  /** Whether the row is there, and with it the list of segments. */
  get isStored(): boolean {
    return this.#isStored;
  }

  /** Gives a new queue its identity, in memory: it is stored with the first thing that is. */
  create(queue: QueueIdentity): void {
    if (this.#current !== undefined) throw new Error("the queue exists already");
    this.#current = newHardState(queue);
  }

  /** Writes the row, with changes. To be called in a transaction. */
  write(changes: Partial<HardState> = {}): Settle {
    const next = { ...this.current, ...changes };
    if (!this.#isStored) createRaftTables(this.#sql);
    writeHardState(this.#sql, next);
    return () => {
      this.#current = next;
      this.#isStored = true;
    };
  }

  /** Changes the row in a transaction of its own: one row written, and only if it differs. */
  save(changes: Partial<HardState>): void {
    const before = this.current;
    const isSame = JSON.stringify({ ...before, ...changes }) === JSON.stringify(before);
    if (isSame && this.#isStored) return;
    this.#sql.transaction(() => this.write(changes))();
  }
}

function newHardState({ queueId, term }: QueueIdentity): HardState {
  return {
    format: storeFormat,
    queueId,
    role: "primary",
    term,
    vote: null,
    purged: genesis,
    checkpointed: genesis,
    membership: noMembership,
    committed: null,
  };
}

function createRaftTables(sql: Sql): void {
  sql.run(`CREATE TABLE raft_state (
    one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL, queue_id TEXT NOT NULL,
    role TEXT NOT NULL, term INTEGER NOT NULL, vote TEXT NOT NULL, purged TEXT NOT NULL,
    checkpointed TEXT NOT NULL, committed TEXT NOT NULL) STRICT`);
  createSegmentList(sql);
}

function writeHardState(sql: Sql, state: HardState): void {
  const checkpointed = { ...state.checkpointed, membership: state.membership };
  const json = [state.vote, state.purged, checkpointed, state.committed];
  sql.run(
    `INSERT OR REPLACE INTO raft_state
     (one, format, queue_id, role, term, vote, purged, checkpointed, committed)
     VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
  if (row[0] < 1) throw new LogCorrupt(`hard state: there is no format ${row[0]}`);
  return row[0];
}

/** The stored row. Throws LogCorrupt when it cannot be read. */
export function readHardState(sql: Sql): HardState {
  const [row] = sql.rows<StoredRow>(
    `SELECT format, queue_id, role, term, vote, purged, checkpointed, committed
     FROM raft_state`,
  );
  if (row === undefined) throw new LogCorrupt("the hard state is missing");
  const [format, queueId, role, term, vote, purged, checkpointed, committed] = row;
  const { membership = noMembership } = parse("checkpointed", checkpointed, forms.membership);
  return {
    format,
    queueId: conforming("queue_id", queueId, forms.queueId),
    role: conforming("role", role, forms.role),
    term: conforming("term", term, count),
    vote: parse("vote", vote, forms.vote),
    purged: parseAnchor(purged),
    checkpointed: anchorOf(parseAnchor(checkpointed)),
    membership,
    committed: parse("committed", committed, forms.committed),
  };
}

const count = z.int().min(0);

/** What columns hold, most of them as JSON. A checkpoint from before memberships were stated has none beside it. */
const forms = {
  queueId: z.string().min(1).max(64),
  role: z.enum(["primary", "replica"]),
  vote: z.object({ term: count, node: count, committed: z.boolean() }).nullable(),
  committed: z.object({ term: count, index: count }).nullable(),
  membership: z.object({ membership: storedMembership.optional() }),
};

/** What can be read of the stored row, of which some columns may be damaged. Throws LogCorrupt where nothing can. */
export function salvageHardState(sql: Sql): HardState {
  const query = "SELECT format, queue_id, role, term, purged, checkpointed FROM raft_state";
  const [row] = sql.rows<[...HardColumns, purged: string, checkpointed: string]>(query);
  if (row === undefined) throw new LogCorrupt("the hard state is missing");
  const [format, queueId, role, term, purged, checkpointed] = row;
  const places = { purged: placeOr(purged), checkpointed: anchorOf(placeOr(checkpointed)) };
  const unread = { vote: null, committed: null, membership: noMembership };
  return { format, queueId, role, term, ...places, ...unread };
}

/** A place, or the beginning where it cannot be read. */
function placeOr(json: string): Anchor {
  try {
    return parseAnchor(json);
  } catch (fault) {
    if (fault instanceof LogCorrupt) return genesis;
    throw fault;
  }
}

type HardColumns = [format: number, queueId: string, role: string, term: number];

/** As the table is created: STRICT, so that the columns hold what it says. */
type StoredRow = [
  ...HardColumns,
  vote: string,
  purged: string,
  checkpointed: string,
  committed: string,
];

function parse<T>(column: string, text: string, form: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LogCorrupt(`hard state: ${column} is not JSON`, { cause });
  }
  return conforming(column, value, form);
}

function conforming<T>(column: string, value: unknown, form: z.ZodType<T>): T {
  const { data, error } = form.safeParse(value);
  if (error === undefined) return data;
  const [{ path, message } = { path: [], message: "no form" }] = error.issues;
  const where = [column, ...path].join(".");
  throw new LogCorrupt(`hard state: ${where} is not what it must be: ${message}`);
}
