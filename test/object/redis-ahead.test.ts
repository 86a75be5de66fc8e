/**
 * Runs of Redis calls on large collections: what they ask for is read together, and answered as if each had been read by itself.
 */
import { describe, expect, it, vi } from "vitest";
import { command, replyOf } from "./commands.ts";
import { EngineRig } from "./rig.ts";

const ELEMENTS = 3000;
const elementOf = (i: number): string => `e${String(i % (ELEMENTS + 100)).padStart(5, "0")}`;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

class Runs {
  readonly rig = new EngineRig();

  async says(calls: string[][]) {
    const answer = await this.rig.engine.submit(command("redis.run", { calls }));
    return replyOf("redis.run", answer).replies;
  }

  /** A hash, a set and a sorted set of many elements, all of them written to tables. */
  static async filled(): Promise<Runs> {
    const runs = new Runs();
    await runs.rig.engine.submit(command("queue.configure", {}));
    const all = range(ELEMENTS);
    await runs.says([["HSET", "h", ...all.flatMap((i) => [elementOf(i), String(i)])]]);
    await runs.says([["SADD", "s", ...all.map(elementOf)]]);
    await runs.says([["ZADD", "z", ...all.flatMap((i) => [String(i), elementOf(i)])]]);
    await runs.rig.engine.submit(command("queue.checkpoint", {}));
    return runs;
  }

  /** How many queries some calls take, and their replies. */
  async queriesOf(calls: string[][]) {
    const rows = vi.spyOn(this.rig.sql, "rows");
    const replies = await this.says(calls);
    const queries = rows.mock.calls.length;
    rows.mockRestore();
    return { queries, replies };
  }
}

/** Elements far from one another, of which some are not there. */
const asked = range(120).map((i) => i * 761);

describe("a run of many calls on a large collection", () => {
  it.each([
    ["HGET", "h", (at: number) => String(at)],
    ["HEXISTS", "h", () => 1],
    ["SISMEMBER", "s", () => 1],
    ["ZSCORE", "z", (at: number) => ({ double: String(at) })],
  ] as const)("asks storage a few times for all of %s", async (name, of, replyFor) => {
    const runs = await Runs.filled();
    const { queries, replies } = await runs.queriesOf(asked.map((i) => [name, of, elementOf(i)]));
    const none = name === "HEXISTS" || name === "SISMEMBER" ? 0 : null;
    const places = asked.map((i) => i % (ELEMENTS + 100));
    expect(replies).toEqual(places.map((at) => (at < ELEMENTS ? replyFor(at) : none)));
    expect(queries).toBeLessThan(20);
  });

  it("asks a few times for members that are given other scores", async () => {
    const runs = await Runs.filled();
    const adds = asked.map((i) => ["ZADD", "z", "CH", String(-i), elementOf(i)]);
    const { queries, replies } = await runs.queriesOf(adds);
    expect(replies).toEqual(asked.map((i) => (i === 0 ? 0 : 1)));
    expect(queries).toBeLessThan(20);
  });

  it("answers what is there now where calls before have changed it or put another in its place", async () => {
    const runs = await Runs.filled();
    const again = [elementOf(1), elementOf(2)] as const;
    const scores = again.map((each) => ["ZSCORE", "z", each]);
    const calls = [
      ...scores,
      ["ZADD", "z", "100", again[0]],
      ["ZREM", "z", again[1]],
      ...scores,
      ["DEL", "z"],
      ...scores,
      ["ZADD", "z", "7", again[1]],
      ...scores,
      ["RENAME", "h", "z"],
      ["HMGET", "z", ...again],
      ["ZSCORE", "z", again[0]],
    ];
    const double = (text: string) => ({ double: text });
    expect((await runs.queriesOf(calls)).replies).toEqual([
      ...[double("1"), double("2"), 0, 1, double("100"), null, 1, null, null],
      ...[1, null, double("7"), { ok: "OK" }, ["1", "2"]],
      { error: expect.stringContaining("WRONGTYPE") },
    ]);
  });

  it("answers what is no command, whatever it is called", async () => {
    const runs = await Runs.filled();
    const words = ["__proto__", "constructor", "toString", "hasOwnProperty", ""];
    const replies = await runs.says(words.flatMap((word) => [[word, "z", "a"], [word]]));
    const unknown = { error: expect.stringContaining("unknown command") };
    expect(replies).toEqual(Array(2 * words.length).fill(unknown));
  });

  it("looks nothing up for calls that name one element of each collection", async () => {
    const runs = await Runs.filled();
    const names = range(50).map((i) => `h${i}`);
    await runs.says(names.map((name) => ["HSET", name, "f", name]));
    await runs.rig.engine.submit(command("queue.checkpoint", {}));
    const { queries, replies } = await runs.queriesOf(names.map((name) => ["HGET", name, "f"]));
    expect(replies).toEqual(names);
    // The name's row, and the field's.
    expect(queries).toBeLessThanOrEqual(2 * names.length + 5);
  });
});
