/**
 * Checkpoints that write hardly a row to a table: when they come before they must.
 * Invariant: they come no more often than once a second, and never where rows would go to tables that may still change.
 */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Store } from "../../src/store/store.ts";
import { command, enqueue } from "./commands.ts";
import { EngineRig } from "./rig.ts";

let rig: EngineRig;
/** The bytes of log that each checkpoint from now on finds. */
let found: number[];

beforeEach(async () => {
  rig = await EngineRig.registered();
  found = [];
  const { checkpoint } = Store.prototype;
  vi.spyOn(Store.prototype, "checkpoint").mockImplementation(function (
    this: Store<never, never>,
    ...given
  ) {
    found.push(this.stats.tailBytes);
    checkpoint.call(this, ...given);
  });
});
afterEach(() => vi.restoreAllMocks());

const payload = JSON.stringify("x".repeat(1000));
const JOBS = 100;
/** Jobs whose log is about as long as such a checkpoint waits for, and stays with its list. */
async function halfMegabyte(): Promise<void> {
  const batches = Math.ceil(limits.checkpointEasyTailBytes / JOBS / 1000);
  for (let i = 0; i < batches; i += 1)
    await rig.engine.submit(enqueue(Array(JOBS).fill({ payload })));
}

test("one is taken where jobs alone have changed, which go to a list", async () => {
  await halfMegabyte();
  expect(found).toHaveLength(1);
  expect(found[0]).toBeLessThan(limits.checkpointEasyTailBytes + 2 * JOBS * 1000);
});

test("the next one comes a second later at the earliest", async () => {
  await halfMegabyte();
  rig.now += limits.checkpointEasyMs - 1;
  await halfMegabyte();
  expect(found).toHaveLength(1);
  rig.now += 1;
  await rig.engine.submit(enqueue([{}]));
  expect(found).toHaveLength(2);
});

test("none is taken where more log has come by then: it would list a backlog for nothing", async () => {
  await halfMegabyte();
  await halfMegabyte();
  await halfMegabyte();
  rig.now += limits.checkpointEasyMs;
  await rig.engine.submit(enqueue([{}]));
  expect(found).toHaveLength(1);
});

test("none is taken where rows would go to their table: they may change again", async () => {
  const names = Array.from({ length: limits.checkpointEasyRows }, (_, i) => ["SET", `n${i}`, "x"]);
  await rig.engine.submit(command("redis.run", { calls: names }));
  await halfMegabyte();
  rig.now += limits.checkpointEasyMs;
  await rig.engine.submit(enqueue([{}]));
  expect(found).toEqual([]);
});
