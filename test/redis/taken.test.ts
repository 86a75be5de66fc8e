/**
 * What is said of the bytes that were taken, and how often.
 */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Takings, takenIn } from "../../src/redis/taken.ts";

test("what was taken is said once it is as much as the queue waits for, and no byte twice", () => {
  const said: string[] = [];
  const all = new Takings((text) => said.push(text));
  const least = limits.respUnsaidBytesMax;
  all.take(least - 1);
  expect(said).toEqual([]);
  all.take(2);
  all.take(least);
  expect(said.map(takenIn)).toEqual([least + 1, least]);
});

test.each(["", "taken", "taken ", "taken -1", "taken 1.5", "taken 1e3", "Taken 1", "taken 1 "])(
  "%j says nothing of it",
  (text) => expect(takenIn(text)).toBeUndefined(),
);
