/** Changes of the clock, through the whole engine: instants that were worked out by hand, in three zones, in both directions. */
import { describe, expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";
import { put, slots } from "./schedule-rig.ts";

const DAY = 86_400_000;

/** Slots of a schedule from one instant to another; the alarm fires for each, with a crash between all of them. */
async function passed(cron: string, timeZone: string, from: string, until: string) {
  const q = await openEngine();
  q.now = Date.parse(from);
  await put(q, { cron, timeZone });
  while (q.now < Date.parse(until)) {
    await q.advance(Math.min(DAY / 4, Date.parse(until) - q.now));
    await q.reopen();
  }
  return (await slots(q)).map((slot) => new Date(slot ?? 0).toISOString().replace(":00.000Z", "Z"));
}

describe("a fixed hour that the clock leaps over is due once, at the end of the gap", () => {
  test.each([
    ["30 2 * * *", "Europe/Berlin", "2027-03-27T01:30Z", "2027-03-28T01:00Z", "2027-03-29T00:30Z"],
    [
      "30 2 * * *",
      "America/New_York",
      "2027-03-13T07:30Z",
      "2027-03-14T07:00Z",
      "2027-03-15T06:30Z",
    ],
    [
      "10 2 * * *",
      "Australia/Lord_Howe",
      "2027-10-01T15:40Z",
      "2027-10-02T15:30Z",
      "2027-10-03T15:10Z",
    ],
  ])("%s in %s", async (cron, zone, ...expected) => {
    const [first = "", , last = ""] = expected;
    const from = new Date(Date.parse(first) - 60_000).toISOString();
    expect(await passed(cron, zone, from, last)).toEqual(expected);
  });
});

describe("a fixed hour that the clock shows twice is due the first time", () => {
  test.each([
    ["30 2 * * *", "Europe/Berlin", "2027-10-30T00:30Z", "2027-10-31T00:30Z", "2027-11-01T01:30Z"],
    [
      "30 1 * * *",
      "America/New_York",
      "2027-11-06T05:30Z",
      "2027-11-07T05:30Z",
      "2027-11-08T06:30Z",
    ],
    [
      "45 1 * * *",
      "Australia/Lord_Howe",
      "2027-04-02T14:45Z",
      "2027-04-03T14:45Z",
      "2027-04-04T15:15Z",
    ],
  ])("%s in %s", async (cron, zone, ...expected) => {
    const [first = "", , last = ""] = expected;
    const from = new Date(Date.parse(first) - 60_000).toISOString();
    expect(await passed(cron, zone, from, last)).toEqual(expected);
  });
});

describe("hours that begin with a wildcard run by real time", () => {
  test.each([
    ["Europe/Berlin", "2027-03-28T00:00Z", ["00:30", "01:30", "02:30"]],
    ["Europe/Berlin", "2027-10-31T00:00Z", ["00:30", "01:30", "02:30"]],
    ["America/New_York", "2027-03-14T06:00Z", ["06:30", "07:30", "08:30"]],
    ["America/New_York", "2027-11-07T05:00Z", ["05:30", "06:30", "07:30"]],
    // Half an hour is leapt over, and shown twice: local 01:30, 02:30 and 03:30; and 01:30, 01:30 and 02:30.
    ["Australia/Lord_Howe", "2027-10-02T14:30Z", ["15:00", "15:30", "16:30"]],
    ["Australia/Lord_Howe", "2027-04-03T14:00Z", ["14:30", "15:00", "16:00"]],
  ])("through the change in %s at %s", async (zone, from, times) => {
    const until = new Date(Date.parse(from) + 3 * 3_600_000 - 1).toISOString();
    const shown = (await passed("30 * * * *", zone, from, until)).slice(0, 3);
    expect(shown.map((text) => text.slice(11, 16))).toEqual(times);
  });
});
