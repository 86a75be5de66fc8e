/**
 * Those who stay with a queue on a socket when its store turns out to be damaged: as the object wakes, and later.
 * Invariant: each is told why at once, or is closed with it; nobody waits on, and nothing is written.
 */
import { describe, expect, it } from "vitest";
import { TAKEN, WAITING } from "../../src/contract/waits.ts";
import { newChannel } from "../../src/object/channel.ts";
import type { QueueEngine } from "../../src/object/engine.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { AgqRig } from "./agq-rig.ts";
import { TestChannel } from "./channel-rig.ts";
import { codeOf, command, enqueue } from "./commands.ts";
import { RedisRig } from "./redis-rig.ts";
import { turns } from "./rig.ts";
import { rigWithTail } from "./store-damages.ts";
import { TestSocket } from "./wait-socket.ts";

type Sql = Pick<Harness["sql"], "rows" | "run">;

/** The last entry's keys are no JSON from now on, which is looked at at every wake, and when a key is looked up. */
function spoil(sql: Sql): void {
  const [[table = ""] = []] = sql.rows<[name: string]>(
    "SELECT name FROM sqlite_master WHERE name GLOB 'raft_log_*' ORDER BY name DESC LIMIT 1",
  );
  sql.run(
    `UPDATE ${table} SET keys = '[}' WHERE log_index = (SELECT max(log_index) FROM ${table})`,
  );
}

/** Has an entry with a key written, and spoils it. */
async function damage(engine: QueueEngine, sql: Sql): Promise<void> {
  await engine.submit(enqueue([{ id: "last", runAt: 1_900_000_000_000 }], { key: "k" }));
  spoil(sql);
}

/** Every row of the database, as text. */
const rowsOf = (sql: Sql): string => {
  const tables = sql.rows<[name: string]>("SELECT name FROM sqlite_master WHERE type = 'table'");
  return JSON.stringify(tables.map(([name]) => sql.rows(`SELECT * FROM "${name}"`)));
};

/** How a damaged store is come upon. */
const ways = [
  ["as the object wakes", (q: Harness) => q.crash()],
  [
    "later, when somebody meets it",
    async (q: Harness) => {
      await q.engine.submit(enqueue([{ id: "x" }], { key: "k" }));
      await turns();
    },
  ],
] as const;

/** A queue with a running job and a registered worker; it is not checked any more, since faults are expected. */
async function queue(): Promise<Harness> {
  const q = await openEngine({ config: {} });
  await q.enqueue({ id: "held" });
  await q.claimOne();
  await q.crash();
  await q.engine.submit(command("queue.checkpoint", {}));
  return q;
}

describe.each(ways)("a store that is found to be damaged %s", (_, meet) => {
  it("answers those who wait for jobs 503 store_corrupt, once", async () => {
    const q = await queue();
    const waiters = [await q.waitForJobs(), await q.waitForJobs({ max: 2 }, undefined)];
    await damage(q.engine, q.sql);
    const before = rowsOf(q.sql);
    await meet(q);
    await turns();
    for (const { sent, answer } of waiters) {
      expect(sent).toHaveLength(2);
      expect(answer).toEqual({ refused: "store_corrupt" });
    }
    await q.engine.submit(enqueue([{ id: "y" }]));
    expect(waiters.map(({ sent }) => sent.length)).toEqual([2, 2]);
    expect(rowsOf(q.sql)).toBe(before);
  });

  it("tells those who wait for the end of a job what there is of it, as a plain read would", async () => {
    const q = await queue();
    const waiter = await q.wait({ kind: "job", id: "held" });
    await damage(q.engine, q.sql);
    expect(waiter.sent).toEqual([WAITING]);
    await meet(q);
    await turns();
    expect(waiter.answer).toMatchObject({ job: { id: "held", state: "running" } });
  });

  it("closes every worker's channel with 503 store_corrupt, also one that has said nothing yet", async () => {
    const q = await queue();
    await q.enqueue({ id: "sent" });
    const working = await TestChannel.hello(q, "w", { credit: 1 });
    expect(working.ids).toEqual(["sent"]);
    const idle = await TestChannel.hello(q, "v");
    const silent = { socket: new TestSocket() };
    silent.socket.keep({ order: 0, channel: newChannel(q.now) });
    q.sockets.push(silent.socket);
    await q.crash();
    await damage(q.engine, q.sql);
    const before = rowsOf(q.sql);
    await meet(q);
    await turns();
    for (const { socket } of [working, idle, silent]) {
      expect(socket.closed).toEqual({ code: 4503, reason: "store_corrupt" });
      expect(socket.sent.at(-1)).toMatch(/"status":503,"code":"store_corrupt"/);
    }
    expect(rowsOf(q.sql)).toBe(before);
  });

  it("ends readers of the feed with it", async () => {
    const q = await queue();
    const reader = await q.follow();
    await damage(q.engine, q.sql);
    await meet(q);
    await turns();
    expect(reader.closed).toMatchObject({ reason: "store_corrupt" });
  });

  it("answers an AGQ worker that waits for a job with an error, once, and hears it on", async () => {
    const q = await queue();
    const rig = new AgqRig(q);
    rig.connect("w", "agq-g2");
    expect(await rig.ask("w", ["BRPOPLPUSH", "queue:ready", "queue:processing", "0"])).toBe("");
    await damage(q.engine, q.sql);
    await meet(q);
    await turns();
    expect(rig.take("w")).toMatch(/^-READONLY [^\r]*\r\n$/);
    expect(await rig.ask("w", ["PING"])).toBe("+PONG\r\n");
    expect(await rig.ask("w", ["BRPOPLPUSH", "queue:ready", "queue:processing", "0"])).toMatch(
      /^-READONLY [^\r]*\r\n$/,
    );
    expect(rig.isClosed("w")).toBe(false);
  });
});

describe("whoever comes to a store that is damaged", () => {
  async function damaged(): Promise<Harness> {
    const q = await queue();
    await damage(q.engine, q.sql);
    await q.crash();
    return q;
  }

  it("is refused a wait for jobs, and told at once what there is of a job", async () => {
    const q = await damaged();
    expect((await q.waitForJobs()).answer).toEqual({ refused: "store_corrupt" });
    expect((await q.wait({ kind: "job", id: "held" })).answer).toMatchObject({
      job: { id: "held", state: "running" },
    });
    expect((await q.wait({ kind: "job", id: "nobody" })).answer).toEqual({
      refused: "job_unknown",
    });
  });

  it("is closed with it on a channel", async () => {
    const q = await damaged();
    const { socket } = await TestChannel.hello(q, "w", { credit: 1 });
    expect(socket.closed).toEqual({ code: 4503, reason: "store_corrupt" });
  });

  it("is told nothing more where it was answered before", async () => {
    const q = await queue();
    const waiter = await q.waitForJobs();
    await q.engine.submit(enqueue([{ id: "given" }]));
    await turns();
    expect(waiter.jobs).toEqual(["given"]);
    await damage(q.engine, q.sql);
    await q.crash();
    await q.say(waiter, TAKEN);
    expect(waiter.sent).toHaveLength(2);
    expect(waiter.kept()?.given).toBeUndefined();
  });
});

describe("a store that newer code wrote, which is only read", () => {
  it("keeps nobody waiting, and readers of the feed go on", async () => {
    const q = await queue();
    const waiter = await q.waitForJobs();
    const watcher = await q.wait({ kind: "job", id: "held" });
    const channel = await TestChannel.hello(q, "w");
    const reader = await q.follow();
    q.sql.run("UPDATE raft_state SET format = format + 1");
    await q.crash();
    await turns();
    expect(waiter.answer).toEqual({ refused: "store_newer" });
    expect(watcher.answer).toMatchObject({ job: { id: "held", state: "running" } });
    expect(channel.socket.closed?.reason).toBe("store_newer");
    expect(reader.closed).toBeUndefined();
  });
});

describe("a Redis client that waits without end at a store that turns out to be damaged", () => {
  const waiting = async () => {
    const rig = await RedisRig.quiet();
    const client = rig.client();
    expect(await client.says("BLPOP l 0")).toBe("");
    await rig.engine.submit(command("queue.checkpoint", {}));
    await damage(rig.engine, rig.sql);
    return { rig, client };
  };

  it("is told so when the object wakes, and no alarm is armed for it", async () => {
    const { rig, client } = await waiting();
    rig.armed = null;
    await rig.evict();
    expect(client.heard()).toMatch(/^-READONLY [^\r]*\r\n$/);
    expect(client.isWaiting).toBe(false);
    expect(rig.armed).toBeNull();
  });

  it("is told so when that is found, and so is what it says then", async () => {
    const { rig, client } = await waiting();
    expect(codeOf(await rig.engine.submit(enqueue([{ id: "x" }], { key: "k" })))).toBe(
      "store_corrupt",
    );
    await turns();
    expect(client.heard()).toMatch(/^-READONLY [^\r]*\r\n$/);
    expect(await client.says("BLPOP l 0")).toMatch(/^-READONLY /);
    expect(await client.says("MULTI", "SET a b", "EXEC")).toMatch(
      /^\+OK\r\n\+QUEUED\r\n-EXECABORT [^\r]*READONLY [^\r]*\r\n$/,
    );
  });

  it("is told its reply, and not that, where it was answered before", async () => {
    const { rig, client } = await waiting();
    await rig.client().says("RPUSH l a");
    await rig.engine.submit(enqueue([{ id: "x" }], { key: "k" }));
    await turns();
    expect(client.heard()).toBe("*2\r\n$1\r\nl\r\n$1\r\na\r\n");
  });
});

it.each([
  ["queue.checkpoint", {}],
  ["queue.delete", {}],
  ["snapshot.build", {}],
  ["snapshot.remove", {}],
] as const)(
  "%s, which waits to be alone as damage is found, is refused with it",
  async (name, input) => {
    const { engine, sql } = await rigWithTail();
    await engine.submit(enqueue([{ id: "last", runAt: 1_900_000_000_000 }], { key: "k" }));
    spoil(sql);
    const before = rowsOf(sql);
    sql.isHeld = true;
    // It meets the damage: behind its group the store is given up, and then comes who waits behind that.
    const meeting = engine.submit(enqueue([{ id: "x" }], { key: "k" }));
    await turns();
    const waiting = engine.submit(command(name, input));
    while (sql.waiting > 0) await sql.settle();
    expect(codeOf(await waiting)).toBe("store_corrupt");
    await meeting;
    expect(rowsOf(sql)).toBe(before);
  },
);
