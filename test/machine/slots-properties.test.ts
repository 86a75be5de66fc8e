/**
 * What holds for the slots of every timing: held against a walk by brute force, and against themselves.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Timing } from "../../src/contract/schedules.ts";
import { nextSlot, slotsAfter } from "../../src/machine/slots.ts";
import { walk } from "./wall-clock.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Zones, each with days on which its clock changes; a zone without changes has any day. */
const changes: readonly (readonly [zone: string, ...days: string[]])[] = [
  ["America/New_York", "2024-03-10", "2024-11-03", "2026-03-08", "2026-11-01"],
  ["Europe/Berlin", "2025-03-30", "2025-10-26", "1996-10-27"],
  ["Europe/London", "2026-03-29", "2026-10-25"],
  ["Australia/Lord_Howe", "2024-04-07", "2024-10-06"],
  ["Australia/Sydney", "2025-04-06", "2025-10-05"],
  ["America/Havana", "2024-03-10", "2024-11-03"],
  ["Africa/Cairo", "2024-04-26", "2024-10-31", "2010-08-11", "2010-09-10"],
  ["Africa/Casablanca", "2024-03-10", "2024-04-14"],
  ["Asia/Beirut", "2024-03-31", "2024-10-27"],
  ["Asia/Gaza", "2024-04-20", "2024-10-26"],
  ["Asia/Tehran", "2022-03-22", "2022-09-22"],
  ["Asia/Pyongyang", "2018-05-05", "2015-08-15"],
  ["America/Caracas", "2007-12-09", "2016-05-01"],
  ["America/Nuuk", "2024-03-31", "2024-10-27", "2023-03-26"],
  ["America/Santiago", "2024-04-07", "2024-09-08"],
  ["America/Sao_Paulo", "2018-02-18", "2018-11-04"],
  ["America/Recife", "2000-10-08", "2000-10-15"],
  ["Antarctica/Troll", "2024-03-31", "2024-10-27"],
  ["Antarctica/Casey", "2020-10-04", "2023-03-09"],
  ["Pacific/Apia", "2011-12-30", "2012-04-01", "2020-09-27"],
  ["Pacific/Chatham", "2024-04-07", "2024-09-29"],
  ["Pacific/Kwajalein", "1993-08-21"],
  ["Asia/Kolkata", "2024-03-10"],
  ["UTC", "2024-03-10"],
];
const place = fc.constantFrom(...changes).chain(([zone, ...days]) =>
  fc.record({
    zone: fc.constant(zone),
    day: fc.constantFrom(...days.map((day) => Date.parse(day))),
  }),
);

const minute = fc.constantFrom("0", "30", "59", "15,45", "10-20", "5-50/15", "*/15", "*");
const hour = fc.oneof(
  fc.constantFrom("*", "*/2", "*/3", "0-3", "1,2", "0,23", "22-23", "1-5/2", "8-17"),
  fc.integer({ min: 0, max: 23 }).map(String),
);
const dayOfMonth = fc.oneof(
  { weight: 3, arbitrary: fc.constant("*") },
  fc.constantFrom("1", "10", "30", "*/2", "28-31", "29"),
);
const month = fc.oneof(
  { weight: 3, arbitrary: fc.constant("*") },
  fc.constantFrom("3,4,9-12", "2"),
);
const dayOfWeek = fc.oneof(
  { weight: 3, arbitrary: fc.constant("*") },
  fc.constantFrom("0", "1-5", "0,6", "3"),
);
const cron = fc
  .tuple(minute, hour, dayOfMonth, month, dayOfWeek)
  .map((fields) => fields.join(" "))
  .filter((expression) => !/ 30 2 \*$/.test(expression));

const seconds = fc.constantFrom("0", "*/20", "7,59", "*");
const timing: fc.Arbitrary<Timing> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.option(seconds, { nil: "" }), cron, place)
      .map(([first, rest, { zone }]) => ({ cron: `${first} ${rest}`.trim(), timeZone: zone })),
  },
  fc.record({
    everyMs: fc.integer({ min: 1000, max: 10 * DAY }),
    startAt: fc.integer({ min: 0, max: 2e12 }),
  }),
  fc.record({ at: fc.integer({ min: 0, max: 2e12 }) }),
);

describe("the slots of any timing", () => {
  test("of a cron expression are those that a walk through the minutes of the zone finds", () => {
    const shift = fc.integer({ min: -1440, max: 1440 });
    fc.assert(
      fc.property(cron, place, shift, (expression, where, minutes) => {
        const from = where.day + minutes * MINUTE;
        const to = from + 1.5 * DAY;
        const when = { cron: expression, timeZone: where.zone };
        const found: number[] = [];
        let slot = nextSlot(when, from);
        for (; slot !== undefined && slot <= to; slot = nextSlot(when, slot)) found.push(slot);
        expect(found).toEqual(walk(expression, where.zone, from, to));
      }),
      { numRuns: 150 },
    );
  });

  test("are whole seconds strictly after the instant, and strictly increasing", () => {
    fc.assert(
      fc.property(timing, fc.integer({ min: 0, max: 2e12 }), (when, after) => {
        let last = after;
        for (const slot of slotsAfter(when, after, 20)) {
          expect(slot).toBeGreaterThan(last);
          if ("cron" in when) expect(slot % 1000).toBe(0);
          last = slot;
        }
      }),
      { numRuns: 300 },
    );
  });

  test("are the same, sought from any instant between two of them, also while a clock changes", () => {
    const jump = fc.integer({ min: 1, max: 5 * 3_600_000 });
    fc.assert(
      fc.property(timing, place, fc.array(jump, { maxLength: 12 }), (when, { day }, jumps) => {
        const slots = slotsAfter(when, day - DAY / 2, 300);
        let at = day - DAY / 2;
        for (const ms of jumps) {
          at += ms;
          const next = slots.find((slot) => slot > at);
          if (next !== undefined) expect(nextSlot(when, at)).toBe(next);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("are the same when what was kept of expressions and zones has been let go", () => {
    const when = { cron: "30 2 * * *", timeZone: "America/New_York" };
    const before = slotsAfter(when, 1.7e12, 9);
    for (let i = 0; i < 900; i++)
      nextSlot({ cron: `${i % 60} ${i % 24} ${1 + (i % 28)} * *`, timeZone: "UTC" }, 0);
    for (const zone of Intl.supportedValuesOf("timeZone"))
      nextSlot({ ...when, timeZone: zone }, 1.7e12);
    expect(slotsAfter(when, 1.7e12, 9)).toEqual(before);
  });
});
