/**
 * Makes a history that breaks a rule shorter, for as long as it still breaks the same rule.
 * Invariant: what comes out was run, and broke that rule.
 */
import type { Failure, History, Outcome } from "./run.ts";

/** A history that breaks a rule, and what came of it. */
export interface Broken {
  readonly steps: readonly number[];
  readonly failure: Failure;
  readonly outcome: Outcome;
}

/** So many steps are played at most, in all histories that are tried: about a minute. */
const STEPS_MAX = 120_000;

/**
 * Delta debugging (Zeller): leaves out half of the steps, then quarters, down to single ones, again and again until none
 * can be left out. `play` runs a history.
 */
export async function shrink(
  history: History,
  outcome: Outcome & { readonly failure: Failure },
  play: (history: History) => Promise<Outcome>,
): Promise<Broken> {
  let best: Broken = { steps: history.steps, failure: outcome.failure, outcome };
  let played = 0;
  const attempt = async (steps: readonly number[]): Promise<boolean> => {
    played += steps.length;
    const tried = await play({ seed: history.seed, steps });
    if (tried.failure?.rule !== outcome.failure.rule) return false;
    best = { steps: upTo(steps, tried.failure.step), failure: tried.failure, outcome: tried };
    return true;
  };
  await attempt(upTo(history.steps, outcome.failure.step));
  let chunk = Math.ceil(best.steps.length / 2);
  while (chunk >= 1 && played < STEPS_MAX) {
    let hasShrunk = false;
    // From the end: what happened last depends on what was before, not the other way round.
    for (let end = best.steps.length; end > 0 && played < STEPS_MAX; end -= chunk) {
      const start = Math.max(0, end - chunk);
      if (start >= best.steps.length) continue;
      const rest = [...best.steps.slice(0, start), ...best.steps.slice(end)];
      if (await attempt(rest)) hasShrunk = true;
    }
    if (!hasShrunk || chunk > 1) chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2);
  }
  return best;
}

/** The steps up to the one at which it was noticed. */
const upTo = (steps: readonly number[], step: number | undefined): readonly number[] =>
  step === undefined ? steps : steps.filter((each) => each <= step);
