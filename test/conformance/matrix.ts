/**
 * The matrix of cases and subjects as text.
 * Invariant: every case has a row and every subject a column; a cell without a result counts as failed, so that nothing that
 * did not run passes.
 */
import { type Case, reasonAgainst, type SubjectName, subjectNames, titleOf } from "./case.ts";

/** How one test ended. */
export interface Outcome {
  readonly subject: string;
  readonly title: string;
  readonly hasPassed: boolean;
  readonly message: string;
}

/** The matrix, and how many cells failed. */
export interface Matrix {
  readonly text: string;
  readonly failed: number;
}

/** One case on one subject. */
interface Cell {
  readonly outcome: "passed" | "failed" | "not about it";
  /** Why it failed, or why the case is not about the subject. */
  readonly reason: string;
}

interface Row {
  readonly each: Case;
  readonly cells: readonly Cell[];
}

/** The parts of the suite, by what the numbers of their cases begin with. */
const parts: readonly (readonly [heading: string, ids: RegExp])[] = [
  ["openraft's storage suite", /^\d/],
  ["G: what that suite leaves out", /^G/],
  ["B: what openraft tests elsewhere", /^B/],
  ["D: defects that are not made again", /^D/],
];

const columnWidth = 9;
const nameWidth = 60;
const line = "─".repeat(5 + nameWidth + columnWidth * subjectNames.length);

/** Makes the matrix of what ran. */
export function matrixOf(cases: readonly Case[], outcomes: readonly Outcome[]): Matrix {
  const found = new Map(outcomes.map((each) => [`${each.subject} ${each.title}`, each]));
  const rows = cases.map((each) => ({
    each,
    cells: subjectNames.map((subject) => cellOf(each, subject, found)),
  }));
  const count = (outcome: Cell["outcome"]) => cellsOf(rows, outcome).length;
  const reasons = [...new Set(cellsOf(rows, "not about it").map(({ reason }) => reason))];
  const text = [
    lineOf("", "", subjectNames),
    ...parts.flatMap(([heading, ids]) => {
      const own = rows.filter(({ each }) => ids.test(each.id));
      return [line, ...own.map((row) => rowOf(row, reasons)), totalOf(heading, own)];
    }),
    line,
    totalOf("all", rows),
    "",
    "✓ passed   ✗ failed   – not about this subject:",
    ...reasons.map((reason, i) => `  –${i + 1}`.padEnd(7) + reason),
    "",
    ...rows.flatMap(failuresOf),
    `${cases.length} cases on ${subjectNames.length} subjects: ${count("passed")} passed, ` +
      `${count("failed")} failed, ${count("not about it")} not about their subject`,
  ];
  return { text: text.join("\n"), failed: count("failed") };
}

function cellOf(each: Case, subject: SubjectName, found: ReadonlyMap<string, Outcome>): Cell {
  const against = reasonAgainst(each, subject);
  if (against !== undefined) return { outcome: "not about it", reason: against };
  const outcome = found.get(`${subject} ${titleOf(each)}`);
  if (outcome?.hasPassed) return { outcome: "passed", reason: "" };
  return { outcome: "failed", reason: outcome?.message ?? "it did not run" };
}

const cellsOf = (rows: readonly Row[], outcome: Cell["outcome"]): Cell[] =>
  rows.flatMap(({ cells }) => cells.filter((cell) => cell.outcome === outcome));

function rowOf({ each, cells }: Row, reasons: readonly string[]): string {
  const marks = cells.map(({ outcome, reason }) => {
    if (outcome === "not about it") return `–${reasons.indexOf(reason) + 1}`;
    return outcome === "passed" ? "✓" : "✗";
  });
  return lineOf(each.id, each.name, marks);
}

/** For each subject, how many cells passed of those that are about it. */
function totalOf(heading: string, rows: readonly Row[]): string {
  const totals = subjectNames.map((_, i) => {
    const outcomes = rows.map(({ cells }) => cells[i]?.outcome);
    const passed = outcomes.filter((outcome) => outcome === "passed").length;
    return `${passed}/${outcomes.filter((outcome) => outcome !== "not about it").length}`;
  });
  return lineOf("", heading, totals);
}

const failuresOf = ({ each, cells }: Row): string[] =>
  cells.flatMap(({ outcome, reason }, i) =>
    outcome === "failed" ? [`✗ ${subjectNames[i]}: ${titleOf(each)}`, indented(reason)] : [],
  );

/** A line of the matrix; what is in a column stands in its middle. */
function lineOf(id: string, name: string, columns: readonly string[]): string {
  const centred = columns.map((text) =>
    text.padStart((columnWidth + text.length) >> 1).padEnd(columnWidth),
  );
  return `${id.padStart(4)} ${name.padEnd(nameWidth)}${centred.join("")}`.trimEnd();
}

const indented = (text: string): string => text.replace(/^/gm, "    ");
