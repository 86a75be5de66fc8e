/**
 * Mutants of long texts, which stand apart from the rows of their jobs, and of their names.
 * Invariant: each breaks one promise of decision 28.
 */
import type { Mutant } from "./mutants-table.ts";

const texts = "test/machine/long-texts.test.ts";
const verify = "test/object/verify-texts.test.ts";
const strings = "test/machine/long-strings.test.ts";

export const textMutants: readonly Mutant[] = [
  {
    name: "payloads-kept",
    breaks: "the long payload of a job that is gone stays for ever",
    file: "src/store/job-texts.ts",
    from: "if (payloadAt !== undefined && payloadAt !== row?.payloadAt) {",
    to: "if (row !== undefined && payloadAt !== undefined && payloadAt !== row.payloadAt) {",
    tests: [texts],
  },
  {
    name: "results-kept",
    breaks: "the long result of a job that is gone stays for ever",
    file: "src/store/job-texts.ts",
    from: "if (resultAt !== undefined && resultAt !== row?.resultAt) {",
    to: "if (row !== undefined && resultAt !== undefined && resultAt !== row.resultAt) {",
    tests: [texts],
  },
  {
    name: "result-in-the-payload's-place",
    breaks: "a long result takes the place of the job's long payload",
    file: "src/store/job-texts.ts",
    from: "const resultAt = 2 * seq + 1;",
    to: "const resultAt = 2 * seq;",
    tests: [texts],
  },
  {
    name: "replaced-twice",
    breaks: "a job whose long payload was replaced cannot be replaced again",
    file: "src/store/job-texts.ts",
    from: "if (before?.payloadAt === number) tables",
    to: "if (before === undefined) tables",
    tests: [texts],
  },
  {
    name: "short-replaced-long",
    breaks: "a job whose long payload was replaced by a short one is handed out with the long one",
    file: "src/store/job-texts.ts",
    from: "return payloadAt === undefined ? after : { ...after, ...inRow };",
    to: "return after;",
    tests: [texts],
  },
  {
    name: "text-limit-before",
    breaks: "a text as long as may stand in a row stands apart",
    file: "src/store/job-texts.ts",
    from: "text.length > limits.textInRowMax",
    to: "text.length >= limits.textInRowMax",
    tests: [texts],
  },
  {
    name: "result-bytes-by-units",
    breaks: "a long result counts for fewer bytes than it has",
    file: "src/store/job-texts.ts",
    from: "resultBytes: utf8Bytes(result)",
    to: "resultBytes: result.length",
    tests: [texts, verify],
  },
  {
    name: "texts-among-the-rows",
    breaks: "on the way to a long text others are read",
    file: "src/store/job-texts.ts",
    from: "byRowid: true",
    to: "byRowid: false",
    tests: [texts],
  },
  {
    name: "end-without-texts",
    breaks:
      "who waits for the end of a job that is kept for no time is told of it without its long payload",
    file: "src/object/group.ts",
    from: "? withTexts(store.tables, held) : undefined",
    to: "? held : undefined",
    tests: ["test/object/wait-ends.test.ts"],
  },
  {
    name: "text-of-nobody-found-not",
    breaks: "a long text that no job names is not found",
    file: "src/machine/verify-jobs.ts",
    from: 'add(check.state.found.job_texts, [Number(key[0]), utf8Bytes(text ?? "")]);',
    to: "add(check.state.implied.job_texts, []);",
    tests: [verify],
  },
  {
    name: "strings-kept",
    breaks: "a long string stays for ever behind another value of its name",
    file: "src/store/names.ts",
    from: "if (before !== undefined && before.contentAt !== row.contentAt) leaveString(tables, before);",
    to: "",
    tests: [strings],
  },
  {
    name: "deleted-strings-kept",
    breaks: "a long string whose name is deleted stays for ever",
    file: "src/store/names.ts",
    from: "  leaveGeneration(tables, row);\n  leaveString(tables, row);",
    to: "  leaveGeneration(tables, row);",
    tests: [strings],
  },
  {
    name: "copies-share-strings",
    breaks: "the copy of a long string goes with what it was copied from",
    file: "src/store/names.ts",
    from: 'if (row.type !== "string") putName',
    to: 'if (row.type !== "list") putName',
    tests: [strings],
  },
  {
    name: "string-limit-before",
    breaks: "a string as long as may stand in the row of its name stands apart",
    file: "src/store/long-strings.ts",
    from: "if (content.length <= limits.textInRowMax)",
    to: "if (content.length < limits.textInRowMax)",
    tests: [strings],
  },
  {
    name: "strings-shortened-in-two-places",
    breaks: "a long string that becomes short is read as it was",
    file: "src/store/long-strings.ts",
    from: "return contentAt === undefined ? row : { ...row, ...inRow };",
    to: "return row;",
    tests: [strings],
  },
  {
    name: "string-bytes-as-packed",
    breaks: "STRLEN of a long string of bytes says how long it is packed",
    file: "src/store/long-strings.ts",
    from: "const contentBytes = unpackBytes(content).length;",
    to: "const contentBytes = content.length;",
    tests: [strings],
  },
  {
    name: "string-of-nobody-found-not",
    breaks: "a long string that no name has is not found",
    file: "src/machine/verify-names.ts",
    from: 'add(check.state.found.long_strings, [Number(key[0]), unpackBytes(text ?? "").length]);',
    to: 'add(check.state.implied.long_strings, [Number(key[0]), unpackBytes(text ?? "").length]);',
    tests: ["test/object/verify-names.test.ts"],
  },
];
