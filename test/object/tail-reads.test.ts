/**
 * How an object that wakes reads the rows that its log's tail has changed: many with one query.
 */
import { expect, test, vi } from "vitest";
import { openStore } from "../../src/store/schema.ts";
import { claim, command, enqueue } from "./commands.ts";
import { EngineRig } from "./rig.ts";

const ROWS = 320;
const each = (word: (i: number) => string): string[] =>
  Array.from({ length: ROWS }, (_, i) => word(i));
/** An order that is none on disk. */
const mixed = (i: number): string => String((i * 7919) % ROWS).padStart(3, "0");

/** Queries with which a store is opened whose tables show one work, and whose tail is another. */
async function queriesOf(
  first: (rig: EngineRig) => Promise<unknown>,
  second: (rig: EngineRig) => Promise<unknown>,
): Promise<number> {
  const rig = await EngineRig.registered();
  await first(rig);
  await rig.engine.submit(command("queue.checkpoint", {}));
  const reads = vi.spyOn(rig.sql, "rows");
  openStore(rig.sql);
  const without = reads.mock.calls.length;
  await second(rig);
  reads.mockClear();
  openStore(rig.sql);
  return reads.mock.calls.length - without;
}

const run = (rig: EngineRig, lines: string[][]) =>
  rig.engine.submit(command("redis.run", { calls: lines }));

const calls = (word: string, ...words: ((i: number) => string)[]): string[][] =>
  each(String).map((_, i) => [word, ...words.map((of) => of(i))]);

test.each([
  ["names", calls("SET", mixed, String), calls("SET", mixed, mixed)],
  [
    "fields of a hash",
    [["HSET", "h", ...each(String).flatMap((f) => [f, "x"])]],
    calls("HSET", () => "h", mixed, String),
  ],
  ["members of a set", [["SADD", "s", ...each(String)]], calls("SREM", () => "s", mixed)],
  [
    "members of a sorted set",
    [["ZADD", "z", ...each((i) => `${i} ${i}`).flatMap((w) => w.split(" "))]],
    calls(
      "ZADD",
      () => "z",
      String,
      (i) => String((i * 7919) % ROWS),
    ),
  ],
])("%s are read many at once", async (_, first, second) => {
  const queries = await queriesOf(
    (rig) => run(rig, first),
    (rig) => run(rig, second),
  );
  expect(queries).toBeGreaterThan(0);
  expect(queries).toBeLessThan(ROWS / 4);
});

test("jobs are read many at once", async () => {
  const jobs = each(mixed).map((id) => ({ id, payload: "1" }));
  const queries = await queriesOf(
    (rig) => rig.engine.submit(enqueue(jobs)),
    (rig) => rig.engine.submit(claim(ROWS)),
  );
  expect(queries).toBeGreaterThan(0);
  expect(queries).toBeLessThan(ROWS / 4);
});

test("an event that cannot be applied is refused by its entry, also where looking ahead stumbles over it", async () => {
  const rig = await EngineRig.registered();
  await run(rig, [["SADD", "s", "a"]]);
  await rig.engine.submit(command("queue.checkpoint", {}));
  const store = openStore(rig.sql);
  const builder = store.builder();
  builder.add({ type: "set.removed", name: "s", members: null } as never);
  store.append({ incarnation: 1, at: store.last.at, ...builder.build() });
  const { index } = store.last;
  expect(() => openStore(rig.sql)).toThrow(
    expect.objectContaining({ name: "StoreRefusal", code: "store_corrupt", index }),
  );
});
