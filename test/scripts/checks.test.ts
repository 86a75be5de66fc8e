/**
 * The checks of `npm run verify` that are Sluice's own, each on a small tree that breaks it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { breaches } from "../../scripts/layers.ts";
import { untidiness } from "../../scripts/tidy.ts";

let src = "";
beforeEach(() => {
  src = mkdtempSync(join(tmpdir(), "sluice-test-"));
});
afterEach(() => rmSync(src, { recursive: true }));

/** Breaches of a tree whose entry imports every file given, so that none is dead. */
function breachesOf(files: Readonly<Record<string, string>>): string[] {
  const all = Object.keys(files).map((file) => `import "./${file}";\n`);
  for (const [file, content] of Object.entries({ ...files, "index.ts": all.join("") })) {
    mkdirSync(dirname(join(src, file)), { recursive: true });
    writeFileSync(join(src, file), content);
  }
  return breaches(src);
}

describe("layers", () => {
  it("accepts imports that point down", () => {
    const found = breachesOf({
      "contract/jobs.ts": 'import * as z from "zod";\n',
      "object/engine.ts": 'import { a } from "../contract/jobs.ts";\n',
    });
    expect(found).toEqual([]);
  });

  it("finds an import that points up, over several lines and in an export", () => {
    const found = breachesOf({
      "contract/jobs.ts": 'export {\n  a,\n} from "../object/engine.ts";\n',
      "object/engine.ts": "",
    });
    expect(found).toEqual(["src/contract/jobs.ts: contract must not run object/engine.ts"]);
  });

  it("lets the client use the contract's types but not run it", () => {
    const found = breachesOf({
      "contract/jobs.ts": "",
      "client/good.ts": 'import type { A } from "../contract/jobs.ts";\n',
      "client/bad.ts": 'import { type A, b } from "../contract/jobs.ts";\n',
    });
    expect(found).toEqual(["src/client/bad.ts: client must not run contract/jobs.ts"]);
  });

  it("lets the command line run what of the contract stands without packages, however far down", () => {
    const found = breachesOf({
      "contract/bare.ts": 'import type * as z from "zod";\nimport { c } from "./below.ts";\n',
      "contract/below.ts": "",
      "contract/jobs.ts": 'import * as z from "zod";\n',
      "contract/onto-jobs.ts": 'import { a } from "./jobs.ts";\n',
      "cli/good.ts":
        'import { b } from "../contract/bare.ts";\nimport type { A } from "../contract/jobs.ts";\n',
      "cli/bad.ts":
        'import { a } from "../contract/jobs.ts";\nimport { d } from "../contract/onto-jobs.ts";\n',
    });
    expect(found).toEqual([
      "src/cli/bad.ts: cli must not run contract/jobs.ts",
      "src/cli/bad.ts: cli must not run contract/onto-jobs.ts",
    ]);
  });

  it("finds a package that a folder must not have, also when it is imported later", () => {
    const found = breachesOf({
      "contract/jobs.ts": "",
      "machine/jobs.ts": 'const w = await import("cloudflare:workers");\n',
    });
    expect(found).toEqual(["src/machine/jobs.ts: machine must not import cloudflare:workers"]);
  });

  it("finds a noun without words, and a name in two strata that is no noun", () => {
    const found = breachesOf({ "machine/jobs.ts": "", "contract/x.ts": "", "store/x.ts": "" });
    expect(found).toEqual([
      "src/{contract,store}/x.ts: not a noun of scripts/layers.ts, yet in several strata",
      "src/machine/jobs.ts: the noun jobs is missing in contract",
    ]);
  });

  it("finds a file that nothing uses", () => {
    writeFileSync(join(src, "dead.ts"), "");
    expect(breaches(src)).toEqual(["src/dead.ts: nothing uses it"]);
  });
});

describe("tidiness", () => {
  const header = "/**\n * What this owns, in a sentence that is long enough to say it.\n */\n";

  it("accepts a file with a header, also below a line that names its interpreter", () => {
    expect(untidiness("src/a.ts", `${header}export {};\n`)).toEqual([]);
    expect(untidiness("src/a.ts", `#!/usr/bin/env node\n${header}export {};\n`)).toEqual([]);
  });

  it("finds a missing header, work left for later, and a name that says nothing", () => {
    expect(untidiness("src/a.ts", "export {};\n")).toHaveLength(1);
    expect(untidiness("src/a.ts", `${header}// ${"TO"}DO: later\n`)).toHaveLength(1);
    expect(untidiness("src/utils.ts", header)).toHaveLength(1);
  });
});
