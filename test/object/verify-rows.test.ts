/**
 * Verifying leases, workers, operations and times, the order of rows, and what travels from one step to the next.
 */
import { describe, expect, it } from "vitest";
import { queueVerify } from "../../src/contract/queue.ts";
import { verifyRow } from "../../src/machine/verify.ts";
import { beginVerify, derived, follow } from "../../src/machine/verify-state.ts";
import { cursorOf, type Place } from "../../src/object/verify.ts";
import { firstRow } from "../../src/object/verify-rows.ts";
import { noCounters } from "../../src/store/queue.ts";
import { openEngine } from "../engine-harness.ts";
import { planOf } from "../machine/plan-rig.ts";
import { exported, imported } from "./snapshot-rig.ts";
import {
  damage,
  expectFound,
  forged,
  problemsOf,
  set,
  unset,
  variedQueue,
  withSmallChunks,
} from "./verify-rig.ts";

const running = "value ->> 'state' = 'running'";
const lastOperation = "seq = (SELECT max(seq) FROM operations)";

describe("a verification of what a queue has besides", () => {
  it("gives cursors that the gate takes", async () => {
    const queue = await variedQueue();
    for (let i = 0; i < 36; i += 1) {
      await queue.enqueue();
      await queue.claim({ worker: `worker-${i}` });
    }
    // The name of a lane may be longer than a cursor.
    const requires = Array.from({ length: 16 }, (_, i) => `${i}`.padStart(256, "x")).sort();
    await queue.enqueue({ requires });
    await withSmallChunks(() => exported(queue), 5000);
    let longest = 0;
    for (let reply = await queue.run("queue.verify", {}); reply.cursor !== undefined; ) {
      queueVerify.parse({ cursor: reply.cursor });
      longest = Math.max(longest, reply.cursor.length);
      reply = await queue.run("queue.verify", { cursor: reply.cursor });
    }
    expect(longest).toBeGreaterThan(3000);
  });

  it("gives cursors that the gate takes, also where every number in them is as long as can be", () => {
    const { state, ...first } = firstRow(4e12);
    const sum = 2 ** 52 - 1;
    const long: Record<string, unknown> = { ...state };
    for (const sets of [state.found, state.implied]) {
      for (const name of derived) sets[name] = [1e10 - 1, sum];
    }
    const grown = <T extends object>(counts: T) =>
      Object.fromEntries(Object.keys(counts).map((name) => [name, 1e14 - 1]));
    long["counted"] = grown(state.counted);
    long["counters"] = grown({ ...noCounters });
    for (let i = 0; i < 100; i += 1) follow(state.slots, `slot ${i}`, 4e12 + 1);
    for (let i = 0; i < 100; i += 1) follow(state.grants, `grant ${i}`, sum);
    long["before"] = { table: "schedules of plans", key: ["x".repeat(200), "y".repeat(200)] };
    const place: Omit<Place, "state"> = {
      ...first,
      chunk: 1e9,
      line: 1e9,
      rows: 1e10,
      digest: "f".repeat(64),
      entries: 1e15,
      index: 1e15,
    };
    const cursor = cursorOf({ ...place, state: long as never });
    expect(queueVerify.safeParse({ cursor }).error).toBeUndefined();
  });

  it("ends a step within a chunk whose rows name rows of many others", async () => {
    const queue = await openEngine({ config: {} });
    for (let i = 0; i < 50; i += 1) {
      await queue.run("plan.submit", planOf(`plan-${i}`));
      await queue.enqueue({ id: `job-${i}`, plan: `plan-${i}` });
    }
    const isVersion = (line: string) => line.startsWith('["plan_versions"');
    const scattered = forged(
      await exported(queue),
      (lines) => lines,
      (lines) => {
        const first = lines.findIndex(isVersion);
        const chunks = [lines.slice(0, first), ...lines.filter(isVersion).map((line) => [line])];
        return [...chunks, lines.slice(first + 50)].map((each) => `${each.join("\n")}\n`);
      },
    );
    const target = await openEngine();
    expect(await imported(target, scattered)).toHaveProperty("imported");
    const rows = scattered.chunks[0]?.split("\n").length ?? 0;
    const stops = new Set<number>();
    for (let reply = await target.run("queue.verify", {}); ; ) {
      expect(reply.problems).toEqual([]);
      stops.add(reply.checked.rows);
      if (reply.cursor === undefined) break;
      reply = await target.run("queue.verify", { cursor: reply.cursor });
    }
    expect([...stops].filter((stop) => stop > 0 && stop < rows - 1).length).toBeGreaterThan(1);
    expect(Math.max(...stops)).toBe(
      Object.values(scattered.manifest.tables).reduce((sum, each) => sum + each.rows, 0),
    );
  });

  it("verifies a bounded number of rows at a step, also of a chunk of very many", async () => {
    const queue = await openEngine({ config: {} });
    for (let i = 0; i < 3; i += 1) {
      const specOf = (k: number) => ({ payload: "1", unique: { key: `order-${1000 * i + k}` } });
      await queue.run("job.enqueue", { jobs: Array.from({ length: 1000 }, (_, k) => specOf(k)) });
    }
    const { manifest } = await exported(queue);
    const rows = Object.values(manifest.tables).reduce((sum, each) => sum + each.rows, 0);
    expect(rows).toBeGreaterThan(2500 * manifest.chunks);
    let before = 0;
    for (let reply = await queue.run("queue.verify", {}); ; ) {
      expect(reply.problems).toEqual([]);
      expect(reply.checked.rows - before).toBeLessThanOrEqual(2000);
      before = reply.checked.rows;
      if (reply.cursor === undefined) break;
      reply = await queue.run("queue.verify", { cursor: reply.cursor });
    }
    expect(before).toBe(rows);
  });

  it.each([
    ["no payload", ["UPDATE jobs SET payload = NULL WHERE id = 'a'"], "I1", "it has no payload"],
    ["no end", [unset("jobs", "endedAt", "id = 'plain'")], "I1", "by its end it is not"],
    ["a due time", [set("jobs", "runAt", 1, "id = 'c'")], "I1", "its due time not"],
    ["no place", [unset("jobs", "readyAt", "id = 'newest'")], "I1", "it is ready without a place"],
    ["no lease", [unset("jobs", "leaseUntil", "id = 'a'")], "I2", "it is running, its lease not"],
    ["no token", [unset("jobs", "grant", "id = 'a'")], "I2", "it runs without a token"],
    ["more failures than it may have", [set("jobs", "failures", 99, "id = 'a'")], "I4", "99 times"],
  ] as const)("finds a job with %s", async (_, damages, invariant, told) => {
    await expectFound(await variedQueue(), damages, invariant, told);
  });

  it("finds a second row of the queue", async () => {
    const queue = await variedQueue();
    await damage(queue, ["INSERT INTO queue SELECT 1, version, value FROM queue"]);
    const told = ["queue 1: key.0: Invalid input: expected 0.", "The queue has 2 rows, not one."];
    expect(await problemsOf(queue)).toEqual(told.map((detail) => ({ invariant: "I11", detail })));
  });

  it.each([
    [
      "a grant that was given twice",
      [
        set("jobs", "grant", 3, running),
        // The job of another claim; those of one claim share a grant.
        set("jobs", "worker", "other", "id = 'c'"),
      ],
      "I2",
      "it runs by grant 3, which was given in another claim",
    ],
    [
      "a grant that was not given",
      [set("jobs", "grant", 999, "id = 'a'")],
      "I2",
      "The sequence grant is 4, and 999 was given",
    ],
    ["a lease of a worker that is not registered", ["DELETE FROM workers"], "I11", "holders: 0"],
    ["a row of what nobody holds", ["UPDATE held SET worker = 'nobody'"], "I11", "held: 2"],
    [
      "a job in hands that are not registered",
      [set("jobs", "worker", "nobody", running)],
      "I11",
      "holders: 2",
    ],
    [
      "a lost operation",
      [`DELETE FROM operations WHERE ${lastOperation}`],
      "I11",
      "operation is 2",
    ],
    [
      "an operation that has not ended",
      [unset("operations", "endedAt", lastOperation)],
      "I11",
      "its end and the place where it goes on differ",
    ],
    [
      "an operation that goes on in a state that it is not for",
      [unset("operations", "endedAt"), set("operations", "state", "ready")],
      "I11",
      "its end and the place where it goes on differ",
    ],
    [
      "an operation that goes on behind its end",
      [set("operations", "after", [1])],
      "I11",
      "it goes on in no state",
    ],
    ["an operation of another id", [set("operations", "id", "x")], "I11", "its id x is of another"],
    [
      "an operation that changed what it did not see",
      [set("operations", "changed", 9)],
      "I11",
      "9",
    ],
    ["an operation of later jobs", [set("operations", "seqMax", 999)], "I11", "999 was given"],
    ["a release of later grants", [set("operations", "grantMax", 999)], "I2", "999 was given"],
  ] as const)("finds %s", async (_, damages, invariant, told) => {
    await expectFound(await variedQueue(), damages, invariant, told);
  });

  it.each([
    ...["createdAt", "readyAt", "startedAt", "leaseEndedAt"].map((each) => ["jobs", each] as const),
    ...["createdAt", "ended.at"].map((each) => ["actions", each] as const),
    ...["registeredAt", "seenAt", "drainingAt", "diedAt", "leftAt"].map(
      (each) => ["workers", each] as const,
    ),
    ...["createdAt", "updatedAt", "lastUsedAt", "removedAt"].map(
      (each) => ["plans", each] as const,
    ),
    ["plan_versions", "createdAt"],
    ["tasks", "reportedAt"],
    ...["startedAt", "endedAt"].map((each) => ["operations", each] as const),
    ...["createdAt", "paused.at"].map((each) => ["queue", each] as const),
  ] as const)("finds %s with a %s from after the last entry", async (table, field) => {
    const queue = await variedQueue();
    await queue.run("queue.pause", {});
    const told = `its ${field} 9000000000000 is behind the last entry`;
    const where = field === "ended.at" ? "id = 'ended'" : "true";
    await expectFound(queue, [set(table, field, 9e12, where)], "I15", told);
  });

  it("finds an attempt that ended after the last entry", async () => {
    const attempts = [{ run: 1, attempt: 1, outcome: "failed", startedAt: 1, endedAt: 9e12 }];
    const damages = [set("jobs", "attempts", attempts, "id = 'a'")];
    await expectFound(await variedQueue(), damages, "I15", "its attempt's end 9000000000000");
  });
});

it.each([
  ["twice", ["b"], ["b"]],
  ["before the one before it", ["b"], ["a"]],
])("a row that stands %s is found, whoever reads it", (_, first, second) => {
  const state = beginVerify(1);
  const rowOf = (key: readonly string[]) => ({
    table: "held",
    key: ["w", ...key],
    value: {},
    texts: [],
  });
  expect(verifyRow(state, rowOf(first), () => undefined)).toEqual([]);
  expect(verifyRow(state, rowOf(second), () => undefined)).toMatchObject([
    {
      invariant: "I11",
      detail: expect.stringContaining("it does not stand behind the row before it"),
    },
  ]);
});

describe("an import", () => {
  it.each([
    [
      "a row that comes twice",
      (lines: readonly string[]) => lines.flatMap((l) => (l.includes('"held"') ? [l, l] : [l])),
    ],
    ["rows in another order", (lines: readonly string[]) => lines.toReversed()],
    ["tables in another order", ([first = "", ...lines]: readonly string[]) => [...lines, first]],
  ] as const)("refuses %s", async (_, edit) => {
    const file = await exported(await variedQueue());
    expect(
      await imported(
        await openEngine(),
        forged(file, (lines) => lines),
      ),
    ).toHaveProperty("imported");
    expect(await imported(await openEngine(), forged(file, edit))).toMatchObject({
      refusalCode: "snapshot_invalid",
      detail: expect.stringContaining("it does not stand behind the row before it"),
    });
  });
});
