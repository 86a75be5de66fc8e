/**
 * How the log is bounded by bytes: which segments go and when, what stays, and what is no longer known then.
 * Invariant: limits are lowered for these tests alone, so that a few entries make a segment, and a few segments too many.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { LogPurged } from "../../src/store/raft.ts";
import { openStore } from "../../src/store/schema.ts";
import { storeLimits } from "../../src/store/store-config.ts";
import { command, enqueue, idsOf, replyOf } from "./commands.ts";
import { EngineRig } from "./rig.ts";

type Changing<T> = { -readonly [F in keyof T]: number };
const changing = limits as Changing<typeof limits>;
const ofStore = storeLimits as Changing<typeof storeLimits>;
const before = { ...limits };
const beforeOfStore = { ...storeLimits };

const SEGMENT = 20_000;
const ENTRY = 5_000;

beforeEach(() => {
  Object.assign(ofStore, { tailBytesMax: SEGMENT, segmentBytesMax: SEGMENT });
});

afterEach(() => {
  Object.assign(changing, before);
  Object.assign(ofStore, beforeOfStore);
});

const key = (i: number) => ({ key: `key ${i}` });
const job = (i: number) => ({ payload: `"${"x".repeat(ENTRY)}${i}"` });
const enqueueUnderKey = (i: number) => command("job.enqueue", { jobs: [job(i)] }, key(i));

/** A queue of so many jobs, each enqueued a second later, under a key of its own. */
async function rigWith(jobs: number): Promise<EngineRig> {
  const rig = await EngineRig.registered();
  for (let i = 0; i < jobs; i += 1) {
    rig.now += 1000;
    await rig.engine.submit(enqueueUnderKey(i));
  }
  return rig;
}

test("whole segments go at the checkpoint that finds the log too long, the oldest first, and the window with them", async () => {
  changing.logBytesMax = 3 * SEGMENT;
  const rig = await rigWith(40);
  const { log } = await rig.stats();
  expect(log.lastIndex).toBe(42);
  expect(log.bytes).toBeGreaterThan(SEGMENT);
  expect(log.bytes).toBeLessThanOrEqual(4 * SEGMENT);
  // Entry 2 is the first one's; of each second there is one.
  expect(log.windowMs).toBe((log.lastIndex - log.firstIndex) * 1000);
  expect(log.firstIndex).toBeGreaterThan(25);
});

test("a repeat within the window is answered as the first time; before it, nobody knows the key any more", async () => {
  changing.logBytesMax = 3 * SEGMENT;
  const rig = await rigWith(40);
  const { firstIndex, lastIndex } = (await rig.stats()).log;
  const oldest = firstIndex - 3;
  for (let i = oldest; i < 40; i += 1) await rig.engine.submit(enqueueUnderKey(i));
  expect((await rig.stats()).log.lastIndex).toBe(lastIndex);
  expect((await rig.stats()).counts.ready).toBe(40);
  const again = await rig.engine.submit(enqueueUnderKey(oldest - 1));
  expect(idsOf(again)).toHaveLength(1);
  expect((await rig.stats()).counts.ready).toBe(41);
});

test("reading what is gone is a typed error that names the first entry there is, and what is left is verified", async () => {
  changing.logBytesMax = 3 * SEGMENT;
  const rig = await rigWith(40);
  const { firstIndex } = (await rig.stats()).log;
  const store = openStore(rig.sql);
  const read = (from: number) => store.entries({ from, maxBytes: 1e9 });
  expect(() => read(firstIndex - 1)).toThrow(LogPurged);
  expect(() => read(firstIndex - 1)).toThrow(expect.objectContaining({ first: firstIndex }));
  expect(read(firstIndex)[0]?.index).toBe(firstIndex);
  await rig.engine.submit(command("snapshot.build", {}));
  await rig.fire();
  let reply = replyOf("queue.verify", await rig.engine.read(command("queue.verify", {})));
  while (reply.cursor !== undefined) {
    expect(reply.problems).toEqual([]);
    const next = command("queue.verify", { cursor: reply.cursor });
    reply = replyOf("queue.verify", await rig.engine.read(next));
  }
  expect(reply.problems).toEqual([]);
});

test("a bound that is lowered holds from the next alarm on", async () => {
  const rig = await rigWith(20);
  expect((await rig.stats()).log.firstIndex).toBe(1);
  changing.logBytesMax = SEGMENT;
  await rig.evict();
  expect((await rig.stats()).log.firstIndex).toBe(1);
  await rig.engine.submit(enqueue([{ delayMs: 1000 }]));
  await rig.fire();
  const { log } = await rig.stats();
  expect(log.firstIndex).toBeGreaterThan(10);
  expect(log.bytes).toBeLessThanOrEqual(2 * SEGMENT);
});

test("the last entry stays, and all that no checkpoint holds, however low the bound", async () => {
  changing.logBytesMax = 0;
  const rig = await rigWith(39);
  const { log } = await rig.stats();
  expect(log.lastIndex).toBe(41);
  expect(log.firstIndex).toBeGreaterThan(30);
  expect(log.firstIndex - 1).toBeLessThanOrEqual(log.checkpointedIndex);
  await rig.evict();
  // The checkpoint seals the one segment that is left: its last entry is the log's.
  ofStore.segmentBytesMax = 0;
  await rig.evict();
  await rig.engine.submit(command("queue.checkpoint", {}));
  await rig.engine.recoverAlarm();
  await rig.engine.alarm();
  expect((await rig.stats()).log.lastIndex).toBe(41);
  expect((await rig.stats()).log.firstIndex).toBeLessThanOrEqual(41);
  await rig.evict();
  await rig.engine.submit(enqueueUnderKey(39));
  const { log: after, counts } = await rig.stats();
  expect([after.lastIndex, counts.ready]).toEqual([42, 40]);
  expect(rig.faults).toEqual([]);
});
