/**
 * The simulation: many seeds, each a history of steps; says which break a rule, and how to see it again.
 * Invariant: the exit code is 0 only if no seed broke a rule.
 * Usage: npm run sim -- [--seed N] [--runs K] [--steps S] [--keep 0,3,7-9] [--threads T]
 */
import { parseArgs } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import { run as main, Sentence } from "../../scripts/sentence.ts";
import { type Harvest, runAll } from "./farm.ts";
import { coverageLines, explain, stepsOf } from "./report.ts";
import { allSteps } from "./run.ts";

interface Options {
  readonly seed: number;
  readonly runs: number;
  readonly steps: readonly number[];
  readonly threads: number;
}

/** Violations that are told in full; each takes a minute to shrink at most. */
const toldMax = 3;

function numberOf(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new Sentence(`--${name} takes a whole number from ${least} on, and this is ${text}.`);
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: "string", default: "1" },
        runs: { type: "string", default: "1" },
        steps: { type: "string", default: "2000" },
        keep: { type: "string" },
        threads: { type: "string", default: "2" },
      },
    });
    const { seed, runs, steps, keep, threads } = values;
    return {
      seed: numberOf("seed", seed, 0),
      runs: numberOf("runs", runs, 1),
      steps: keep === undefined ? allSteps(numberOf("steps", steps, 1)) : stepsOf(keep),
      threads: numberOf("threads", threads, 1),
    };
  } catch (error) {
    throw error instanceof TypeError ? new Sentence(error.message) : error;
  }
}

/** How many seeds broke a rule, and which, so that one can be looked at while the others still run. */
const brokenOf = (seeds: readonly number[]): string =>
  seeds.length === 0 ? "0 violations" : `${seeds.length} violations (seeds ${seeds.join(", ")})`;

async function runWithBar({ seed, runs, steps, threads }: Options): Promise<Harvest> {
  const format = "{value}/{total} runs, {broken}";
  const isTerminal = process.stdout.isTTY;
  const bar = new SingleBar(
    {
      format: isTerminal ? `{bar} ${format}, {eta_formatted} left` : format,
      stream: process.stdout,
      noTTYOutput: true,
      notTTYSchedule: 10_000,
    },
    Presets.shades_classic,
  );
  bar.start(runs, 0, { broken: brokenOf([]) });
  try {
    const seeds = Array.from({ length: runs }, (_, i) => seed + i);
    return await runAll(seeds, steps, threads, (done, broken) =>
      bar.update(done, { broken: brokenOf(broken) }),
    );
  } finally {
    bar.stop();
  }
}

await main(async () => {
  const options = readOptions();
  const startedAt = performance.now();
  const { coverage, broken, digests } = await runWithBar(options);
  const seconds = (performance.now() - startedAt) / 1000;
  for (const line of coverageLines(coverage)) console.log(line);
  for (const seed of broken.slice(0, toldMax)) {
    for (const line of await explain({ seed, steps: options.steps })) console.log(line);
  }
  if (broken.length > toldMax) console.log(`Seeds that break a rule: ${broken.join(", ")}.`);
  const [digest] = digests.values();
  if (options.runs === 1) console.log(`Digest: ${digest}`);
  const rate = (options.runs / seconds).toFixed(1);
  console.log(
    `${options.runs} runs of ${options.steps.length} steps in ${seconds.toFixed(0)} s (${rate} runs/s): ${broken.length} violations.`,
  );
  if (broken.length > 0) process.exitCode = 1;
});
