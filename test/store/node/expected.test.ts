/**
 * What is read because it was said to be asked for next: how much of it, and how far that goes.
 * Invariant: each call goes on by a key at least, however few rows are read at once.
 */
import { expect, it } from "vitest";
import { Expected } from "../../../src/store/expected.ts";

/** One that reads one row at a time, since the texts of what it read were long. */
function slow(): Expected {
  const expected = new Expected();
  for (let i = 0; i < 4; i += 1) expected.learn([[`long${i}`]], [], 100_000);
  return expected;
}

it("a key that is named twice is gone on from, also where one row is read at a time", () => {
  const key = ["a"] as const;
  expect(slow().unread([key, key, ["b"]], 64).reach).toBe(1);
});

it("what was read already counts as gone by", () => {
  const expected = slow();
  expected.learn([["a"]], [], 100_000);
  expect(expected.unread([["a"], ["b"], ["a"], ["c"]], 64).reach).toBe(3);
});
