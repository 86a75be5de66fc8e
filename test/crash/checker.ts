/**
 * The checker: a history and what was found in the end, against what Sluice promises.
 * Invariant: it knows nothing but what the crew was told, and shares no code with what it checks.
 */
import { checkChannels } from "./check-channels.ts";
import { checkJobs } from "./check-jobs.ts";
import { checkLeases } from "./check-leases.ts";
import { checkOrder } from "./check-order.ts";
import type { EnqueueResult, Exchange, Final, Reply, Violation } from "./history.ts";
import { hasEffect, type Request, type Story, tell } from "./story.ts";

/** All that contradicts a promise. */
export function check(history: readonly Exchange[], final: Final): Violation[] {
  const story = tell(history);
  return [
    ...checkFaults(history),
    ...checkRepeats(story),
    ...checkJobs(story, final),
    ...checkLeases(story),
    ...checkOrder(story, final),
    ...checkChannels(story),
    ...checkCounts(final),
  ];
}

/** Refusals of a whole request that the crew may meet: the first answer is no longer held, and what passes by itself. */
const expected = new Set(["answer_gone", "append_failed", "busy", "unavailable"]);

/** Nobody in the crew says anything wrong, so that every other refusal is a fault. */
function checkFaults(history: readonly Exchange[]): Violation[] {
  return history.flatMap((exchange) => {
    const { outcome } = exchange;
    if (outcome.kind !== "refused" || expected.has(outcome.code)) return [];
    const what = `a request was refused: ${outcome.status} ${outcome.code}`;
    return [{ rule: "fault", what, exchanges: [exchange] }];
  });
}

/** Every answer to one request says the same; of a claim, what is still held. */
function checkRepeats({ requests }: Story): Violation[] {
  return requests.flatMap((request) => {
    const [first, ...others] = answersTo(request);
    // An answer that did nothing is not kept: the repeat is decided anew.
    const odd = first && hasEffect(first) && others.find((other) => !isRepeat(other, first));
    if (!odd) return [];
    const what = `request ${request.name} was answered in two ways`;
    return [{ rule: "one answer", what, exchanges: request.tries }];
  });
}

function answersTo({ tries }: Request): Reply[] {
  return tries.flatMap(({ outcome }) => (outcome.kind === "answered" ? [outcome.reply] : []));
}

function isRepeat(other: Reply, first: Reply): boolean {
  const idOf = (result: EnqueueResult) => ("id" in result ? result.id : result.problem.code);
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const held = new Set(first.jobs?.map(({ id, token }) => `${id} ${token}`));
  return (
    same(other.results?.map(idOf), first.results?.map(idOf)) &&
    same(other.items, first.items) &&
    (other.jobs ?? []).every(({ id, token }) => held.has(`${id} ${token}`))
  );
}

/** The counters of the statistics equal a recount of the list, and so do the lists of the states. */
function checkCounts({ jobs, idsByState, counts, jobBytes, listedBytes }: Final): Violation[] {
  const found: Violation[] = [];
  const say = (what: string) => found.push({ rule: "counters", what, exchanges: [] });
  const byState = Map.groupBy(jobs, ({ state }) => state);
  for (const state of new Set([...byState.keys(), ...Object.keys(counts)])) {
    const ids = (byState.get(state) ?? []).map(({ id }) => id);
    const counted = counts[state] ?? 0;
    if (counted !== ids.length) say(`${counted} jobs count as ${state}; ${ids.length} are`);
    const listed = [...(idsByState[state] ?? [])].sort();
    if (listed.join() !== ids.sort().join()) say(`the list of ${state} jobs has others`);
  }
  if (jobBytes !== listedBytes) say(`${jobBytes} bytes are counted; ${listedBytes} are kept`);
  return found;
}
