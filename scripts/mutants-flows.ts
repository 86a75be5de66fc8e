/**
 * Mutants of jobs that wait for others, of dead letters, and of verifying these and unique keys.
 * Invariant: each breaks one promise of `docs/semantics.md`.
 */
import type { Mutant } from "./mutants-table.ts";

const properties = "test/machine/flow-properties.test.ts";
const flows = "test/machine/flows.test.ts";
const letters = "test/machine/dead-letters.test.ts";
const lives = "test/machine/flow-lives.test.ts";
const operations = "test/machine/flow-operations.test.ts";
const order = "test/machine/flow-order.test.ts";
const graphs = "test/machine/flow-graphs.test.ts";
const wide = "test/machine/flow-wide.test.ts";
const verify = "test/object/verify-flow.test.ts";

/** Of operations over jobs that wait for one another. */
const ofOperations: readonly Mutant[] = [
  {
    name: "purge-as-named",
    breaks: "a purge leaves jobs that went on when others were purged",
    file: "src/machine/operations.ts",
    from: '["blocked", "running", "scheduled", "ready", ...endStates]',
    to: '["scheduled", "ready", "running", "blocked", ...endStates]',
    tests: [operations],
  },
  {
    name: "purge-keeps-window",
    breaks: "a purged job that is kept for others keeps its unique key for its time",
    file: "src/machine/operation-steps.ts",
    from: "uniques.get([unique.key])?.id !== id) return;",
    to: "uniques.get([unique.key])?.id === id) return;",
    tests: [operations],
  },
  {
    name: "redrive-by-name",
    breaks: "a job that runs again does not wait for its parent that runs again with it",
    file: "src/machine/operation-steps.ts",
    from: "met.toSorted(([a], [b]) => a - b)",
    to: "met",
    tests: [operations],
  },
  {
    name: "waits-for-reused-id",
    breaks: "a job that runs again waits for another one that has its parent's id by now",
    file: "src/store/flows.ts",
    from: "return parent === undefined || !isLaterThan(parent, child);",
    to: "return parent === undefined || isLaterThan(child, child) === false;",
    tests: [operations],
  },
  {
    name: "later-parent-by-place",
    breaks: "a parent that runs again is not waited for",
    file: "src/store/flows.ts",
    from: "return parent.run === 1 && parent.seq > child.seq;",
    to: "return parent.seq > child.seq;",
    tests: [operations, lives],
  },
  {
    name: "graph-by-roots",
    breaks:
      "a job that waits for no other of its request is taken before those that were said earlier",
    file: "src/machine/flows.ts",
    from: "for (const job of jobs) {\n    const circle",
    to: "for (const job of jobs.toReversed()) {\n    const circle",
    tests: [graphs],
  },
  {
    name: "ends-count-as-one",
    breaks: "one entry gives up a million edges",
    file: "src/machine/flows.ts",
    from: "told += namesOf(tx.tables.jobs.get([child]));",
    to: "told += 1;",
    tests: [graphs],
  },
];

const ofFlows: readonly Mutant[] = [
  {
    name: "failed-parent-is-enough",
    breaks: "a job goes on when one that it waits for has failed",
    file: "src/store/flows.ts",
    from: 'state === "completed" || onFail === "continue";',
    to: 'state === "completed" || onFail !== "cancel";',
    tests: [flows],
  },
  {
    name: "cancel-becomes-fail",
    breaks: "a job that is to be cancelled with its parent fails",
    file: "src/machine/flows.ts",
    from: 'if (onFail === "cancel") tx.emit',
    to: 'if (onFail === "continue") tx.emit',
    tests: [flows],
  },
  {
    name: "circle-taken",
    breaks: "jobs of one request that wait for one another are taken",
    file: "src/machine/flows.ts",
    from: "if (onPath.has(parent.value)) {",
    to: "if (onPath.has(parent.value)) continue;\n      if (path.length === 0) {",
    tests: [flows],
  },
  {
    name: "orphan-taken",
    breaks: "a job waits for one that is not there, for ever",
    file: "src/machine/flows.ts",
    from: "if (id === undefined || tx.tables.jobs.get([id]) === undefined)",
    to: "if (id === undefined)",
    tests: [flows],
  },
  {
    name: "refused-parent-taken",
    breaks: "a job waits for another one in place of the refused one of its request",
    file: "src/machine/jobs.ts",
    from: "request.named.set(spec.id, isRefusal(result) ? undefined : cameTo(tx, spec, result));",
    to: "if (!isRefusal(result)) request.named.set(spec.id, cameTo(tx, spec, result));",
    tests: [flows],
  },
  {
    name: "parent-forgotten",
    breaks: "the record of a parent goes while jobs wait for it",
    file: "src/store/job-indexes.ts",
    from: "return dependents > 0 ?",
    to: "return dependents > 1 ?",
    tests: [lives, flows, properties],
  },
  {
    name: "children-not-told-later",
    breaks: "of more children than one entry tells, the rest waits for ever",
    file: "src/store/flows.ts",
    from: "else if (after !== undefined && tables.edges.first",
    to: "else if (after === undefined && tables.edges.first",
    tests: [flows, lives, properties],
  },
  {
    name: "retried-child-goes-on",
    breaks: "a job that runs again does not wait again for those that are open",
    file: "src/store/flows.ts",
    from: "if (isEndState(job.state) && (!isNew || isEnough(job.state, { onFail }))) continue;",
    to: "if (!isNew || (isEndState(job.state) && isEnough(job.state, { onFail }))) continue;",
    tests: [lives, flows],
  },
];

const ofMany: readonly Mutant[] = [
  {
    name: "many-counted-in-row",
    breaks: "the row of a job that waits for many is written anew with each of them",
    file: "src/store/flows.ts",
    from: "length > limits.parentsCountedInRowMax;",
    to: "length > 9 * limits.parentsCountedInRowMax;",
    tests: [wide],
  },
  {
    name: "many-one-too-early",
    breaks: "a job goes on while one of many that it waits for is open",
    file: "src/store/flows.ts",
    from: "if (left > 0) tables.waits.put",
    to: "if (left > 1) tables.waits.put",
    tests: [wide],
  },
  {
    name: "many-counted-for-ever",
    breaks: "for how many an ended job waited stays counted",
    file: "src/store/flows.ts",
    from: "if (left > 0 && isCountedApart(after)) tables.waits.delete([id]);",
    to: "if (left < 0 && isCountedApart(after)) tables.waits.delete([id]);",
    tests: [wide, properties],
  },
  {
    name: "edges-of-the-blocked-stay",
    breaks: "a job that ended while it waited is told of those it waited for",
    file: "src/store/flows.ts",
    from: "return left > 0 && tables.edges.delete(edge);",
    to: "return false;",
    tests: [wide, flows, properties],
  },
  {
    name: "edges-taken-for-there",
    breaks: "a job that waits for some of those that it named gives up what it has not",
    file: "src/store/flows.ts",
    from: "if (left < after.length) return left > 0 && tables.edges.delete(edge);",
    to: "if (left === 0) return false;",
    tests: [wide, flows, properties],
  },
  {
    name: "shelf-of-parents-kept",
    breaks: "the retention of a job that nobody waits for any more does not begin",
    file: "src/store/standing.ts",
    from: "const isSame = (job.dependents ?? 0) > 0 === dependents > 0;",
    to: "const isSame = (job.dependents ?? 0) >= 0 === dependents >= 0;",
    tests: [lives, flows, properties],
  },
];

const ofLetters: readonly Mutant[] = [
  {
    name: "redrive-as-met",
    breaks: "a job runs before one that it waits for, where both run again",
    file: "src/machine/flows.ts",
    from: "if (!parent.done) enter(parent.value.id);",
    to: "if (!parent.done) met.size;",
    tests: [order],
  },
  {
    name: "redrive-past-its-room",
    breaks: "one step of a redrive opens a chain of any length",
    file: "src/machine/operation-steps.ts",
    from: "(isOther && left <= 0)",
    to: "(isOther && left < -9999)",
    tests: [order],
  },
  {
    name: "retry-revives-children",
    breaks: "jobs that have not heard of a failure wait for the next run",
    file: "src/machine/flows.ts",
    from: "  if (!dependents) return true;\n  resolveChildren",
    to: "  if (!dependents || id) return true;\n  resolveChildren",
    tests: [order],
  },
  {
    name: "purge-from-front",
    breaks: "a job that waits for a purged one goes on before it is purged itself",
    file: "src/machine/operations.ts",
    from: "inOrder, { fromBack: true }",
    to: "inOrder, {}",
    tests: [order],
  },
  {
    name: "discard-of-later-ends",
    breaks: "an operation changes jobs that ended after it began",
    file: "src/machine/operation-steps.ts",
    from: "(job.endedAt ?? 0) > startedAt",
    to: "(job.endedAt ?? 0) > startedAt + 1e9",
    tests: [order],
  },
  {
    name: "deadline-counts-as-one",
    breaks: "one command gives up half a million edges of jobs whose time is over",
    file: "src/machine/sweep.ts",
    from: "isEndState(after.state) ? namesOf(before) : 1",
    to: "isEndState(after.state) ? 1 : 1",
    tests: [order],
  },
  {
    name: "discard-keeps-all",
    breaks: "a job that others wait for is discarded under them",
    file: "src/machine/operation-steps.ts",
    from: "} else if (neededBy(tx, job) === undefined) {",
    to: "} else if (job.run > 0) {",
    tests: [letters, lives, flows],
  },
];

const ofVerify: readonly Mutant[] = [
  {
    name: "verify-skips-turns",
    breaks: "a key that is open and has no turn is not found",
    file: "src/machine/verify-keys.ts",
    from: "if (lane.ready === 0 || hasTurn === isOpen || isAboutNow || (isOpen && isPending)) continue;",
    to: "if (lane.ready >= 0) continue;",
    tests: [verify],
  },
  {
    name: "verify-skips-edges",
    breaks: "a job that waits for nobody in truth is not found",
    file: "src/machine/verify-flows.ts",
    from: "if (pending > 0) implyEdges(check, id, job, pending);",
    to: "if (pending > 0 && found.edges[0] < 0) implyEdges(check, id, job, pending);",
    tests: [verify],
  },
  {
    name: "verify-orders-by-units",
    breaks: "rows of keys with rare characters are not found",
    file: "src/store/snapshot-lookup.ts",
    from: "return isText ? compareCodePoints(part, other) : part < other ? -1 : 1;",
    to: "return isText && part === other ? 0 : part < other ? -1 : 1;",
    tests: [verify],
  },
];

export const flowMutants: readonly Mutant[] = [
  ...[...ofFlows, ...ofMany, ...ofOperations, ...ofLetters, ...ofVerify],
];
