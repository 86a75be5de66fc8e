/**
 * Crashes: whichever write of an operation is the last to succeed, the store is found as before it or as after it.
 */
import { describe, expect, it } from "vitest";
import type { Sql } from "../../src/store/sql.ts";
import {
  Crash,
  commit,
  contents,
  createNotes,
  deleted,
  FaultySql,
  type NoteStore,
  openNotes,
  put,
  type WithSql,
  wipe,
} from "./support.ts";

const limits = { segmentBytesMax: 300 };

function prepare(sql: Sql): void {
  const store = createNotes(sql, limits);
  for (let i = 1; i <= 8; i += 1) {
    commit(store, [put(`n${i}`, "x".repeat(100)), deleted(`n${i - 2}`)], [[`k${i}`, "h", "a"]]);
    if (i === 3 || i === 6) store.checkpoint();
  }
}

interface Operation {
  readonly name: string;
  readonly prepare: (sql: Sql) => void;
  readonly run: (store: NoteStore) => void;
}

const operations: Operation[] = [
  {
    name: "the first append",
    prepare: () => undefined,
    run: (store) => {
      if (store.hard === undefined) store.create({ queueId: "q", term: 1 });
      commit(store, [put("a", "b")]);
    },
  },
  { name: "an append", prepare, run: (store) => commit(store, [put("a", "b"), deleted("n8")]) },
  {
    name: "an append that begins a segment",
    prepare: (sql) => {
      prepare(sql);
      const store = openNotes(sql, { segmentBytesMax: 1 });
      store.checkpoint();
    },
    run: (store) => commit(store, [put("a", "b")]),
  },
  { name: "a checkpoint that seals", prepare, run: (store) => store.checkpoint() },
  { name: "a purge of two segments", prepare, run: (store) => store.purge({ term: 1, index: 6 }) },
  { name: "a change of hard state", prepare, run: (store) => store.saveHard({ term: 2 }) },
];

/** All that one can ask of a store. */
function view(store: NoteStore) {
  const keys = ["k1", "k4", "k7", "k8"].map((key) => store.findKey(key)?.index);
  const { hard, purged, checkpointed } = store;
  const from = purged.index + 1;
  return {
    ...contents(store),
    hard,
    checkpointed,
    keys,
    log: store.entries({ from, maxBytes: 1e6 }),
  };
}

export function crashSuite(withSql: WithSql): void {
  describe("crash", () => {
    it.each(operations)("$name happens wholly or not at all", ({ prepare: build, run }) =>
      withSql((sql) => {
        wipe(sql);
        build(sql);
        const untouched = view(openNotes(sql, limits));
        for (let writes = 0; ; writes += 1) {
          wipe(sql);
          build(sql);
          const faulty = new FaultySql(sql, writes);
          const store = openNotes(faulty, limits);
          const mark = store.mark();
          if (tries(() => run(store))) {
            expect(writes).toBeGreaterThan(0);
            expect(view(openNotes(sql, limits))).toEqual(view(store));
            return;
          }
          store.undo(mark);
          expect(faulty.hasFailed).toBe(true);
          // Neither the database nor the memory of the running store has moved.
          expect(view(openNotes(sql, limits))).toEqual(untouched);
          // A queue that was created, in memory only, stays so.
          const hard = untouched.hard ?? store.hard;
          expect(view(store)).toEqual({ ...untouched, hard });
        }
      }),
    );

    it("a store whose write failed goes on as if it had not been tried", () =>
      withSql((sql) => {
        prepare(sql);
        const store = openNotes(sql, limits);
        const expected = openNotes(sql, limits);
        store.evolve(put("lost", "x"), 50);
        store.undo(0);
        commit(store, [put("kept", "y")]);
        store.checkpoint();
        commit(store, [deleted("kept")]);
        expect(store.last.index).toBe(expected.last.index + 2);
        expect(view(openNotes(sql, limits))).toEqual(view(store));
      }));
  });
}

/** False when the fault was met; any other fault passes. */
function tries(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (fault) {
    if (fault instanceof Crash) return false;
    throw fault;
  }
}
