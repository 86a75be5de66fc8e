/**
 * Whether an input can be run by a plan, told without making its arguments.
 * Invariant: always what `resolveTasks` says.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ARGUMENT_UNITS_MAX,
  ARGUMENTS_UNITS_MAX,
  inputCheck,
  resolveTasks,
  type Task,
} from "../../src/contract/placeholders.ts";
import { cpuMs } from "../cpu.ts";

const isRunnable = (tasks: readonly Task[], input: string) =>
  !("reason" in resolveTasks(tasks, input));
const echo = (args: readonly string[], task_number = 1): Task => ({
  task_number,
  command: "echo",
  args,
});

test("an input is told runnable exactly when its tasks can be resolved", () => {
  const piece = fc.constantFrom("{{input.a}}", "{{input.b}}", "\\{{input.c}}", "{{", "x", "\0");
  const args = fc.array(fc.array(piece, { maxLength: 4 }).map((parts) => parts.join("")));
  const length = fc.constantFrom(0, 1, 20_000, ARGUMENT_UNITS_MAX, ARGUMENT_UNITS_MAX + 1);
  const value = fc.oneof(
    fc.constantFrom(null, true, 1.5, "a\0", [1], {}),
    length.map((units) => "y".repeat(units)),
  );
  const input = fc.oneof(
    fc.constantFrom(null, 7, "a", ["a"]),
    fc.record({ a: value, b: value }, { requiredKeys: [] }),
  );
  fc.assert(
    fc.property(args, args, input, (first, second, said) => {
      const tasks = [echo(first), echo(second, 2)];
      const text = JSON.stringify(said);
      expect(inputCheck(tasks)(text)).toBe(isRunnable(tasks, text));
    }),
    { numRuns: 1000 },
  );
});

test("all arguments together have their bound to the unit", () => {
  const whole = Array.from(
    { length: ARGUMENTS_UNITS_MAX / ARGUMENT_UNITS_MAX },
    () => "{{input.a}}",
  );
  const full = JSON.stringify({ a: "y".repeat(ARGUMENT_UNITS_MAX) });
  const over = [...whole, "z"];
  for (const [args, expected] of [
    [whole, true],
    [over, false],
  ] as const) {
    expect([inputCheck([echo(args)])(full), isRunnable([echo(args)], full)]).toEqual([
      expected,
      expected,
    ]);
  }
});

test("a thousand inputs of a plan that names ten thousand values are told in a moment", () => {
  const args = Array.from({ length: 100 }, () => "{{input.a}}");
  const fits = inputCheck(Array.from({ length: 100 }, (_, i) => echo(args, i + 1)));
  const begun = cpuMs();
  for (let n = 0; n < 1000; n++) expect(fits(`{"a":${n}}`)).toBe(true);
  // Resolving them all takes ten seconds and more.
  expect(cpuMs() - begun).toBeLessThan(3_000);
});
