/**
 * The mutants of unique keys, of jobs that wait for others, and of dead letters.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const kept = "test/machine/flow-kept.test.ts";
const lists = "test/machine/flow-lists.test.ts";
const ends = "test/object/wait-ends.test.ts";
const graphs = "test/machine/flow-graphs.test.ts";
const byIds = "test/machine/operations-by-ids.test.ts";

export const waitMutants: readonly Mutant[] = [
  {
    name: "window-ends-with-its-job",
    breaks: "a unique key that stands for a time is free as soon as its job has ended",
    file: "src/store/uniques.ts",
    from: 'else if (row.id === id && typeof until !== "object") free(',
    to: "else if (row.id === id) free(",
    tests: [kept],
  },
  {
    name: "window-not-judged",
    breaks: "a unique key whose time is over is had until a sweep has shown it",
    file: "src/machine/uniques.ts",
    from: "row.until !== undefined && row.until <= tx.at",
    to: "row.until !== undefined && row.until < 0",
    tests: [kept],
  },
  {
    name: "window-outlives-a-purge",
    breaks: "a job that was purged before it ended still has its unique key",
    file: "src/store/uniques.ts",
    from: "if (key !== undefined && row?.id === id) free(tables, at, key, row);",
    to: "if (key !== undefined && row?.id === id && row.until === undefined) free(tables, at, key, row);",
    tests: [kept],
  },
  {
    name: "window-followed",
    breaks: "within the time of a unique key a second job of it is enqueued behind one that runs",
    file: "src/machine/uniques.ts",
    from: 'if (holder?.state === "running" && row.until === undefined) return { follows: row.id };',
    to: 'if (holder?.state === "running") return { follows: row.id };',
    tests: [kept],
  },
  {
    name: "follow-up-takes-over",
    breaks: "a job that follows has the unique key before the one that runs has let go of it",
    file: "src/store/uniques.ts",
    from: "tables.uniques.put([key], { ...holder, follow: id });",
    to: "tables.uniques.put([key], { ...holder, id });",
    tests: [kept],
  },
  {
    name: "second-follow-up",
    breaks: "each replacement while a job runs is another job behind it",
    file: "src/machine/uniques.ts",
    from: "if (row.follow !== undefined && follow && isWaiting(follow)) {",
    to: 'if (row.follow === "" && follow) {',
    tests: [kept],
  },
  {
    name: "replaced-at-the-tail",
    breaks: "a job that is replaced takes a place behind those that came since",
    file: "src/store/job-writers.ts",
    from: "let after: JobRow = { ...job, runAt };",
    to: "let after: JobRow = { ...job, runAt, readyAt: job.readyAt && at };",
    tests: [kept],
  },
  {
    name: "late-child-not-told",
    breaks: "a job that comes to wait for one that failed already waits for ever",
    file: "src/store/flows.ts",
    from: "if (isEndState(job.state)) tables.timers.put(timerOf(parent, job), {});",
    to: "void timerOf;",
    tests: [kept],
  },
  {
    name: "children-told-later",
    breaks: "a job that waits for another is not there for the claim behind that one's end",
    file: "src/machine/consequences.ts",
    from: "if (before.dependents) ended.push(id);",
    to: "void before.dependents;",
    tests: [kept],
  },
  {
    name: "parent-kept-from-its-end",
    breaks:
      "the retention of a job runs while others wait for it, and it is gone with the last of them",
    file: "src/store/standing.ts",
    from: "kept : { ...kept, shelvedAt: at });",
    to: "kept : { ...kept, shelvedAt: job.endedAt });",
    tests: [kept],
  },
  {
    name: "parent-removed",
    breaks: "a job is removed, and those that wait for it never read its result",
    file: "src/machine/jobs.ts",
    from: 'return job.dependents ? "children" : undefined;',
    to: 'return job.dependents === -1 ? "children" : undefined;',
    tests: [kept],
  },
  {
    name: "parents-crowd-out-jobs",
    breaks: "jobs that are kept for others push such out that are not",
    file: "src/machine/sweep.ts",
    from: "counters[keptBy(state)] + counters[",
    to: "counters[keptBy(state)] + 0 * counters[",
    tests: [kept],
  },
  {
    name: "circle-at-its-leaf",
    breaks: "a job is refused for a circle that it is not in",
    file: "src/machine/flows.ts",
    from: "return [parent.value, ...jobs.slice(jobs.indexOf(parent.value) + 1)];",
    to: "return [first, ...jobs.slice(1)];",
    tests: [graphs],
  },
  {
    name: "parents-not-listed",
    breaks: "a list of what failed leaves out what is kept for others",
    file: "src/machine/places.ts",
    from: "/parent`].map((shelf)",
    to: "/none`].map((shelf)",
    tests: [kept],
  },
  {
    name: "keyed-jobs-not-listed",
    breaks: "the list of ready jobs, and a purge of them, leaves out those with a key",
    file: "src/machine/places.ts",
    from: "yield* keyedPlaces(view, from === UNKEYED",
    to: "if (from < 0) yield* keyedPlaces(view, from === UNKEYED",
    tests: [lists],
  },
  {
    name: "key-listed-by-lane",
    breaks: "the ready jobs of one key are listed by what they require, not in their order",
    file: "src/machine/places.ts",
    from: "for (const [place, { id }] of mergeInOrder(scans, byPlace, (row) => row)) yield [place, id];",
    to: "for (const scan of scans) for (const [place, { id }] of scan) yield [place, id];",
    tests: [lists],
  },
  {
    name: "redrive-of-all",
    breaks: "a redrive runs every job of the state again, whatever its filter",
    file: "src/machine/operation-steps.ts",
    from: "return isOfFilter(job, operation);",
    to: "return isOfFilter(job, {});",
    tests: [lists],
  },
  {
    name: "error-in-other-letters",
    breaks: "a filter by error takes errors that are written otherwise",
    file: "src/machine/jobs-read.ts",
    from: "!isSaidIn(job, error)",
    to: "!job.error?.toLowerCase().includes(error.toLowerCase())",
    tests: [lists],
  },
  {
    name: "discard-of-running",
    breaks: "a discard by ids removes jobs that have not ended",
    file: "src/machine/operation-steps.ts",
    from: "named.has(id) && isEndState(job.state)",
    to: "named.has(id)",
    tests: [lists],
  },
  {
    name: "ids-in-one-step",
    breaks:
      "a redrive of named jobs does them all in its command, whatever they name and however long their texts are",
    file: "src/machine/operation-steps.ts",
    from: "next < ids.length && !room.isFull",
    to: "next < ids.length",
    tests: [byIds],
  },
  {
    name: "ids-passed-over",
    breaks: "a step over named jobs passes over the first that the one before has left",
    file: "src/machine/operation-steps.ts",
    from: "{ after: [next] }",
    to: "{ after: [next + 1] }",
    tests: [byIds],
  },
  {
    name: "gone-before-it-is-told",
    breaks: "who waits for the end of a job that is kept for no time is told that there is none",
    file: "src/object/waiters.ts",
    from: "job === undefined ? told.endOf(id) : undefined",
    to: "undefined",
    tests: [ends],
  },
];
