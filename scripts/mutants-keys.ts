/**
 * Mutants of flow keys: their turns, their limits, their order and their rates.
 * Invariant: each breaks one promise of `docs/semantics.md`.
 */
import type { Mutant } from "./mutants-table.ts";

const properties = "test/machine/flow-properties.test.ts";
const ends = "test/machine/flow-ends.test.ts";
const resize = "test/machine/flow-resize.test.ts";
const keys = "test/machine/keys.test.ts";
const order = "test/machine/strict-order.test.ts";
const rates = "test/machine/rates.test.ts";
const holds = "test/machine/holds.test.ts";
const refunds = "test/machine/refunds.test.ts";
const heads = "test/machine/heads.test.ts";
const turns = "test/machine/turns.test.ts";
const lingering = "test/machine/lingering.test.ts";

const ofKeys: readonly Mutant[] = [
  {
    name: "weight-ignored",
    breaks: "a key is given one job a turn, whatever its weight",
    file: "src/store/rounds.ts",
    from: "row.left - 1 : weight - 1;",
    to: "row.left - 1 : Math.min(0, weight);",
    tests: [turns, properties],
  },
  {
    name: "round-starts-over",
    breaks: "the first key is served again and again",
    file: "src/store/rounds.ts",
    from: "  row.lane = lane;\n",
    to: "  row.lane = Math.min(0, lane);\n",
    tests: [turns, properties],
  },
  {
    name: "rounds-never-pass",
    breaks: "the keys of one set of requirements starve those of another",
    file: "src/store/rounds.ts",
    from: "row.began = nextTurn(tables);",
    to: "row.began = Math.min(nextTurn(tables), lane);",
    tests: ["test/machine/set-turns.test.ts", properties],
  },
  {
    name: "one-more-than-concurrency",
    breaks: "one more job of a key runs than may",
    file: "src/store/keys.ts",
    from: "return row.running + row.lingering >= most;",
    to: "return row.running + row.lingering > most;",
    tests: [keys, properties],
  },
  {
    name: "slots-do-not-linger",
    breaks: "a job that was cancelled in its worker's hands frees its slot at once",
    file: "src/store/keys.ts",
    from: "return row.running + row.lingering >= most;",
    to: "return row.running >= most;",
    tests: [lingering, properties],
  },
  {
    name: "slot-lingers-on",
    breaks: "a worker that has heard of the cancellation keeps the slot",
    file: "src/machine/settlements.ts",
    from: "if (isLatest && until !== undefined && grant !== undefined) {",
    to: "if (isLatest && until !== undefined && grant !== undefined && until < 0) {",
    tests: [lingering, properties],
  },
  {
    name: "queue-concurrency-ignored",
    breaks: "more jobs of the queue run than may",
    file: "src/machine/sweep.ts",
    from: "return concurrency !== null && running + lingering >= concurrency;",
    to: "return concurrency !== null && running + lingering > concurrency;",
    tests: [keys, rates, properties],
  },
  {
    name: "pause-of-key-ignored",
    breaks: "jobs of a paused key are handed out",
    file: "src/store/keys.ts",
    from: "const isShut = row.paused !== undefined || row.holder",
    to: "const isShut = row.holder",
    tests: [keys, properties],
  },
  {
    name: "resize-forgets-timers",
    breaks: "a key that opens at another time than before, by a new default, is opened by nobody",
    file: "src/machine/operation-steps.ts",
    from: "(opensAt <= tx.at === hasTurn && isTimed)",
    to: "(opensAt <= tx.at === hasTurn || isTimed)",
    tests: [resize],
  },
  {
    name: "backlog-counts-ready-alone",
    breaks: "delayed jobs of a key do not count against its backlog",
    file: "src/machine/room.ts",
    from: "(row?.later ?? 0) + (row?.ready ?? 0)",
    to: "(row?.ready ?? 0)",
    tests: [keys],
  },
  {
    name: "keys-of-settings-not-counted",
    breaks: "any number of keys may have settings",
    file: "src/store/key-writers.ts",
    from: "editCounters(tables).keys_set += isSaid ? 1 : -1;",
    to: "editCounters(tables).keys_set += 0;",
    tests: [keys, properties],
  },
  {
    name: "plain-jobs-last",
    breaks: "jobs without a key wait until no key has any",
    file: "src/machine/turns.ts",
    from: "priority === lanes.priority && last <= lanes.last",
    to: "priority < lanes.priority && last <= lanes.last",
    tests: [turns, properties],
  },
];

const ofOrder: readonly Mutant[] = [
  {
    name: "strict-order-late-head",
    breaks: "in strict order the next head's priority does not count before the next claim",
    file: "src/machine/turns.ts",
    from: "isKnown = head === undefined || !head.isOrdered || !hasTurn(tx, head.turn);",
    to: "isKnown = true;",
    tests: [order],
  },
  {
    name: "strict-order-runs-two",
    breaks: "in strict order more than one job runs",
    file: "src/store/keys.ts",
    from: 'row.order === "fifo" ? 1 :',
    to: 'row.order === "fifo" ? 2 :',
    tests: [order, properties],
  },
  {
    name: "retry-does-not-hold",
    breaks: "in strict order a job passes one that is to be tried again",
    file: "src/store/key-lanes.ts",
    from: "if (after.head || isRetry) row.holder = id;",
    to: "if (after.head && isRetry) row.holder = undefined;",
    tests: [order, properties],
  },
  {
    name: "retried-head-passed",
    breaks: "a job that is tried again in strict order is passed by one that came due meanwhile",
    file: "src/store/job-indexes.ts",
    from: "ordered ? (head ? -1 : 0) : priority;",
    to: "ordered ? (head ? 0 : 0) : priority;",
    tests: [heads],
  },
  {
    name: "pause-replaced-by-park",
    breaks: "a key that was paused forgets why when one of its jobs parks it",
    file: "src/machine/consequences.ts",
    from: 'row?.paused === undefined ? "parked" : row.paused.reason;',
    to: 'row?.paused === undefined ? "parked" : "parked";',
    tests: [order],
  },
  {
    name: "park-replaced-by-pause",
    breaks: "a parked key that is paused by hand forgets which job parked it",
    file: "src/machine/keys.ts",
    from: "row.paused?.job === undefined ? {} : { job: row.paused.job };",
    to: "row.paused?.job === undefined ? {} : {};",
    tests: [order],
  },
  {
    name: "never-parked",
    breaks: "a job that failed for good does not park its key",
    file: "src/machine/consequences.ts",
    from: 'if (limitsOf(row, queueOf(tx).config).onFail !== "park") return;',
    to: 'if (limitsOf(row, queueOf(tx).config).onFail !== "next") return;',
    tests: [order],
  },
  {
    name: "order-changes-under-jobs",
    breaks: "the order of a key changes while it has open jobs",
    file: "src/store/keys.ts",
    from: "if (row !== undefined && openJobsOf(row) > 0) return row.order;",
    to: "if (row !== undefined && openJobsOf(row) > 1) return row.order;",
    tests: [order, properties],
  },
  {
    name: "holder-loses-place",
    breaks: "a job that holds its key loses its place when it is replaced",
    file: "src/store/job-writers.ts",
    from: "const readyAt = isHead(tables, id, before) ? before.readyAt : undefined;",
    to: "const readyAt = isHead(tables, id, before) ? undefined : undefined;",
    tests: [ends, order],
  },
];

const ofRates: readonly Mutant[] = [
  {
    name: "burst-ignored",
    breaks: "a rate lets its jobs go one by one, whatever its burst",
    file: "src/store/token-bucket.ts",
    from: "(burstOf(rate) - 1) * costOf(rate)",
    to: "Math.min(0, burstOf(rate)) * costOf(rate)",
    tests: [rates, properties],
  },
  {
    name: "rate-not-used",
    breaks: "a key's rate lets any number of jobs go",
    file: "src/store/key-edits.ts",
    from: "row.usedUntil = take(row.usedUntil, all.rate, at, after.inParts);",
    to: "take(row.usedUntil, all.rate, at, after.inParts);",
    tests: [rates, properties],
  },
  {
    name: "no-refund",
    breaks: "a job that was given back has used the rate of its key",
    file: "src/store/rates.ts",
    from: "row.usedUntil = refund(row.usedUntil, all.rate, keyCost, inParts);",
    to: "refund(row.usedUntil, all.rate, keyCost, inParts);",
    tests: [rates, properties],
  },
  {
    name: "refund-of-what-was-not-taken",
    breaks: "a job that was handed out at no rate gives a token of a later rate back",
    file: "src/store/rates.ts",
    from: "queueCost: config.rate === null ? undefined : costOf(config.rate),",
    to: "queueCost: config.rate === null ? 1e12 : costOf(config.rate),",
    tests: [refunds],
  },
  {
    name: "refund-past-what-was-taken",
    breaks: "a job that took little gives a whole token of a slower rate back",
    file: "src/store/token-bucket.ts",
    from: "usedUntil - Math.min(taken, costOf(rate))",
    to: "usedUntil - Math.max(taken, costOf(rate))",
    tests: [refunds],
  },
  {
    name: "hold-without-key-ignored",
    breaks: "a job without a key that is given back with a hold is handed out again at once",
    file: "src/machine/settlements.ts",
    from: "key === undefined ? Math.max(delayMs, holdKeyMs) : delayMs;",
    to: "key === undefined ? Math.max(delayMs, 0) : delayMs;",
    tests: [rates],
  },
  {
    name: "timers-in-the-way",
    breaks: "an empty claim says another time than that at which a key opens behind other timers",
    file: "src/machine/sweep.ts",
    from: "const AHEAD_MAX = 256;",
    to: "const AHEAD_MAX = 16;",
    tests: [rates],
  },
  {
    name: "slot-of-queue-not-told",
    breaks: "an empty claim does not say when the slot is let go that shuts the queue",
    file: "src/machine/sweep.ts",
    from: 'isFull && kind === "lingering"',
    to: 'isFull && kind === "key"',
    tests: [lingering],
  },
  {
    name: "hold-forgotten",
    breaks: "a key is not held for as long as its worker asked for",
    file: "src/store/key-edits.ts",
    from: "row.heldUntil = Math.max(row.heldUntil ?? 0, until);",
    to: "row.heldUntil = Math.min(row.heldUntil ?? 0, until);",
    tests: [holds, keys],
  },
  {
    name: "tokens-rounded-off",
    breaks: "a full bucket lacks a token, since what is rounded off adds up",
    file: "src/store/token-bucket.ts",
    from: "return parts > PARTS_MAX ? time",
    to: "return parts > 0 ? time",
    tests: [rates],
  },
  {
    name: "hold-not-lifted",
    breaks: "a key that a release holds is not resumed by hand",
    file: "src/store/key-writers.ts",
    from: "if (lifted) row.heldUntil = undefined;",
    to: "void lifted;",
    tests: [holds],
  },
];

export const keyMutants: readonly Mutant[] = [...ofKeys, ...ofOrder, ...ofRates];
