/**
 * The demo, whole, on small folders.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { digest } from "../../scripts/demo-files.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function demo(...args: string[]) {
  const child = spawn(process.execPath, ["scripts/demo.ts", ...args]);
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { code, output, errors };
}

it("digests every file exactly once although a worker is killed with jobs in hand", async () => {
  for (let n = 0; n < 20; n++) writeFileSync(join(folder, `${n}.txt`), `some words\n${n}`);
  symlinkSync(folder, join(folder, "link"));
  const { code, output, errors } = await demo(folder);
  expect(errors).toBe("");
  expect(output).toMatch(/^Sluice listens on http:.*, token in .*\/token$/m);
  expect(output).toMatch(/^All, from enqueue to end: 20 jobs in .* jobs\/s$/m);
  expect(output).toMatch(/worker-\d was killed \(SIGKILL\) while it worked on [1-9]/);
  expect(output).toContain("at delivery 2");
  expect(output).toContain("20 files, each with exactly one result, and all are right.");
  expect(code).toBe(0);
});

it("says in a sentence when there is nothing to do, or no such folder", async () => {
  expect(await demo(folder)).toMatchObject({ code: 0, errors: "" });
  const missing = join(folder, "missing");
  expect(await demo(missing)).toMatchObject({
    code: 1,
    errors: `${missing} does not exist: name a folder.\n`,
  });
  const file = join(folder, "file");
  writeFileSync(file, "");
  expect(await demo(file)).toMatchObject({
    code: 1,
    errors: `${file} is a file: name the folder it is in.\n`,
  });
});

it.each([
  ["", { bytes: 0, lines: 0, words: 0 }],
  ["a", { bytes: 1, lines: 1, words: 1 }],
  ["a b\n\n c\t", { bytes: 8, lines: 3, words: 3 }],
  ["é\r\nö\r\n", { bytes: 8, lines: 2, words: 2 }],
])("counts the bytes, lines and words of %j", async (content, counts) => {
  const file = join(folder, "file");
  writeFileSync(file, content);
  expect(await digest(file)).toMatchObject(counts);
});
