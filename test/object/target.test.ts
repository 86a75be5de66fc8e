/**
 * What posts tell of their target: when it is said to fail, or to work again, and of which address.
 */
import { describe, expect, onTestFinished, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Target } from "../../src/object/target.ts";
import type { DeliveryRow } from "../../src/store/deliveries.ts";
import { answerOf, openEngine, START } from "../engine-harness.ts";

const url = "https://example.com/jobs";

/** A target at an address, whose delivery may be changed. */
function targetAt(address: string) {
  const delivery = { settings: { url: address }, paused: undefined } as unknown as {
    settings: { url: string };
    paused: DeliveryRow["paused"];
  };
  const target = new Target({ now: () => START, delivery: () => delivery as DeliveryRow });
  const failTimes = (times: number, at = address) => {
    for (let i = 0; i < times; i += 1) target.failed(at, "down");
  };
  return { target, delivery, failTimes };
}

describe("a target", () => {
  test("is said to fail with its fifth fault in a row, once, until that has been taken", () => {
    const { target, failTimes } = targetAt(url);
    failTimes(4);
    expect(target.take()).toBeUndefined();
    failTimes(1);
    const finding = target.take();
    expect(finding?.request).toMatchObject({
      name: "delivery.pause",
      input: { reason: "down", probe: { at: START + 5000, failed: 0 } },
    });
    expect(target.hasFinding).toBe(false);
    if (finding !== undefined) target.again(finding);
    expect(target.take()).toEqual(finding);
  });

  test("begins anew with each success, which also takes back what was not said yet", () => {
    const { target, failTimes } = targetAt(url);
    failTimes(5);
    target.worked(url);
    failTimes(4);
    expect(target.take()).toBeUndefined();
  });

  test("is said to work again where it was tried, and not where somebody paused it", () => {
    const { target, delivery } = targetAt(url);
    delivery.paused = { at: START, probe: { at: START, failed: 0 } };
    target.worked(url);
    expect(target.take()?.request).toMatchObject({ name: "delivery.resume" });
    delivery.paused = { at: START };
    target.worked(url);
    expect(target.take()).toBeUndefined();
  });

  test("has nothing to do with faults of the address before", () => {
    const { target, delivery, failTimes } = targetAt(url);
    failTimes(5);
    delivery.settings = { url: "https://example.org/" };
    expect(target.take()).toBeUndefined();
    failTimes(9);
    failTimes(4, delivery.settings.url);
    expect(target.take()).toBeUndefined();
    failTimes(1, delivery.settings.url);
    expect(target.take()?.url).toBe(delivery.settings.url);
  });
});

test("a target that fails while too many commands wait is paused as soon as that can be written", async () => {
  const changing = limits as { pendingCommandsMax: number };
  const { pendingCommandsMax } = limits;
  onTestFinished(() => {
    changing.pendingCommandsMax = pendingCommandsMax;
  });
  const q = await openEngine({ config: {} });
  const secrets = [`whsec_${Buffer.alloc(32, 7).toString("base64")}`];
  await q.run("delivery.put", { url, secrets, concurrency: 1 });
  q.target = () => {
    if (q.posts.length === 5) changing.pendingCommandsMax = 0;
    return Promise.resolve(answerOf(503));
  };
  for (let i = 0; i < 5; i += 1) await q.enqueue();
  await q.settled();
  expect(q.posts).toHaveLength(5);
  expect((await q.run("delivery.get", {})).delivery).toMatchObject({ paused: false });
  changing.pendingCommandsMax = pendingCommandsMax;
  q.target = () => Promise.resolve(answerOf(204));
  const { armedAt } = q;
  expect(armedAt).toBeLessThanOrEqual(START + 5000);
  q.now = armedAt ?? 0;
  await q.alarm();
  await q.settled();
  const { delivery } = await q.run("delivery.get", {});
  expect(delivery).toMatchObject({ paused: true, pausedReason: "the target answered 503" });
  expect(q.posts).toHaveLength(5);
  expect(q.faults).toEqual([]);
});
