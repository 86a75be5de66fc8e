/**
 * What is read because it was said to be asked for next: how much of it, and how far that goes.
 * Invariant: each call goes on by a key at least, however few rows are read at once.
 */
import { expect, it } from "vitest";
import { Expected } from "../../../src/store/expected.ts";

/** One that reads one row at a time, since the texts of what it read were long. */
function slow(): Expected {
  const expected = new Expected();
  for (let i = 0; i < 4; i += 1) expected.learn([[`long${i}`]], [undefined], 100_000);
  return expected;
}

it("a key that is named twice is gone on from, also where one row is read at a time", () => {
  const key = ["a"] as const;
  expect(slow().unread([key, key, ["b"]], 64).reach).toBe(1);
});

it("what was read already counts as gone by", () => {
  const expected = slow();
  expected.learn([["a"]], [undefined], 100_000);
  expect(expected.unread([["a"], ["b"], ["a"], ["c"]], 64).reach).toBe(3);
});

it("gives each row once, in their order or in any other, and tells what is not there from what was not expected", () => {
  const expected = new Expected();
  const keys = ["a", "b", "c", "d"].map((id) => [id, 1] as const);
  expected.learn(keys, [["row a"], undefined, ["row c"], ["row d"]], 0);
  expect(expected.take(["c", 1])).toEqual(["row c"]);
  expect(expected.take(["c", 1])).toBeUndefined();
  expect(expected.take(["a", 1])).toEqual(["row a"]);
  expect(expected.take(["x", 1])).toBeUndefined();
  expected.learn([["e", 1]], [["row e"]], 0);
  expect([expected.take(["b", 1]), expected.take(["d", 1])]).toEqual([null, ["row d"]]);
  expect(expected.take(["a", 1])).toBeUndefined();
  expect(expected.take(["e", 1])).toEqual(["row e"]);
});
