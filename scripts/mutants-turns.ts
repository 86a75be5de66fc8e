/**
 * The mutants of turns and of strict order: ways in which the next job of a key, or the next key, could be wrong.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const turns = "test/machine/flow-limits.test.ts";
const order = "test/machine/flow-order.test.ts";
const single = "test/machine/turns.test.ts";
const properties = "test/machine/turns-properties.test.ts";

export const turnMutants: readonly Mutant[] = [
  {
    name: "turn-ends-with-its-claim",
    breaks:
      "what a claim leaves of a key's turn is lost, so that weights count in large claims alone",
    file: "src/machine/turns.ts",
    from: "if (row.left > 0 && lanes.next.at(-1)?.[0] !== row.lane) {",
    to: "if (row.left < 0) {",
    tests: [turns],
  },
  {
    name: "round-of-many-keys-slow",
    breaks: "the jobs without a key get a turn for each of a key, not for each round of all keys",
    file: "src/store/rounds.ts",
    from: "pass(tables, row.passed, 1 / row.lanes)",
    to: "pass(tables, row.passed, 1)",
    tests: [turns],
  },
  {
    name: "round-without-end",
    breaks:
      "a key that empties and comes back has its turn before those who wait for the round's end",
    file: "src/machine/turns.ts",
    from: "const to = end === undefined ? {}",
    to: "const to = end !== 0 ? {}",
    tests: [single],
  },
  {
    name: "last-lane-begins-anew",
    breaks: "a key that is shut with each of its jobs is ahead of all others each time it opens",
    file: "src/store/rounds.ts",
    from: "counters.passed = Math.max(counters.passed, row.passed);",
    to: "",
    tests: [single],
  },
  {
    name: "weight-counts-as-turns",
    breaks: "each job of a weighted turn counts as one beside jobs without a key",
    file: "src/store/rounds.ts",
    from: "if (!goesOn || !isFair) row.passed",
    to: "row.passed",
    tests: [single],
  },
  {
    name: "late-comers-catch-up",
    breaks:
      "jobs without a key that come late take every turn until they have had as many as the keys",
    file: "src/store/rounds.ts",
    from: "const from = Math.max(passed, counters.passed - 1);",
    to: "const from = passed;",
    tests: [turns],
  },
  {
    name: "two-turns-owed",
    breaks:
      "jobs without a key that come back have two turns more before a key that is alone in its round",
    file: "src/machine/turns.ts",
    from: "if (areBack && lanes.priority === place[1]) return isLess(passed - 1, plain_passed);",
    to: "void areBack;",
    tests: [single, properties],
  },
  {
    name: "missed-round-forgotten",
    breaks: "jobs without a key of which there were none for rounds wait as if they had just come",
    file: "src/machine/turns.ts",
    from: "return isLess(passed - 1, plain_passed);",
    to: "return isLess(plain_passed, lanes.passed);",
    tests: [single],
  },
  {
    name: "laggards-equal",
    breaks:
      "keys that nobody asked for while others went on wait for all jobs without a key beside them",
    file: "src/machine/turns.ts",
    from: "return comesBefore(lanes, { priority: place[1], passed: plain_passed });",
    to: "const gone = (own: number) => ({ priority: 0, passed: Math.max(own, passed - 1) });\n  const mine = { ...gone(lanes.passed), priority: lanes.priority };\n  return comesBefore(mine, { ...gone(plain_passed), priority: place[1] });",
    tests: [single],
  },
  {
    name: "fractions-compared-exactly",
    breaks: "a sum of fractions a trifle short of a round gives a key a turn that is not its own",
    file: "src/store/rounds.ts",
    from: "a < b - ROUNDING",
    to: "a < b",
    tests: [single],
  },
  {
    name: "turns-before-priority",
    breaks: "a key's turn comes before a more urgent job without a key",
    file: "src/machine/turns.ts",
    from: "a.priority === b.priority ? isLess(a.passed, b.passed) : a.priority < b.priority;",
    to: "isLess(a.passed, b.passed);",
    tests: [turns],
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
