/**
 * The table of mutants stays true: each still applies, changes something, and names tests that are there.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { verdictOf } from "../../scripts/mutants-copy.ts";
import { type Mutant, mutants, mutate } from "../../scripts/mutants-table.ts";
import { root } from "../../scripts/wrangler.ts";

it.each(mutants)("$name applies: its snippet stands once in $file", (mutant) => {
  const before = readFileSync(join(root, mutant.file), "utf8");
  expect(mutate(root, mutant)).not.toBe(before);
  for (const test of mutant.tests) expect(existsSync(join(root, test)), test).toBe(true);
});

it("each has a name of its own, and says in a sentence what it breaks", () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  for (const { breaks } of mutants) expect(breaks.split(" ").length).toBeGreaterThan(4);
});

it("one whose snippet is gone, or stands twice, says that it no longer applies", () => {
  const tree = mkdtempSync(join(tmpdir(), "sluice-test-"));
  const mutant = { name: "m", breaks: "", file: "src/a.ts", from: "one", to: "two", tests: [] };
  const mutated = (text: string): string => {
    writeFileSync(join(tree, "src/a.ts"), text);
    return mutate(tree, mutant satisfies Mutant);
  };
  mkdirSync(join(tree, "src"));
  try {
    expect(mutated("zero one $1 three")).toBe("zero two $1 three");
    expect(() => mutated("zero")).toThrow("m no longer applies: its snippet stands 0 times");
    expect(() => mutated("one, one")).toThrow("m no longer applies: its snippet stands 2 times");
  } finally {
    rmSync(tree, { recursive: true });
  }
});

it("is killed by a test that failed, and by nothing else", () => {
  const result = { name: "/tree/test/a.test.ts", status: "failed", message: "no such export" };
  const assertionResults = [
    { status: "passed", fullName: "adds" },
    { status: "failed", fullName: "subtracts" },
  ];
  const killed = verdictOf({ testResults: [{ ...result, assertionResults }] }, "/tree");
  expect(killed).toEqual({ failed: "test/a.test.ts: subtracts" });
  const unloaded = verdictOf({ testResults: [{ ...result, assertionResults: [] }] }, "/tree");
  expect(unloaded.failed).toBeUndefined();
  expect(unloaded.trouble).toContain("did not load: no such export");
});
