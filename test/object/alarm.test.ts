/** The one alarm of a queue: moved only earlier, set anew where it was lost, and never set for a time that is long over. */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Alarm } from "../../src/object/alarm.ts";

/** An alarm of a platform whose clock is moved by hand. */
async function alarmAt(armed: number | null = null) {
  const platform = { now: 1_000_000, armed, writes: 0 };
  const port = {
    get: () => Promise.resolve(platform.armed),
    set: (at: number) => {
      platform.armed = at;
      platform.writes += 1;
    },
  };
  const alarm = new Alarm(port, () => platform.now);
  await alarm.recover();
  return { alarm, platform };
}

describe("an alarm", () => {
  test("is moved only earlier, and no further ahead than the platform takes", async () => {
    const { alarm, platform } = await alarmAt();
    alarm.arm(platform.now + 2 * limits.alarmAheadMsMax);
    expect(platform.armed).toBe(platform.now + limits.alarmAheadMsMax);
    alarm.arm(platform.now + 5000);
    alarm.arm(platform.now + 9000);
    alarm.arm(Number.POSITIVE_INFINITY);
    expect([platform.armed, platform.writes]).toEqual([platform.now + 5000, 2]);
  });

  test("that was lost is set anew, for whatever is due next", async () => {
    const { alarm, platform } = await alarmAt(1_000_500);
    platform.now += 5000;
    expect(alarm.isLate).toBe(true);
    alarm.arm(platform.now + 7000);
    expect(platform.armed).toBe(platform.now + 7000);
  });

  test("for what is long overdue is one for now, which is not taken for lost and put off", async () => {
    const { alarm, platform } = await alarmAt();
    alarm.arm(platform.now - 60_000);
    expect([platform.armed, alarm.isLate]).toEqual([platform.now, false]);
    alarm.arm(platform.now + 60_000);
    expect(platform.armed).toBe(platform.now);
    expect(alarm.isArmedBy(platform.now - 60_000)).toBe(true);
  });

  test("for what is due at once is set anew by a clock that has gone back since, and one for later is not", async () => {
    const { alarm, platform } = await alarmAt();
    alarm.arm(platform.now + 5000);
    platform.now -= 3000;
    expect(alarm.isLate).toBe(false);
    alarm.arm(platform.now);
    platform.now -= 60_000;
    expect(alarm.isLate).toBe(true);
    alarm.arm(platform.now - 1);
    expect([platform.armed, platform.writes, alarm.isLate]).toEqual([platform.now, 3, false]);
  });
});
