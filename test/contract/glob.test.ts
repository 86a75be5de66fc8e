/** Glob patterns: they match what Redis's own algorithm matches, in bounded time. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { matcher } from "../../src/contract/glob.ts";
import { cpuMs } from "../cpu.ts";

const matches = (pattern: string, text: string): boolean => matcher(pattern)(text);

/** `stringmatchlen` of Redis: the empty text matches the empty pattern alone. */
const redisMatches = (pattern: string, text: string): boolean =>
  text === "" ? pattern === "" : restMatches(pattern, text);

/** What is left of a pattern and a text, as it is written there: it tries every place that a `*` may reach to. */
function restMatches(pattern: string, text: string): boolean {
  const [first] = pattern;
  if (first === undefined) return text === "";
  if (first === "*") {
    if (restMatches(pattern.slice(1), text)) return true;
    return text !== "" && restMatches(pattern, text.slice(1));
  }
  const [char] = text;
  if (char === undefined) return false;
  if (first === "?") return restMatches(pattern.slice(1), text.slice(1));
  if (first === "[") {
    const { takes, rest } = redisSet(pattern.slice(1), char);
    return takes && restMatches(rest, text.slice(1));
  }
  const at = first === "\\" && pattern.length > 1 ? 1 : 0;
  return pattern[at] === char && restMatches(pattern.slice(at + 1), text.slice(1));
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
  ["*", "", false],
  ["*?", "", false],
  ["a*", "a", true],
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
  ["[x-za-cm-p]", "n", true],
  ["[a-zc-d]", "x", true],
  ["[a-cx-z]", "m", false],
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

test("a pattern that takes more than the longest text has matches nothing, and is not read to its end", () => {
  const pattern = "[a-z]".repeat(1_000_000);
  const startedAt = cpuMs();
  for (let i = 0; i < 1000; i += 1) expect(matcher(pattern, 100)("a".repeat(100))).toBe(false);
  expect(cpuMs() - startedAt).toBeLessThan(5000);
  expect(matcher("[a-z]".repeat(100), 100)("a".repeat(100))).toBe(true);
  expect(matcher(`*${"?*".repeat(100)}`, 100)("a".repeat(100))).toBe(true);
});

test("who compares is told how many characters are compared once more, and may end it", () => {
  let again = 0;
  const isMatch = matcher("*aab");
  expect(isMatch("aaaab", (characters) => (again += characters))).toBe(true);
  // At each of two places, where no b follows.
  expect(again).toBe(4);
  const refuse = () => {
    throw new Error("too many");
  };
  expect(() => isMatch("aaaab", refuse)).toThrow("too many");
});
