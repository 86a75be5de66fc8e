/**
 * The last line of every test run: `N passed, N failed`, alone on its line.
 * Invariant: nothing failed exactly when the run succeeded, so what stops tests from running (a file
 * that does not load, an error that nobody caught) counts as failed too.
 */
import { writeSync } from "node:fs";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** Tallies the run, and prints when the process ends: by then every other reporter has spoken. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    let passed = 0;
    let failed = unhandled.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed++;
        else if (state !== "skipped") failed++;
      }
    }
    process.once("exit", () => writeSync(1, `${passed} passed, ${failed} failed\n`));
  }
}
