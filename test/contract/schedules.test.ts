/**
 * What the gate lets through of a schedule's timing, and what it says of the rest.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { timing } from "../../src/contract/schedules.ts";
import { cpuMs } from "../cpu.ts";

/** The first thing wrong with a timing, with its field in front. */
function problem(given: unknown): string | undefined {
  const issue = timing.safeParse(given).error?.issues[0];
  return issue === undefined ? undefined : `${issue.path.join(".")}: ${issue.message}`;
}

describe("a timing passes", () => {
  test("as a cron expression, in UTC unless it names a zone", () => {
    expect(timing.parse({ cron: "30 2 * * *" })).toEqual({ cron: "30 2 * * *", timeZone: "UTC" });
    const given = { cron: "*/10 0 2 * * MON-FRI", timeZone: "Europe/Berlin" };
    expect(timing.parse(given)).toEqual(given);
  });

  test("as an interval or an instant, as it is", () => {
    for (const given of [{ everyMs: 1000 }, { everyMs: 1000, startAt: 5 }, { at: 7 }]) {
      expect(timing.parse(given)).toEqual(given);
    }
  });

  test.each([
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
    "@Daily",
    "0 0 L * *",
    "0 0 LW * *",
    "0 0 15W * *",
    "0 0 * * 5L",
    "0 0 * * FRI#2",
    "0 0 13 * +FRI",
    "0 0 ? * 7",
    "0 0 29 2 *",
    "0 0 29 2 1#5",
    "0 0 31 2 1",
    "  0  0 * * * ",
  ])("with the expression %j", (cron) => {
    expect(problem({ cron })).toBeUndefined();
  });
});

describe("a timing is refused", () => {
  test("unless it is exactly one of the three", () => {
    const message = ": give exactly one of cron, everyMs and at";
    expect(problem({})).toBe(message);
    expect(problem({ cron: "0 0 * * *", at: 5 })).toBe(message);
    expect(problem({ everyMs: 1000, timeZone: "UTC" })).toBe(
      "timeZone: timeZone goes with cron only",
    );
    expect(problem({ at: 1000, startAt: 5 })).toBe("startAt: startAt goes with everyMs only");
    expect(problem({ at: 5, every: 1 })).toMatch(/every/);
  });

  test.each([
    ["60 * * * *", 'minute "60"'],
    ["0 24 * * *", 'hour "24"'],
    ["0 22-2 * * *", 'hour "22-2"'],
    ["0 L * * *", 'hour "L"'],
    ["0 0 0 * *", 'day of month "0"'],
    ["0 0 32W * *", 'day of month "32W"'],
    ["0 0 L-3 * *", 'day of month "L-3"'],
    ["0 0 * 13 *", 'month "13"'],
    ["0 0 * * 8", 'day of week "8"'],
    ["0 0 * * FRI#6", 'day of week "FRI#6"'],
    ["0 0 1 1 * 2030", 'day of week "2030"'],
    ["61 0 0 1 1 *", 'second "61"'],
    ["*/0 * * * *", 'minute "*/0"'],
    ["5/15 * * * *", 'minute "5/15"'],
    ["1,,2 * * * *", 'minute "1,,2"'],
    ["0 0 * * *;", 'day of week "*;"'],
  ])("for a mistake in %j, with the field that it is in", (cron, field) => {
    expect(problem({ cron })).toContain(`cron: the ${field} is not well formed`);
  });

  test.each(["", "* * * *", "0 0 0 1 1 * 2030", "2026-01-01T00:00:00"])(
    "for too few or too many fields in %j",
    (cron) => {
      expect(problem({ cron })).toMatch(/^cron: give 5 fields, 6 with seconds first, or one of @/);
    },
  );

  test.each(["@reboot", "@every 5m", "@"])("for the name %j, which is none", (cron) => {
    expect(problem({ cron })).toMatch(/^cron: of names it may be @yearly/);
  });

  test.each(["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6 *", "* * * 31 11 *"])(
    "when %j would never be due, in less than a second",
    (cron) => {
      const begin = cpuMs();
      expect(problem({ cron })).toMatch(/^cron: the day of month never comes/);
      expect(cpuMs() - begin).toBeLessThan(1000);
    },
  );

  test.each(["Mars/Olympus", "", "+02:00", "Europe/Berlin ", "x".repeat(65)])(
    "for the zone %j",
    (timeZone) => {
      expect(problem({ cron: "0 0 * * *", timeZone })).toMatch(/^timeZone: /);
    },
  );

  test("for an interval or an instant beyond the limits", () => {
    expect(problem({ everyMs: 999 })).toMatch(/^everyMs: /);
    expect(problem({ everyMs: limits.delayMsMax + 1 })).toMatch(/^everyMs: /);
    expect(problem({ everyMs: 1000.5 })).toMatch(/^everyMs: /);
    expect(problem({ at: -1 })).toMatch(/^at: /);
    expect(problem({ cron: `${"0,".repeat(130)}0 * * * *` })).toMatch(/^cron: /);
  });
});
