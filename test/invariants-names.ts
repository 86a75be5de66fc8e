/**
 * The invariants of names and of what they name, checked from the tables by plain recounting.
 * Invariant: nothing here shares code with the writers it checks.
 */
import { hash52 } from "../src/contract/hash.ts";
import type { NameRow } from "../src/store/names.ts";
import type { SluiceTables } from "../src/store/schema.ts";
import { fail, same } from "./differences.ts";

const inOrder = (rows: readonly unknown[]): string[] =>
  rows.map((row) => JSON.stringify(row)).sort();

/** Checks every table of names against the rows of the names. */
export function checkNameTables(tables: SluiceTables): void {
  const keyspace = tables.keyspace.get([0]);
  const sizes = new Map<number, number>();
  const spaces = new Map<number, number>();
  const expiries: unknown[] = [];
  const strings: unknown[] = [];
  for (const [[space, hash, name], row] of tables.names.scan({})) {
    if (hash !== hash52(name)) fail("I11", `name ${name} stands by another hash`);
    spaces.set(space, (spaces.get(space) ?? 0) + 1);
    if (row.until !== undefined) expiries.push([space, row.until, hash, name]);
    if (row.type === "string") strings.push(...apartOf(name, row));
    if (row.gen === undefined) continue;
    if (sizes.has(row.gen)) fail("I11", `two names have generation ${row.gen}`);
    sizes.set(row.gen, row.size ?? 0);
  }
  for (const [[gen], { type, size }] of tables.generations.scan({})) {
    (type === "names" ? spaces : sizes).set(gen, size);
  }
  const found = [...tables.name_expiries.scan({})].map(([key]) => key);
  const apart = [...tables.long_strings.scan({})];
  const sized = apart.map(([[number], { content }]) => [number, lengthOf(content)]);
  same("I11", "the strings that stand apart", inOrder(sized), inOrder(strings));
  same("I9", "names expire as their rows say", inOrder(found), inOrder(expiries));
  checkElements(tables, sizes);
  checkSpaces(tables, spaces);
  if ((spaces.get(keyspace?.space ?? 0) ?? 0) !== (keyspace?.names ?? 0)) {
    fail("I11", "the keyspace counts other names", keyspace, [...spaces]);
  }
}

/** How many bytes a string has that is packed: behind `=` as base64, else as text. */
const lengthOf = (packed: string): number =>
  packed.startsWith("=")
    ? Buffer.from(packed.slice(1), "base64").length
    : Buffer.byteLength(packed, "utf8");

/** Where a string stands that is not in the row of its name, and how long that says it is. */
function apartOf(name: string, { content, contentAt, contentBytes }: NameRow): unknown[] {
  if ((content === undefined) === (contentAt === undefined)) {
    fail("I11", `string ${name} stands nowhere, or in two places`);
  }
  return contentAt === undefined ? [] : [[contentAt, contentBytes]];
}

/** A name that is not in use is counted by the generation that is to be freed. */
function checkSpaces(tables: SluiceTables, spaces: ReadonlyMap<number, number>): void {
  const counted = new Map<number, number>();
  for (const [[space]] of tables.names.scan({})) counted.set(space, (counted.get(space) ?? 0) + 1);
  same(
    "I11",
    "keyspaces have as many names as is said",
    inOrder([...counted]),
    inOrder([...spaces]),
  );
}

function checkElements(tables: SluiceTables, sizes: ReadonlyMap<number, number>): void {
  const counted = new Map<number, number>();
  const count = (gen: number) => counted.set(gen, (counted.get(gen) ?? 0) + 1);
  let before: readonly [number, number] | undefined;
  for (const [[gen, position]] of tables.list_items.scan({})) {
    count(gen);
    if (before?.[0] === gen && before[1] + 1 !== position) fail("I11", `list ${gen} has a gap`);
    before = [gen, position];
  }
  for (const [[gen]] of tables.hash_fields.scan({})) count(gen);
  for (const [[gen]] of tables.set_members.scan({})) count(gen);
  const scored: unknown[] = [];
  for (const [[gen, , member]] of tables.zset_members.scan({})) {
    count(gen);
    scored.push([gen, member]);
  }
  const places = [...tables.zset_scores.scan({})];
  const placed = places.map(([[gen, , member]]) => [gen, member]);
  for (const [i, [[gen, place, member]]] of places.entries()) {
    if (places[i + 1]?.[0][0] === gen) continue;
    const rows = counted.get(gen) ?? 0;
    const found = tables.zset_scores.count({ prefix: [gen] });
    if (found !== rows) fail("I11", `set ${gen} has ${rows} members, and ${found} are counted`);
    const rank = tables.zset_scores.count({ prefix: [gen], to: [gen, place, member] });
    if (rank !== rows - 1) fail("I11", `the last member of set ${gen} has rank ${rank}`);
  }
  same("I11", "every member has one place", inOrder(placed), inOrder(scored));
  same("I11", "elements are as many as is said", inOrder([...counted]), inOrder([...sizes]));
}

/** When the first name expires, or elements are to be freed. */
export function earliestOfNames(tables: SluiceTables, at: number): number {
  const { space = 0 } = tables.keyspace.get([0]) ?? {};
  let earliest = tables.generations.first() === undefined ? Number.POSITIVE_INFINITY : at;
  for (const [, { until }] of tables.names.scan({ prefix: [space] }))
    earliest = Math.min(earliest, until ?? Number.POSITIVE_INFINITY);
  return earliest;
}

const FEW_ELEMENTS = 1000;

/** Whether what names name is little enough to be looked at again and again. */
export function hasFewElements(tables: SluiceTables): boolean {
  const limit = FEW_ELEMENTS + 1;
  return (["names", "list_items", "hash_fields", "set_members", "zset_members"] as const).every(
    (name) => tables[name].range({ limit }).length <= FEW_ELEMENTS,
  );
}
