/**
 * Mutants of long texts, which stand apart from the rows of their jobs.
 * Invariant: each breaks one promise of decision 28.
 */
import type { Mutant } from "./mutants-table.ts";

const texts = "test/machine/long-texts.test.ts";
const verify = "test/object/verify-texts.test.ts";

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
    from: "text.length > limits.jobTextInRowMax",
    to: "text.length >= limits.jobTextInRowMax",
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
];
