/**
 * Freeing what nothing leads to: of long values it reads nothing, and no checkpoint frees so much of them that others wait for it.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Store } from "../../src/store/store.ts";
import { command } from "./commands.ts";
import { RedisRig } from "./redis-rig.ts";
import { turns } from "./rig.ts";

afterEach(() => vi.restoreAllMocks());

const COUNT = 60;
const BYTES = 1_000_000;
const value = "x".repeat(BYTES);

/** How values are put under a name, and how they come to be freed. */
const kinds: readonly [string, (i: number) => readonly string[], string][] = [
  ["a list", () => ["RPUSH", "a", value], "DEL a"],
  ["a hash", (i) => ["HSET", "a", `f${i}`, value], "DEL a"],
  ["a keyspace", (i) => ["SET", `a${i}`, value], "FLUSHDB"],
];

/** A rig with so many values, all of them in SQLite and none in memory. */
async function rigWith(callOf: (i: number) => readonly string[]): Promise<RedisRig> {
  const rig = await RedisRig.quiet();
  const client = rig.client();
  for (let i = 0; i < COUNT; i += 1) {
    client.call([callOf(i)]);
    await turns();
  }
  await rig.engine.submit(command("queue.checkpoint", {}));
  await rig.evict();
  return rig;
}

/** Texts that each checkpoint from now on is to write or to free. */
function textsOfCheckpoints(): number[] {
  const texts: number[] = [];
  const { checkpoint } = Store.prototype;
  vi.spyOn(Store.prototype, "checkpoint").mockImplementation(function (
    this: Store<never, never>,
    ...given
  ) {
    texts.push(this.stats.textUnits);
    checkpoint.call(this, ...given);
  });
  return texts;
}

const rowsOf = (rig: RedisRig): number =>
  ["hash_fields", "list_items", "names"].reduce((sum, table) => {
    const isThere = rig.sql.rows("SELECT 1 FROM sqlite_master WHERE name = ?", table).length > 0;
    const [[rows] = [0]] = isThere
      ? rig.sql.rows<[number]>(`SELECT count(*) FROM ${table}`)
      : [[0] as const];
    return sum + rows;
  }, 0);

describe.each(kinds)("the values of %s", (_, callOf, call) => {
  test("are freed with none of them read", async () => {
    const rig = await rigWith(callOf);
    const rows = vi.spyOn(rig.sql, "rows");
    await rig.client().says(call);
    await rig.fire();
    const longest = rows.mock.results.map(({ value: found }) => JSON.stringify(found).length);
    expect(Math.max(...longest)).toBeLessThan(BYTES);
    rows.mockRestore();
    await rig.engine.submit(command("queue.checkpoint", {}));
    expect(rowsOf(rig)).toBe(0);
  });

  test("are freed by checkpoints of which each has few to free", async () => {
    const rig = await rigWith(callOf);
    const texts = textsOfCheckpoints();
    await rig.client().says(call);
    await rig.fire();
    const ofStep = (limits.sweepStepMax / 2) * BYTES;
    expect(Math.max(...texts)).toBeGreaterThan(0);
    expect(Math.max(...texts)).toBeLessThan(limits.checkpointTextUnits + ofStep);
  });
});

test("strings whose times end together are removed before a checkpoint as far as it frees them in a short time", async () => {
  const rig = await rigWith((i) => ["SET", `a${i}`, value, "PX", "1000000"]);
  const texts = textsOfCheckpoints();
  rig.now += 1_000_000;
  await rig.fire();
  expect(texts.length).toBeGreaterThan(2);
  expect(Math.max(...texts)).toBeLessThan(limits.checkpointTextUnits + 2 * BYTES);
});

/** What lets go of long values, call by call, and how many replies that is. */
const pipelines: readonly [string, (i: number) => readonly string[], () => string[]][] = [
  ["DELs of strings", (i) => ["SET", `a${i}`, value], () => names((i) => `DEL a${i}`)],
  [
    "values in the place of strings",
    (i) => ["SET", `a${i}`, value],
    () => names((i) => `SET a${i} x`),
  ],
  [
    "DELs of small hashes",
    (i) => ["HSET", `a${i % 6}`, `f${i}`, value],
    () => names((i) => `DEL a${i}`),
  ],
  [
    "HDELs of many fields",
    (i) => ["HSET", "a", `f${i}`, value],
    () =>
      Array.from(
        { length: 6 },
        (_, n) =>
          `HDEL a ${names((i) => `f${i}`)
            .slice(10 * n, 10 * n + 10)
            .join(" ")}`,
      ),
  ],
  [
    "values in the place of fields",
    (i) => ["HSET", "a", `f${i}`, value],
    () => names((i) => `HSET a f${i} x`),
  ],
  [
    "values in the place of elements",
    () => ["RPUSH", "a", value],
    () => names((i) => `LSET a ${i} x`),
  ],
  ["LTRIMs", () => ["RPUSH", "a", value], () => ["LTRIM a 20 -1", "LTRIM a 18 -1", "LTRIM a 0 0"]],
];

const names = (of: (i: number) => string): string[] =>
  Array.from({ length: COUNT }, (_, i) => of(i));

test.each(pipelines)(
  "a pipeline of %s is cut where a checkpoint has enough to free",
  async (_, callOf, calls) => {
    const rig = await rigWith(callOf);
    const texts = textsOfCheckpoints();
    const said = (await rig.client().says(...calls())).split("\r\n").length - 1;
    await rig.engine.submit(command("queue.checkpoint", {}));
    expect(said).toBe(calls().length);
    expect(texts.length).toBeGreaterThan(2);
    // One call goes past the bound: the largest lets 20 values go.
    expect(Math.max(...texts)).toBeLessThan(limits.checkpointTextUnits + 20 * BYTES);
  },
);
