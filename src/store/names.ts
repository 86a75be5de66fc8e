/**
 * Where names are kept: what each of them names, until when, and how often that has changed.
 * Invariant: only the functions of this file write `names`, `name_expiries`, `name_removals` and `keyspace`; a name whose time is over
 * is as good as gone, also where its row is still there.
 */
import type { EventOf } from "../contract/events.ts";
import { hash52 } from "../contract/hash.ts";
import type { NameType } from "../contract/names.ts";
import { declareTable } from "./declare.ts";
import { copyElements, freeElements, leaveGeneration } from "./generations.ts";
import { bytes, integer } from "./key-columns.ts";
import { contentOf, inRow, leaveString, type StringPlace, setStringApart } from "./long-strings.ts";
import type { EventWriters, Reads, SluiceTables } from "./schema.ts";

/** What a name names, less its version. */
export interface Named extends StringPlace {
  readonly type: NameType;
  /** Of a collection: under which number its elements stand, and how many there are. */
  readonly gen?: number | undefined;
  readonly size?: number | undefined;
  /** Of a list: where the first element stands; the others stand behind it without gaps. */
  readonly head?: number | undefined;
  readonly until?: number | undefined;
}
export interface NameRow extends Named {
  readonly version: number;
}

/** By hash, so that a scan goes on where it was by a number, whatever was put or removed meanwhile. */
export const names = declareTable<NameRow>()({
  name: "names",
  version: 1,
  key: [integer("space"), integer("hash"), bytes("name")],
  texts: ["content"],
  valueBytesMax: 200,
});

export const name_expiries = declareTable<object>()({
  name: "name_expiries",
  version: 1,
  key: [integer("space"), integer("until"), integer("hash"), bytes("name")],
  valueBytesMax: 10,
});

/** When a name whose hash falls on a slot was last removed: the version of those that are not there. */
export const name_removals = declareTable<{ readonly version: number }>()({
  name: "name_removals",
  version: 1,
  key: [integer("slot")],
  valueBytesMax: 60,
  // A name falls on any of them: to read one at a time would cost more than all else that becomes of a name.
  resident: true,
});
const SLOTS = 1024;

/** The keyspace in use, how many rows of names it has, and the last number that was given of each sequence. */
export interface KeyspaceRow {
  readonly space: number;
  readonly names: number;
  readonly gen: number;
  readonly version: number;
  /** The version at which all names were removed last. */
  readonly flushed: number;
}

/** One row, under 0, from the first name on. */
export const keyspace = declareTable<KeyspaceRow>()({
  name: "keyspace",
  version: 1,
  key: [integer("one")],
  valueBytesMax: 200,
  resident: true,
});

const noKeyspace: KeyspaceRow = { space: 0, names: 0, gen: 0, version: 0, flushed: 0 };

/** The keyspace as it is; as it begins where there is none yet. */
export const readKeyspace = (tables: Pick<Reads, "keyspace">): KeyspaceRow =>
  tables.keyspace.get([0]) ?? noKeyspace;

type Editable<T> = { -readonly [F in keyof T]: T[F] };

function editKeyspace(tables: SluiceTables): Editable<KeyspaceRow> {
  if (tables.keyspace.get([0]) === undefined) tables.keyspace.put([0], noKeyspace);
  const row = tables.keyspace.edit([0]);
  if (row === undefined) throw new Error("the keyspace has no row");
  return row;
}

/** The key of a name's row. */
export const keyOfName = (
  tables: Pick<Reads, "keyspace">,
  name: string,
): [space: number, hash: number, name: string] => [readKeyspace(tables).space, hash52(name), name];

/** Whether a time is over. */
export const isOver = (until: number | undefined, at: number): boolean =>
  until !== undefined && until <= at;

/** What a name names; undefined where that is nothing, or its time is over. */
export function namedBy(
  tables: Pick<Reads, "keyspace" | "names">,
  name: string,
  at: number,
): NameRow | undefined {
  const row = tables.names.get(keyOfName(tables, name));
  return row === undefined || isOver(row.until, at) ? undefined : row;
}

/**
 * A number that is another one whenever a name has changed: twice the version of what is there, and an odd one where nothing is.
 */
export function versionOfName(
  tables: Pick<Reads, "keyspace" | "names" | "name_removals">,
  name: string,
  at: number,
): number {
  const row = tables.names.get(keyOfName(tables, name));
  if (row !== undefined && !isOver(row.until, at)) return 2 * row.version;
  const last = tables.name_removals.get([hash52(name) % SLOTS])?.version ?? 0;
  return 2 * Math.max(last, row?.version ?? 0, readKeyspace(tables).flushed) + versionOfUnused;
}
/** The version of a name in a queue in which nothing has had a name of its slot, and none were flushed. */
export const versionOfUnused = 1;

/** What a name names, which an event takes to be there. */
export function expectNamed(
  tables: SluiceTables,
  name: string,
  type: NameType,
  at: number,
): NameRow {
  const row = namedBy(tables, name, at);
  if (row?.type !== type) throw new Error(`a ${type} changes that is not there`);
  return row;
}

/** A collection that an event adds to: the one that is there, or a new one. */
export function collectionFor(
  tables: SluiceTables,
  name: string,
  type: NameType,
  at: number,
): Named & { readonly gen: number; readonly size: number } {
  const row = namedBy(tables, name, at);
  if (row === undefined) return { type, gen: nextGeneration(tables), size: 0 };
  const { gen, size } = row;
  if (row.type !== type || gen === undefined || size === undefined) {
    throw new Error(`a ${type} changes that is none`);
  }
  return { ...row, gen, size };
}

/** The number of a generation that there was never before. */
export function nextGeneration(tables: SluiceTables): number {
  const row = editKeyspace(tables);
  row.gen += 1;
  return row.gen;
}

/** A name names this from now on, and what it named otherwise is left to be freed; a collection that has lost its last element is gone. */
export function putName(tables: SluiceTables, name: string, named: Named): void {
  const { version: _, ...rest } = named as NameRow;
  if (named.size === 0) {
    dropName(tables, name, false);
    return;
  }
  const key = keyOfName(tables, name);
  const before = tables.names.get(key);
  const space = editKeyspace(tables);
  if (before === undefined) space.names += 1;
  else if (before.gen !== named.gen) leaveGeneration(tables, before);
  if (before?.until !== named.until) moveExpiry(tables, key, before?.until, named.until);
  space.version += 1;
  const row = setStringApart(tables, { ...rest, version: space.version }, space.version);
  if (before !== undefined && before.contentAt !== row.contentAt) leaveString(tables, before);
  tables.names.put(key, row);
}

function moveExpiry(
  tables: SluiceTables,
  [space, hash, name]: readonly [number, number, string],
  before: number | undefined,
  after: number | undefined,
): void {
  if (before !== undefined) tables.name_expiries.remove([space, before, hash, name]);
  if (after !== undefined) tables.name_expiries.insert([space, after, hash, name], {});
}

/** A name names nothing from now on. What it named is left to be freed, unless it has another place. */
function dropName(tables: SluiceTables, name: string, isLeft: boolean, isTold = true): void {
  const key = keyOfName(tables, name);
  const before = tables.names.get(key);
  if (before === undefined) return;
  tables.names.remove(key);
  moveExpiry(tables, key, before.until, undefined);
  if (isLeft) leaveNamed(tables, before);
  const space = editKeyspace(tables);
  space.names -= 1;
  if (isTold) space.version += 1;
  const slot = hash52(name) % SLOTS;
  const last = tables.name_removals.get([slot])?.version ?? 0;
  const version = isTold ? space.version : Math.max(last, before.version);
  if (version !== last) tables.name_removals.put([slot], { version });
}

/** What a name named is left to be freed. */
function leaveNamed(tables: SluiceTables, row: Omit<NameRow, "content">): void {
  leaveGeneration(tables, row);
  leaveString(tables, row);
}

function removed(tables: SluiceTables, { name }: EventOf<"name.removed">): void {
  dropName(tables, name, true);
}

/** Its version says since its time was over that it is gone: it does not change once more. */
function expired(tables: SluiceTables, { name }: EventOf<"name.expired">): void {
  dropName(tables, name, true, false);
}

function expires(tables: SluiceTables, { name, until }: EventOf<"name.expires">, at: number): void {
  const row = namedBy(tables, name, at);
  if (row === undefined) throw new Error("a name is to expire that is not there");
  putName(tables, name, { ...row, until });
}

function renamed(tables: SluiceTables, { from, to }: EventOf<"name.renamed">, at: number): void {
  const row = namedBy(tables, from, at);
  if (row === undefined) throw new Error("a name is renamed that is not there");
  if (from !== to) dropName(tables, from, false);
  putName(tables, to, row);
}

function copied(tables: SluiceTables, { from, to }: EventOf<"name.copied">, at: number): void {
  const row = namedBy(tables, from, at);
  if (row === undefined) throw new Error("a name is copied that is not there");
  const gen = row.gen === undefined ? undefined : nextGeneration(tables);
  if (row.gen !== undefined && gen !== undefined) copyElements(tables, row.type, row.gen, gen);
  if (row.type !== "string") putName(tables, to, { ...row, gen });
  else putName(tables, to, { ...row, content: contentOf(tables, row), ...inRow });
}

/** A new keyspace begins; the rows of the one before are left to be freed. */
function flushed(tables: SluiceTables): void {
  const gen = nextGeneration(tables);
  const row = editKeyspace(tables);
  if (row.names > 0) tables.generations.insert([row.space], { type: "names", size: row.names });
  row.space = gen;
  row.names = 0;
  row.version += 1;
  row.flushed = row.version;
}

/** Rows of a collection, or of a keyspace, that nothing leads to any more. */
function freed(tables: SluiceTables, { gen, count }: EventOf<"generation.freed">): void {
  const row = tables.generations.get([gen]);
  if (row === undefined || count > row.size) throw new Error(`generation ${gen} is not left`);
  if (row.type === "names") freeNames(tables, gen, count);
  else freeElements(tables, row.type, gen, count);
  if (count === row.size) tables.generations.remove([gen]);
  else tables.generations.put([gen], { ...row, size: row.size - count });
}

function freeNames(tables: SluiceTables, space: number, count: number): void {
  const some = [...tables.names.outlines({ prefix: [space] }).take(count)];
  for (const [key, { value, textLength }] of some) {
    tables.names.remove(key, textLength);
    moveExpiry(tables, key, value.until, undefined);
    leaveNamed(tables, value);
  }
}

export const nameWriters = {
  "generation.freed": freed,
  "name.copied": copied,
  "name.expired": expired,
  "name.expires": expires,
  "name.removed": removed,
  "name.renamed": renamed,
  "names.flushed": flushed,
} satisfies Partial<EventWriters>;
