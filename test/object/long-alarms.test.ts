/**
 * An alarm with much to do at once: who gets a word in, and what its checkpoints come to.
 * Invariant: no turn of it does more than a bounded part, whatever has come due.
 */
import { afterEach, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Store } from "../../src/store/store.ts";
import { claim, command, complete, enqueue, idsOf, replyOf, settle } from "./commands.ts";
import { EngineRig } from "./rig.ts";

afterEach(() => vi.restoreAllMocks());

/** More than two turns have room for, and than a checkpoint leaves to a list. */
const BATCHES = 9;
const BATCH = 1000;

/** A rig in which so many jobs are due at once, all of them in SQLite. */
async function rigWithDue(): Promise<EngineRig> {
  const rig = await EngineRig.registered();
  for (let i = 0; i < BATCHES; i += 1) {
    await rig.engine.submit(enqueue(Array(BATCH).fill({ delayMs: 1000 })));
  }
  await rig.engine.submit(command("queue.checkpoint", {}));
  return rig;
}

/** The changed rows that each checkpoint from now on finds. */
function rowsOfCheckpoints(): number[] {
  const rows: number[] = [];
  const { checkpoint } = Store.prototype;
  vi.spyOn(Store.prototype, "checkpoint").mockImplementation(function (
    this: Store<never, never>,
    ...given
  ) {
    rows.push(this.stats.changed);
    checkpoint.call(this, ...given);
  });
  return rows;
}

test("reads and commands are answered while some of it is still to do", async () => {
  const rig = await rigWithDue();
  const scheduled: number[] = [];
  const enqueued: (readonly string[])[] = [];
  rig.meanwhile = async () => {
    scheduled.push((await rig.stats()).counts.scheduled);
    enqueued.push(idsOf(await rig.engine.submit(enqueue([{}]))));
  };
  await rig.fire();
  const halfway = scheduled.filter((count) => count > 0 && count < BATCHES * BATCH);
  expect(halfway.length).toBeGreaterThan(2);
  expect(new Set(enqueued.flat()).size).toBe(scheduled.length);
  expect((await rig.stats()).counts).toMatchObject({
    ready: BATCHES * BATCH + enqueued.length,
    scheduled: 0,
  });
});

test("commands beside it remove no names, and see what is due all the same", async () => {
  const rig = await EngineRig.registered();
  const names = Array.from({ length: 1000 }, (_, i) => ["SET", `n${i}`, "x", "PX", "1000"]);
  await rig.engine.submit(command("redis.run", { calls: names }));
  const size = async () => {
    const asked = command("redis.run", { calls: [["DBSIZE"]] });
    return replyOf("redis.run", await rig.engine.submit(asked)).replies;
  };
  const sizes: unknown[] = [];
  const claimed: number[] = [];
  rig.meanwhile = async () => {
    const before = await size();
    await rig.engine.submit(enqueue([{ delayMs: 1 }]));
    rig.now += 1;
    const { jobs } = replyOf("lease.claim", await rig.engine.submit(claim()));
    claimed.push(jobs.length);
    expect(await size()).toEqual(before);
    sizes.push(before);
  };
  await rig.fire();
  expect(sizes.length).toBeGreaterThan(2);
  expect(new Set(claimed)).toEqual(new Set([1]));
});

test("commands beside it remove records that are to be kept no longer: they are not refused for these", async () => {
  const rig = await EngineRig.registered();
  await rig.engine.submit(
    command("queue.configure", { maxJobs: 15, retention: { completed: { count: 5 } } }),
  );
  const names = Array.from({ length: 1000 }, (_, i) => ["SET", `n${i}`, "x", "PX", "1000"]);
  await rig.engine.submit(command("redis.run", { calls: names }));
  const refused: number[] = [];
  rig.meanwhile = async () => {
    // Or it would find something to remove for ever.
    if (refused.length === 4) return;
    const enqueued = await rig.engine.submit(enqueue(Array(10).fill({})));
    refused.push(replyOf("job.enqueue", enqueued).refused);
    const { jobs } = replyOf("lease.claim", await rig.engine.submit(claim(10)));
    await rig.engine.submit(settle(jobs.map(complete)));
  };
  await rig.fire();
  expect(refused).toEqual([0, 0, 0, 0]);
});

test("its rows are checkpointed in pieces, of which none is much over the bound", async () => {
  const rig = await rigWithDue();
  const rows = rowsOfCheckpoints();
  await rig.fire();
  expect(rows.length).toBeGreaterThan(2);
  const rowsOfChange = 3;
  expect(Math.max(...rows)).toBeLessThan(
    limits.checkpointAlarmRows + rowsOfChange * limits.sweepMax,
  );
});

test("a piece is written in a turn in which no entry is", async () => {
  const rig = await rigWithDue();
  const turns = { append: new Set<number>(), checkpoint: new Set<number>() };
  let turn = 0;
  rig.meanwhile = async () => {
    turn += 1;
  };
  for (const name of ["append", "checkpoint"] as const) {
    const real = Store.prototype[name] as (...given: unknown[]) => unknown;
    vi.spyOn(Store.prototype, name).mockImplementation(function (
      this: unknown,
      ...given: unknown[]
    ) {
      turns[name].add(turn);
      return real.apply(this, given);
    } as never);
  }
  await rig.fire();
  expect(turns.checkpoint.size).toBeGreaterThan(2);
  expect([...turns.checkpoint].filter((each) => turns.append.has(each))).toEqual([]);
});

test("the rows that others have changed do not make an alarm take a checkpoint", async () => {
  const rig = await EngineRig.registered();
  for (let i = 0; i < BATCHES; i += 1) await rig.engine.submit(enqueue(Array(BATCH).fill({})));
  await rig.engine.submit(enqueue([{ delayMs: 1000 }]));
  const rows = rowsOfCheckpoints();
  await rig.fire();
  expect((await rig.stats()).counts.scheduled).toBe(0);
  expect(rows).toEqual([]);
});

test("once it is done, entries take a checkpoint only where one is due at any time", async () => {
  const rig = await rigWithDue();
  await rig.fire();
  const rows = rowsOfCheckpoints();
  for (let i = 0; i < BATCHES; i += 1) await rig.engine.submit(enqueue(Array(BATCH).fill({})));
  expect(rows).toEqual([]);
});
