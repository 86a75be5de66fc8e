/** Glob patterns: they match what Redis's own algorithm matches, in bounded time. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { matches } from "../../src/machine/glob.ts";

/** `stringmatchlen` of Redis, as it is written there: it tries every place that a `*` may reach to. */
function redisMatches(pattern: string, text: string): boolean {
  const [first] = pattern;
  if (first === undefined) return text === "";
  if (first === "*") {
    if (redisMatches(pattern.slice(1), text)) return true;
    return text !== "" && redisMatches(pattern, text.slice(1));
  }
  const [char] = text;
  if (char === undefined) return false;
  if (first === "?") return redisMatches(pattern.slice(1), text.slice(1));
  if (first === "[") {
    const { takes, rest } = redisSet(pattern.slice(1), char);
    return takes && redisMatches(rest, text.slice(1));
  }
  const at = first === "\\" && pattern.length > 1 ? 1 : 0;
  return pattern[at] === char && redisMatches(pattern.slice(at + 1), text.slice(1));
}

function redisSet(set: string, char: string): { takes: boolean; rest: string } {
  const isNot = set.startsWith("^");
  let rest = isNot ? set.slice(1) : set;
  let takes = false;
  while (rest !== "" && rest[0] !== "]") {
    const [a = "", b, c = ""] = rest;
    if (a === "\\" && rest.length >= 2) {
      takes ||= b === char;
      rest = rest.slice(2);
    } else if (b === "-" && rest.length >= 3) {
      const [low, high] = a < c ? [a, c] : [c, a];
      takes ||= char >= low && char <= high;
      rest = rest.slice(3);
    } else {
      takes ||= a === char;
      rest = rest.slice(1);
    }
  }
  return { takes: takes !== isNot, rest: rest.slice(1) };
}

test.each([
  ["mail-*", "mail-2026", true],
  ["mail-*", "mail", false],
  ["*", "", true],
  ["", "", true],
  ["", "a", false],
  ["?", "", false],
  ["a?c", "abc", true],
  ["*.*", "a.b.c", true],
  ["**a**", "bab", true],
  ["[a-c]x", "bx", true],
  ["[c-a]x", "bx", true],
  ["[^a-c]x", "bx", false],
  ["[^]x", "ax", true],
  ["[]a", "a", false],
  ["[a-]x", "-", false],
  ["[a-]x", "`", true],
  ["[\\]]", "]", true],
  ["[abc", "c", true],
  ["[", "[", false],
  ["a\\*", "a*", true],
  ["a\\*", "ab", false],
  ["a\\", "a\\", true],
  ["A", "a", false],
])("%s and %s: %s", (pattern, text, isMatch) => {
  expect(matches(pattern, text)).toBe(isMatch);
  expect(redisMatches(pattern, text)).toBe(isMatch);
});

test("any pattern matches what it matches in Redis", () => {
  const pattern = fc.string({ unit: fc.constantFrom(..."ab-*?[]^\\€"), maxLength: 10 });
  const text = fc.string({ unit: fc.constantFrom(..."ab-]^\\€"), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (glob, each) => {
      expect(matches(glob, each)).toBe(redisMatches(glob, each));
    }),
    { numRuns: 20_000 },
  );
});

test("a pattern that would be tried for ever is tried in bounded time", () => {
  const pattern = `${"*a".repeat(128)}b`;
  expect(matches(pattern, "a".repeat(10_000))).toBe(false);
});
