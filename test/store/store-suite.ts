/**
 * The store: checkpoint plus tail is the state, whatever happens between, and nothing is written that need not be.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  commit,
  contents,
  createNotes,
  deleted,
  dump,
  type NoteEvent,
  type NoteStore,
  openNotes,
  put,
  type WithSql,
  wipe,
} from "./support.ts";

const id = fc.constantFrom("a", "b", "é", "\uffff", "\u{10000}", "e", "f");
const event: fc.Arbitrary<NoteEvent> = fc.oneof(
  fc.tuple(id, fc.string({ unit: "binary" })).map(([each, body]) => put(each, body)),
  id.map(deleted),
);

type Step =
  | { readonly do: "commit" | "undo"; readonly events: NoteEvent[] }
  | { readonly do: "checkpoint" | "reopen" | "purge" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom("commit", "undo"), events: fc.array(event) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("checkpoint", "reopen", "purge") }) },
);

/** The bodies of all notes, by id. */
type Model = ReadonlyMap<string, string>;

function after(model: Model, events: readonly NoteEvent[]): Model {
  const next = new Map(model);
  for (const each of events) {
    if (each.type === "note.put") next.set(each.id, each.body);
    else next.delete(each.id);
  }
  return next;
}

function check(store: NoteStore, model: Model): void {
  const found = contents(store);
  const bodies = found.notes.map(([[each], note]) => [each, note.body]);
  expect(new Map(bodies as [string, string][])).toEqual(model);
  expect(found.count).toBe(model.size);
  const sizes = [...model].map(([each, body]) => `${body.length} ${each}`);
  expect(found.bySize.map(([size, each]) => `${size} ${each}`).sort()).toEqual(sizes.sort());
  const { purged, checkpointed, applied, last } = store;
  const pointers = [purged, checkpointed, applied, last].map((each) => each.index);
  expect(pointers).toEqual(pointers.toSorted((a, b) => a - b));
}

/** Tries events and takes them back, as a group whose append failed. */
function undone(store: NoteStore, events: readonly NoteEvent[]): void {
  const mark = store.mark();
  for (const each of events) store.evolve(each, store.last.at);
  store.undo(mark);
}

export function storeSuite(withSql: WithSql, numRuns: number): void {
  describe("store", () => {
    it("after any history, reopened at any point, the tables are what the committed events say", () =>
      withSql((sql) => {
        const property = fc.property(fc.array(step, { maxLength: 30, size: "max" }), (steps) => {
          wipe(sql);
          const limits = { segmentBytesMax: 200 };
          let store = createNotes(sql, limits);
          let model: Model = new Map();
          for (const each of steps) {
            if (each.do === "commit") {
              commit(store, each.events);
              model = after(model, each.events);
            } else if (each.do === "undo") undone(store, each.events);
            else if (store.last.index === 0) continue;
            else if (each.do === "checkpoint") store.checkpoint();
            else if (each.do === "reopen") store = openNotes(sql, limits);
            else if (store.checkpointed.index > store.purged.index + 1) {
              store.purge(
                store.entries({ from: store.checkpointed.index - 1, maxBytes: 1 })[0] ??
                  store.purged,
              );
            }
            check(store, model);
          }
        });
        fc.assert(property, { numRuns });
      }));

    it("opening writes nothing, and a new queue writes nothing before its first entry", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        undone(store, [put("a", "b")]);
        expect(store.hard).toMatchObject({ queueId: "q", term: 1 });
        expect(dump(sql)).toEqual({});
        expect(openNotes(sql).hard).toBeUndefined();
        commit(store, [put("a", "b")]);
        const before = dump(sql);
        const reopened = openNotes(sql);
        expect(dump(sql)).toEqual(before);
        expect(reopened.hard).toEqual(store.hard);
      }));

    it("keeps tables out of SQLite until a checkpoint needs them, and then writes each row once", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        commit(store, [put("a", "b"), put("c", "d"), deleted("c")]);
        expect(Object.keys(dump(sql)).sort()).toEqual([
          "raft_log_1",
          "raft_segments",
          "raft_state",
        ]);
        expect(store.stats).toMatchObject({ dirtyRows: 2, tailEntries: 1 });
        store.checkpoint();
        expect(store.stats).toMatchObject({
          dirtyRows: 0,
          tailBytes: 0,
          tailEntries: 0,
          textUnits: 0,
        });
        const { notes, pending_by_size: bySize, counts } = dump(sql);
        expect([notes, bySize, counts].map((rows) => rows?.length)).toEqual([1, 1, 1]);
        const before = sql.counts.rowsWritten;
        store.checkpoint();
        expect(sql.counts.rowsWritten).toBe(before);
      }));

    it("a list of pending rows is there only once the transaction that made it has succeeded", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        commit(store, [put("a", "b")]);
        const { run } = sql;
        sql.run = (query, ...bindings) => {
          if (query.includes("raft_state")) throw new Error("full");
          run.call(sql, query, ...bindings);
        };
        expect(() => store.checkpoint()).toThrow("full");
        sql.run = run;
        store.startSnapshot(0);
        commit(store, [put("c", "d")]);
        store.checkpoint();
        expect(dump(sql)["pending_by_size"]).toHaveLength(1);
        expect(contents(openNotes(sql))).toEqual(contents(store));
      }));

    it("hard state is stored when it changes, and only then", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        commit(store, [put("a", "b")]);
        const before = sql.counts.rowsWritten;
        store.saveHard({ term: 1, role: "primary" });
        expect(sql.counts.rowsWritten).toBe(before);
        store.saveVote({ term: 3, node: 1, committed: true });
        expect(sql.counts.rowsWritten - before).toBe(1);
        store.saveCommitted(store.last);
        expect(sql.counts.rowsWritten - before).toBe(2);
        expect(store.hard).toMatchObject({ term: 3, vote: { term: 3 }, committed: { index: 1 } });
        expect(openNotes(sql).hard).toEqual(store.hard);
        expect(() => store.saveHard({ term: 2 })).toThrow(RangeError);
      }));

    it("a checkpoint is due by bytes, by rows, by texts and by entries", () =>
      withSql((sql) => {
        for (const limits of [
          { tailBytesMax: 250 },
          { dirtyRowsMax: 3 },
          { textUnitsMax: 150 },
          { tailEntriesMax: 2 },
        ]) {
          wipe(sql);
          const store = createNotes(sql, limits);
          commit(store, [put("a", "x".repeat(100))]);
          expect(store.checkpointDue, JSON.stringify(limits)).toBe(false);
          commit(store, [put("b", "x".repeat(100))]);
          expect(store.checkpointDue, JSON.stringify(limits)).toBe(true);
          expect(openNotes(sql, limits).checkpointDue, JSON.stringify(limits)).toBe(true);
          store.checkpoint();
          expect(store.checkpointDue).toBe(false);
        }
      }));

    it("refuses a checkpoint of changes that no entry explains", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        commit(store, [put("a", "b")]);
        store.evolve(put("c", "d"), 5);
        expect(() => store.checkpoint()).toThrow("in no entry");
        store.undo(0);
        store.checkpoint();
        expect(contents(openNotes(sql)).notes).toHaveLength(1);
      }));

    it("an empty entry moves the log and nothing else", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        commit(store, []);
        store.checkpoint();
        expect(store.checkpointed.index).toBe(1);
        expect(Object.keys(dump(sql)).sort()).toEqual([
          "raft_log_1",
          "raft_segments",
          "raft_state",
        ]);
        expect(openNotes(sql).checkpointed).toEqual(store.last);
      }));

    it("cannot be used before the queue is created, nor created twice", () =>
      withSql((sql) => {
        const store = openNotes(sql);
        expect(() => commit(store, [])).toThrow("not created");
        store.create({ queueId: "q", term: 1 });
        expect(() => store.create({ queueId: "r", term: 1 })).toThrow("exists");
      }));
  });
}
