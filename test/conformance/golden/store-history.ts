/**
 * The history of the golden database, and databases as text.
 * Invariant: what is made here today is, byte for byte, what was made when the file was written.
 */
import type { Sql, SqlValue } from "../../../src/store/sql.ts";
import { Store } from "../../../src/store/store.ts";
import { deleted, put } from "../../store/support.ts";
import { bodyOf, type CaseEvent, config, membership } from "../entries.ts";
import type { GoldenStore, StoredValue } from "./index.ts";

/** Two sealed segments and an open one, a vote, memberships, keys, a purge, a checkpoint and a tail. */
export function makeGoldenStore(sql: Sql): void {
  const limits = { segmentBytesMax: 1_000, segmentKeysMax: 3 };
  const store = Store.open(sql, { ...config, limits });
  store.create({ queueId: "golden", term: 1 });
  const commit = (...events: readonly CaseEvent[]) => {
    const at = 1_795_000_000_000 + store.last.index;
    for (const event of events) store.evolve(event, at);
    const keys = JSON.stringify([[`key${store.last.index}`, "hash", '{"answer":"é"}']]);
    store.append({ incarnation: 3, at, ...bodyOf(events), keys });
  };
  commit(membership(1));
  commit(put("plain", "text"), put("unicode", "é\u{10000}\u0001"));
  commit(put("empty", ""));
  store.checkpoint();
  store.saveVote({ term: 2, node: 1, committed: true });
  commit(deleted("empty"));
  commit(put("plain", "x".repeat(300)));
  commit(membership(1, 6));
  store.checkpoint();
  store.purge({ term: 1, index: 2 });
  commit(put("tail", "not in the tables"));
  commit();
}

/** Every table of a database. */
export function textOf(sql: Sql): GoldenStore {
  const tables = sql.rows<[name: string, sql: string]>(
    `SELECT name, sql FROM sqlite_master
     WHERE type = 'table' AND name NOT GLOB '_cf_*' ORDER BY name`,
  );
  return {
    tables: tables.map(([name, create]) => ({
      name,
      sql: create,
      rows: sql.rows(`SELECT * FROM "${name}"`).map((row) => row.map(storedOf)),
    })),
  };
}

/** Makes a database from its text. */
export function restore(sql: Sql, { tables }: GoldenStore): void {
  for (const { name, sql: create, rows } of tables) {
    sql.run(create);
    for (const row of rows) {
      const marks = row.map(() => "?").join(", ");
      sql.run(`INSERT INTO "${name}" VALUES (${marks})`, ...row.map(sqlValueOf));
    }
  }
}

function storedOf(value: SqlValue): StoredValue {
  return value instanceof Uint8Array ? { blob: Buffer.from(value).toString("hex") } : value;
}

function sqlValueOf(value: StoredValue): SqlValue {
  const isBlob = typeof value === "object" && value !== null;
  return isBlob ? new Uint8Array(Buffer.from(value.blob, "hex")) : value;
}
