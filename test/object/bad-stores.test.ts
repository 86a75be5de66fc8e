/**
 * Storage that is damaged or newer: the object says which entry, refuses writes, and still shows what stands before it.
 * Invariant: nothing is ever written to it.
 */
import { describe, expect, it } from "vitest";
import type { CommandName } from "../../src/contract/commands.ts";
import { openStore } from "../../src/store/schema.ts";
import { NodeSql } from "../../src/store/sql-node.ts";
import { codeOf, command, replyOf } from "./commands.ts";
import type { EngineRig } from "./rig.ts";
import { settledDamages } from "./settled-damages.ts";
import { damages, damageTo, log, rigWithTail } from "./store-damages.ts";

const writes: readonly [CommandName, object][] = [
  ["job.enqueue", { jobs: [{ payload: "1" }] }],
  ["lease.claim", {}],
  ["queue.pause", {}],
  ["queue.checkpoint", {}],
  ["queue.delete", {}],
  ["snapshot.build", {}],
];

/** Every row of the database, as text. */
const bytes = (rig: EngineRig): string => {
  const tables = rig.sql.rows<[name: string]>(
    "SELECT name FROM sqlite_master WHERE type = 'table'",
  );
  return JSON.stringify(tables.map(([name]) => [name, rig.sql.rows(`SELECT * FROM "${name}"`)]));
};

describe.each([...damages, ...settledDamages])("$name", (damage) => {
  const { code, at, readable } = damage;

  it("refuses every write with the reason and the entry, and leaves storage as it is", async () => {
    const rig = await rigWithTail();
    const lastIndex = await damageTo(rig, damage);
    const before = bytes(rig);
    await rig.evict();
    for (const [name, input] of writes) {
      const answer = await rig.engine.submit(command(name, input as never));
      const index = at === undefined ? undefined : lastIndex + at;
      expect(answer).toMatchObject({ refusal: { refusalCode: code } });
      expect("refusal" in answer && answer.refusal.facts?.["index"]).toBe(index);
    }
    rig.armed = rig.now;
    await rig.fire();
    expect(bytes(rig)).toBe(before);
    expect(rig.faults.map(({ what }) => what)).toContain("open");
  });

  it("is given up by a forced deletion, unless newer code could use it", async () => {
    const rig = await rigWithTail();
    await damageTo(rig, damage);
    await rig.evict();
    const force = command("queue.delete", { force: "true" });
    const both = await Promise.all([rig.engine.submit(force), rig.engine.submit(force)]);
    if (code === "store_newer") {
      expect(both.map(codeOf)).toEqual([code, code]);
      return;
    }
    expect(both.map(codeOf)).toEqual([undefined, "queue_unknown"]);
    await rig.fire();
    expect(rig.directory.queues.size).toBe(0);
    expect(
      await rig.engine.submit(command("job.enqueue", { jobs: [{ payload: "1" }] })),
    ).toHaveProperty("reply");
    await rig.fire();
    expect(rig.directory.queues.size).toBe(1);
  });

  it("still answers reads of the tables and of the tail up to there", async () => {
    const rig = await rigWithTail();
    const lastIndex = await damageTo(rig, damage);
    await rig.evict();
    const list = await rig.engine.read(command("job.list", {}));
    if (readable.length === 0) {
      expect(list).toMatchObject({ refusal: { refusalCode: code } });
      return;
    }
    expect(replyOf("job.list", list).jobs.map(({ id }) => id)).toEqual(readable);
    const stats = replyOf("queue.stats", await rig.engine.read(command("queue.stats", {})));
    expect(stats.counts.ready).toBe(readable.length);
    expect(stats.damage).toMatchObject({
      code,
      ...(at !== undefined && { index: lastIndex + at }),
    });
  });

  it("is exported as it is, and the export holds every row", async () => {
    const rig = await rigWithTail();
    await damageTo(rig, damage);
    await rig.evict();
    const lines: { table: string; row: Record<string, unknown> }[] = [];
    let after: string | undefined;
    do {
      const input = after === undefined ? {} : { after };
      const page = replyTextOf(await rig.engine.read(command("queue.raw", input)));
      const [head = "", ...rest] = page.split("\n").slice(0, -1);
      lines.push(...rest.map((line) => JSON.parse(line)));
      after = JSON.parse(head).after ?? undefined;
    } while (after !== undefined);
    const tables = JSON.parse(bytes(rig)) as [string, unknown[]][];
    for (const [table, rows] of tables) {
      expect(lines.filter((line) => line.table === table)).toHaveLength(rows.length);
    }
  });
});

const replyTextOf = (answer: Awaited<ReturnType<EngineRig["engine"]["read"]>>): string => {
  if ("reply" in answer) return answer.reply;
  throw new Error(answer.refusal.detail);
};

describe("a log cut above its checkpoint", () => {
  it("is a shorter log, which nothing stored tells from this one: the queue goes on from it", async () => {
    const rig = await rigWithTail();
    const { lastIndex } = (await rig.stats()).log;
    rig.sql.run(`DELETE FROM ${log(rig)} WHERE log_index = ${lastIndex}`);
    await rig.evict();
    expect((await rig.stats()).log.lastIndex).toBe(lastIndex - 1);
    const list = replyOf("job.list", await rig.engine.read(command("job.list", {})));
    expect(list.jobs.map(({ id }) => id)).toEqual(["a", "b", "c", "d"]);
    expect(
      await rig.engine.submit(command("job.enqueue", { jobs: [{ payload: "1" }] })),
    ).toHaveProperty("reply");
    expect(rig.faults).toEqual([]);
  });
});

describe("an event that this code has no writer for", () => {
  it("makes the store newer at its entry, and what stands before it can be read", async () => {
    const rig = await rigWithTail();
    const { lastIndex } = (await rig.stats()).log;
    const store = openStore(rig.sql);
    store.append({
      incarnation: 9,
      at: rig.now,
      keys: "[]",
      texts: "",
      events: '[{"type":"job.teleported","v":1}]',
    });
    await rig.evict();
    const answer = await rig.engine.submit(command("job.enqueue", { jobs: [{ payload: "1" }] }));
    expect(answer).toMatchObject({
      refusal: { refusalCode: "store_newer", facts: { index: lastIndex + 1 } },
    });
    const list = replyOf("job.list", await rig.engine.read(command("job.list", {})));
    expect(list.jobs.map(({ id }) => id)).toEqual(["a", "b", "c", "d", "e"]);
  });
});

describe("a raw export", () => {
  it("has every row of any table once, blobs as hexadecimal digits", async () => {
    const { rawPage } = await import("../../src/store/raw.ts");
    const sql = new NodeSql();
    sql.run("CREATE TABLE t (a BLOB, b INTEGER, c TEXT, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID");
    const rows = Array.from({ length: 100 }, (_, i) => [
      new Uint8Array([i % 9, 255]),
      i,
      "é".repeat(50_000),
    ]);
    for (const row of rows)
      sql.run("INSERT INTO t VALUES (?, ?, ?)", ...(row as [Uint8Array, number, string]));
    const seen: unknown[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page = rawPage(sql, after);
      pages += 1;
      for (const line of page.lines.split("\n").slice(0, -1)) seen.push(JSON.parse(line).row);
      ({ after } = page);
    } while (after !== undefined);
    expect(pages).toBeGreaterThan(2);
    expect(seen).toHaveLength(100);
    expect(seen[0]).toEqual({ a: "00ff", b: 0, c: "é".repeat(50_000) });
  });
});
