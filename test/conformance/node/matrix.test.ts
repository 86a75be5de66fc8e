/** The matrix: what passed, what failed, what did not run, and what is not about a subject. */
import { describe, expect, it } from "vitest";
import { type Case, notAbout, titleOf } from "../case.ts";
import { matrixOf } from "../matrix.ts";

const nothing = () => undefined;
const both: Case = { id: "1", name: "both", shows: "a", ports: nothing, engine: nothing };
const portsOnly: Case = { ...both, id: "D1", name: "ports", engine: notAbout("no engine") };

const outcome = (each: Case, subject: string, hasPassed = true) => ({
  subject,
  title: titleOf(each),
  hasPassed,
  message: hasPassed ? "" : "it went wrong",
});

describe("the matrix", () => {
  it("counts a cell that did not run as failed, and says why cases are not about a subject", () => {
    const { text, failed } = matrixOf(
      [both, portsOnly],
      [
        ...["memory", "file", "engine"].map((subject) => outcome(both, subject)),
        ...["memory", "file"].map((subject) => outcome(portsOnly, subject)),
        outcome(portsOnly, "object", false),
      ],
    );
    expect(failed).toBe(2);
    expect(text).toContain("–1   no engine");
    expect(text).toContain("✗ object: 1 both: a\n    it did not run");
    expect(text).toContain("✗ object: D1 ports: a\n    it went wrong");
    expect(text).toContain("5 passed, 2 failed, 1 not about their subject");
  });

  it("has a row for every case, and fits 120 columns", () => {
    const lines = matrixOf([both, portsOnly], []).text.split("\n");
    expect(lines.some((line) => /^ {3}1 both +✗ +✗ +✗ +✗$/.test(line))).toBe(true);
    expect(lines.some((line) => /^ {2}D1 ports +✗ +✗ +✗ +–1$/.test(line))).toBe(true);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(120);
  });
});
