/**
 * `npm run verify`: everything that must hold before a change is kept, the quick checks first.
 * Invariant: it writes nothing that is kept, and its last line is always `N passed, N failed`.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./wrangler.ts";

const bin = (name: string): string => join(root, "node_modules/.bin", name);
const node = process.execPath;

const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["format and lint", bin("biome"), "check", "--error-on-warnings"],
  ["types", bin("tsc")],
  ["layers", node, "scripts/layers.ts"],
  ["tidiness", node, "scripts/tidy.ts"],
  ["lockfile", node, "scripts/lockfile.ts"],
  ["tests", bin("vitest"), "run"],
];

/** Runs the steps in order; a failed one ends the run, for the next ones would only say the same. */
function verify(): number {
  for (const [index, [name, command, ...args]] of steps.entries()) {
    console.log(`[${index + 1}/${steps.length}] ${name}`);
    const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
    if (error !== undefined) console.error(error);
    if (status === 0) continue;
    // The tests close with their own tally; before them, the failed check is all there is to count.
    if (name !== "tests") console.log("0 passed, 1 failed");
    return 1;
  }
  return 0;
}

process.exitCode = verify();
