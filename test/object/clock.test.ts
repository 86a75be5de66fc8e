/**
 * A clock that goes back: the log's time does not, and the platform's alarm still fires in time.
 */
import { expect, test } from "vitest";
import { command, enqueue } from "./commands.ts";
import { EngineRig } from "./rig.ts";

test("the alarm is armed at once for work that is due, though the clock is behind the log's time", async () => {
  const rig = await EngineRig.registered();
  await rig.engine.submit(enqueue(Array.from({ length: 1200 }, () => ({ delayMs: 1000 }))));
  rig.now += 2000;
  await rig.engine.submit(enqueue([{}]));
  rig.now -= 3_600_000;
  await rig.engine.submit(enqueue([{}]));
  rig.armed = null;
  await rig.evict();
  await rig.engine.submit(command("queue.purge", { states: ["ready", "scheduled"] }));
  expect(rig.armed).toBeLessThanOrEqual(rig.now + 5000);
});
