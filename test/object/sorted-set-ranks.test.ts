/**
 * Ranks in sorted sets of many members: found wherever they stand, and true whatever has become of the set and of its instance.
 */
import { describe, expect, it, vi } from "vitest";
import { decisions } from "../../src/machine/index.ts";
import { storeFormat } from "../../src/store/hard-state.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { checkNameTables } from "../invariants-names.ts";
import { one, run, words } from "../machine/name-rig.ts";
import { command, replyOf } from "./commands.ts";
import { EngineRig } from "./rig.ts";
import { exported, imported, verified } from "./snapshot-rig.ts";
import { set } from "./verify-rig.ts";

const CALL = 1000;
const memberOf = (i: number): string => `m${String(i).padStart(7, "0")}`;

/** A queue whose set `z` has so many members, of which the i-th has the score i. */
async function ranked(members: number): Promise<Harness> {
  const queue = await openEngine({ config: {} });
  for (let i = 0; i < members / CALL; i += 1) await one(queue, adding("z", i));
  return queue;
}

/** The i-th call that makes such a set. */
function adding(name: string, i: number, scoreOf = (at: number): number => at): string[] {
  const pairs = Array.from({ length: CALL }, (_, j) => {
    const at = i * CALL + j;
    return [String(scoreOf(at)), memberOf(at)];
  });
  return ["ZADD", name, ...pairs.flat()];
}

/** Expects the members of a set to be these, in this order, by ranks that are looked up here and there. */
async function expectRanks(queue: Harness, name: string, members: readonly string[]) {
  const ranks = [0, 1, 0.1, 0.33, 0.5, 0.77, 0.99].map((part) =>
    Math.min(members.length - 1, Math.floor(part * members.length)),
  );
  const last = members.length - 1;
  const asked = ranks.flatMap((rank) => {
    const member = members[rank] ?? "";
    return [
      [["ZRANK", name, member], rank],
      [["ZREVRANK", name, member], last - rank],
      [["ZRANGE", name, String(rank), String(rank)], [member]],
      [["ZRANGE", name, String(last - rank), String(last - rank), "REV"], [member]],
      [["ZCOUNT", name, "-inf", "+inf"], members.length],
    ] as [string[], unknown][];
  });
  expect(await run(queue, ...asked.map(([call]) => call))).toEqual(asked.map(([, reply]) => reply));
}

const all = (members: number): string[] => Array.from({ length: members }, (_, i) => memberOf(i));
const blob = (text: string): string => `CAST('${text}' AS BLOB)`;
const storedBlocks = (queue: Harness) =>
  queue.sql.rows("SELECT gen, value ->> 'count' FROM blocks_zset_scores ORDER BY gen");

describe("ranks in large sorted sets", () => {
  it("are found in the middle of 210,000 members by a look at a few hundred", async () => {
    const rig = new EngineRig();
    const says = async (...calls: string[][]) =>
      replyOf("redis.run", await rig.engine.submit(command("redis.run", { calls }))).replies;
    await rig.engine.submit(command("queue.configure", {}));
    for (let i = 0; i < 210; i += 1) await says(adding("z", i));
    await rig.engine.submit(command("queue.checkpoint", {}));
    const looks = [
      [`ZRANK z ${memberOf(105_000)}`, 105_000],
      [`ZREVRANK z ${memberOf(105_000)}`, 104_999],
      ["ZRANGE z 105000 105001", [memberOf(105_000), memberOf(105_001)]],
      ["ZRANGE z 0 -1 BYSCORE LIMIT 140000 1", []],
      ["ZRANGE z 0 inf BYSCORE LIMIT 140000 1", [memberOf(140_000)]],
      ["ZCOUNT z 1000 (200000", 199_000],
      ["ZREMRANGEBYRANK z 150000 150001", 2],
      [`ZRANK z ${memberOf(150_002)}`, 150_000],
    ] as const;
    for (const [call, reply] of looks) {
      const before = rig.sql.counts.rowsRead;
      expect(await says(words(call)), call).toEqual([reply]);
      expect(rig.sql.counts.rowsRead - before, call).toBeLessThan(1500);
    }
  });

  it("are found by members of one score, which are counted too", async () => {
    const queue = await openEngine({ config: {} });
    for (let i = 0; i < 5; i += 1)
      await one(
        queue,
        adding("z", i, () => 7),
      );
    expect(
      await run(
        queue,
        `ZLEXCOUNT z [${memberOf(100)} (${memberOf(4100)}`,
        `ZLEXCOUNT z (${memberOf(100)} [${memberOf(4100)}`,
        `ZLEXCOUNT z (${memberOf(100)} +`,
        `ZRANGE z - + BYLEX LIMIT 3000 2`,
        `ZRANGE z + (${memberOf(10)} BYLEX REV LIMIT 4000 1`,
        `ZREMRANGEBYLEX z [${memberOf(0)} [${memberOf(0)}`,
        `ZRANK z ${memberOf(4999)}`,
      ),
    ).toEqual([4000, 4000, 4899, [memberOf(3000), memberOf(3001)], [memberOf(999)], 1, 4998]);
  });

  it("are those of the members that are left, whatever set they have come to", async () => {
    const queue = await ranked(6000);
    const members = all(6000);
    const calls = ["COPY z copied", "ZUNIONSTORE united 1 z", "ZRANGESTORE part z 1000 4999"];
    for (const call of calls) await run(queue, call);
    await run(queue, "RENAME z renamed", ["ZREMRANGEBYSCORE", "renamed", "10", "1009"]);
    const left = members.filter((_, i) => i < 10 || i > 1009);
    for (const isNew of [false, true]) {
      if (isNew) await queue.reopen();
      await expectRanks(queue, "renamed", left);
      await expectRanks(queue, "copied", members);
      await expectRanks(queue, "united", members);
      await expectRanks(queue, "part", members.slice(1000, 5000));
      await queue.run("queue.checkpoint", {});
    }
    checkNameTables(queue.store.tables);
  });

  it("are as before where a command came to nothing", async () => {
    const queue = await ranked(4000);
    await queue.run("queue.checkpoint", {});
    await expectRanks(queue, "z", all(4000));
    const decide = decisions["redis.run"];
    vi.spyOn(decisions, "redis.run").mockImplementationOnce((tx, input) => {
      decide(tx, input);
      throw new Error("poison");
    });
    const calls = [
      ["ZREMRANGEBYRANK", "z", "100", "1999"],
      ["ZADD", "z", "-5", "first", "55.5", "between"],
      ["ZRANGE", "z", "1500", "1500"],
      ["ZRANK", "z", memberOf(3000)],
    ];
    await expect(queue.answer("redis.run", { calls })).rejects.toThrow("poison");
    queue.faults.length = 0;
    await expectRanks(queue, "z", all(4000));
    await queue.run("queue.checkpoint", {});
    await queue.reopen();
    await expectRanks(queue, "z", all(4000));
  });

  it("cost nothing any more once a set is gone, whose name may be another's meanwhile", async () => {
    const queue = await ranked(5000);
    await queue.run("queue.checkpoint", {});
    expect(storedBlocks(queue).length).toBeGreaterThan(15);
    await run(queue, "DEL z", "ZADD z 1 a 2 b");
    expect(await run(queue, "ZRANK z b", "ZCOUNT z -inf inf")).toEqual([1, 2]);
    await queue.advance(60_000);
    await queue.run("queue.checkpoint", {});
    expect(queue.sql.rows("SELECT count(*) FROM zset_scores")).toEqual([[2]]);
    expect(storedBlocks(queue)).toEqual([]);
  });

  it("come with a snapshot, which is without blocks, in the place of those that were there", async () => {
    const source = await ranked(5000);
    const file = await exported(source);
    expect(file.chunks.join("")).not.toContain("blocks_");
    const target = await ranked(3000);
    await target.run("queue.checkpoint", {});
    await one(target, `ZRANK z ${memberOf(1000)}`);
    expect(await imported(target, file, true)).toMatchObject({ imported: expect.anything() });
    await expectRanks(target, "z", all(5000));
    await one(target, "SET any thing");
    await target.run("queue.checkpoint", {});
    expect(storedBlocks(target).reduce((sum, [, count]) => sum + Number(count), 0)).toBe(5000);
    expect((await verified(target)).problems).toEqual([]);
  });

  it("are found in a store of the format before, which has no blocks yet", async () => {
    const queue = await ranked(5000);
    await queue.run("queue.checkpoint", {});
    queue.sql.run("DROP TABLE blocks_zset_scores");
    queue.sql.run("UPDATE raft_state SET format = 3");
    await queue.reopen();
    await expectRanks(queue, "z", all(5000));
    await one(queue, "ZADD z 2.5 new");
    await queue.run("queue.checkpoint", {});
    expect(queue.sql.rows("SELECT format FROM raft_state")).toEqual([[storeFormat]]);
    await queue.reopen();
    await expectRanks(queue, "z", [...all(3), "new", ...all(5000).slice(3)]);
    expect(storedBlocks(queue).length).toBeGreaterThan(15);
  });

  it.each([
    ["a count that is not that of its rows", set("blocks_zset_scores", "count", 7)],
    [
      "a block that is lost",
      `DELETE FROM blocks_zset_scores WHERE member > ${blob(memberOf(2000))}`,
    ],
    ["rows that are lost", `DELETE FROM zset_scores WHERE member = ${blob(memberOf(4321))}`],
  ])("are verified: %s is found", async (_, damage) => {
    const queue = await ranked(5000);
    await exported(queue);
    expect((await verified(queue)).problems).toEqual([]);
    queue.sql.run(damage);
    await queue.crash();
    const { problems } = await verified(queue);
    expect(problems).toContainEqual({
      invariant: "I11",
      detail: expect.stringContaining("A block counts other rows"),
    });
  });
});
