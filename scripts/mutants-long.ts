/**
 * The mutants of what long values cost: who counts what is read, written once more and freed, and lets others have their turn.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const table = "test/store/node/table.test.ts";
const freeing = "test/object/freeing.test.ts";
const heavy = "test/machine/redis-bytes.test.ts";

export const longMutants: readonly Mutant[] = [
  {
    name: "replaced-for-nothing",
    breaks:
      "long values that others take the place of are freed by one checkpoint, however many they are",
    file: "src/store/table.ts",
    from: "freed > pageTextMax ? { ...cell, textLength: freed } : cell",
    to: "cell",
    tests: [table, freeing],
  },
  {
    name: "read-and-forgotten",
    breaks:
      "of long values that were read and are removed together, all but one are freed uncounted",
    file: "src/store/long-rows.ts",
    from: "if (this.#lengths.size >= heldMax) this.forget();",
    to: "this.forget();",
    tests: [table, freeing],
  },
  {
    name: "strings-looked-at-for-nothing",
    breaks: "a transaction of TYPEs and DELs reads gigabytes of strings",
    file: "src/machine/redis-call.ts",
    from: "if (row?.content !== undefined) this.looked(row.content.length);",
    to: "",
    tests: [heavy],
  },
  {
    name: "trimmed-for-nothing",
    breaks: "one LTRIM leaves a checkpoint gigabytes to free",
    file: "src/machine/redis-call.ts",
    from: 'if (bytes > most) throw this.#tooMuch("remove", most, "bytes");',
    to: "",
    tests: [heavy],
  },
  {
    name: "laden-run-goes-on",
    breaks: "a pipeline of DELs leaves one checkpoint all that it lets go",
    file: "src/machine/redis.ts",
    from: "(isEnough || tx.isLaden())",
    to: "isEnough",
    tests: [freeing],
  },
  {
    name: "long-pipeline-alone",
    breaks: "nobody has a turn before the end of a pipeline that reads gigabytes",
    file: "src/object/commit.ts",
    from: "this.#gathering.wrote(members.length, isLaden);",
    to: "this.#gathering.wrote(members.length, false);",
    tests: ["test/object/gathering.test.ts"],
  },
  {
    name: "long-reads-alone",
    breaks: "nobody has a turn before the end of a pipeline of WATCHes that read gigabytes",
    file: "src/object/engine.ts",
    from: "if (this.#unitsRead - before > limits.entryUnitsReadMax)",
    to: "if (before < 0)",
    tests: ["test/object/reads.test.ts"],
  },
  {
    name: "transaction-of-any-size",
    breaks: "one transaction changes so many elements that nobody has a turn for seconds",
    file: "src/machine/redis-call.ts",
    from: "    this.#room.changed -= more;",
    to: "",
    tests: ["test/machine/redis-changes.test.ts"],
  },
  {
    name: "pipeline-of-any-size",
    breaks: "a pipeline of ZADDs lets nobody have a turn before a thousand calls",
    file: "src/object/group-work.ts",
    from: "return isLong || isHeavy",
    to: "return isHeavy",
    tests: ["test/machine/redis-changes.test.ts"],
  },
  {
    name: "scan-as-it-counts",
    breaks: "a step of a scan looks at as many elements as COUNT says",
    file: "src/machine/elements.ts",
    from: "Math.min(count, limits.redisElementsSeenMax)",
    to: "count",
    tests: ["test/machine/redis-changes.test.ts"],
  },
];
