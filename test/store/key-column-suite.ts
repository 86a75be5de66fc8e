/**
 * Keys: the order in memory is SQLite's order, for every kind of column, and ill-formed keys are refused.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KeyColumn, KeyPart } from "../../src/store/key-columns.ts";
import {
  ascii,
  bytes,
  comparator,
  double,
  integer,
  signed,
  text,
} from "../../src/store/key-columns.ts";
import { IllFormed, type SqlValue } from "../../src/store/sql.ts";
import { type WithSql, wipe } from "./support.ts";

/** Characters at which UTF-16, code point and byte order part, among any others. */
const tricky = fc.constantFrom("a", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}");
const unit = fc.oneof(tricky, fc.string({ unit: "binary", minLength: 1, maxLength: 1 }));

export const unicode = fc
  .array(unit, { maxLength: 4 })
  .map((units) => units.join("").replaceAll("\0", ""));
export const printable = fc.string({ unit: "grapheme-ascii", maxLength: 4 });
export const binary = fc
  .uint8Array({ maxLength: 4 })
  .map((octets) => String.fromCharCode(...octets));
export const natural = fc.oneof(fc.nat(3), fc.maxSafeNat());
export const anySigned = fc.integer({ min: -1000, max: 1000 });
export const anyDouble = fc
  .oneof(
    fc.double({ noNaN: true }),
    fc.constantFrom(-1, -0.5, 0, 5e-324, -5e-324, Infinity, -Infinity),
  )
  .map((value) => value + 0);

const kinds: [string, KeyColumn, fc.Arbitrary<KeyPart>][] = [
  ["integer", integer("k"), natural],
  ["signed", signed("k", 1000), anySigned],
  ["ascii", ascii("k"), printable],
  ["text", text("k"), unicode],
  ["bytes", bytes("k"), binary],
  ["double", double("k"), anyDouble],
];

export function keySuite(withSql: WithSql): void {
  describe("keys", () => {
    it.each(kinds)("%s: memory and SQLite agree on order, identity and value", (_, column, part) =>
      withSql((sql) => {
        const property = fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
          wipe(sql);
          sql.run(`CREATE TABLE t (k ${column.sqlType} PRIMARY KEY) STRICT, WITHOUT ROWID`);
          for (const each of parts) {
            sql.run("INSERT OR IGNORE INTO t VALUES (?)", column.encode(each));
          }
          const stored = sql
            .rows<[SqlValue]>("SELECT k FROM t ORDER BY k")
            .map(([k]) => column.decode(k));
          const compare = comparator([column]);
          const sorted = parts
            .map((each) => [each] as const)
            .sort(compare)
            .filter((each, i, all) => i === 0 || compare(all[i - 1] ?? [], each) !== 0)
            .map(([each]) => each);
          expect(stored).toEqual(sorted);
        });
        fc.assert(property, { numRuns: 300 });
      }),
    );

    it.each<[string, KeyColumn, unknown[]]>([
      ["integer", integer("k"), [-1, 1.5, 2 ** 53, Number.NaN, -0, "1"]],
      ["signed", signed("k", 10), [-11, Number.MAX_SAFE_INTEGER]],
      ["ascii", ascii("k"), ["é", "a\0", "\n", 1]],
      ["text", text("k"), ["\ud800", "a\udfffb", "a\0b", 1]],
      ["bytes", bytes("k"), ["\u0100", "\ud800", 1]],
      ["double", double("k"), [Number.NaN, -0, "1"]],
    ])("%s refuses what it cannot order", (_, column, parts) => {
      for (const part of parts)
        expect(() => column.encode(part as never), String(part)).toThrow(IllFormed);
    });

    it("a column's name must be a plain SQL name", () => {
      expect(() => integer("a b")).toThrow(TypeError);
    });
  });
}
