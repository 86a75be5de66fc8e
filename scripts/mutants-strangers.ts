/**
 * The mutants of what is checked of storage and of files before they are trusted.
 * Invariant: each lets one kind of damage, or one strange file, through.
 */
import type { Mutant } from "./mutants-table.ts";

const refused = "test/object/refused-imports.test.ts";
const verify = "test/object/verify.test.ts";
const bad = "test/object/bad-stores.test.ts";
const found = "test/object/found-damage.test.ts";

export const strangerMutants: readonly Mutant[] = [
  {
    name: "import-of-any-form",
    breaks: "a file whose rows have no form is taken in, and the queue cannot be used",
    file: "src/store/snapshot-import.ts",
    from: "if (fault !== undefined) throw new SnapshotInvalid(",
    to: "if (fault === '') throw new SnapshotInvalid(",
    tests: [refused],
  },
  {
    name: "import-in-any-order",
    breaks: "a second row of a key that no cursor carries takes the place of the first",
    file: "src/store/snapshot-import.ts",
    from: "comparator(table.key)(row.key, before.key) > 0",
    to: "comparator(table.key)(row.key, before.key) !== 2",
    tests: [refused],
  },
  {
    name: "import-of-missing-fields",
    breaks: "a row that lacks what every row has is taken in",
    file: "src/store/row-forms.ts",
    from: "if (missing !== undefined) return",
    to: "if (missing === '') return",
    tests: [refused, "test/object/hostile-files.test.ts"],
  },
  {
    name: "import-at-the-end-of-numbers",
    breaks: "a sequence comes in behind which there is no room to go on",
    file: "src/store/queue-forms.ts",
    from: "(name) => row[name] > limits.importedSequenceMax",
    to: "(name) => row[name] < 0",
    tests: [refused],
  },
  {
    name: "import-from-the-future",
    breaks: "a file takes the queue years ahead, where it stays",
    file: "src/object/snapshot-answers.ts",
    from: "if (last.at > now + limits.importAheadMsMax) {",
    to: "if (last.at > limits.instantMax + now) {",
    tests: [refused],
  },
  {
    name: "import-of-any-place",
    breaks: "an import at the end of the log aborts the object",
    file: "src/object/snapshot-answers.ts",
    from: "if (issue !== undefined) return",
    to: "if (issue === null) return",
    tests: [refused],
  },
  {
    name: "verify-passes-forms",
    breaks: "a verification passes a row that no import would take",
    file: "src/object/verify-rows.ts",
    from: "if (fault !== undefined) found.unshift",
    to: "if (fault === '') found.unshift",
    tests: [verify],
  },
  {
    name: "settled-chain-unwalked",
    breaks: "a hole below the checkpoint is not noticed when the object wakes",
    file: "src/store/log-check.ts",
    from: "  checkChain(sql, open.segment, checkpointed.index);\n",
    to: "  checkpointed;\n",
    tests: [bad],
  },
  {
    name: "purged-place-unchecked",
    breaks: "a log that does not go on from what was purged is used",
    file: "src/store/log-check.ts",
    from: "if (before !== undefined) checkLinkOf(before, first);",
    to: "before;",
    tests: [bad],
  },
  {
    name: "committed-of-any-term",
    breaks: "a committed entry of another history is taken for this one's",
    file: "src/store/recovery.ts",
    from: "if (committed.term !== entry.term) {",
    to: "if (committed.term < 0) {",
    tests: [bad],
  },
  {
    name: "hard-state-of-any-form",
    breaks: "a vote that is none is kept",
    file: "src/store/hard-state.ts",
    from: "if (error === undefined) return data;",
    to: "if (error === undefined || column === 'vote') return data as T;",
    tests: [bad],
  },
  {
    name: "missing-column-escapes",
    breaks: "a store without a column is no refusal, but a fault of the object",
    file: "src/store/refusal.ts",
    from: "|no such (?:table|column)/",
    to: "/",
    tests: [bad],
  },
  {
    name: "payloads-may-be-missing",
    breaks: "jobs whose payloads are gone are handed out",
    file: "src/store/jobs.ts",
    from: '  required: ["payload"],\n',
    to: "",
    tests: [bad],
  },
  {
    name: "keys-without-an-entry",
    breaks: "keys that are no JSON do not say of which entry they are",
    file: "src/store/segments.ts",
    from: "WHEN keys <> '[]' AND json_valid(keys) THEN json_array_length(keys)",
    to: "WHEN keys <> '[]' THEN json_array_length(keys)",
    tests: [bad],
  },
  {
    name: "damage-met-and-passed",
    breaks: "a store goes on being written when an entry was found not to stand",
    file: "src/object/engine.ts",
    from: "      this.#noteDamage(error);\n",
    to: "",
    tests: [found],
  },
  {
    name: "waiting-commands-abort",
    breaks: "commands that wait when damage is found abort the object",
    file: "src/object/commit.ts",
    from: "if (refusal !== undefined) {\n      this.#refuseAll(refusal);",
    to: "if (refusal === null) {\n      this.#refuseAll(refusal);",
    tests: [found],
  },
];
