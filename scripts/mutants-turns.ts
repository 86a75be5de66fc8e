/**
 * The mutants of turns and of strict order: ways in which the next job of a key, or the next key, could be wrong.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const turns = "test/machine/flow-limits.test.ts";
const order = "test/machine/strict-order.test.ts";
const single = "test/machine/turns.test.ts";
const parts = "test/machine/turns-in-parts.test.ts";
const passed = "test/machine/passed-over.test.ts";
const sets = "test/machine/set-turns.test.ts";

export const turnMutants: readonly Mutant[] = [
  {
    name: "turn-ends-with-its-claim",
    breaks:
      "what a claim leaves of a key's turn is lost, so that weights count in large claims alone",
    file: "src/machine/turns-ahead.ts",
    from: "if (row.left > 0 && lanes.next.at(-1)?.[0] !== row.lane) {",
    to: "if (row.left < 0) {",
    tests: [turns],
  },
  {
    name: "turns-not-numbered",
    breaks: "nobody knows who had his turn before whom, so that the first of all has every one",
    file: "src/store/rounds.ts",
    from: "counters.lane += 1;",
    to: "counters.lane += 0;",
    tests: [turns],
  },
  {
    name: "one-turn-for-all-sets",
    breaks:
      "jobs without a key wait for ever while other workers are given those of other requirements",
    file: "src/machine/turns.ts",
    from: "last: lastPlainTurn(row, set) };",
    to: "last: Math.max(set, row === undefined ? 0 : 1, ...[...rounds.scan({})].map(([, each]) => each.plain ?? 0)) };",
    tests: [sets],
  },
  {
    name: "oldest-of-all-sets-first",
    breaks: "jobs without a key wait until all older ones of other requirements are gone",
    file: "src/machine/turns.ts",
    from: "hasTurns ? compareTurns : comparePlains;",
    to: "hasTurns && plains.size < 0 ? compareTurns : comparePlains;",
    tests: [sets],
  },
  {
    name: "new-set-first-of-all",
    breaks: "a set of requirements that comes anew with each of its jobs is always first",
    file: "src/store/rounds.ts",
    from: "row?.plain ?? set;",
    to: "row?.plain ?? Math.min(set, 1);",
    tests: [sets],
  },
  {
    name: "rounds-of-no-set",
    breaks: "rounds of sets of requirements that are gone are kept for ever",
    file: "src/store/rounds.ts",
    from: "if (lanes === 0) tables.rounds.remove(place);",
    to: "if (lanes < 0) tables.rounds.remove(place);",
    tests: [sets],
  },
  {
    name: "round-without-end",
    breaks:
      "a key that empties and comes back has its turn before those who wait for the round's end",
    file: "src/machine/turns-ahead.ts",
    from: "const to = end === undefined ? {}",
    to: "const to = end !== 0 ? {}",
    tests: [parts],
  },
  {
    name: "round-of-few-without-end",
    breaks: "so it is where there are few keys",
    file: "src/machine/turns-ahead.ts",
    from: "lane > last && lane <= end);",
    to: "lane > last);",
    tests: [single],
  },
  {
    name: "round-of-few-begins-anew",
    breaks: "of few keys the first has every turn",
    file: "src/machine/turns-ahead.ts",
    from: "lane > last && lane <= end);",
    to: "lane <= end);",
    tests: [single],
  },
  {
    name: "round-of-few-of-another-priority",
    breaks:
      "a claim that goes on to the next priority looks for its keys among those of the one before",
    file: "src/machine/turns-ahead.ts",
    from: "seen: undefined, all: undefined });",
    to: "seen: undefined });",
    tests: [single],
  },
  {
    name: "round-of-few-looked-up-again",
    breaks: "each job of a claim is sought past all keys that have gone",
    file: "src/machine/turns-ahead.ts",
    from: "lanes.all ??= turns.range(",
    to: "lanes.all = turns.range(",
    tests: [passed],
  },
  {
    name: "turn-lost-with-a-job-that-is-over",
    breaks: "a key loses its turn with each of its jobs that cannot be handed out",
    file: "src/machine/turns.ts",
    from: "!== undefined) next.push(turn);",
    to: "=== undefined) next.push(turn);",
    tests: [passed],
  },
  {
    name: "sets-of-before",
    breaks: "a job that a claim lets go is not found by it, where its requirements are others",
    file: "src/machine/turns.ts",
    from: "sets = seek();\n      ({ blocked }",
    to: "({ blocked }",
    tests: [passed],
  },
  {
    name: "last-lane-begins-anew",
    breaks: "a key that is shut with each of its jobs is ahead of all others each time it opens",
    file: "src/store/rounds.ts",
    from: "if (isRemembered && (set",
    to: "if (isRemembered && set < 0 && (set",
    tests: [single],
  },
  {
    name: "weight-counts-as-turns",
    breaks: "each job of a weighted turn counts as one beside jobs without a key",
    file: "src/store/rounds.ts",
    from: "const isNew = !goesOn && (lane",
    to: "const isNew = goesOn || (lane",
    tests: [single],
  },
  {
    name: "turns-before-priority",
    breaks: "a key's turn comes before a more urgent job without a key",
    file: "src/machine/turns.ts",
    from: "priority < lanes.priority || (priority === lanes.priority && last <= lanes.last);",
    to: "priority <= 1000 && last <= lanes.last;",
    tests: [turns, single],
  },
  {
    name: "head-without-rank",
    breaks: "a key in strict order has no priority among the keys, whatever that of its next job",
    file: "src/store/key-edits.ts",
    from: "round: [setOf(job), job.priority] };",
    to: "round: [setOf(job), 0] };",
    tests: [turns],
  },
  {
    name: "shut-key-served",
    breaks:
      "a claim hands out jobs of keys that new defaults shut, until an operation has come to them",
    file: "src/machine/turns.ts",
    from: "if (keyOpensAt(row, limitsOf(row, queueOf(tx).config)) > tx.at) {",
    to: "if (row.paused !== undefined) {",
    tests: [turns],
  },
  {
    name: "order-changed-in-use",
    breaks: "the order of a key changes under its open jobs, which stand in another",
    file: "src/machine/keys.ts",
    from: "if (openJobsOf(row) > 0 && order !== row.order",
    to: "if (openJobsOf(row) < 0 && order !== row.order",
    tests: [order],
  },
  {
    name: "head-held-for-ever",
    breaks: "a job that is cancelled while it waits to be tried again holds its key for ever",
    file: "src/store/key-lanes.ts",
    from: 'if (row.holder === id && after?.state !== "scheduled") row.holder = undefined;',
    to: 'if (row.holder === id && after?.state === "ready") row.holder = undefined;',
    tests: [order],
  },
  {
    name: "rejoined-at-its-old-place",
    breaks: "a job that is to take a new place when it is tried again keeps its old one",
    file: "src/store/keys.ts",
    from: 'return limitsOf(tables.keys.get([job.key]), readQueue(tables).config).onRetry === "block";',
    to: 'return limitsOf(tables.keys.get([job.key]), readQueue(tables).config).onRetry !== "";',
    tests: [order],
  },
  {
    name: "park-by-word-alone",
    breaks:
      "a key is parked by a job that says that it failed, and not by one whose last lease ended",
    file: "src/machine/consequences.ts",
    from: 'return type === "job.lease_expired" && (facts as EventFacts["job.lease_expired"]).failed === true;',
    to: "return false;",
    tests: [order],
  },
  {
    name: "parked-by-nobody",
    breaks: "a key that was parked does not name the job that failed",
    file: "src/store/key-writers.ts",
    from: "row.paused = { at, reason, job };",
    to: "row.paused = { at, reason, job: job && undefined };",
    tests: [order],
  },
];
