/**
 * The log: what is appended is read back in order, found by its keys, dropped by segments, and never silently missing.
 */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { hash52 } from "../../src/contract/hash.ts";
import { checkLink, genesis, hashOf, LogCorrupt } from "../../src/store/chain.ts";
import { KeyFilter, OpenKeys, SealedKeys } from "../../src/store/key-index.ts";
import { EntryTooLarge } from "../../src/store/log.ts";
import { LogPurged } from "../../src/store/raft.ts";
import {
  commit,
  createNotes,
  type NoteStore,
  openNotes,
  put,
  type WithSql,
  wipe,
} from "./support.ts";

const small = { segmentBytesMax: 300, segmentKeysMax: 5 };

/** Ten entries with a key each; a checkpoint after every third seals a segment. */
function tenEntries(store: NoteStore): void {
  for (let i = 1; i <= 10; i += 1) {
    commit(
      store,
      [put(`n${i}`, "x".repeat(100))],
      [[`key${i}`, `hash${i}`, `answer${i}`]],
      i * 1000,
    );
    if (i % 3 === 0) store.checkpoint();
  }
}

function indexes(store: NoteStore, from: number, maxBytes = 1e6, to = Number.MAX_SAFE_INTEGER) {
  return store.entries({ from, to, maxBytes }).map((entry) => entry.index);
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export function logSuite(withSql: WithSql): void {
  describe("log", () => {
    it("reads entries back across segments, by index and by bytes, at least one", () =>
      withSql((sql) => {
        const store = createNotes(sql, small);
        tenEntries(store);
        expect(store.stats.segments).toBe(4);
        expect(indexes(store, 1)).toEqual(upTo(10));
        expect(indexes(store, 3, 1e6, 7)).toEqual(upTo(7, 3));
        expect(indexes(store, 5, 1)).toEqual([5]);
        expect(indexes(store, 2, 500)).toEqual([2, 3]);
        expect(indexes(store, 11)).toEqual([]);
        expect(indexes(openNotes(sql), 1)).toEqual(upTo(10));
      }));

    it("chains every entry to the one before", () =>
      withSql((sql) => {
        const store = createNotes(sql, small);
        tenEntries(store);
        let before = { ...genesis, term: 1 };
        for (const entry of store.entries({ from: 1, maxBytes: 1e6 })) {
          checkLink(before, entry);
          for (const change of [{ texts: "y".repeat(100) }, { keys: "[]" }, { incarnation: 7 }]) {
            expect(() => checkLink(before, { ...entry, ...change })).toThrow("not what was hashed");
          }
          // Wrong links are found even where the hash is right.
          for (const change of [
            { index: entry.index + 1 },
            { term: 0 },
            { at: before.at - 1 },
            { prevHash: "x" },
          ]) {
            const forged = { ...entry, ...change };
            expect(() => checkLink(before, { ...forged, hash: hashOf(forged) })).toThrow(
              LogCorrupt,
            );
          }
          before = entry;
        }
        expect(before.hash).toBe(store.last.hash);
      }));

    it("an entry in an open segment is one row, and its table is dropped without writing one for each", () =>
      withSql((sql) => {
        const store = createNotes(sql, { segmentBytesMax: 1 });
        commit(store, [put("a", "1")]);
        const before = sql.counts.rowsWritten;
        for (let i = 0; i < 20; i += 1) commit(store, [put("a", `${i}`)]);
        expect(sql.counts.rowsWritten - before).toBe(20);
        store.checkpoint();
        commit(store, [put("a", "last")]);
        const beforePurge = sql.counts.rowsWritten;
        store.purge({ term: 1, index: 21 });
        expect(sql.counts.rowsWritten - beforePurge).toBeLessThanOrEqual(2);
        expect(sql.rows("SELECT name FROM sqlite_master WHERE name = 'raft_log_1'")).toEqual([]);
      }));

    it("says where the log begins when asked for what is gone, also after reopening", () =>
      withSql((sql) => {
        const store = createNotes(sql, small);
        tenEntries(store);
        store.purge({ term: 1, index: 4 });
        for (const each of [store, openNotes(sql, small)]) {
          expect(each.purged).toMatchObject({ term: 1, index: 4 });
          expect(() => indexes(each, 4)).toThrow(new LogPurged(5));
          expect(indexes(each, 5)).toEqual(upTo(10, 5));
          expect(each.stats.segments).toBe(3);
          expect(each.findKey("key4")).toBeUndefined();
          expect(each.findKey("key5")?.index).toBe(5);
        }
      }));

    it("refuses to purge the last entry, what is not checkpointed, and what never was", () =>
      withSql((sql) => {
        const store = createNotes(sql, small);
        tenEntries(store);
        expect(() => store.purge({ term: 1, index: 10 })).toThrow(RangeError);
        store.checkpoint();
        expect(() => store.purge({ term: 1, index: 10 })).toThrow(RangeError);
        expect(() => store.purge({ term: 2, index: 5 })).toThrow(RangeError);
        expect(() => store.purge({ term: 1, index: 11 })).toThrow(RangeError);
        store.purge({ term: 1, index: 9 });
        store.purge({ term: 1, index: 3 });
        expect(store.purged.index).toBe(9);
        expect(openNotes(sql).last).toEqual(store.last);
      }));

    it("names what is too old or too much, in whole segments, and keeps the last entry", () =>
      withSql((sql) => {
        const store = createNotes(sql, small);
        tenEntries(store);
        const purgeable = (at: number, maxAgeMs: number, maxBytes: number) =>
          store.purgeable(at, { maxAgeMs, maxBytes })?.index;
        expect(purgeable(10_000, 1e6, 1e6)).toBeUndefined();
        expect(purgeable(10_000, 6_999, 1e6)).toBe(3);
        expect(purgeable(10_000, 3_999, 1e6)).toBe(6);
        expect(purgeable(10_000, 1e6, store.stats.logBytes - 1)).toBe(3);
        expect(purgeable(1e9, 0, 0)).toBe(9);
        store.checkpoint();
        expect(purgeable(1e9, 0, 0)).toBe(9);
      }));

    it("finds the latest answer to a key, in open and sealed segments, before and after a purge and reopening", () =>
      withSql((sql) => {
        const keyed = fc.tuple(fc.constantFrom("a", "b", "é", ""), fc.nat());
        const entry = fc.record({
          keys: fc.array(keyed, { maxLength: 4 }),
          checkpoint: fc.boolean(),
          purge: fc.boolean(),
        });
        const property = fc.property(
          fc.array(entry, { maxLength: 12 }),
          fc.nat(12),
          (entries, reopenAt) => {
            wipe(sql);
            let store = createNotes(sql, small);
            const expected = new Map<string, { index: number; bodyHash: string; answer: string }>();
            for (const [i, { keys, checkpoint, purge }] of entries.entries()) {
              commit(
                store,
                [put("a", "b")],
                keys.map(([key, n]) => [key, `h${n}`, `${n}`]),
              );
              const index = store.last.index;
              for (const [key, n] of keys)
                expected.set(key, { index, bodyHash: `h${n}`, answer: `${n}` });
              if (checkpoint) store.checkpoint();
              const due = purge ? store.purgeable(1e9, { maxAgeMs: 0, maxBytes: 0 }) : undefined;
              if (due !== undefined) store.purge(due);
              for (const [key, hit] of expected) {
                if (hit.index <= store.purged.index) expected.delete(key);
              }
              if (i === reopenAt) store = openNotes(sql, small);
              for (const key of ["a", "b", "é", "", "c"]) {
                if (i >= reopenAt) expect(store.findKey(key)).toEqual(expected.get(key));
              }
            }
          },
        );
        fc.assert(property, { numRuns: 200 });
      }));

    it("looks for a new key in few of many sealed segments", () =>
      withSql((sql) => {
        const store = createNotes(sql, { segmentBytesMax: 1, segmentKeysMax: 1 });
        for (let i = 0; i < 50; i += 1) {
          commit(store, [put("a", "b")], [[`key${i}`, "hash", "answer"]]);
          store.checkpoint();
        }
        const looked = vi.spyOn(SealedKeys.prototype, "find");
        for (let i = 0; i < 1000; i += 1) expect(store.findKey(`new${i}`)).toBeUndefined();
        expect(looked.mock.calls.length).toBeLessThan(50_000 / 20);
        for (let i = 0; i < 50; i += 1) expect(store.findKey(`key${i}`)?.index).toBe(i + 1);
        looked.mockRestore();
      }));

    it("reads an entry that keeps many answers once to verify that each is found", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        const keys = upTo(64).map((i): [string, string, string] => [`key${i}`, "hash", "answer"]);
        commit(store, [put("a", "b")], keys);
        const [from, to] = [store.last.index, store.last.index];
        const queries = vi.spyOn(sql, "rows");
        expect(store.verifyLog({ from, to, maxBytes: 1e6 })).toEqual({ next: to + 1 });
        expect(queries.mock.calls.length).toBeLessThan(10);
        queries.mockRestore();
      }));

    it.each([1, 16])(
      "reads an entry once to find all of the many answers that it keeps, by turns with those of %i others",
      (others) =>
        withSql((sql) => {
          const store = createNotes(sql);
          const keyOf = (entry: number, i: number) => `key${i} of ${entry}`;
          const first = store.last.index + 1;
          for (const entry of upTo(others + 1)) {
            const keys = upTo(64).map((i): [string, string, string] => [
              keyOf(entry, i),
              "hash",
              `${i}`,
            ]);
            commit(store, [put("a", "b")], keys);
          }
          const find = () => {
            for (const i of upTo(64)) {
              for (const entry of upTo(others + 1)) {
                const hit = { index: first + entry - 1, bodyHash: "hash", answer: `${i}` };
                expect(store.findKey(keyOf(entry, i))).toEqual(hit);
              }
            }
          };
          const queries = vi.spyOn(sql, "rows");
          find();
          expect(queries.mock.calls.length).toBeLessThan(others + 10);
          // What is held of them goes with the next entry.
          commit(store, [put("a", "b")]);
          queries.mockClear();
          find();
          expect(queries.mock.calls.length).toBe(others + 1);
          queries.mockRestore();
        }),
    );

    it("holds a bounded number of answers that it has read", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        const entries = upTo(8);
        for (const i of entries) {
          commit(store, [put("a", "b")], [[`key${i}`, "hash", "x".repeat(1_400_000)]]);
        }
        const queries = vi.spyOn(sql, "rows");
        for (const i of [...entries, ...entries]) {
          expect(store.findKey(`key${i}`)?.answer).toHaveLength(1_400_000);
        }
        expect(queries.mock.calls.length).toBeGreaterThan(entries.length + 4);
        queries.mockRestore();
      }));

    it("finds what an entry keeps that stands in the place of one that was undone", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        commit(store, [put("a", "b")], [["kept", "hash", "kept"]]);
        const { last } = store;
        store.saveCommitted(last);
        const body = (answer: string) => {
          const builder = store.builder();
          builder.addKey("key", "hash", answer);
          return builder.build();
        };
        for (const answer of ["undone", "again"]) {
          store.append({ incarnation: 1, at: 1000, ...body(answer) });
          expect(store.findKey("key")?.answer).toBe(answer);
          if (answer === "undone") store.truncateAfter(last);
        }
      }));

    it("refuses a term or a time that goes back, and an entry that no row could hold", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        commit(store, [put("a", "b")], [], 100);
        store.saveHard({ term: 2 });
        const body = store.builder().build();
        store.append({ incarnation: 1, at: 100, ...body });
        const { last } = store;
        expect(() => store.append({ term: 1, incarnation: 1, at: 100, ...body })).toThrow(
          RangeError,
        );
        expect(() => store.append({ term: 3, incarnation: 1, at: 100, ...body })).toThrow(
          RangeError,
        );
        expect(() => store.append({ incarnation: 1, at: 99, ...body })).toThrow(RangeError);
        const large = { ...body, texts: "é".repeat(1_000_000) };
        expect(() => store.append({ incarnation: 1, at: 100, ...large })).toThrow(EntryTooLarge);
        expect(store.last).toEqual(last);
        expect(openNotes(sql).last).toEqual(last);
      }));

    it("never passes over a hole", () =>
      withSql((sql) => {
        const store = createNotes(sql, small);
        tenEntries(store);
        sql.run("DELETE FROM raft_log_2 WHERE log_index = 5");
        for (const from of [1, 5])
          expect(() => indexes(store, from)).toThrow("log entry 5 is missing");
        expect(indexes(store, 6)).toEqual(upTo(10, 6));
      }));

    it("a key's hash is 52 bits, and keys that differ little differ in it", () => {
      const hashes = new Set<number>();
      for (let i = 0; i < 200_000; i += 1) hashes.add(hash52(`request-${i}`));
      expect(hashes.size).toBe(200_000);
      for (const hash of hashes) if (hash < 0 || hash >= 2 ** 52) expect.unreachable(`${hash}`);
    });

    it("a filter passes every key of its segments, and few others", () => {
      const sealed = Array.from({ length: 20 }, (_, segment) => {
        const open = new OpenKeys();
        for (let i = 0; i < 1000 * segment; i += 1) open.add(`${segment}-${i}`, 1);
        return new SealedKeys(1, open.seal(1));
      });
      const filter = new KeyFilter(sealed);
      for (const { hashes } of sealed)
        for (const hash of hashes) if (!filter.mayHave(hash)) expect.unreachable(`${hash}`);
      let passed = 0;
      for (let i = 0; i < 100_000; i += 1) if (filter.mayHave(hash52(`other-${i}`))) passed += 1;
      expect(passed).toBeLessThan(2000);
      expect(new KeyFilter([]).mayHave(hash52("other"))).toBe(false);
    });

    it("keys with equal hashes are all found, newest first", () => {
      const open = new OpenKeys();
      for (const index of [7, 8, 8, 20]) open.add("same", index);
      open.add("other", 9);
      const sealed = new SealedKeys(7, open.seal(7));
      for (const keys of [open, sealed]) {
        expect(keys.find(hash52("same"))).toEqual([20, 8, 8, 7]);
        expect(keys.find(hash52("other"))).toEqual([9]);
        expect(keys.find(hash52("none"))).toEqual([]);
      }
    });
  });
}
