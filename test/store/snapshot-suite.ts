/**
 * Snapshots: what is built is the state of one moment, whatever happens meanwhile, and installing it gives that state again.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCatalog } from "../../src/store/catalog.ts";
import { RowUnreadable } from "../../src/store/row.ts";
import { SnapshotInvalid } from "../../src/store/snapshot-import.ts";
import { build, current, finish, install, many } from "./snapshot-support.ts";
import {
  commit,
  contents,
  createNotes,
  deleted,
  dump,
  FaultySql,
  type NoteEvent,
  openNotes,
  put,
  type WithSql,
  wipe,
} from "./support.ts";

const note = fc.record({
  id: fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 3 })
    .filter((id) => !id.includes("\0")),
  body: fc.string({ unit: "grapheme", maxLength: 40 }),
  isGone: fc.boolean(),
});
const events = fc.array(
  note.map(({ id, body, isGone }): NoteEvent => (isGone ? deleted(id) : put(id, body))),
  { maxLength: 12 },
);
/** What happens between two turns of a build. */
const meanwhile = fc.array(
  fc.oneof(
    events.map((all) => ({ do: "commit", all }) as const),
    fc.constant({ do: "checkpoint" } as const),
    fc.constant({ do: "reopen" } as const),
  ),
  { maxLength: 8 },
);

export function snapshotSuite(withSql: WithSql): void {
  describe("snapshot", () => {
    it("a build shows the moment it began, whatever is committed, written and reopened meanwhile", () =>
      withSql(async (sql) => {
        await fc.assert(
          fc.asyncProperty(events, fc.array(meanwhile, { maxLength: 12 }), async (first, turns) => {
            wipe(sql);
            let store = createNotes(sql);
            commit(store, first);
            many(store, 100);
            const expected = build(store);
            store.startSnapshot(0);
            for (const turn of turns) {
              for (const each of turn) {
                if (each.do === "commit") commit(store, each.all);
                else if (each.do === "checkpoint") store.checkpoint();
                else store = openNotes(sql);
              }
              store.snapshots.building?.step();
            }
            expect(finish(store)).toEqual(expected);
            expect(contents(openNotes(sql))).toEqual(contents(store));
          }),
          { numRuns: 40 },
        );
      }));

    it("rows that a build has not reached are put aside, also in a table that is made meanwhile", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        commit(store, [deleted("none")]);
        const empty = build(store);
        expect(empty.chunks).toEqual([]);
        store.startSnapshot(0);
        many(store, 300);
        store.checkpoint();
        many(store, 100, "later");
        store.checkpoint();
        expect(finish(store)).toEqual(empty);
        expect(build(store).meta.tables["notes"]).toEqual({ version: 1, rows: 300 });
      }));

    it("a build that another instance goes on with ends with the same chunks", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        many(store, 12_000, "y".repeat(180));
        const expected = build(store);
        expect(expected.meta.chunks).toBeGreaterThan(2);
        store.startSnapshot(0);
        let turns = 0;
        let running = store;
        while (running.snapshots.building?.step() === false) {
          turns += 1;
          // A chunk takes up to thirty turns; what was read since the last one is read again.
          if (turns % 35 === 0) {
            // All over the table: rows that are stored in a chunk, that were only read, and that are still to be read.
            const changed = Array.from({ length: 60 }, (_, i) => put(`n${i * 200}`, `${turns}`));
            commit(running, [deleted(`n${turns}`), ...changed]);
            running.checkpoint();
            running = openNotes(sql);
          }
        }
        expect(turns).toBeGreaterThan(47);
        expect(current(running).meta).toEqual(expected.meta);
        expect(current(running).chunks).toEqual(expected.chunks);
      }));

    it("equal states have equal digests, whatever their checkpoints were", () =>
      withSql((sql) => {
        const digests = [1, 3, 50].map((every) => {
          wipe(sql);
          let store = createNotes(sql);
          for (let i = 0; i < 60; i += 1) {
            commit(
              store,
              [put(`n${i % 7}`, "b".repeat(i)), deleted(`n${(i + 3) % 7}`)],
              [],
              100 + i,
            );
            if (i % every === 0) store.checkpoint();
            if (i % (2 * every) === 0) store = openNotes(sql);
          }
          return build(store).meta;
        });
        expect(new Set(digests.map((each) => JSON.stringify(each))).size).toBe(1);
      }));

    it("installing replaces every row, twice in a row, and a new build gives the same digest", () =>
      withSql((sql) => {
        const source = createNotes(sql);
        many(source, 500);
        const taken = build(source);
        const expected = contents(source);
        wipe(sql);
        const store = createNotes(sql);
        commit(store, [put("old", "gone after this"), put("n1", "another")]);
        build(store);
        store.startSnapshot(0);
        for (let round = 0; round < 2; round += 1) {
          install(store, taken);
          expect(current(store).meta).toEqual(taken.meta);
          for (const each of [store, openNotes(sql)]) {
            expect({ ...contents(each), last: 0 }).toEqual({ ...expected, last: 0 });
          }
          commit(store, [put("extra", "x")]);
          expect(store.tables.notes.get(["extra"])).toBeDefined();
        }
        commit(store, [deleted("extra")]);
        expect(build(store).meta.digest).toBe(taken.meta.digest);
        const tables = [...readCatalog(sql).keys()].filter((name) =>
          /^(before|staged)_/.test(name),
        );
        expect(tables).toEqual([]);
      }));

    it.each([
      ["without its end", (chunks: string[]) => chunks.slice(0, -1)],
      [
        "without a line",
        ([first = "", ...rest]: string[]) => [first.slice(first.indexOf("\n") + 1), ...rest],
      ],
      [
        "with a changed character",
        ([first = "", ...rest]: string[]) => [first.replace("x", "y"), ...rest],
      ],
      [
        "with one line too many",
        (chunks: string[]) => [...chunks, '["notes",1,["z"],{"size":0},null]\n'],
      ],
    ] as const)("a snapshot %s is refused whole, and nothing changes", (_, spoil) =>
      withSql((sql) => {
        const source = createNotes(sql);
        many(source, 200);
        const { meta, chunks } = build(source);
        wipe(sql);
        const store = createNotes(sql);
        commit(store, [put("kept", "as it was")]);
        store.checkpoint();
        const before = dump(sql);
        const install_ = () => store.snapshots.installSnapshot(meta, spoil([...chunks]));
        expect(install_).toThrow(SnapshotInvalid);
        expect(dump(sql)).toEqual(before);
        expect(store.tables.notes.get(["kept"])).toBeDefined();
        store.snapshots.installSnapshot(meta, chunks);
        expect(current(store).meta).toEqual(meta);
      }),
    );

    it("a snapshot of newer rows, or of tables that this code has not, is refused as newer", () =>
      withSql((sql) => {
        const source = createNotes(sql);
        many(source, 100);
        const { meta } = build(source);
        const newer = { ...meta, tables: { ...meta.tables, notes: { version: 2, rows: 100 } } };
        const other = { ...meta, tables: { ...meta.tables, later: { version: 1, rows: 1 } } };
        const before = dump(sql);
        for (const each of [newer, other]) {
          expect(() => source.snapshots.begin("u", each)).toThrow(RowUnreadable);
          expect(dump(sql)).toEqual(before);
        }
      }));

    it("an import goes on in another instance, and repeats of its chunks change nothing", () =>
      withSql((sql) => {
        const source = createNotes(sql);
        many(source, 12_000, "z".repeat(180));
        const { meta, chunks } = build(source);
        wipe(sql);
        let store = createNotes(sql);
        store.snapshots.begin("u", meta);
        for (const [i, text] of chunks.entries()) {
          store.snapshots.importing?.snapshot.add(i + 1, text);
          store = openNotes(sql);
          if (store.hard === undefined) store.create({ queueId: "q", term: 1 });
          store.snapshots.importing?.snapshot.add(i + 1, text);
        }
        expect(store.snapshots.importing).toMatchObject({ upload: "u" });
        store.snapshots.importing?.snapshot.check();
        for (let turn = 0; store.snapshots.importing?.snapshot.step() === false; turn += 1) {
          if (turn % 10 !== 9 || turn > 30) continue;
          store = openNotes(sql);
          store.create({ queueId: "q", term: 1 });
        }
        store.install({ ...meta.last, term: 2, index: 500 }, { term: 2 });
        expect(store.tables.notes.range({ limit: 20_000 })).toHaveLength(12_000);
        expect(build(openNotes(sql)).meta.digest).toBe(meta.digest);
      }));

    it.each(["build", "import"] as const)(
      "a turn of a %s that fails is done again, and nothing is taken twice",
      (operation) =>
        withSql((sql) => {
          const source = createNotes(sql);
          many(source, 12_000, "w".repeat(180));
          const taken = build(source);
          expect(taken.meta.chunks).toBeGreaterThan(1);
          const faulty = new FaultySql(sql, Number.POSITIVE_INFINITY);
          const store = openNotes(faulty);
          const incoming = () => store.snapshots.importing?.snapshot;
          if (operation === "build") store.startSnapshot(0);
          else store.snapshots.begin("u", taken.meta);
          for (const [i, text] of taken.chunks.entries()) incoming()?.add(i + 1, text);
          const turn = () => (incoming() ?? store.snapshots.building)?.step() ?? true;
          for (let turns = 0, isDone = false; !isDone; turns += 1) {
            faulty.failAfter(turns % 2);
            tries(turn);
            faulty.failAfter(Number.POSITIVE_INFINITY);
            isDone = turn();
          }
          if (operation === "import") {
            store.install({ ...taken.meta.last, term: 2, index: 99_999 }, { term: 2 });
            store.startSnapshot(0);
          }
          expect(finish(store).meta.digest).toBe(taken.meta.digest);
        }),
    );

    it.each(["begin", "drop"] as const)(
      "an import goes on where it was, whatever write of a %s in its place fails",
      (operation) =>
        withSql((sql) => {
          const source = createNotes(sql);
          many(source, 600);
          const { meta, chunks } = build(source);
          const faulty = new FaultySql(sql, Number.POSITIVE_INFINITY);
          const { snapshots } = openNotes(faulty);
          const incoming = snapshots.begin("u", meta);
          for (const [i, text] of chunks.entries()) incoming.add(i + 1, text);
          incoming.step();
          for (let writes = 0, isDone = false; !isDone; writes += 1) {
            expect(snapshots.importing?.snapshot).toBe(incoming);
            faulty.failAfter(writes);
            isDone = tries(() => {
              if (operation === "begin") snapshots.begin("v", meta);
              else snapshots.dropImport();
            });
          }
          expect(snapshots.importing?.upload).toBe(operation === "begin" ? "v" : undefined);
        }),
    );

    it.each(["startSnapshot", "step", "install"] as const)(
      "whatever write of %s fails, the store is as before it or as after it",
      (operation) =>
        withSql((sql) => {
          const source = createNotes(sql);
          many(source, 200);
          const taken = build(source);
          for (let writes = 0; ; writes += 1) {
            wipe(sql);
            const before = createNotes(sql);
            many(before, 100, "own");
            if (operation === "step") before.startSnapshot(0);
            const shown = contents(before);
            const faulty = new FaultySql(sql, writes);
            const store = openNotes(faulty);
            const isDone = tries(() => {
              if (operation === "startSnapshot") store.startSnapshot(0);
              else if (operation === "step") finish(store);
              else install(store, taken);
            });
            const after = openNotes(sql);
            if (operation !== "install" || !isDone) expect(contents(after)).toEqual(shown);
            if (operation !== "install") expect(contents(store)).toEqual(shown);
            if (isDone) return;
            expect(faulty.hasFailed).toBe(true);
          }
        }),
    );
  });
}

/** False when the fault was met. */
function tries(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
