/**
 * What older code has begun, and code that knows more tables goes on with.
 */
import { describe, expect, it } from "vitest";
import { Store, type Writers } from "../../src/store/store.ts";
import { build, finish, install } from "./snapshot-support.ts";
import {
  commit,
  contents,
  counts,
  type NoteEvent,
  notes,
  openNotes,
  put,
  type WithSql,
} from "./support.ts";

/** The tables of notes before they were found by size. */
const tables = { notes, counts };
type OldStore = Store<typeof tables, NoteEvent>;

const writers: Writers<typeof tables, NoteEvent> = {
  "note.put": (all, { id, body }) => all.notes.put([id], { size: body.length, body }),
  "note.deleted": (all, { id }) => {
    all.notes.delete([id]);
  },
};

/** A store of older code, with one note. */
function oldStore(sql: Parameters<Parameters<WithSql>[0]>[0]): OldStore {
  const store: OldStore = Store.open(sql, { tables, writers, texts: { "note.put": ["body"] } });
  store.create({ queueId: "q", term: 1 });
  const event = put("first", "x");
  const builder = store.builder();
  builder.add(event);
  store.evolve(event, 1);
  store.append({ incarnation: 1, at: 1, ...builder.build() });
  return store;
}

export function newerTablesSuite(withSql: WithSql): void {
  describe("code that knows more tables", () => {
    it("goes on with a build: none of their rows were there when it began", () =>
      withSql((sql) => {
        oldStore(sql).startSnapshot(0);
        const store = openNotes(sql);
        commit(store, [put("second", "yy")]);
        store.checkpoint();
        commit(store, [put("third", "zzz")]);
        store.checkpoint();
        const { meta, chunks } = finish(store);
        expect(meta.tables).toMatchObject({ by_size: { rows: 0 }, notes: { rows: 1 } });
        expect(chunks.join("")).not.toMatch(/second|third/);
        expect(build(store).meta.tables).toMatchObject({
          by_size: { rows: 2 },
          notes: { rows: 3 },
        });
        expect(contents(openNotes(sql))).toEqual(contents(store));
      }));

    it("takes a snapshot in that has none of them, over rows that they have", () =>
      withSql((sql) => {
        const old = oldStore(sql);
        old.startSnapshot(0);
        old.snapshots.building?.buildSnapshot();
        const current = old.snapshots.currentSnapshot();
        if (current === undefined) return expect.unreachable("there is no snapshot");
        const taken = { meta: current.meta, chunks: [...current.chunks()] };
        const store = openNotes(sql);
        commit(store, [put("second", "yy")]);
        store.checkpoint();
        install(store, taken);
        expect(store.tables.bySize.range({ limit: 9 })).toEqual([]);
        expect(store.tables.notes.range({ limit: 9 })).toHaveLength(1);
      }));
  });
}
