/**
 * Schedules inside workerd: its data of time zones is whole, and the rules of time hold with it.
 */
import { expect, test } from "vitest";
import { timing } from "../../../src/contract/schedules.ts";
import { nextSlot, slotsAfter } from "../../../src/machine/slots.ts";

test.each([
  ["30 2 * * *", "America/New_York", "2024-03-09T12:00Z", "2024-03-10T07:00Z"],
  ["30 1 * * *", "America/New_York", "2024-11-03T05:30Z", "2024-11-04T06:30Z"],
  ["30 * * * *", "America/New_York", "2024-11-03T05:30Z", "2024-11-03T06:30Z"],
  ["15 2 * * *", "Australia/Lord_Howe", "2024-10-05T08:00Z", "2024-10-05T15:30Z"],
  ["30 0 * * *", "Africa/Cairo", "2024-04-25T12:00Z", "2024-04-25T22:00Z"],
  ["0 9 30 12 *", "Pacific/Apia", "2011-12-29T00:00Z", "2011-12-30T10:00Z"],
])("in workerd, %s in %s after %s is due at %s", (cron, timeZone, after, slot) => {
  const parsed = timing.parse({ cron, timeZone });
  expect(nextSlot(parsed, Date.parse(after))).toBe(Date.parse(slot));
});

test("in workerd, every zone that it names passes the gate and has slots", () => {
  const zones = Intl.supportedValuesOf("timeZone");
  expect(zones.length).toBeGreaterThan(400);
  for (const timeZone of zones) {
    const parsed = timing.parse({ cron: "30 2 * * *", timeZone });
    expect(slotsAfter(parsed, 1.77e12, 3), timeZone).toHaveLength(3);
  }
});
