/**
 * When a timing is due: the rules of time as sentences with real dates.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { nextSlot, slotsAfter } from "../../src/machine/slots.ts";

/** The next slots of an expression after an instant, in UTC without the seconds that are zero. */
const due = (cron: string, timeZone: string, after: string, count = 2): string[] =>
  slotsAfter({ cron, timeZone }, Date.parse(after), count).map((slot) =>
    new Date(slot).toISOString().replace(/(:00)?\.000Z$/, ""),
  );
/** The same without the zone, which is UTC. */
const inUtc = (cron: string, after: string, count = 2) => due(cron, "UTC", after, count);

describe("when the clock leaps ahead", () => {
  test("a fixed hour is due once, where the gap ends", () => {
    expect(due("30 2 * * *", "America/New_York", "2024-03-09T12:00Z")).toEqual([
      "2024-03-10T07:00",
      "2024-03-11T06:30",
    ]);
    expect(due("15 2 * * *", "Europe/Berlin", "2025-03-29T12:00Z")).toEqual([
      "2025-03-30T01:00",
      "2025-03-31T00:15",
    ]);
    expect(due("0 2 * * *", "Australia/Sydney", "2025-10-04T02:00Z")).toEqual([
      "2025-10-04T16:00",
      "2025-10-05T15:00",
    ]);
  });

  test("all of a fixed hour that is skipped is due once, together with what the gap ends at", () => {
    expect(due("*/15 2,3 * * *", "America/New_York", "2024-03-10T06:59Z", 3)).toEqual([
      "2024-03-10T07:00",
      "2024-03-10T07:15",
      "2024-03-10T07:30",
    ]);
    expect(due("*/20 * 2 * * *", "America/New_York", "2024-03-10T06:59Z")).toEqual([
      "2024-03-10T07:00",
      "2024-03-11T06:00",
    ]);
  });

  test("a wildcard hour goes on by real time", () => {
    expect(due("30 * * * *", "America/New_York", "2024-03-10T05:45Z", 3)).toEqual([
      "2024-03-10T06:30",
      "2024-03-10T07:30",
      "2024-03-10T08:30",
    ]);
    expect(due("*/15 * * * *", "Europe/Berlin", "2025-03-30T00:40Z", 3)).toEqual([
      "2025-03-30T00:45",
      "2025-03-30T01:00",
      "2025-03-30T01:15",
    ]);
    expect(due("*/30 59 * * * *", "Europe/Berlin", "2025-03-30T00:59:10Z", 2)).toEqual([
      "2025-03-30T00:59:30",
      "2025-03-30T01:59",
    ]);
  });

  test("a wildcard hour with a step is not due at an hour that the clock never shows", () => {
    expect(due("0 */2 * * *", "America/New_York", "2024-03-10T04:00Z")).toEqual([
      "2024-03-10T05:00",
      "2024-03-10T08:00",
    ]);
  });

  test("by half an hour, half an hour is skipped", () => {
    expect(due("15 2 * * *", "Australia/Lord_Howe", "2024-10-05T08:00Z")).toEqual([
      "2024-10-05T15:30",
      "2024-10-06T15:15",
    ]);
  });

  test("at midnight, the day begins where the gap ends", () => {
    expect(due("0 0 * * *", "America/Havana", "2024-03-09T12:00Z")).toEqual([
      "2024-03-10T05:00",
      "2024-03-11T04:00",
    ]);
    expect(due("30 0 * * *", "Africa/Cairo", "2024-04-25T12:00Z", 1)).toEqual(["2024-04-25T22:00"]);
    expect(due("@daily", "Asia/Beirut", "2024-03-30T12:00Z", 1)).toEqual(["2024-03-30T22:00"]);
  });

  test("up to midnight, what is skipped is due as the next day begins", () => {
    expect(due("30 23 * * *", "America/Nuuk", "2024-03-30T12:00Z")).toEqual([
      "2024-03-31T01:00",
      "2024-04-01T00:30",
    ]);
  });

  test("over a whole day, a fixed hour of that day is due where the next begins", () => {
    expect(due("0 9 * * *", "Pacific/Apia", "2011-12-29T00:00Z", 3)).toEqual([
      "2011-12-29T19:00",
      "2011-12-30T10:00",
      "2011-12-30T19:00",
    ]);
    expect(due("0 * 30 12 *", "Pacific/Apia", "2011-12-29T00:00Z", 1)).toEqual([
      "2012-12-29T10:00",
    ]);
  });
});

describe("when the clock is set back", () => {
  test("a fixed hour is due once, the first time it is shown", () => {
    expect(due("30 1 * * *", "America/New_York", "2024-11-02T12:00Z")).toEqual([
      "2024-11-03T05:30",
      "2024-11-04T06:30",
    ]);
    expect(due("*/30 2 * * *", "Europe/Berlin", "2025-10-26T00:10Z")).toEqual([
      "2025-10-26T00:30",
      "2025-10-27T01:00",
    ]);
    expect(due("15 2 * * *", "Australia/Sydney", "2025-04-05T12:00Z")).toEqual([
      "2025-04-05T15:15",
      "2025-04-06T16:15",
    ]);
  });

  test("a fixed hour is not due again, sought from within the hour that repeats", () => {
    expect(due("* 1 * * *", "America/New_York", "2024-11-03T06:10:30Z", 1)).toEqual([
      "2024-11-04T06:00",
    ]);
    expect(due("0 1,2 * * *", "America/New_York", "2024-11-03T06:00Z", 1)).toEqual([
      "2024-11-03T07:00",
    ]);
  });

  test("a wildcard hour is due every time", () => {
    expect(due("30 * * * *", "America/New_York", "2024-11-03T04:45Z", 3)).toEqual([
      "2024-11-03T05:30",
      "2024-11-03T06:30",
      "2024-11-03T07:30",
    ]);
    expect(due("*/15 * * * *", "Australia/Lord_Howe", "2024-04-06T14:20Z", 5)).toEqual([
      "2024-04-06T14:30",
      "2024-04-06T14:45",
      "2024-04-06T15:00",
      "2024-04-06T15:15",
      "2024-04-06T15:30",
    ]);
  });

  test("at midnight, the day has its first hour twice and its fixed times once", () => {
    expect(due("30 0 * * *", "America/Havana", "2024-11-02T12:00Z")).toEqual([
      "2024-11-03T04:30",
      "2024-11-04T05:30",
    ]);
    expect(due("30 23 * * *", "Africa/Cairo", "2024-10-31T12:00Z")).toEqual([
      "2024-10-31T20:30",
      "2024-11-01T21:30",
    ]);
  });
});

describe("a calendar", () => {
  test("takes a day of the month or a day of the week when both are set", () => {
    expect(inUtc("0 0 13 * 5", "2024-09-01T00:00Z", 3)).toEqual([
      "2024-09-06T00:00",
      "2024-09-13T00:00",
      "2024-09-20T00:00",
    ]);
  });

  test("knows the last day, the nearest weekday, and the nth and the last of a weekday", () => {
    expect(inUtc("0 0 L * *", "2024-02-01T00:00Z")).toEqual([
      "2024-02-29T00:00",
      "2024-03-31T00:00",
    ]);
    expect(inUtc("0 0 15W * *", "2024-06-01T00:00Z", 1)).toEqual(["2024-06-14T00:00"]);
    expect(inUtc("0 0 * * 5#2", "2024-06-01T00:00Z", 1)).toEqual(["2024-06-14T00:00"]);
    expect(inUtc("0 0 * * 5L", "2024-06-01T00:00Z", 1)).toEqual(["2024-06-28T00:00"]);
  });

  test("comes to February 29 in leap years only, and 2100 is none", () => {
    expect(inUtc("0 12 29 2 *", "2026-01-01T00:00Z")).toEqual([
      "2028-02-29T12:00",
      "2032-02-29T12:00",
    ]);
    expect(inUtc("0 12 29 2 *", "2096-03-01T00:00Z", 1)).toEqual(["2104-02-29T12:00"]);
    expect(inUtc("0 0 29 2 +1", "2072-03-01T00:00Z", 1)).toEqual(["2112-02-29T00:00"]);
  });

  test("has its seconds first when it has six fields", () => {
    expect(inUtc("*/20 0 0 * * *", "2026-01-01T00:00:00.001Z", 3)).toEqual([
      "2026-01-01T00:00:20",
      "2026-01-01T00:00:40",
      "2026-01-02T00:00",
    ]);
  });

  test("is the same for a name and for what it stands for", () => {
    const names = {
      "@yearly": "0 0 1 1 *",
      "@annually": "0 0 1 1 *",
      "@monthly": "0 0 1 * *",
      "@weekly": "0 0 * * 0",
      "@daily": "0 0 * * *",
      "@midnight": "0 0 * * *",
      "@hourly": "0 * * * *",
    };
    for (const [name, cron] of Object.entries(names)) {
      const after = "2024-11-03T04:30Z";
      expect(due(name, "America/New_York", after, 5)).toEqual(
        due(cron, "America/New_York", after, 5),
      );
    }
  });

  test("keeps its local time in a zone without changes, also with quarters of an hour", () => {
    expect(due("0 9 * * *", "Asia/Kathmandu", "2024-03-10T00:00Z", 1)).toEqual([
      "2024-03-10T03:15",
    ]);
  });

  test("ends with the year 9999", () => {
    expect(nextSlot({ cron: "* * * * *", timeZone: "UTC" }, limits.instantMax)).toBeUndefined();
    expect(
      nextSlot({ cron: "0 0 * * *", timeZone: "Asia/Tokyo" }, limits.instantMax),
    ).toBeUndefined();
  });
});

describe("an interval", () => {
  const timing = { everyMs: 60_000, startAt: 1_000_500 };

  test("begins at its start, and goes on by whole intervals from there", () => {
    expect(slotsAfter(timing, 0, 3)).toEqual([1_000_500, 1_060_500, 1_120_500]);
    expect(nextSlot(timing, 1_000_500)).toBe(1_060_500);
    expect(nextSlot(timing, 1_060_499)).toBe(1_060_500);
  });

  test("counts from the creation of its schedule when it has no start", () => {
    expect(nextSlot({ everyMs: 60_000 }, 7, 7)).toBe(60_007);
    expect(nextSlot(timing, 1_000_500, 7)).toBe(1_060_500);
  });

  test("ends with the year 9999", () => {
    expect(nextSlot({ everyMs: 1000, startAt: 0 }, limits.instantMax)).toBeUndefined();
  });
});

test("an instant is due once", () => {
  expect(slotsAfter({ at: 5000 }, 4999, 9)).toEqual([5000]);
  expect(nextSlot({ at: 5000 }, 5000)).toBeUndefined();
});
