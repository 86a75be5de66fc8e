/**
 * Where text stops being JSON, or Unicode.
 * Invariant: JSON.parse and isWellFormed are the judges.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonErrorAt, loneSurrogateAt } from "../../src/contract/json-errors.ts";
import { textOf, trees } from "./json-texts.ts";

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

test("text has an error exactly when JSON.parse refuses it", () => {
  const noise = fc.constantFrom(
    "",
    ",",
    '"',
    "\\",
    "]",
    "}",
    "1",
    "-",
    ".",
    "e",
    "tru",
    " ",
    "\u0001",
  );
  fc.assert(
    fc.property(trees("a"), fc.nat(), fc.nat(3), noise, (tree, place, cut, extra) => {
      const whole = textOf(tree);
      const at = place % (whole.length + 1);
      const text = whole.slice(0, at) + extra + whole.slice(at + cut);
      expect(jsonErrorAt(text) === undefined).toBe(parses(text));
    }),
    { numRuns: 5000 },
  );
});

test.each([
  ["", 0],
  ["{x}", 1],
  ['{"a":x}', 5],
  ['{"a":1,}', 7],
  ["[1,]", 3],
  ["[1 2]", 3],
  ['{"a" 1}', 5],
  ['{"a":"\\x"}', 6],
  ['"abc', 4],
  ["01", 1],
  ["{} x", 3],
  ["[[[", 3],
])("in %j the error is at %i", (text, position) => {
  expect(jsonErrorAt(text)).toBe(position);
});

test("a text of a million characters or brackets has its error found", () => {
  expect(jsonErrorAt(`"${"a".repeat(1_000_000)}`)).toBe(1_000_001);
  expect(jsonErrorAt(`"${"\\n".repeat(500_000)}`)).toBe(1_000_001);
  expect(jsonErrorAt("[".repeat(1_000_000))).toBe(1_000_000);
});

test("escapes make a lone surrogate exactly when some string is not well formed", () => {
  const unit = fc.constantFrom("\\ud83d", "\\uDE00", "\\\\ud83d", "a", "😀", "\\n", "\\u0041");
  const token = fc.array(unit, { maxLength: 5 }).map((units) => `"${units.join("")}"`);
  fc.assert(
    fc.property(fc.array(token, { minLength: 1, maxLength: 3 }), (tokens) => {
      const wellFormed = tokens.every((text) => (JSON.parse(text) as string).isWellFormed());
      expect(loneSurrogateAt(`[${tokens.join(",")}]`) === undefined).toBe(wellFormed);
    }),
    { numRuns: 2000 },
  );
});

test("the first lone surrogate is named, not the pairs before it", () => {
  expect(loneSurrogateAt('["\\ud83d\\ude00", "\\ud83d"]')).toBe(18);
  expect(loneSurrogateAt('["\\ude00"]')).toBe(2);
  expect(loneSurrogateAt('["\\ud83d","\\ude00"]')).toBe(2);
});
