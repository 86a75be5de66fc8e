/**
 * What a simulation says: violations with the command that replays them, and what all runs together have seen.
 * Invariant: a violation is told with one command that shows it again.
 */
import { type Coverage, faultKinds } from "./coverage.ts";
import { type Failure, type History, type Outcome, run } from "./run.ts";
import { type Broken, shrink } from "./shrink.ts";

const lastMax = 8;
const stepCharsMax = 400;

/** The numbers of steps, as ranges: `0,3,7-9`. */
export function rangesOf(steps: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const step of steps) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === step - 1) last[1] = step;
    else ranges.push([step, step]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** The steps that ranges name. Throws for anything else. */
export function stepsOf(ranges: string): number[] {
  return ranges.split(",").flatMap((range) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range);
    if (match === null) throw new TypeError(`--keep: ${range} is no step and no range of steps`);
    const from = Number(match[1]);
    const to = Number(match[2] ?? from);
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  });
}

const isWhole = (steps: readonly number[]): boolean => steps.every((step, i) => step === i);

/** The one command that plays a history again. */
export function commandOf({ seed, steps }: History): string {
  const which = isWhole(steps) ? `--steps ${steps.length}` : `--keep ${rangesOf(steps)}`;
  return `npm run sim -- --seed ${seed} ${which}`;
}

/** What a violation is, where, and what led to it. */
export function violationLines(history: History, failure: Failure, outcome: Outcome): string[] {
  const { seed, steps } = history;
  const at = failure.step === undefined ? "the end" : `step ${failure.step}`;
  const numbered = outcome.said.map((said, i) => `  ${steps[i] ?? "end"}: ${said}`);
  return [
    `Seed ${seed} breaks a rule at ${at}.`,
    failure.message,
    "What led to it:",
    ...numbered.slice(-lastMax).map((line) => line.slice(0, stepCharsMax)),
    `Replay: ${commandOf(historyUpTo(history, failure))}`,
  ];
}

/** A violation is noticed at its step: what comes behind it is not needed. */
const historyUpTo = ({ seed, steps }: History, { step }: Failure): History => ({
  seed,
  steps: step === undefined ? steps : steps.filter((each) => each <= step),
});

/** The same violation with as few steps as were found. */
function shrunkLines(seed: number, { steps, failure, outcome }: Broken): string[] {
  return [
    `Shrunk to ${steps.length} steps:`,
    ...outcome.said.map((said, i) => `  ${steps[i] ?? "end"}: ${said.slice(0, stepCharsMax)}`),
    failure.message,
    `Replay: ${commandOf({ seed, steps })}`,
  ];
}

/** Runs a history that failed again, and tells how with few steps. */
export async function explain(history: History): Promise<string[]> {
  const outcome = await run(history);
  const { failure } = outcome;
  if (failure === undefined)
    return [`Seed ${history.seed} did not fail again: it is not determined.`];
  const lines = violationLines(history, failure, outcome);
  const shrunk = await shrink(history, { ...outcome, failure }, run);
  return [...lines, ...shrunkLines(history.seed, shrunk)];
}

/** What all runs have seen: each command with its ends, each fault. */
export function coverageLines(coverage: Coverage): string[] {
  const commands = [...coverage.commands].sort(([a], [b]) => (a < b ? -1 : 1));
  const ends = (counts: ReadonlyMap<string, number>) =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([end, count]) => `${end} ${count}`)
      .join(", ");
  return [
    "Commands, by how they ended:",
    ...commands.map(([name, counts]) => `  ${name.padEnd(17)} ${ends(counts)}`),
    "Faults, by how often they happened:",
    ...faultKinds.map((kind) => `  ${kind.padEnd(32)} ${coverage.faults.get(kind) ?? 0}`),
  ];
}
