/**
 * A short crash run on a real server: what was acknowledged is there, and nothing contradicts what anybody was told.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { checkLog } from "./check-log.ts";
import { check } from "./checker.ts";
import type { Exchange } from "./history.ts";
import { crashRun } from "./run.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "sluice-test-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

it("a server that is killed twice keeps every promise it made", async () => {
  const seen: number[] = [];
  const onProgress = (round: number) => seen.push(round);
  const history: Exchange[] = [];
  const options = { dataDir, rounds: 2, seed: "test", history, onProgress };
  const { final, file } = await crashRun(options);
  expect(seen).toEqual([1, 2]);
  expect(new Set(history.map(({ ask }) => ask.kind)).size).toBe(5);
  expect(final.jobs.length).toBeGreaterThan(0);
  expect(check(history, final)).toEqual([]);
  expect(checkLog(file)).toEqual([]);
});
