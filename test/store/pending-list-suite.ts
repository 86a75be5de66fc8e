/**
 * Lists of changed rows that a checkpoint leaves unwritten: when it does, and how they are stored.
 */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Store, StoreRefusal, type Writers } from "../../src/store/store.ts";
import { dump, type Note, notes, type WithSql } from "./support.ts";

type SqlOf = Parameters<Parameters<WithSql>[0]>[0];
type Listed =
  | { readonly type: "put"; readonly id: string; readonly note: Note }
  | { readonly type: "gone"; readonly id: string }
  | { readonly type: "edited"; readonly id: string; readonly size: number };

const tables = { notes: { ...notes, pendingRowsMax: 2 } };
type ListStore = Store<typeof tables, Listed>;
const writers: Writers<typeof tables, Listed> = {
  put: ({ notes: table }, { id, note }) => table.put([id], note),
  gone: ({ notes: table }, { id }) => table.remove([id]),
  edited: ({ notes: table }, { id, size }) => {
    const row = table.edit([id]);
    if (row !== undefined) row.size = size;
  },
};
const open = (sql: SqlOf): ListStore => Store.open(sql, { tables, writers, texts: {} });
/** With a list that may hold a thousand rows. */
const openWide = (sql: SqlOf): ListStore =>
  Store.open(sql, {
    tables: { notes: { ...notes, pendingRowsMax: 1000 } },
    writers,
    texts: {},
  });
const put = (id: string, note: Note): Listed => ({ type: "put", id, note });

/** One entry, and a checkpoint behind it. */
function write(store: ListStore, ...events: Listed[]): void {
  append(store, ...events);
  store.checkpoint();
}

function append(store: ListStore, ...events: Listed[]): void {
  const builder = store.builder();
  for (const event of events) {
    store.evolve(event, 1);
    builder.add(event);
  }
  store.append({ incarnation: 1, at: 1, ...builder.build() });
}

/** What stands in the table, and what in its list. */
const stored = (sql: SqlOf) => {
  const { notes: rows = [], pending_notes: parts = [] } = dump(sql);
  return { rows, parts };
};
const all = (store: ListStore) => store.tables.notes.range({ limit: 99 });

export function pendingListSuite(withSql: WithSql): void {
  describe("lists of pending rows", () => {
    it("hold few changed rows, their texts beside them, and a new instance goes on with them", () =>
      withSql((sql) => {
        const store = open(sql);
        store.create({ queueId: "q", term: 1 });
        write(store, put("a", { size: 1, body: "é" }), put("b", { size: 2 }));
        const part = [1, 1, '[[["a"],0,{"size":1},1],[["b"],0,{"size":2},null]]', "é"];
        expect(stored(sql)).toEqual({ rows: [], parts: [part] });
        expect(store.stats).toMatchObject({ dirtyRows: 0, textUnits: 0, changed: 2 });
        const next = open(sql);
        expect(all(next)).toEqual(all(store));
        write(next, { type: "gone", id: "a" });
        // What has changed is added behind, here that a row is there no more.
        expect(stored(sql)).toEqual({ rows: [], parts: [part, [2, 1, '[[["a"]]]', ""]] });
        const last = open(sql);
        expect(all(last)).toEqual(all(next));
        write(last, put("a", { size: 5 }));
        const again = [3, 1, '[[["a"],0,{"size":5},null]]', ""];
        expect(stored(sql).parts).toEqual([part, [2, 1, '[[["a"]]]', ""], again]);
        expect(all(open(sql))).toEqual([
          [["a"], { size: 5 }],
          [["b"], { size: 2 }],
        ]);
      }));

    it("are written anew when most of their rows hold no more, or they have many parts", () =>
      withSql((sql) => {
        const store = open(sql);
        store.create({ queueId: "q", term: 1 });
        let most = 0;
        for (let i = 0; i < 150; i += 1) {
          write(store, put("a", { size: i }));
          most = Math.max(most, stored(sql).parts.length);
          expect(all(open(sql))).toEqual(all(store));
        }
        expect(most).toBe(64);
        const wide = openWide(sql);
        const ids = Array.from({ length: 400 }, (_, i) => `k${i}`);
        for (let i = 0; i < 4; i += 1) write(wide, ...ids.map((id) => put(id, { size: i })));
        // Of 401 rows up to 1,314 may stand in it: they were added twice, and then written anew.
        const listed = stored(sql).parts.flatMap(([, , rows]) => JSON.parse(String(rows)));
        expect(listed).toHaveLength(401);
        expect(all(openWide(sql))).toEqual(all(wide));
        write(wide, ...["a", ...ids].map((id): Listed => ({ type: "gone", id })));
        expect(stored(sql)).toEqual({ rows: [], parts: [] });
      }));

    it("are written anew when they are long, however few rows they have", () =>
      withSql((sql) => {
        const store = open(sql);
        store.create({ queueId: "q", term: 1 });
        const body = "x".repeat(limits.pendingTextUnits / 4);
        let most = 0;
        for (let i = 0; i < 20; i += 1) {
          write(store, put("a", { size: i, body }));
          const units = stored(sql).parts.map(([, , rows, text]) => `${rows}${text}`.length);
          most = Math.max(
            most,
            units.reduce((sum, each) => sum + each, 0),
          );
        }
        expect(most).toBeLessThanOrEqual(2 * limits.pendingTextUnits);
        expect(all(open(sql))).toEqual(all(store));
      }));

    it("give as many rows to the table as are asked for, and keep the others", () =>
      withSql((sql) => {
        const store = openWide(sql);
        store.create({ queueId: "q", term: 1 });
        append(store, ...["a", "b", "c", "d"].map((id) => put(id, { size: 1, body: id })));
        store.checkpoint(3);
        expect(stored(sql).rows.map(([id]) => id)).toEqual(["a", "b", "c"]);
        expect(stored(sql).parts).toEqual([[1, 1, '[[["d"],0,{"size":1},1]]', "d"]]);
        append(store, put("e", { size: 1 }), { type: "gone", id: "a" });
        store.checkpoint(1);
        // It had been left to the list, and is in the table now.
        expect(stored(sql).rows.map(([id]) => id)).toEqual(["a", "b", "c", "d"]);
        expect(stored(sql).parts.map(([, , rows]) => rows)).toEqual([
          '[[["d"],0,{"size":1},1]]',
          '[[["e"],0,{"size":1},null],[["a"],1],[["d"]]]',
        ]);
        expect(all(open(sql))).toEqual(all(store));
        append(store, { type: "edited", id: "d", size: 2 });
        store.checkpoint();
        expect(all(openWide(sql))).toEqual(all(store));
        store.checkpoint(Number.POSITIVE_INFINITY);
        expect(stored(sql).rows.map(([id]) => id)).toEqual(["b", "c", "d", "e"]);
        expect(stored(sql).parts).toEqual([]);
        for (const id of ["b", "c", "d"]) {
          write(store, { type: "gone", id });
          expect(all(openWide(sql))).toEqual(all(store));
        }
      }));

    it("are emptied into the table when all is to be written, and then tell what the table has too much", () =>
      withSql((sql) => {
        const store = open(sql);
        store.create({ queueId: "q", term: 1 });
        write(store, put("a", { size: 1, body: "x" }), put("b", { size: 2 }));
        store.checkpoint(Number.POSITIVE_INFINITY);
        const rows = [
          ["a", 1, '{"size":1}', "x"],
          ["b", 1, '{"size":2}', null],
        ];
        expect(stored(sql)).toEqual({ rows, parts: [] });
        const { rowsWritten } = sql.counts;
        store.checkpoint(Number.POSITIVE_INFINITY);
        expect(sql.counts.rowsWritten).toBe(rowsWritten);
        write(store, { type: "gone", id: "a" }, put("c", { size: 3, body: "" }));
        const part = [1, 1, '[[["a"],1],[["c"],0,{"size":3},0]]', ""];
        expect(stored(sql)).toEqual({ rows, parts: [part] });
        expect(all(open(sql))).toEqual(all(store));
      }));

    it("hold what was changed in place behind a tail that was applied again", () =>
      withSql((sql) => {
        const store = open(sql);
        store.create({ queueId: "q", term: 1 });
        write(store, put("a", { size: 1 }));
        append(store, { type: "edited", id: "a", size: 2 });
        const next = open(sql);
        next.checkpoint();
        write(next, { type: "edited", id: "a", size: 3 });
        expect(all(open(sql))).toMatchObject([[["a"], { size: 3 }]]);
      }));

    it("hold neither more rows nor longer texts than they may: these are written to the table", () =>
      withSql((sql) => {
        const store = open(sql);
        store.create({ queueId: "q", term: 1 });
        const long = "x".repeat(limits.pendingTextUnits / 2);
        write(store, put("a", { size: 1, body: long }));
        write(store, put("b", { size: 2, body: long }));
        expect(stored(sql).rows).toEqual([]);
        expect(stored(sql).parts).toHaveLength(2);
        write(store, put("b", { size: 2, body: `${long}x` }));
        expect(stored(sql).rows).toHaveLength(2);
        expect(stored(sql).parts).toEqual([]);
        write(store, ...["c", "d", "e"].map((id) => put(id, { size: 1 })));
        expect(stored(sql).rows).toHaveLength(5);
        expect(all(open(sql))).toEqual(all(store));
      }));

    it("keep what lives where too much is gone: that goes from the table, and nothing else is written there", () =>
      withSql((sql) => {
        const store = open(sql);
        store.create({ queueId: "q", term: 1 });
        write(store, ...["a", "b", "c", "d"].map((id) => put(id, { size: 1 })));
        expect(stored(sql).parts).toEqual([]);
        const changed: Listed = { type: "edited", id: "d", size: 2 };
        append(store, changed, ...["a", "b"].map((id): Listed => ({ type: "gone", id })));
        expect(store.stats).toMatchObject({ dirtyRows: 2, tombstones: 2, changed: 2 });
        store.checkpoint();
        expect(store.stats).toMatchObject({ dirtyRows: 0, tombstones: 0, changed: 1 });
        expect(stored(sql).rows.map(([id, , value]) => [id, value])).toEqual([
          ["c", '{"size":1}'],
          ["d", '{"size":1}'],
        ]);
        expect(stored(sql).parts.map(([, , rows]) => rows)).toEqual([
          '[[["d"],1,{"size":2},null]]',
        ]);
        expect(all(open(sql))).toEqual(all(store));
        write(
          store,
          ...["c", "d"].map((id): Listed => ({ type: "gone", id })),
          put("e", { size: 1 }),
        );
        expect(stored(sql).rows).toEqual([]);
        expect(all(open(sql))).toEqual([[["e"], { size: 1 }]]);
      }));

    it.each([
      ["a text too much", "UPDATE pending_notes SET texts = texts || 'x'"],
      ["a text too few", "UPDATE pending_notes SET texts = substr(texts, 2)"],
      ["a length that is none", "UPDATE pending_notes SET rows = replace(rows, '},1]', '},-1]')"],
      ["no length", "UPDATE pending_notes SET rows = replace(rows, '},1]', '}]')"],
      ["a length of a row that is gone", `UPDATE pending_notes SET rows = '[[["a"],1,null,1]]'`],
      ["a row that has no key", "UPDATE pending_notes SET rows = '[[]]', texts = ''"],
    ])("are refused with %s", (_, damage) =>
      withSql((sql) => {
        const store = open(sql);
        store.create({ queueId: "q", term: 1 });
        write(store, put("a", { size: 1, body: "x" }), put("b", { size: 1, body: "y" }));
        sql.run(damage);
        expect(() => open(sql)).toThrow(StoreRefusal);
      }),
    );
  });
}
