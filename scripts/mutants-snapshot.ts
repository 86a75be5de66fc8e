/**
 * The mutants of snapshots and of what is read of damaged storage: ways in which a copy could differ from what it is a copy of.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const suite = "test/store/node/snapshot.test.ts";
const queue = "test/object/snapshots.test.ts";
const verify = "test/object/verify.test.ts";
const flow = "test/object/verify-flow.test.ts";
const bad = "test/object/bad-stores.test.ts";

export const snapshotMutants: readonly Mutant[] = [
  {
    name: "view-not-kept",
    breaks: "a checkpoint changes rows under a build that has not read them",
    file: "src/store/table.ts",
    from: "view?.protect(this.name, keysOf(this.#overlay.dirty()));",
    to: "view;",
    tests: [suite],
  },
  {
    name: "view-kept-too-late",
    breaks: "rows that a build has read but not stored are not kept",
    file: "src/store/snapshot-build.ts",
    from: "this.#after = next;",
    to: "this.#after = next; if (next) this.#ports.view.moveTo({ table: table.name, after: next });",
    tests: [suite],
  },
  {
    name: "field-order-in-digest",
    breaks: "the digest depends on the order in which fields were set",
    file: "src/store/snapshot-rows.ts",
    from: ".sort(([a], [b]) => (a < b ? -1 : 1));",
    to: ";",
    tests: ["test/conformance/node/conformance.test.ts", queue],
  },
  {
    name: "import-unchecked",
    breaks: "a file that was altered on its way is taken in",
    file: "src/store/snapshot-import.ts",
    from: "if (come.digest !== digest) {",
    to: "if (come.digest === undefined) {",
    tests: [suite],
  },
  {
    name: "import-of-newer-rows",
    breaks: "a snapshot of newer code is taken in by older code",
    file: "src/store/snapshot-import.ts",
    from: "if (rows > 0 && (own === undefined || version > own)) {",
    to: "if (rows < 0) {",
    tests: [suite],
  },
  {
    name: "import-without-new-term",
    breaks: "tokens and ids from before an import are given again",
    file: "src/object/snapshots.ts",
    from: "const term = Math.max(meta.last.term, committer.identity.term) + 1;",
    to: "const term = Math.max(meta.last.term, committer.identity.term);",
    tests: [queue],
  },
  {
    name: "import-keeps-leases",
    breaks: "jobs of an imported state wait for workers that are not there",
    file: "src/machine/queue.ts",
    from: "  releaseRunning(tx);\n",
    to: "",
    tests: [queue],
  },
  {
    name: "import-over-jobs",
    breaks: "a queue that keeps jobs is replaced without being told so",
    file: "src/object/snapshots.ts",
    from: "const full = over ? undefined : this.#notEmpty();",
    to: "const full = undefined; over;",
    tests: [queue, "test/cli/snapshots.test.ts"],
  },
  {
    name: "verify-looks-away",
    breaks: "an index row that no job implies is not found",
    file: "src/machine/verify-queue.ts",
    from: "rows === impliedRows && sum === impliedSum",
    to: "rows === impliedRows",
    tests: [verify],
  },
  {
    name: "verify-looks-nothing-up",
    breaks: "an open job whose plan is not kept is not found, and its claim fails",
    file: "src/machine/verify-jobs.ts",
    from: 'check.find("plan_versions", [plan, planVersion]) !== undefined',
    to: "true",
    tests: ["test/object/verify-plans.test.ts"],
  },
  {
    name: "verify-passes-slots",
    breaks: "a slot that fired twice is not found",
    file: "src/machine/verify-schedules.ts",
    from: "before === undefined || slotAt > before",
    to: "true",
    tests: ["test/object/verify-schedules.test.ts"],
  },
  {
    name: "verify-any-order",
    breaks: "a row that stands in a file twice is let in",
    file: "src/machine/verify.ts",
    from: "before === undefined || isBehind({ table, key }, before)",
    to: "true",
    tests: ["test/object/verify-rows.test.ts"],
  },
  {
    name: "verify-trusts-the-log",
    breaks: "an entry that was changed is not found",
    file: "src/store/store.ts",
    from: "        checkLink(before, entry);\n",
    to: "        before;\n",
    tests: [verify],
  },
  {
    name: "verify-passes-holders",
    breaks: "a key that is held by a job that does not wait with it is not found",
    file: "src/machine/verify-keys.ts",
    from: 'check.expect(isWaiting, "I5"',
    to: 'check.expect(isWaiting || holder !== "", "I5"',
    tests: [flow],
  },
  {
    name: "verify-passes-timers",
    breaks: "a key that time will open, and that has no timer, is not found",
    file: "src/machine/verify-keys.ts",
    from: 'check.expect(isRight, "I9"',
    to: 'check.expect(isRight || isTimed, "I9"',
    tests: [flow],
  },
  {
    name: "verify-passes-edges",
    breaks: "a job that is said to wait for another, and does not, is not found",
    file: "src/machine/verify-flows.ts",
    from: 'check.expect(isNamed, "I11", told);',
    to: 'check.expect(isNamed || told !== "", "I11", told);',
    tests: [flow],
  },
  {
    name: "verify-passes-follow-ups",
    breaks: "a unique key whose next holder has ended is not found",
    file: "src/machine/verify-flows.ts",
    from: "next !== undefined && !isEndState(next.state) && next.unique?.key === key;",
    to: "next !== undefined && !isEndState(next.state);",
    tests: [flow],
  },
  {
    name: "salvage-past-damage",
    breaks: "entries behind one that does not stand are shown",
    file: "src/store/salvage.ts",
    from: "for (const entry of linked(log, range)) machine.apply([entry]);",
    to: "for (const entry of log.stream(range)) machine.apply([entry]);",
    tests: [bad],
  },
  {
    name: "shown-behind-damage",
    breaks: "reads of a damaged store show entries behind the one that does not stand",
    file: "src/store/salvage.ts",
    from: "const to = Math.min(committedOf(ports).index, bad - 1);",
    to: "const to = bad === 0 ? 0 : committedOf(ports).index;",
    tests: [bad],
  },
  {
    name: "damage-without-index",
    breaks: "a log that ends before its checkpoint does not say at which entry it does",
    file: "src/store/recovery.ts",
    from: "throw new LogCorrupt(what, { index: late + 1 });",
    to: "throw new LogCorrupt(what);",
    tests: [bad],
  },
];
