/**
 * What is said of the bytes that were taken, and how often.
 */
import { expect, test } from "vitest";
import { TAKEN_BYTES_LEAST, Takings, takenIn } from "../../src/redis/taken.ts";

function takings() {
  const said: string[] = [];
  const clock = { now: 0 };
  return {
    said,
    clock,
    all: new Takings(
      (text) => said.push(text),
      () => clock.now,
    ),
  };
}

test("what was taken is said once it is a MiB, and no byte twice", () => {
  const { said, all } = takings();
  all.take(TAKEN_BYTES_LEAST - 1);
  expect(said).toEqual([]);
  all.take(2);
  all.take(TAKEN_BYTES_LEAST);
  expect(said.map(takenIn)).toEqual([TAKEN_BYTES_LEAST + 1, TAKEN_BYTES_LEAST]);
});

test("of who takes slowly it is said each 20 s, and never for less than 64 KiB", () => {
  const { said, all, clock } = takings();
  clock.now = 19_999;
  all.take(64 * 1024);
  expect(said).toEqual([]);
  clock.now = 20_000;
  all.take(1);
  clock.now = 60_000;
  all.take(64 * 1024 - 1);
  expect(said).toEqual(["taken 65537"]);
  all.take(1);
  expect(said).toEqual(["taken 65537", "taken 65536"]);
});

test.each(["", "taken", "taken ", "taken -1", "taken 1.5", "taken 1e3", "Taken 1", "taken 1 "])(
  "%j says nothing of it",
  (text) => expect(takenIn(text)).toBeUndefined(),
);
