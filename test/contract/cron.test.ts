/**
 * The calendar of an expression, held against the library that knows the whole of it.
 * Invariant: an expression means the same whether its fields were met before, in it or in another, or not.
 */
import { Cron } from "croner";
import { expect, test } from "vitest";
import { cronProblem, parseCron } from "../../src/contract/cron.ts";

const seconds = ["0", "*/20", "5,50"];
const minutes = ["*", "7", "10-20/5", "59"];
const hours = ["*", "?", "0", "22,3", "*/6"];
const days = ["*", "?", "1", "31", "L", "LW", "15W", "L,3", "1-7"];
const months = ["*", "2", "JAN-MAR", "6,12"];
const weekdays = ["*", "?", "0", "7", "MON-FRI", "5L", "5#2", "+FRI", "+1#1,2#2"];

/** Each value of each field, among others that change with it. */
const expressions = Array.from({ length: 180 }, (_, i) => {
  const pick = (values: readonly string[], step: number) => values[(i * step) % values.length];
  const five = [
    pick(minutes, 1),
    pick(hours, 3),
    pick(days, 1),
    pick(months, 5),
    pick(weekdays, 7),
  ];
  return (i % 2 === 0 ? five : [pick(seconds, 1), ...five]).join(" ");
});
const nicknames = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@Midnight", "@hourly"];
const START = Date.UTC(2027, 11, 30, 22, 59, 30);

test.each([...expressions, ...nicknames])("%s names what the library says", (expression) => {
  const whole = new Cron(expression, { timezone: "UTC", mode: "5-or-6-parts" });
  if (cronProblem(expression) !== undefined) {
    expect(whole.nextRun(new Date(START))).toBeNull();
    return;
  }
  const { next } = parseCron(expression);
  let [own, its]: [number | undefined, Date | null] = [START, new Date(START)];
  for (let i = 0; i < 5; i += 1) {
    its = whole.nextRun(its ?? undefined);
    own = next((own ?? 0) + 1);
    expect(own).toBe(its?.getTime());
  }
});

test("an expression with another's fields in other places is another", () => {
  const at = (expression: string) => new Date(parseCron(expression).next(START) ?? 0).toISOString();
  expect(at("5 7 * * *")).toBe("2027-12-31T07:05:00.000Z");
  expect(at("7 5 * * *")).toBe("2027-12-31T05:07:00.000Z");
  expect(at("0 5 7 * *")).toBe("2028-01-07T05:00:00.000Z");
});
