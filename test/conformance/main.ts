/**
 * `npm run conformance`: runs the suite on every subject and prints the matrix of cases and subjects.
 * Invariant: it exits with 0 only if every cell passed that is about its subject, and vitest found nothing else wrong.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cases } from "./catalogue.ts";
import { matrixOf, type Outcome } from "./matrix.ts";

/** What of vitest's report is read. */
interface Report {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Runs vitest on this folder, in both of its projects. */
function run(): Report {
  const folder = mkdtempSync(join(tmpdir(), "sluice-matrix-"));
  try {
    const report = join(folder, "report.json");
    const vitest = join("node_modules", "vitest", "vitest.mjs");
    const args = [vitest, "run", "test/conformance", "--reporter=json", `--outputFile=${report}`];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    try {
      return JSON.parse(readFileSync(report, "utf8")) as Report;
    } catch (cause) {
      throw new Error(`vitest has made no report:\n${stdout}\n${stderr}`, { cause });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function outcomesOf({ testResults }: Report): Outcome[] {
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status, failureMessages }) => ({
      subject: ancestorTitles.at(-1) ?? "",
      title,
      hasPassed: status === "passed",
      message: failureMessages.join("\n"),
    })),
  );
}

const begun = performance.now();
const report = run();
const { text, failed } = matrixOf(cases, outcomesOf(report));
console.log(text);
for (const { message } of report.testResults) if (message !== "") console.log(message);
console.log(`in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
process.exitCode = failed === 0 && report.success ? 0 : 1;
