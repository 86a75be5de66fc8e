/**
 * A change of the queue's defaults for keys reaches keys that stay shut: each opens at the time that the new defaults say.
 */
import { expect, it } from "vitest";
import { openEngine } from "../engine-harness.ts";

it("opens a key that a rate shuts at the time of a new, faster rate", async () => {
  const queue = await openEngine({
    config: { keys: { rate: { limit: 1, perMs: 60_000, burst: 2 } } },
  });
  for (let i = 0; i < 4; i += 1) await queue.enqueue({ key: "k" });
  expect(await queue.claim({ max: 4 })).toHaveLength(2);
  await queue.run("queue.configure", { keys: { rate: { limit: 1, perMs: 60_000, burst: 3 } } });
  expect(await queue.claim({ max: 4 })).toHaveLength(1);
  await queue.run("queue.configure", { keys: { rate: { limit: 1, perMs: 170_000, burst: 2 } } });
  await queue.advance(10_001);
  expect(await queue.claim({ max: 4 })).toHaveLength(1);
});

it("opens a key in time that a rate still shuts when its last slot comes free by new defaults", async () => {
  const rate = { limit: 1, perMs: 1000 };
  const queue = await openEngine({ config: { keys: { concurrency: 1, rate } } });
  for (let i = 0; i < 2; i += 1) await queue.enqueue({ key: "k" });
  expect(await queue.claim({ max: 2 })).toHaveLength(1);
  await queue.run("queue.configure", { keys: { concurrency: 2 } });
  await queue.advance(1000);
  expect(await queue.claim({ max: 2 })).toHaveLength(1);
});
