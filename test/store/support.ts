/**
 * What the store's suites share: a database to run in, a small schema of notes, and ways to break things.
 * Invariant: every suite runs unchanged on node:sqlite and inside a Durable Object.
 */

import { declareTable } from "../../src/store/declare.ts";
import { ascii, integer, text } from "../../src/store/key-columns.ts";
import type { Sql, SqlRow, SqlValue } from "../../src/store/sql.ts";
import { Store, type StoreLimits, type Writers } from "../../src/store/store.ts";

/** Runs `work` with an empty database. */
export type WithSql = (work: (sql: Sql) => void | Promise<void>) => Promise<void>;

/** Drops every table, so that one database serves all the runs of a property. */
export function wipe(sql: Sql): void {
  const tables = sql.rows<[name: string]>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
  );
  for (const [name] of tables) sql.run(`DROP TABLE "${name}"`);
}

export interface Note {
  readonly size: number;
  readonly body?: string | undefined;
}

export const notes = declareTable<Note>()({
  name: "notes",
  version: 1,
  key: [text("id")],
  texts: ["body"],
});

export const bySize = declareTable<{ readonly id: string }>()({
  name: "by_size",
  version: 1,
  key: [integer("size"), text("id")],
  // So few that a history meets both: a checkpoint leaves them to the list, or writes them.
  pendingRowsMax: 3,
});

export const counts = declareTable<{ readonly n: number }>()({
  name: "counts",
  version: 1,
  key: [ascii("name")],
  resident: true,
});

export type NoteEvent =
  | { readonly type: "note.put"; readonly id: string; readonly body: string }
  | { readonly type: "note.deleted"; readonly id: string };

export const schema = { notes, bySize, counts };

function recount(tables: NoteTables, by: number): void {
  const n = (tables.counts.get(["notes"])?.n ?? 0) + by;
  tables.counts.put(["notes"], { n });
}

function removeNote(tables: NoteTables, id: string): void {
  const before = tables.notes.get([id]);
  if (before === undefined) return;
  tables.notes.delete([id]);
  tables.bySize.delete([before.size, id]);
  recount(tables, -1);
}

export const writers: Writers<typeof schema, NoteEvent> = {
  "note.put"(tables, { id, body }) {
    removeNote(tables, id);
    tables.notes.put([id], { size: body.length, body });
    tables.bySize.put([body.length, id], { id });
    recount(tables, 1);
  },
  "note.deleted"(tables, { id }) {
    removeNote(tables, id);
  },
};

export type NoteStore = Store<typeof schema, NoteEvent>;
type NoteTables = NoteStore["tables"];

export function openNotes(sql: Sql, limits: Partial<StoreLimits> = {}): NoteStore {
  return Store.open(sql, { tables: schema, writers, texts: { "note.put": ["body"] }, limits });
}

/** A new queue's store. */
export function createNotes(sql: Sql, limits: Partial<StoreLimits> = {}): NoteStore {
  const store = openNotes(sql, limits);
  store.create({ queueId: "q", term: 1 });
  return store;
}

/** Evolves and appends events as one entry. */
export function commit(
  store: NoteStore,
  events: readonly NoteEvent[],
  keys: readonly [string, string, string][] = [],
  at = store.last.at + 1,
): void {
  const builder = store.builder();
  for (const event of events) {
    store.evolve(event, at);
    builder.add(event);
  }
  for (const key of keys) builder.addKey(...key);
  store.append({ incarnation: 1, at, ...builder.build() });
}

export const put = (id: string, body: string): NoteEvent => ({ type: "note.put", id, body });
export const deleted = (id: string): NoteEvent => ({ type: "note.deleted", id });

/** All that a store shows, for comparison. */
export function contents(store: NoteStore) {
  const { notes: noteTable, bySize: sizeTable, counts: countTable } = store.tables;
  return {
    notes: noteTable.range({ limit: 10_000 }),
    bySize: sizeTable.range({ limit: 10_000 }).map(([key]) => key),
    count: countTable.get(["notes"])?.n ?? 0,
    last: store.last,
  };
}

/** Every row of every table, as SQLite has it. */
export function dump(sql: Sql): Record<string, SqlRow[]> {
  const tables = sql.rows<[name: string]>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
  );
  return Object.fromEntries(tables.map(([name]) => [name, sql.rows(`SELECT * FROM "${name}"`)]));
}

/** The fault that `FaultySql` throws. */
export class Crash extends Error {}

/** A database whose nth write fails, and every one after it: what a crash or a full disk leaves behind. */
export class FaultySql implements Sql {
  readonly #sql: Sql;
  #writesLeft: number;

  constructor(sql: Sql, writes: number) {
    this.#sql = sql;
    this.#writesLeft = writes;
  }

  /** From now on so many more writes succeed. */
  failAfter(writes: number): void {
    this.#writesLeft = writes;
  }

  /** Whether the fault was met. */
  get hasFailed(): boolean {
    return this.#writesLeft < 0;
  }

  rows<R extends SqlRow>(query: string, ...bindings: readonly SqlValue[]): R[] {
    return this.#sql.rows(query, ...bindings);
  }

  run(query: string, ...bindings: readonly SqlValue[]): void {
    this.#writesLeft -= 1;
    if (this.#writesLeft < 0) throw new Crash("no more writes");
    this.#sql.run(query, ...bindings);
  }

  transaction<T>(work: () => T): T {
    return this.#sql.transaction(() => {
      const result = work();
      // The commit itself is a point of failure too.
      this.#writesLeft -= 1;
      if (this.#writesLeft < 0) throw new Crash("no commit");
      return result;
    });
  }

  sync(): Promise<void> {
    return this.#sql.sync();
  }

  get bytes(): number {
    return this.#sql.bytes;
  }

  get counts() {
    return this.#sql.counts;
  }
}
