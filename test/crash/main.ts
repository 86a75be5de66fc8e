/**
 * `npm run crash -- [--rounds 20] [--seed TEXT]`: kills a real server again and again, and checks all that anybody was told.
 * Invariant: it exits with 0 only when the history is clean; otherwise the history and the data directory are kept.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import { run, Sentence } from "../../scripts/sentence.ts";
import { checkLog } from "./check-log.ts";
import { check } from "./checker.ts";
import type { Exchange, Violation } from "./history.ts";
import { crashRun, type Run } from "./run.ts";

const options = {
  rounds: { type: "string", default: "20" },
  seed: { type: "string", default: String(Date.now()) },
} as const;

/** Violations that are shown; all are counted. */
const shownMax = 5;
const exchangesShownMax = 12;

async function crash(): Promise<void> {
  const { rounds: text, seed } = parseArgs({ options }).values;
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Sentence(`--rounds takes a number, not ${text}.`);
  const rounds = Number(text);
  const dataDir = mkdtempSync(join(tmpdir(), "sluice-crash-"));
  const startedAt = performance.now();
  const history: Exchange[] = [];
  const bar = process.stderr.isTTY ? newBar(rounds) : undefined;
  const onProgress = (round: number) => bar?.update(round, { requests: history.length });
  let result: Run;
  try {
    result = await crashRun({ dataDir, rounds, seed, history, onProgress });
  } catch (error) {
    keep(history, dataDir);
    throw error;
  } finally {
    bar?.stop();
  }
  const violations = [...check(history, result.final), ...checkLog(result.file)];
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const verdict = violations.length === 0 ? "the history is clean" : "BROKEN PROMISES";
  console.log(`${summary(rounds, result)}, ${seconds} s, seed ${seed}: ${verdict}`);
  if (violations.length === 0) return rmSync(dataDir, { recursive: true });
  report(violations);
  keep([...history, ...result.final.jobs], dataDir);
  process.exitCode = 1;
}

function newBar(rounds: number): SingleBar {
  const format = "{bar} {value}/{total} crashes, {requests} requests, {duration_formatted}";
  const bar = new SingleBar({ format }, Presets.shades_classic);
  bar.start(rounds, 0, { requests: 0 });
  return bar;
}

function summary(rounds: number, { history, final }: Run): string {
  const unknown = history.filter(({ outcome }) => outcome.kind === "unknown").length;
  const handOuts = history.reduce((sum, each) => sum + claimedIn(each), 0);
  const requests = `${count(history.length)} requests (${count(unknown)} of unknown outcome)`;
  const jobs = `${count(final.jobs.length)} jobs handed out ${count(handOuts)} times`;
  return `${count(rounds)} rounds, ${requests}, ${jobs}`;
}

const count = (n: number): string => n.toLocaleString("en");

const claimedIn = ({ outcome }: Exchange): number =>
  outcome.kind === "answered" ? (outcome.reply.jobs?.length ?? 0) : 0;

function report(violations: readonly Violation[]): void {
  console.error(`${count(violations.length)} violations, of which the first:`);
  for (const { rule, what, exchanges } of violations.slice(0, shownMax)) {
    console.error(`\n${rule}: ${what}`);
    for (const each of exchanges.slice(0, exchangesShownMax)) console.error(JSON.stringify(each));
  }
}

function keep(lines: readonly object[], dataDir: string): void {
  const file = join(dataDir, "history.jsonl");
  writeFileSync(file, lines.map((each) => `${JSON.stringify(each)}\n`).join(""));
  console.error(`\nThe history so far is in ${file}, the data beside it.`);
}

if (import.meta.main) await run(crash);
