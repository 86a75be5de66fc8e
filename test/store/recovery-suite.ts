/**
 * Recovery: a damaged or newer store is refused with its reason, and is left as it was found.
 */
import { describe, expect, it } from "vitest";
import type { Tables } from "../../src/store/declare.ts";
import { storeFormat } from "../../src/store/hard-state.ts";
import type { Sql } from "../../src/store/sql.ts";
import { Store, StoreRefusal } from "../../src/store/store.ts";
import {
  commit,
  contents,
  createNotes,
  deleted,
  dump,
  type NoteEvent,
  openNotes,
  put,
  schema,
  type WithSql,
  wipe,
  writers,
} from "./support.ts";

const texts = { "note.put": ["body"] } as const;
const limits = { segmentKeysMax: 3 };

/** Two sealed segments (1–3, 4–6) and an open one (7–10); purged to 1, checkpointed at 8. */
function build(sql: Sql): void {
  const store = createNotes(sql, limits);
  for (let i = 1; i <= 10; i += 1) {
    commit(store, [put(`n${i}`, "x".repeat(100)), deleted(`n${i - 1}`)], [[`k${i}`, "h", "a"]]);
    if (i === 3 || i === 6 || i === 8) store.checkpoint();
  }
  store.purge({ term: 1, index: 1 });
}

type Damage = readonly [name: string, ...queries: string[]];

/** One character changed in one column of a row of the tail. */
const flips: Damage[] = [
  ["prev_hash", "lower(hex(zeroblob(32)))"],
  ["hash", "lower(hex(zeroblob(32)))"],
  ["keys", "replace(keys, 'a', 'b')"],
  ["events", "replace(events, 'n9', 'n8')"],
  ["texts", "'y' || substr(texts, 2)"],
  ["term", "term + 1"],
  ["term", "term - 1"],
  ["incarnation", "incarnation + 1"],
  ["at", "at - 5"],
  ["at", "at + 1"],
].map(([column, value]) => [
  `another ${column} (${value}) in the tail`,
  `UPDATE raft_log_3 SET ${column} = ${value} WHERE log_index = 9`,
]);

const pointer = (column: string, field: string, value: string) =>
  `UPDATE raft_state SET ${column} = json_set(${column}, '$.${field}', ${value})`;

const damages: Damage[] = [
  ...flips,
  ["a missing entry in the tail", "DELETE FROM raft_log_3 WHERE log_index = 9"],
  ["a missing entry at the checkpoint", "DELETE FROM raft_log_3 WHERE log_index = 8"],
  ["another entry at the checkpoint", "UPDATE raft_log_3 SET hash = 'x' WHERE log_index = 8"],
  ["a missing segment", "DROP TABLE raft_log_2"],
  ["a missing segment row", "DELETE FROM raft_segments WHERE segment = 2"],
  ["both", "DROP TABLE raft_log_2", "DELETE FROM raft_segments WHERE segment = 2"],
  [
    "a missing first segment",
    "DROP TABLE raft_log_1",
    "DELETE FROM raft_segments WHERE segment = 1",
  ],
  ["an unknown segment", "CREATE TABLE raft_log_9 (log_index INTEGER PRIMARY KEY) STRICT"],
  ["an open segment that is empty", "DELETE FROM raft_log_3"],
  ["a sealed segment cut short", "DELETE FROM raft_log_2 WHERE log_index = 6"],
  ["a segment without its first entry", "DELETE FROM raft_log_2 WHERE log_index = 4"],
  ["segments that overlap", "UPDATE raft_segments SET first_index = 3 WHERE segment = 2"],
  ["an open segment in the middle", "UPDATE raft_segments SET sealed = 0 WHERE segment = 2"],
  ["a checkpoint past the log", pointer("checkpointed", "index", "11")],
  ["a checkpoint before the purge", pointer("checkpointed", "index", "0")],
  ["a checkpoint of another term", pointer("checkpointed", "term", "0")],
  ["a checkpoint at another place", pointer("checkpointed", "index", "9")],
  ["a purge past the log", pointer("purged", "index", "12")],
  ["a purge past the checkpoint", pointer("purged", "index", "9")],
  ["an incomplete pointer", pointer("purged", "term", "'x'")],
  ["a pointer that is not JSON", "UPDATE raft_state SET checkpointed = 'x'"],
  ["a vote that is not JSON", "UPDATE raft_state SET vote = '{'"],
  ["a term below the log's", "UPDATE raft_state SET term = 0"],
  [
    "a sealed segment without its keys",
    "UPDATE raft_segments SET key_hashes = NULL WHERE segment = 2",
  ],
  [
    "a sealed segment with fewer keys",
    "UPDATE raft_segments SET key_hashes = x'00' WHERE segment = 2",
  ],
  ["no hard state", "DELETE FROM raft_state"],
  ["no table of hard state", "DROP TABLE raft_state"],
  ["no list of segments", "DROP TABLE raft_segments"],
  ["a resident row that is not JSON", "UPDATE counts SET value = '{'"],
  ["a resident row that is no object", "UPDATE counts SET value = '3'"],
  ["a table with other key columns", "ALTER TABLE counts RENAME COLUMN name TO title"],
  ["a list of pending rows that is cut short", "UPDATE pending_by_size SET rows = substr(rows, 2)"],
  ["a list of pending rows that is none", "UPDATE pending_by_size SET rows = '{}'"],
  ["a pending row without a key", "UPDATE pending_by_size SET rows = '[[[],0,{}]]'"],
  ["a pending row that is a number", "UPDATE pending_by_size SET rows = '[[[1,\"a\"],0,7]]'"],
];

/** Opens, expecting a refusal, and returns it; the database must not have changed. */
function refusal(sql: Sql, open: () => unknown = () => openNotes(sql, limits)): StoreRefusal {
  const before = dump(sql);
  try {
    open();
  } catch (fault) {
    expect(dump(sql)).toEqual(before);
    if (fault instanceof StoreRefusal) return fault;
    throw fault;
  }
  return expect.unreachable("the store was opened");
}

export function recoverySuite(withSql: WithSql): void {
  describe("recovery", () => {
    it("opens what it built", () =>
      withSql((sql) => {
        build(sql);
        const store = openNotes(sql, limits);
        expect(contents(store)).toMatchObject({ count: 1, last: { index: 10 } });
        expect([store.purged.index, store.checkpointed.index]).toEqual([1, 8]);
      }));

    it.each(damages)("refuses %s", (_, ...queries) =>
      withSql((sql) => {
        build(sql);
        for (const query of queries) sql.run(query);
        const { code, reason } = refusal(sql);
        expect(code).toBe("store_corrupt");
        expect(reason).not.toBe("");
      }),
    );

    it("refuses a store whose format is newer than the next one", () =>
      withSql((sql) => {
        build(sql);
        sql.run(`UPDATE raft_state SET format = ${storeFormat + 2}`);
        expect(refusal(sql).code).toBe("store_newer");
      }));

    it("opens a store of the next format for reading only", () =>
      withSql((sql) => {
        build(sql);
        sql.run(`UPDATE raft_state SET format = ${storeFormat + 1}`);
        const before = dump(sql);
        const store = openNotes(sql, limits);
        expect(store.readOnly).toBe(true);
        expect(contents(store).count).toBe(1);
        expect(store.entries({ from: 2, maxBytes: 1e6 })).toHaveLength(9);
        for (const write of [
          () => commit(store, []),
          () => store.checkpoint(),
          () => store.purge({ term: 1, index: 3 }),
          () => store.saveHard({ role: "replica" }),
        ]) {
          expect(write).toThrow(StoreRefusal);
        }
        expect(dump(sql)).toEqual(before);
      }));

    it("refuses an event or a row that only newer code can read", () =>
      withSql((sql) => {
        build(sql);
        const { "note.deleted": _, ...older } = writers;
        const config = { tables: schema, writers: older as typeof writers, texts };
        expect(refusal(sql, () => Store.open<typeof schema, NoteEvent>(sql, config)).code).toBe(
          "store_newer",
        );
        sql.run("UPDATE counts SET version = 2");
        expect(refusal(sql).code).toBe("store_newer");
      }));

    it("refuses a tail whose events a writer cannot apply", () =>
      withSql((sql) => {
        build(sql);
        const failing = {
          ...writers,
          "note.put": () => {
            throw new Error("impossible");
          },
        };
        const config = { tables: schema, writers: failing, texts };
        expect(refusal(sql, () => Store.open<typeof schema, NoteEvent>(sql, config))).toMatchObject(
          {
            code: "store_corrupt",
            cause: { message: "impossible" },
          },
        );
      }));

    it("refuses a tail whose end cannot be written", () =>
      withSql((sql) => {
        build(sql);
        const finish = () => {
          throw new Error("impossible");
        };
        const catchUp = (tables: Tables<typeof schema>) => ({ tables, finish });
        const config = { tables: schema, writers, texts, catchUp };
        const found = refusal(sql, () => Store.open<typeof schema, NoteEvent>(sql, config));
        expect(found).toMatchObject({ code: "store_corrupt", cause: { message: "impossible" } });
      }));

    it("lets a fault that says nothing about the store pass as it is", () =>
      withSql((sql) => {
        wipe(sql);
        const fault = new Error("the object was superseded");
        const failing: Sql = Object.create(sql, {
          rows: {
            value: () => {
              throw fault;
            },
          },
        });
        expect(() => openNotes(failing)).toThrow(fault);
      }));
  });
}
