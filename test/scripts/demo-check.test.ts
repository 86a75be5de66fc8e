/**
 * The judge of the demo: whatever is wrong with the results makes it speak.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { check, type FileJob, figuresIn } from "../../scripts/demo-check.ts";
import { measure } from "../../scripts/demo-files.ts";

let folder = "";
let path = "";
let job: FileJob;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  path = join(folder, "file");
  writeFileSync(path, "some words\n");
  job = {
    id: "a",
    state: "completed",
    kind: "plan",
    priority: 0,
    run: 1,
    attempt: 1,
    maxAttempts: 3,
    deliveries: 1,
    createdAt: 1,
    payload: { path },
    measured: await measure(path),
  };
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What is wrong when a file has these jobs. */
const wrong = (jobs: readonly FileJob[], lost: readonly string[] = []) =>
  check([path], new Map([[path, jobs]]), lost);

it("finds nothing wrong with one right result", async () => {
  expect(await wrong([job])).toEqual([]);
  expect(await wrong([{ ...job, deliveries: 2 }], ["a"])).toEqual([]);
});

it("reads the figures of a file whose name has a line feed, as they are written or escaped", () => {
  const figures = { checksum: 46, bytes: 4, lines: 2 };
  expect(figuresIn("46 4\n", "2 /a\n")).toEqual(figures);
  expect(figuresIn("46 4\nb\n", "2 '/a'$'\\n''b'\n")).toEqual(figures);
  expect(figuresIn("\\46 4\n", "2 /a\nb\n")).toEqual(figures);
  expect(figuresIn("no such file\n", "")).toBeUndefined();
});

it.each([
  ["no job", () => wrong([])],
  ["two jobs", () => wrong([job, { ...job, id: "b" }])],
  ["a job that failed", () => wrong([{ ...job, state: "failed" }])],
  ["a job without a result", () => wrong([{ ...job, measured: undefined }])],
  [
    "a result of other bytes",
    async () => {
      writeFileSync(path, "some Words\n");
      return await wrong([job]);
    },
  ],
  ["a lost job that was not handed out again", () => wrong([job], ["a"])],
  [
    "a file that is gone",
    async () => {
      rmSync(path);
      return await wrong([job]);
    },
  ],
  [
    "a job of no file",
    () =>
      check(
        [path],
        new Map([
          [path, [job]],
          ["else", [job]],
        ]),
        [],
      ),
  ],
])("complains of %s", async (_, complaints) => {
  expect(await complaints()).toHaveLength(1);
});
