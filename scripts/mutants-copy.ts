/**
 * A copy of the repository in which tests are run, with a mutant in it or none.
 * Invariant: the working tree is only read; of `node_modules` each package is linked, so that caches are the copy's own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Mutant, mutate } from "./mutants-table.ts";

/** Some tests hold documents to the code. */
const copied = [
  "src",
  "test",
  "scripts",
  "docs",
  "README.md",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
  "wrangler.toml",
];
/** No run takes so long but one that never ends. */
const runMsMax = 180_000;

/** What a run of tests came to. `failed` names the first test that failed, with its file. */
export interface Verdict {
  readonly failed?: string;
  /** Why nothing can be said: tests that did not load, or did not end. */
  readonly trouble?: string;
}

/** The part of vitest's report that is looked at. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

export class Copy {
  readonly #tree = mkdtempSync(join(tmpdir(), "sluice-mutant-"));

  constructor(root: string) {
    for (const each of copied)
      cpSync(join(root, each), join(this.#tree, each), { recursive: true });
    mkdirSync(join(this.#tree, "node_modules"));
    for (const each of readdirSync(join(root, "node_modules"))) {
      // What begins with a dot is a cache, or the list of commands.
      if (each.startsWith(".")) continue;
      symlinkSync(join(root, "node_modules", each), join(this.#tree, "node_modules", each));
    }
  }

  remove(): void {
    rmSync(this.#tree, { recursive: true, force: true });
  }

  /** Runs a mutant's tests with the mutant in its file, and takes it out again. */
  async try(mutant: Mutant): Promise<Verdict> {
    const file = join(this.#tree, mutant.file);
    const before = readFileSync(file, "utf8");
    writeFileSync(file, mutate(this.#tree, mutant));
    try {
      return await this.run(mutant.tests);
    } finally {
      writeFileSync(file, before);
    }
  }

  /** Runs tests until one fails. */
  async run(tests: readonly string[]): Promise<Verdict> {
    const missing = tests.find((each) => !existsSync(join(this.#tree, each)));
    if (missing !== undefined) return { trouble: `there is no ${missing}` };
    const output = join(this.#tree, "report.json");
    rmSync(output, { force: true });
    const vitest = join(this.#tree, "node_modules/vitest/vitest.mjs");
    const report = ["--reporter=json", `--outputFile=${output}`];
    // Threads begin sooner than processes, and most runs are of one short file.
    const only = ["--project", "node", "--pool", "threads", "--bail", "1"];
    const args = [vitest, "run", ...only, ...report, ...tests];
    const child = spawn(process.execPath, args, {
      cwd: this.#tree,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: runMsMax,
      killSignal: "SIGKILL",
    });
    const [errors, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    if (code === 0) return {};
    if (code === null) return { trouble: "the tests did not end" };
    if (!existsSync(output)) return { trouble: errors.trim().split("\n")[0] ?? "vitest failed" };
    return verdictOf(JSON.parse(readFileSync(output, "utf8")) as Report, this.#tree);
  }
}

/** A file that failed without a test that failed did not load: that says nothing of the mutant. */
export function verdictOf({ testResults }: Report, tree: string): Verdict {
  for (const { name, assertionResults } of testResults) {
    const failed = assertionResults.find(({ status }) => status === "failed");
    if (failed !== undefined)
      return { failed: `${name.replace(`${tree}/`, "")}: ${failed.fullName}` };
  }
  const broken = testResults.find(({ status }) => status === "failed");
  return { trouble: `${broken?.name ?? "vitest"} did not load: ${broken?.message ?? ""}` };
}
