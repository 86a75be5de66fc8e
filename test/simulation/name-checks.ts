/**
 * Whether an instance has of names what the model has: what they name, until when, and how much nothing leads to any more.
 * Invariant: every name and every element is compared, after every step.
 */
import { Buffer } from "node:buffer";
import type { SluiceStore } from "../../src/store/schema.ts";
import type { Value } from "./model/name-records.ts";
import { sizeOf } from "./model/names.ts";
import type { State } from "./model/state.ts";
import { same } from "./violation.ts";

type Tables = SluiceStore["tables"];

/** The bytes of a packed text, one character for each. */
function bytesOf(packed: string): string {
  const encoding = packed.startsWith("=") ? "base64" : "utf8";
  return Buffer.from(encoding === "base64" ? packed.slice(1) : packed, encoding).toString("latin1");
}

type Pairs = [string, unknown][];
const sorted = (pairs: Pairs): Pairs => pairs.sort(([a], [b]) => (a < b ? -1 : 1));

/** The elements of a generation. */
function elementsOf(tables: Tables, type: string, gen: number): unknown {
  const prefix: [number] = [gen];
  if (type === "list") {
    return [...tables.list_items.scan({ prefix })].map(([, { content }]) => bytesOf(content));
  }
  if (type === "hash") {
    const fields = [...tables.hash_fields.scan({ prefix })];
    return sorted(fields.map(([[, , field], { content }]) => [field, bytesOf(content)]));
  }
  if (type === "set") {
    return sorted([...tables.set_members.scan({ prefix })].map(([[, , member]]) => [member, 1]));
  }
  const members = [...tables.zset_members.scan({ prefix })];
  return sorted(members.map(([[, , member], { score }]) => [member, String(score)]));
}

/** What the model says that stands there. */
function shownOf(value: Value): unknown {
  if (value.type === "string") return value.text;
  if (value.type === "list") return value.items;
  if (value.type === "hash") return sorted([...value.items]);
  if (value.type === "set") return sorted([...value.items].map((member) => [member, 1]));
  return sorted([...value.items].map(([member, score]) => [member, scoreOf(score)]));
}

const scoreOf = (score: number): string =>
  Math.abs(score) === Infinity ? `${score < 0 ? "-" : ""}inf` : String(score);

/** Compares every name and what it names. */
export function checkNames({ tables }: SluiceStore, { names }: State): void {
  const { space = 0, names: count = 0 } = tables.keyspace.get([0]) ?? {};
  same("I11", "names that are counted", count, names.all.size);
  let left = 0;
  const found: Pairs = [];
  for (const [[of, , name], row] of tables.names.scan({})) {
    const { type, gen, contentAt, until, size } = row;
    const apart = contentAt === undefined ? undefined : tables.long_strings.get([contentAt]);
    const { content = "" } = apart ?? row;
    if (of !== space) left += (size ?? 0) > 16 ? (size ?? 0) : 0;
    if (of !== space) continue;
    const shown = gen === undefined ? bytesOf(content) : elementsOf(tables, type, gen);
    found.push([name, { type, until, size: gen === undefined ? 1 : size, shown }]);
  }
  const expected = [...names.all].map(([name, { value, until }]) => {
    const { type } = value;
    return [name, { type, until, size: sizeOf(value), shown: shownOf(value) }] as [string, object];
  });
  same("state", "names", sorted(found), sorted(expected));
  for (const [, { size }] of tables.generations.scan({})) left += size;
  same("state", "rows that nothing leads to", left, names.left);
}
