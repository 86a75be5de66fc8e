/**
 * Names that are found: by patterns, by steps and by chance, also where the times of many are over at once.
 */
import { describe, expect, it } from "vitest";
import { cpuMs } from "../cpu.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { one, run } from "./name-rig.ts";

const numbered = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** A queue with these names, and before them others whose times are over by now, of which no sweep has removed more than a few. */
async function queueWith(alive: readonly string[], over: number): Promise<Harness> {
  const queue = await openEngine({ config: {} });
  for (let at = 0; at < over; at += 1000) {
    const some = numbered(Math.min(1000, over - at), `over${at}-`);
    await run(queue, ...some.map((name) => `SET ${name} v PX 5000`));
  }
  if (alive.length > 0) await run(queue, ...alive.map((name) => ["SET", name, "v"]));
  queue.now += 5000;
  return queue;
}

describe("a pattern", () => {
  it("is read once for all names, and not to its end where no name is as long", async () => {
    const queue = await queueWith(numbered(500, "n"), 0);
    const long = "[a-z]".repeat(20_000);
    const startedAt = cpuMs();
    const scan = ["SCAN", "0", "COUNT", "500", "MATCH", long];
    expect(await run(queue, ["KEYS", long], scan)).toEqual([[], ["0", []]]);
    expect(cpuMs() - startedAt).toBeLessThan(5000);
  });

  it("may be compared for so long, whatever it is", async () => {
    const names = numbered(100, "a".repeat(1000));
    const queue = await queueWith(names, 0);
    const slow = `*${"a".repeat(500)}b`;
    const tooLong = { error: expect.stringContaining("would compare too long with its pattern") };
    expect(await run(queue, ["KEYS", slow], ["SCAN", "0", "COUNT", "1000", "MATCH", slow])).toEqual(
      [tooLong, tooLong],
    );
    const many = `${"*a".repeat(500)}*`;
    expect(await one(queue, ["KEYS", many])).toHaveLength(names.length);
  });

  it("of one star alone takes an empty name, and any other takes none, as in Redis", async () => {
    const queue = await queueWith([""], 0);
    await run(queue, ["SADD", "s", ""], ["DEL", "none"]);
    expect(
      await run(
        queue,
        "KEYS *",
        "KEYS **",
        ["KEYS", ""],
        "SCAN 0 TYPE string MATCH *",
        "SCAN 0 MATCH **",
      ),
    ).toEqual([expect.arrayContaining(["", "s"]), ["s"], [""], ["0", [""]], ["0", ["s"]]]);
    expect(await run(queue, "SSCAN s 0 MATCH *", "SSCAN s 0 MATCH **")).toEqual([
      ["0", [""]],
      ["0", []],
    ]);
  });
});

describe("names whose times were over together", () => {
  const alive = numbered(20, "alive");

  it("count in a step of a scan, which may tell none, and hide no other", async () => {
    const queue = await queueWith(alive, 3000);
    const [cursor, first] = (await one(queue, "SCAN 0 COUNT 10")) as [string, string[]];
    expect(cursor).not.toBe("0");
    const found = [...first];
    let steps = 1;
    for (let next = cursor; next !== "0"; steps += 1) {
      const [then, more] = (await one(queue, `SCAN ${next} COUNT 10`)) as [string, string[]];
      found.push(...more);
      next = then;
    }
    expect(found.sort()).toEqual([...alive].sort());
    // Each step looks at ten rows; meanwhile 250 are removed with each.
    expect(steps).toBeGreaterThan(5);
    expect(first.length).toBeLessThan(10);
  });

  it.each([
    ["that has no time", "SET alone v"],
    ["that has one", "SET alone v PX 60000"],
  ])("leave RANDOMKEY a name %s, and nil where there is none", async (_, line) => {
    const queue = await queueWith([], 3000);
    expect(await run(queue, "RANDOMKEY", line, "RANDOMKEY")).toEqual([null, { ok: "OK" }, "alone"]);
  });
});
