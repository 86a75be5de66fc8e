/**
 * Files that are sealed as an exporter would, and hold what no queue can go on with: each is refused with the place of what is wrong.
 * Invariant: nothing is changed, no import stays under way, and the queue goes on, also from storage.
 */
import { describe, expect, it } from "vitest";
import { sealOf } from "../../src/object/snapshot-answers.ts";
import { openEngine } from "../engine-harness.ts";
import { busyQueue, exported, type File, imported } from "./snapshot-rig.ts";
import { forged, plannedQueue, variedQueue } from "./verify-rig.ts";

type Manifest = File["manifest"];
type Row = [
  table: string,
  version: number,
  key: unknown[],
  value: Record<string, unknown>,
  ...string[],
];

/** A file whose rows of a table were changed. */
const withRows = (file: File, table: string, change: (row: Row) => void): File =>
  forged(file, (lines) =>
    lines.map((line) => {
      const row = JSON.parse(line) as Row;
      if (row[0] !== table) return line;
      change(row);
      return JSON.stringify(row);
    }),
  );

/** A file whose manifest was changed and sealed again. */
function withManifest({ chunks, manifest }: File, change: (meta: Manifest) => Partial<Manifest>) {
  const { sluice, format, seal: _, ...meta } = { ...manifest, ...change(manifest) };
  return { chunks, manifest: { sluice, format, ...meta, seal: sealOf(meta) } };
}

const max = Number.MAX_SAFE_INTEGER;
const inQueue = (change: (config: Record<string, unknown>) => void) => (file: File) =>
  withRows(file, "queue", ([, , , value]) => change(value["config"] as Record<string, unknown>));
const inRows = (table: string, field: string, value: unknown) => (file: File) =>
  withRows(file, table, (row) => {
    row[3][field] = value;
  });
const inLast = (field: string, value: number) => (file: File) =>
  withManifest(file, ({ last }) => ({ last: { ...last, [field]: value } }));

async function expectRefused(file: File, told: RegExp): Promise<void> {
  const target = await openEngine({ config: { leaseMs: 7000 } });
  await target.enqueue({ id: "kept" });
  const before = target.dump();
  const detail = expect.stringMatching(told);
  expect(await imported(target, file, true)).toMatchObject({
    refusalCode: "snapshot_invalid",
    detail,
  });
  expect(target.dump()).toEqual(before);
  expect((await target.run("snapshot.get", {})).importing).toBeNull();
  await target.reopen();
  expect(target.dump()).toEqual(before);
  expect(await target.job("kept")).toMatchObject({ state: "ready" });
}

describe("an import of a file that was sealed again", () => {
  it.each([
    [
      "a queue without a configuration",
      inQueue((config) => {
        for (const name in config) delete config[name];
      }),
      /queue \[0\]: value\.config/,
    ],
    [
      "a lease of no length",
      inQueue((config) => {
        config["leaseMs"] = "x";
      }),
      /chunk 1, line \d+, queue \[0\]: value\.config\.leaseMs/,
    ],
    ["the name of another queue", inRows("queue", "name", "other"), /value\.name/],
    ["a sequence at its end", inRows("counters", "seq", max), /counters \[0\]: value\.seq/],
    ["a sequence far from here", inRows("counters", "grant", 2 ** 45 + 1), /no queue comes to/],
    ["a negative counter", inRows("counters", "ready", -1), /value\.ready/],
    [
      "a counter that is missing",
      (file: File) =>
        withRows(file, "counters", ([, , , value]) => {
          delete value["passed"];
        }),
      /counters \[0\]: value\.passed: it is missing/,
    ],
    ["labels of no form", inRows("jobs", "labels", 7), /jobs \["job-\d+"\]: value\.labels/],
    ["attempts of no form", inRows("jobs", "attempts", 7), /value\.attempts/],
    [
      "a value that is a list",
      (file: File) =>
        withRows(file, "deadlines", (row) => {
          row[3] = [] as never;
        }),
      /chunk 1, line \d+: a line of the snapshot is not a row/,
    ],
    ["a field that no row has", inRows("jobs", "also", 1), /value\.also: there is no such field/],
    ["a huge text", inRows("jobs", "reason", "x".repeat(5000)), /value\.reason/],
    ["a time behind all dates", inRows("jobs", "expiresAt", 1e15), /value\.expiresAt/],
    [
      "a payload that is no JSON",
      (file: File) =>
        withRows(file, "jobs", (row) => {
          row[4] = "{".repeat(Buffer.byteLength(row[4] as string));
        }),
      /value\.payload: not JSON/,
    ],
    [
      "a payload among the fields of its value",
      inRows("jobs", "payload", "1"),
      /a text of it does not stand in its place/,
    ],
    [
      "a payload in two places",
      inRows("jobs", "payloadAt", 2),
      /its payload stands neither in it nor apart, or in both places/,
    ],
    [
      "a result that stands apart, and is of no size",
      inRows("jobs", "resultAt", 3),
      /of its result it says the place or the size alone/,
    ],
    [
      "a row of a version before the first",
      (file: File) =>
        withRows(file, "jobs", (row) => {
          row[1] = 0;
        }),
      /there is no row version 0/,
    ],
    [
      "the queue under another key",
      (file: File) =>
        withRows(file, "queue", (row) => {
          row[2] = [1];
        }),
      /queue \[1\]: key/,
    ],
    [
      "a row twice",
      (file: File) =>
        forged(file, (lines) => lines.flatMap((line, i) => (i === 9 ? [line, line] : [line]))),
      /chunk 1, line 11, jobs .*: it does not stand behind the row before it/,
    ],
    ["an entry at the end of the log", inLast("index", max), /last\.index/],
    ["an entry far from here", inLast("index", 2 ** 45 + 1), /no queue comes to entry/],
    ["a term at its end", inLast("term", max - 1), /last\.term/],
    ["a last entry behind all dates", inLast("at", max), /last\.at/],
    ["a last entry far in the future", inLast("at", 2_000_000_000_000), /ahead of the clock/],
    [
      "a membership that was stated later",
      (file: File) =>
        withManifest(file, ({ membership }) => ({
          membership: { ...membership, logId: { term: 1, index: 1_000_000 } },
        })),
      /membership/,
    ],
    [
      "more workers than a queue has",
      (file: File) =>
        withManifest(file, ({ tables }) => ({
          tables: { ...tables, workers: { version: 1, rows: 10_001 } },
        })),
      /workers has 10001 rows/,
    ],
  ] as const)("is refused for %s", async (_, spoil, told) => {
    await expectRefused(spoil(await exported(await busyQueue())), told);
  });

  it("is refused for a second row of a key whose name is not ASCII", async () => {
    const queue = await openEngine({ config: {} });
    await queue.enqueue({ key: "é" });
    const file = forged(await exported(queue), (lines) =>
      lines.flatMap((line) => {
        if (!line.startsWith('["keys",')) return [line];
        const [table, version, key] = JSON.parse(line) as Row;
        const none = { later: 0, ready: 0, running: 0, lingering: 0, lanes: {}, settings: {} };
        return [line, JSON.stringify([table, version, key, none])];
      }),
    );
    await expectRefused(file, /does not stand behind the row before it/);
  });

  it("is refused for a plan that is not what its row says", async () => {
    const file = withRows(await exported(await plannedQueue()), "plan_versions", (row) => {
      row[4] = '{"tasks":[]}';
    });
    await expectRefused(file, /value\.body/);
  });

  it("is refused for an operation that goes on where there is no place", async () => {
    const file = withRows(await exported(await variedQueue()), "operations", (row) => {
      row[3]["states"] = ["running"];
      row[3]["kind"] = "redrive";
    });
    await expectRefused(file, /operations .*: value\.states/);
  });
});
