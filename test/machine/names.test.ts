/**
 * What names do beside what Redis's own commands tell: time, freeing, bounds, and runs as a whole.
 */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { one, run, runAtomic } from "./name-rig.ts";

const rowsOf = (queue: Harness, table: "list_items" | "names" | "generations" | "set_members") =>
  [...queue.store.tables[table].scan({})].length;

const numbered = (count: number, prefix = "m"): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

describe("a name that has a time", () => {
  it("is gone from the millisecond on at which it is over, also before the alarm", async () => {
    const queue = await openEngine({ config: {} });
    await run(queue, "SET a 1 PX 1000", "RPUSH l x", "PEXPIRE l 1000");
    queue.now += 999;
    expect(await run(queue, "GET a", "PTTL a", "LLEN l")).toEqual(["1", 1, 1]);
    queue.now += 1;
    expect(await run(queue, "GET a", "PTTL a", "LLEN l")).toEqual([null, -2, 0]);
  });

  it("is gone from the tables once the alarm has come", async () => {
    const queue = await openEngine({ config: {} });
    await run(queue, "SET a 1 PX 1000", "SET b 1");
    expect(rowsOf(queue, "names")).toBe(2);
    await queue.advance(1000);
    expect(rowsOf(queue, "names")).toBe(1);
    expect(await one(queue, "DBSIZE")).toBe(1);
  });

  it("may be of another type when its time is over, and begins anew", async () => {
    const queue = await openEngine({ config: {} });
    await run(queue, "RPUSH a 1 2 3", "PEXPIRE a 10");
    queue.now += 10;
    expect(await run(queue, "SADD a x", "TTL a", "SMEMBERS a")).toEqual([1, -1, { set: ["x"] }]);
    expect(rowsOf(queue, "list_items")).toBe(0);
  });

  it("is one of many that expire at once: they go in bounded entries, and requests come between", async () => {
    const queue = await openEngine({ config: {} });
    for (let i = 0; i < 3; i += 1) {
      await run(queue, ...numbered(1000, `n${i}-`).map((name) => `SET ${name} v PX 5000`));
    }
    queue.now += 5000;
    const before = rowsOf(queue, "names");
    expect(await one(queue, "GET n0-0")).toBe(null);
    // One request does no more than its sweep, of which a removal counts for two changes.
    expect(before - rowsOf(queue, "names")).toBe(limits.sweepMax / 2);
    await queue.advance(0);
    expect(rowsOf(queue, "names")).toBe(0);
  });

  it("is removed behind all that comes due: a job waits for no name", async () => {
    const queue = await openEngine({ config: {} });
    await run(queue, ...numbered(2 * limits.sweepMax).map((name) => `SET ${name} v PX 5000`));
    await queue.run("job.enqueue", { jobs: [{ payload: "1", delayMs: 5001 }] });
    queue.now += 5001;
    expect((await queue.run("lease.claim", {})).jobs).toHaveLength(1);
    expect(rowsOf(queue, "names")).toBeGreaterThan(limits.sweepMax);
  });
});

describe("a collection of many elements", () => {
  const many = 2000;
  async function queueWithSet(): Promise<Harness> {
    const queue = await openEngine({ config: {} });
    await one(queue, ["SADD", "s", ...numbered(many)]);
    return queue;
  }

  it.each([
    ["deleted", "DEL s"],
    ["overwritten", "SET s x"],
    ["flushed with all others", "FLUSHALL"],
  ])("is %s by changing one row, and is freed by the alarm", async (_, line) => {
    const queue = await queueWithSet();
    await one(queue, line);
    expect(rowsOf(queue, "set_members")).toBe(many);
    expect(rowsOf(queue, "generations")).toBe(1);
    await queue.advance(0);
    expect(rowsOf(queue, "set_members")).toBe(0);
    expect(rowsOf(queue, "generations")).toBe(0);
  });

  it("has another name by changing one row", async () => {
    const queue = await queueWithSet();
    expect(await run(queue, "RENAME s t", "SCARD t", "EXISTS s")).toEqual([{ ok: "OK" }, many, 0]);
    expect(rowsOf(queue, "generations")).toBe(0);
  });

  it("is freed with its name when there are few elements, without an alarm", async () => {
    const queue = await openEngine({ config: {} });
    await run(queue, "SADD s a b c", "DEL s");
    expect([rowsOf(queue, "set_members"), rowsOf(queue, "generations")]).toEqual([0, 0]);
  });

  it("is the same after a crash while it is freed", async () => {
    const queue = await queueWithSet();
    await one(queue, "DEL s");
    await queue.reopen();
    await queue.advance(0);
    expect(rowsOf(queue, "set_members")).toBe(0);
  });
});

describe("a run", () => {
  it("appends nothing when it only reads, or when all of its calls err", async () => {
    const queue = await openEngine({ config: {} });
    await one(queue, "SET a x");
    const { index } = queue.store.last;
    await run(queue, "GET a", "LRANGE l 0 -1", "INCR a", "LPUSH a y", "SET", "NOPE");
    expect(queue.store.last.index).toBe(index);
  });

  it("is one entry however many calls it has", async () => {
    const queue = await openEngine({ config: {} });
    const { index } = queue.store.last;
    await run(queue, ...numbered(100).map((name) => `SET ${name} v`));
    expect(queue.store.last.index).toBe(index + 1);
  });

  it("creates the queue when it changes something, and not when it reads", async () => {
    const queue = await openEngine();
    expect(await one(queue, "GET a")).toBe(null);
    expect(queue.store.tables.queue.get([0])).toBe(undefined);
    await one(queue, "SET a 1");
    expect(queue.store.tables.queue.get([0])?.name).toBe("mail");
  });

  it("keeps bytes as they are, over a checkpoint and a crash", async () => {
    const queue = await openEngine({ config: {} });
    const all = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("");
    await run(
      queue,
      ["SET", all, all],
      ["RPUSH", `l${all}`, all, "=", "é"],
      ["HSET", "h", all, all],
      ["ZADD", "z", "1", all],
    );
    await queue.run("queue.checkpoint", {});
    await queue.reopen();
    const replies = await run(
      queue,
      ["GET", all],
      ["LRANGE", `l${all}`, "0", "-1"],
      ["HGETALL", "h"],
      ["ZRANGE", "z", "0", "-1"],
    );
    expect(replies).toEqual([all, [all, "=", "é"], { map: [[all, all]] }, [all]]);
  });
});

describe("a word that JavaScript knows", () => {
  it.each(["constructor", "__proto__", "hasOwnProperty"])("is no option: %s", async (word) => {
    const queue = await openEngine({ config: {} });
    expect(
      await run(queue, "ZADD z 1 a", `ZUNION 1 z AGGREGATE ${word}`, `OBJECT ${word} z`, word),
    ).toEqual([
      1,
      { error: "ERR syntax error" },
      { error: expect.stringContaining(`unknown subcommand '${word}'`) },
      { error: expect.stringContaining(`unknown command '${word}'`) },
    ]);
  });
});

describe("a bound", () => {
  const full = "v".repeat(limits.redisValueBytesMax);
  const name = "n".repeat(limits.redisNameBytesMax);
  const member = "m".repeat(limits.redisMemberBytesMax);

  it("of a value is its last byte", async () => {
    const queue = await openEngine({ config: {} });
    expect(await one(queue, ["SET", "a", full])).toEqual({ ok: "OK" });
    expect(await one(queue, "STRLEN a")).toBe(full.length);
    const errors = await run(queue, ["SET", "a", `${full}v`], ["APPEND", "a", "v"]);
    for (const error of errors) expect(JSON.stringify(error)).toContain("bytes");
    expect(await one(queue, "STRLEN a")).toBe(full.length);
  });

  it("of a value is the same for bytes that are no text", async () => {
    const queue = await openEngine({ config: {} });
    const bytes = "\xff\0".repeat(limits.redisValueBytesMax / 2);
    expect(await one(queue, ["SET", "a", bytes])).toEqual({ ok: "OK" });
    await queue.run("queue.checkpoint", {});
    expect(await one(queue, "GET a")).toBe(bytes);
  });

  it("of a name and of a member is its last byte", async () => {
    const queue = await openEngine({ config: {} });
    expect(await run(queue, ["SET", name, "1"], ["SADD", "s", member])).toEqual([{ ok: "OK" }, 1]);
    const errors = await run(queue, ["SET", `${name}n`, "1"], ["SADD", "s", `${member}m`]);
    for (const error of errors) expect(JSON.stringify(error)).toContain("at most");
  });

  it("of what is copied and stored at once is in elements", async () => {
    const queue = await openEngine({ config: {} });
    const most = limits.redisElementsPerCallMax;
    for (const at of [0, 1]) {
      await one(queue, ["SADD", "s", ...numbered(most / 2, `m${at}-`)]);
    }
    expect([await one(queue, "COPY s t"), await one(queue, "SUNIONSTORE u s")]).toEqual([1, most]);
    await one(queue, "SADD s more");
    const errors = [await one(queue, "COPY s t REPLACE"), await one(queue, "SUNIONSTORE u s")];
    for (const error of errors) expect(JSON.stringify(error)).toContain("more than");
    expect(await run(queue, "SCARD t", "SCARD u")).toEqual([most, most]);
  });

  it.each([
    ["LPOP l", "LLEN l"],
    ["LMOVE l l LEFT RIGHT", "LLEN l"],
    ["RPOPLPUSH l other", "LLEN l"],
    ["GETDEL s", "EXISTS s"],
    ["SPOP e 1", "SCARD e"],
    ["ZPOPMIN z", "ZCARD z"],
    ["BZPOPMAX z 0", "ZCARD z"],
    ["ZMPOP 1 z MIN", "ZCARD z"],
    ["HINCRBYFLOAT h f 1", "HLEN h"],
    ["INCRBYFLOAT n 1.5", "EXISTS s"],
  ])(
    "of the replies of a run holds for all of them, and %s changes nothing where it is met, and is the first of the next run or errs in an EXEC",
    async (line, count) => {
      const queue = await openEngine({ config: {} });
      await run(
        queue,
        ["RPUSH", "l", full],
        "SET s v",
        "SADD e m",
        "ZADD z 1 m",
        "HSET h f 1",
        "SET n 1",
      );
      const times = Math.floor(limits.redisReplyBytesMax / full.length) - 1;
      // What is left is less than the shortest reply.
      const left = full.length - 16 * (times + 1) - 10;
      const calls = [
        ...Array(times).fill("LINDEX l 0"),
        ["SET", "rest", "r".repeat(left)],
        "GET rest",
        line,
        count,
      ];
      expect(await run(queue, ...calls)).toHaveLength(times + 2);
      expect(await one(queue, count)).toBe(1);
      const replies = await runAtomic(queue, ...calls);
      expect(JSON.stringify(replies.at(-2))).toContain("the replies would be over");
      expect(replies.at(-1)).toBe(1);
    },
  );
});

describe("a scan", () => {
  it("tells the type behind each name where it is asked for, as Upstash does", async () => {
    const queue = await openEngine({ config: {} });
    await run(queue, "SET a 1", "RPUSH l x", "SADD s x");
    expect(await run(queue, "SCAN 0 WITHTYPE MATCH l COUNT 10", "SCAN 0 MATCH a WITHTYPE")).toEqual(
      [
        ["0", ["l", "list"]],
        ["0", ["a", "string"]],
      ],
    );
    const wrong = { error: "ERR syntax error" };
    expect(await run(queue, "SCAN 0 WITHTYPE x", "SSCAN s 0 WITHTYPE")).toEqual([wrong, wrong]);
  });

  it("tells every name that is there from its beginning to its end, whatever comes and goes", async () => {
    const queue = await openEngine({ config: {} });
    const kept = numbered(300, "kept");
    await run(queue, ...kept.map((name) => `SET ${name} v`));
    const found = new Set<string>();
    let cursor = "0";
    let step = 0;
    do {
      const reply = (await one(queue, `SCAN ${cursor} COUNT 7`)) as [string, string[]];
      for (const name of reply[1]) found.add(name);
      [cursor] = reply;
      step += 1;
      await run(queue, `SET passing${step} v`, `DEL passing${step - 1}`);
    } while (cursor !== "0");
    expect([...found].filter((name) => name.startsWith("kept")).sort()).toEqual(kept.sort());
    expect(step).toBeGreaterThan(300 / 8);
  });

  it.each(["HSCAN", "SSCAN", "ZSCAN"])("by %s tells every element once", async (command) => {
    const queue = await openEngine({ config: {} });
    const members = numbered(100);
    await run(
      queue,
      ["HSET", "HSCAN", ...members.flatMap((member) => [member, "v"])],
      ["SADD", "SSCAN", ...members],
      ["ZADD", "ZSCAN", ...members.flatMap((member) => ["1", member])],
    );
    const found: string[] = [];
    let cursor = "0";
    do {
      const reply = (await one(queue, `${command} ${command} ${cursor} COUNT 9`)) as [
        string,
        string[],
      ];
      found.push(...reply[1].filter((each) => each.startsWith("m")));
      [cursor] = reply;
    } while (cursor !== "0");
    expect(found.sort()).toEqual(members.sort());
  });
});

describe("chance", () => {
  it("gives each member of a set its turn", async () => {
    const queue = await openEngine({ config: {} });
    const members = numbered(400);
    await one(queue, ["SADD", "s", ...members]);
    const drawn = (await one(queue, "SRANDMEMBER s -8000")) as string[];
    expect(new Set(drawn).size).toBeGreaterThan(350);
    const different = (await one(queue, "SRANDMEMBER s 100")) as string[];
    expect(new Set(different).size).toBe(100);
  });

  it.each([
    ["SRANDMEMBER", "SADD", []],
    ["HRANDFIELD", "HSET", ["v"]],
    ["ZRANDMEMBER", "ZADD", []],
  ])("by %s may give more elements than a call may change", async (draw, add, value) => {
    const queue = await openEngine({ config: {} });
    const all = numbered(500).flatMap((each) => (add === "ZADD" ? ["1", each] : [each, ...value]));
    await one(queue, [add, "x", ...all]);
    const many = 2 * limits.redisElementsPerCallMax;
    expect(await one(queue, `${draw} x -${many}`)).toHaveLength(many);
    const error = JSON.stringify(await one(queue, `${draw} x -${limits.redisElementsSeenMax + 1}`));
    expect(error).toContain("would look at more than");
  });
});
