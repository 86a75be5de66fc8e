/**
 * The demo, whole, on small folders.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { measure } from "../../scripts/demo-files.ts";

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

it("measures every file exactly once although a worker is killed with jobs in hand", async () => {
  // So many that they last from when half of them are seen to be done until a worker is stopped, on a slow machine too.
  for (let n = 0; n < 60; n++) writeFileSync(join(folder, `${n}.txt`), `some words\n${n}`);
  symlinkSync(folder, join(folder, "link"));
  const { code, output, errors } = await demo(folder);
  expect(errors).toBe("");
  expect(output).toMatch(/^Sluice listens on http:.*, token in .*\/token$/m);
  expect(output).toMatch(/^Plan measure on 60 files: submitted in .* as\n {2}action \S+$/m);
  expect(output).toMatch(/^Action \S+ has completed: 60 completed, 0 failed\.$/m);
  expect(output).toMatch(/^All, from enqueue to end: 60 jobs in .* jobs\/s$/m);
  expect(output).toMatch(/worker-\d was killed \(SIGKILL\) while it worked on [1-9]/);
  expect(output).toContain("at delivery 2");
  expect(output).toContain("60 files, each with exactly one result, and all are right.");
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

it.each(["", "a", "a b\n\n c\t", "é\r\nö\r\n", "x".repeat(100_000)])(
  "knows of %j what cksum and wc say",
  async (content) => {
    const file = join(folder, "file");
    writeFileSync(file, content);
    const say = (command: string, ...args: string[]) =>
      execFileSync(command, [...args, file], { encoding: "utf8" })
        .trim()
        .split(/\s+/);
    const [checksum, bytes] = say("cksum");
    const [lines] = say("wc", "-l");
    const told = { checksum: Number(checksum), bytes: Number(bytes), lines: Number(lines) };
    expect(await measure(file)).toEqual(told);
  },
);
