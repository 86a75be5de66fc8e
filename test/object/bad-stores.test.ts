/**
 * Storage that is damaged or newer: the object says which entry, refuses writes, and still shows what stands before it.
 * Invariant: nothing is ever written to it.
 */
import { describe, expect, it } from "vitest";
import type { CommandName } from "../../src/contract/commands.ts";
import { openStore } from "../../src/store/schema.ts";
import { NodeSql } from "../../src/store/sql-node.ts";
import { codeOf, command, replyOf } from "./commands.ts";
import { EngineRig } from "./rig.ts";

/** A queue with jobs a, b and c in the tables, and d and e in entries 5 and 6 of the log's tail. */
async function rigWithTail(): Promise<EngineRig> {
  const rig = await EngineRig.registered();
  const enqueue = (id: string) =>
    rig.engine.submit(command("job.enqueue", { jobs: [{ id, payload: `"${id}"` }] }));
  await rig.engine.submit(
    command("job.enqueue", { jobs: ["a", "b", "c"].map((id) => ({ id, payload: "1" })) }),
  );
  await rig.engine.submit(command("queue.checkpoint", {}));
  await enqueue("d");
  await enqueue("e");
  return rig;
}

const log = (rig: EngineRig): string => {
  const rows = rig.sql.rows<[name: string]>(
    "SELECT name FROM sqlite_master WHERE name LIKE 'raft\\_log\\_%' ESCAPE '\\'",
  );
  return rows[0]?.[0] ?? "";
};

interface Damage {
  readonly name: string;
  readonly query: (table: string, last: number) => string;
  readonly code: "store_corrupt" | "store_newer";
  /** The entry named, counted from the last one. */
  readonly at?: 0 | -1;
  /** Jobs that can still be read. */
  readonly readable: readonly string[];
}

const damages: readonly Damage[] = [
  {
    name: "a hole",
    query: (table, last) => `DELETE FROM ${table} WHERE log_index = ${last - 1}`,
    code: "store_corrupt",
    at: -1,
    readable: ["a", "b", "c"],
  },
  {
    name: "a bad checksum",
    query: (table, last) =>
      `UPDATE ${table} SET texts = replace(texts, 'e', 'f') WHERE log_index = ${last}`,
    code: "store_corrupt",
    at: 0,
    readable: ["a", "b", "c", "d"],
  },
  {
    name: "a term regression",
    query: (table, last) => `UPDATE ${table} SET term = 0 WHERE log_index = ${last}`,
    code: "store_corrupt",
    at: 0,
    readable: ["a", "b", "c", "d"],
  },
  {
    name: "a time that goes back",
    query: (table, last) => `UPDATE ${table} SET at = 5 WHERE log_index = ${last - 1}`,
    code: "store_corrupt",
    at: -1,
    readable: ["a", "b", "c"],
  },
  {
    name: "an inverted order: a checkpoint behind the log's end",
    query: (_, last) =>
      `UPDATE raft_state SET checkpointed = json_set(checkpointed, '$.index', ${last + 3})`,
    code: "store_corrupt",
    readable: ["a", "b", "c"],
  },
  {
    name: "a segment cut short of what is checkpointed",
    query: (table, last) => `DELETE FROM ${table} WHERE log_index > ${last - 3}`,
    code: "store_corrupt",
    readable: ["a", "b", "c"],
  },
  {
    name: "a missing segment",
    query: (table) => `DROP TABLE ${table}`,
    code: "store_corrupt",
    readable: ["a", "b", "c"],
  },
  {
    name: "an unknown format",
    query: () => "UPDATE raft_state SET format = 9",
    code: "store_newer",
    readable: [],
  },
];

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

describe.each(damages)("$name", ({ query, code, at, readable }) => {
  it("refuses every write with the reason and the entry, and leaves storage as it is", async () => {
    const rig = await rigWithTail();
    const { lastIndex } = (await rig.stats()).log;
    rig.sql.run(query(log(rig), lastIndex));
    const before = bytes(rig);
    await rig.evict();
    for (const [name, input] of writes) {
      const answer = await rig.engine.submit(command(name, input as never));
      const facts = at === undefined ? {} : { facts: { index: lastIndex + at } };
      expect(answer).toMatchObject({ refusal: { refusalCode: code, ...facts } });
    }
    rig.armed = rig.now;
    await rig.fire();
    expect(bytes(rig)).toBe(before);
    expect(rig.faults.map(({ what }) => what)).toContain("open");
  });

  it("is given up by a forced deletion, unless newer code could use it", async () => {
    const rig = await rigWithTail();
    const { lastIndex } = (await rig.stats()).log;
    rig.sql.run(query(log(rig), lastIndex));
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
    const { lastIndex } = (await rig.stats()).log;
    rig.sql.run(query(log(rig), lastIndex));
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
    const { lastIndex } = (await rig.stats()).log;
    rig.sql.run(query(log(rig), lastIndex));
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
