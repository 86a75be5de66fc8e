/**
 * G6 and G9: ranges larger than a page, and every limit of the store at its value and one over.
 */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { entryBytesMax } from "../../src/store/log.ts";
import { lastMembershipInLog } from "../../src/store/membership.ts";
import { checkpoint } from "../../src/store/ports.ts";
import type { LogReader } from "../../src/store/raft.ts";
import { rowBytesMax } from "../../src/store/row.ts";
import { type Sql, sqlValueBytesMax } from "../../src/store/sql.ts";
import type { StoreLimits } from "../../src/store/store.ts";
import { dump, put, wipe } from "../store/support.ts";
import { type Case, notAbout } from "./case.ts";
import { commitTo, newCaseStore, openCaseStore } from "./engine-node.ts";
import { appendTo, b, blanks, bodyOf, e, idsOf, m, range, stated } from "./entries.ts";
import { openCasePorts, type PortNode } from "./port-node.ts";
import { onNode } from "./subject.ts";

/** Entries of which a page of sizes does not hold all, then some of which a page of bytes does not. */
const many = [
  ...blanks(0, 0, 1_499),
  ...[1_500, 1_501, 1_502].map((index) => ({ ...b(0, index), texts: "x".repeat(900_000) })),
];

/** Reads all in pages; each holds as many entries as fit, but one at least. */
function inPages(read: LogReader["limitedEntries"], maxBytes: number) {
  const found = [];
  for (let from = 1; from <= many.length; ) {
    const page = read({ from, maxBytes });
    const bytes = page.reduce((sum, { texts }) => sum + 4 + texts.length, 0);
    ok(page.length === 1 || bytes <= maxBytes);
    found.push(...page);
    from += page.length;
  }
  return idsOf(found);
}

function longRanges({ log }: PortNode): void {
  appendTo(log, ...many);
  const expected = idsOf(many);
  deepEqual(idsOf(log.entries({ from: 1 })), expected);
  deepEqual(idsOf(log.tryEntries({ from: 1, to: 9_999 })), expected);
  deepEqual(idsOf(log.stream(range(1_498, 1_503))), expected.slice(1_498));
  deepEqual(inPages(log.limitedEntries, 1_000), expected);
  deepEqual(inPages(log.limitedEntries, 1_900_000), expected);
}

function longRangesOfStore(sql: Sql): void {
  const store = newCaseStore(sql);
  for (const { texts } of many) store.append({ incarnation: 1, at: 1, ...bodyOf([]), texts });
  for (const each of [store, openCaseStore(sql)]) {
    deepEqual(
      inPages((page) => each.entries(page), 1_000),
      idsOf(many),
    );
    deepEqual(
      inPages((page) => each.entries(page), 1_900_000),
      idsOf(many),
    );
  }
}

/** A membership is found wherever it stands in the pages of the way back: the log grows until it has stood everywhere. */
function everyPlaceOfPage({ log }: PortNode): void {
  appendTo(log, b(0, 0), m(0, 1, [1]));
  for (let index = 2; index < 70; index += 1) {
    log.append([b(0, index)]);
    deepEqual(lastMembershipInLog(log, 1), [stated(0, 1, [1])]);
  }
}

/** An entry of so many bytes. */
const ofBytes = (bytes: number) => ({ ...b(0, 0), texts: "x".repeat(bytes - 4) });

function entryBytes({ log }: PortNode): void {
  throws(() => log.append([ofBytes(entryBytesMax + 1)]), { name: "EntryTooLarge" });
  deepEqual(log.logState(), { lastPurged: null, last: null });
  log.append([ofBytes(entryBytesMax)]);
  equal(log.entries({ from: 1 })[0]?.texts.length, entryBytesMax - 4);
}

/** A note whose row takes so many bytes. */
function noteOfBytes(bytes: number) {
  const overhead = '{"size":1000000}'.length;
  return put("a", "x".repeat(bytes - overhead));
}

function rowBytes(node: PortNode): void {
  const isTooLarge = (fault: unknown) =>
    ((fault as Error).cause as Error | undefined)?.name === "RowTooLarge";
  throws(() => node.apply(e(0, 0, noteOfBytes(rowBytesMax + 1))), isTooLarge);
  equal(node.view().applied.lastApplied, null);
  node.apply(e(0, 0, noteOfBytes(rowBytesMax)));
  node.reopen();
  equal(node.view().tables[0]?.length, 1);
}

function rowBytesOfStore(sql: Sql): void {
  const store = newCaseStore(sql);
  throws(() => commitTo(store, [noteOfBytes(rowBytesMax + 1)]), { name: "RowTooLarge" });
  store.evolve(noteOfBytes(rowBytesMax), 1);
  store.append({ incarnation: 1, at: 1, ...bodyOf([]) });
  store.checkpoint();
  equal(openCaseStore(sql).tables.notes.range({ limit: 9 }).length, 1);
}

function boundValue(sql: Sql): void {
  const query = "SELECT octet_length(?)";
  deepEqual(sql.rows(query, "x".repeat(sqlValueBytesMax)), [[sqlValueBytesMax]]);
  throws(() => sql.rows(query, "x".repeat(sqlValueBytesMax + 1)), { name: "SqlValueTooLarge" });
  deepEqual(sql.rows("SELECT ?", Number.MAX_SAFE_INTEGER), [[Number.MAX_SAFE_INTEGER]]);
  throws(() => sql.rows("SELECT ?", Number.MAX_SAFE_INTEGER + 1), { name: "IllFormed" });
}

function largestTerm({ log }: PortNode): void {
  appendTo(log, b(0, 0));
  const before = log.logState();
  throws(() => log.append([b(Number.MAX_SAFE_INTEGER + 1, 1)]), { name: "IllFormed" });
  deepEqual(log.logState(), before);
  log.append([b(Number.MAX_SAFE_INTEGER, 1)]);
  equal(log.entries({ from: 2 })[0]?.term, Number.MAX_SAFE_INTEGER);
}

/** Five blank entries have twenty bytes, and a segment is sealed once it has as many as the limit. */
function segmentBytes(sql: Sql): void {
  const { log, ...rest } = openCasePorts(sql);
  log.append(blanks(0, 0, 4));
  const atLimit = (segmentBytesMax: number, index: number) => {
    checkpoint({ log, ...rest }, { segmentBytesMax, segmentKeysMax: 9 });
    log.append([b(0, index)]);
    return log.segments;
  };
  deepEqual([atLimit(21, 5), atLimit(24, 6)], [1, 2]);
}

/** Three blank entries have twelve bytes: a page of as many holds them, one of a byte less holds two. */
function pageBytes({ log }: PortNode): void {
  appendTo(log, ...blanks(0, 0, 5));
  const pageOf = (maxBytes: number) => log.limitedEntries({ from: 2, maxBytes }).length;
  deepEqual([pageOf(12), pageOf(11)], [3, 2]);
}

/** The limits of a checkpoint, each with what five notes of ten characters come to. */
const due: readonly (readonly [keyof StoreLimits, number])[] = [
  ["tailEntriesMax", 5],
  ["textUnitsMax", 50],
  ["dirtyRowsMax", 11],
  ["tailBytesMax", 5 * bytesOfNote()],
];

function bytesOfNote(): number {
  const { keys, events, texts } = bodyOf([put("a", "x".repeat(10))]);
  return keys.length + events.length + texts.length;
}

function checkpointDue(sql: Sql): void {
  for (const [limit, value] of due) {
    const isDueAt = (max: number) => {
      wipe(sql);
      const store = newCaseStore(sql, { [limit]: max });
      for (const name of ["a", "b", "c", "d", "e"]) {
        equal(store.checkpointDue, false, limit);
        commitTo(store, [put(name, "x".repeat(10))]);
      }
      return store.checkpointDue;
    };
    deepEqual([isDueAt(value + 1), isDueAt(value)], [false, true], limit);
  }
}

function entryBytesOfStore(sql: Sql): void {
  const store = newCaseStore(sql);
  const append = (bytes: number) =>
    store.append({ incarnation: 1, at: 1, ...bodyOf([]), texts: ofBytes(bytes).texts });
  const before = dump(sql);
  throws(() => append(entryBytesMax + 1), { name: "EntryTooLarge" });
  deepEqual([dump(sql), store.last.index], [before, 0]);
  append(entryBytesMax);
  equal(openCaseStore(sql).last.index, 1);
}

const sameStatement = notAbout("every statement of the store goes through the same check");

export const limitCases: readonly Case[] = [
  {
    id: "G6a",
    name: "ranges_over_pages",
    shows: "a range is read whole, however many pages of entries or bytes it takes",
    ports: onNode(longRanges),
    engine: ({ database }) => database(longRangesOfStore),
  },
  {
    id: "G6b",
    name: "membership_at_every_place_of_a_page",
    shows: "the last membership is found at whatever distance from the end it was stated",
    ports: onNode(everyPlaceOfPage),
    engine: notAbout("a store knows its membership from its tables and its tail"),
  },
  {
    id: "G9a",
    name: "limit_entry_bytes",
    shows: "an entry of just so many bytes is appended, one of a byte more refused",
    ports: onNode(entryBytes),
    engine: ({ database }) => database(entryBytesOfStore),
  },
  {
    id: "G9b",
    name: "limit_row_bytes",
    shows: "a row of just so many bytes is put and stored, one of a byte more refused",
    ports: onNode(rowBytes),
    engine: ({ database }) => database(rowBytesOfStore),
  },
  {
    id: "G9c",
    name: "limit_bound_value",
    shows: "the longest text and the largest number are bound, one more is refused",
    ports: ({ database }) => database(boundValue),
    engine: sameStatement,
  },
  {
    id: "G9d",
    name: "limit_term",
    shows: "the largest term is stored exactly, the next one refused",
    ports: onNode(largestTerm),
    engine: sameStatement,
  },
  {
    id: "G9e",
    name: "limit_segment_bytes",
    shows: "a segment is sealed at just so many bytes, and not before",
    ports: ({ database }) => database(segmentBytes),
    engine: notAbout("the store's checkpoint is the one of the ports"),
  },
  {
    id: "G9f",
    name: "limit_page_bytes",
    shows: "a limited read holds entries of just so many bytes, and one less if they have one more",
    ports: onNode(pageBytes),
    engine: notAbout("a store hands on what the log reads"),
  },
  {
    id: "G9g",
    name: "limit_checkpoint_due",
    shows: "a checkpoint is due at just so many bytes, entries, rows or texts, and not before",
    ports: notAbout("when to write the tables is the store's decision"),
    engine: ({ database }) => database(checkpointDue),
  },
];
