/**
 * One history: what is not committed can be cut off again and is never mistaken for what is; what recovery needs is kept.
 */
import { describe, expect, it } from "vitest";
import type { Sql } from "../../src/store/sql.ts";
import {
  commit,
  contents,
  createNotes,
  deleted,
  type NoteStore,
  openNotes,
  put,
  type WithSql,
  wipe,
} from "./support.ts";

/** Three entries: one checkpointed, two committed, and the last one neither. */
function build(sql: Sql): NoteStore {
  const store = createNotes(sql);
  commit(store, [put("a", "1")]);
  store.checkpoint();
  commit(store, [put("b", "22")]);
  store.saveCommitted(store.last);
  commit(store, [put("c", "333"), deleted("a")]);
  return store;
}

const idsOf = (store: NoteStore) => contents(store).notes.map(([[id]]) => id);

export function historySuite(withSql: WithSql): void {
  describe("history", () => {
    it("cuts off what is not committed, and the tables never knew of it", () =>
      withSql((sql) => {
        const store = build(sql);
        expect(idsOf(store)).toEqual(["b", "c"]);
        store.truncateAfter({ term: 1, index: 2 });
        expect(idsOf(store)).toEqual(["a", "b"]);
        expect(contents(openNotes(sql))).toEqual(contents(store));
        commit(store, [put("d", "4444")]);
        store.saveCommitted(store.last);
        store.checkpoint();
        expect(idsOf(openNotes(sql))).toEqual(["a", "b", "d"]);
      }));

    it("never cuts off what is committed", () =>
      withSql((sql) => {
        const store = build(sql);
        const before = contents(store);
        expect(() => store.truncateAfter({ term: 1, index: 1 })).toThrow("truncate_committed");
        expect(contents(store)).toEqual(before);
      }));

    it("writes no table ahead of what is committed, since there would be no way back", () =>
      withSql((sql) => {
        const store = build(sql);
        expect(() => store.checkpoint()).toThrow("checkpoint_committed");
        expect(store.checkpointed.index).toBe(1);
        store.saveCommitted(store.last);
        store.checkpoint();
        expect(store.checkpointed.index).toBe(3);
      }));

    it("keeps the entries that the tables need to recover, though they are not the last", () =>
      withSql((sql) => {
        const store = build(sql);
        expect(() => store.purge({ term: 1, index: 2 })).toThrow("purge_checkpoint");
        expect(store.purged.index).toBe(0);
        expect(idsOf(openNotes(sql))).toEqual(["a", "b"]);
      }));

    it("ends in another hash when any entry was another", () =>
      withSql((sql) => {
        const hashWith = (first: string): string => {
          wipe(sql);
          const store = createNotes(sql);
          commit(store, [put("a", first)], [], 1);
          commit(store, [put("b", "same")], [], 2);
          return store.last.hash;
        };
        expect(hashWith("this")).toBe(hashWith("this"));
        expect(hashWith("this")).not.toBe(hashWith("that"));
      }));
  });
}
