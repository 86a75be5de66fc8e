/**
 * Makes a test of every case that is about a subject.
 * Invariant: what the matrix shows as passed or failed is such a test; a case that is not about a subject is none.
 */
import { describe, it } from "vitest";
import { type Case, type SubjectName, titleOf } from "./case.ts";
import { cases } from "./catalogue.ts";
import type { EngineSubject, PortSubject } from "./subject.ts";

function suite(name: SubjectName, run: (each: Case) => (() => void | Promise<void>) | undefined) {
  describe(name, () => {
    for (const each of cases) {
      const test = run(each);
      if (test !== undefined) it(titleOf(each), test);
    }
  });
}

export const portSuite = (name: Exclude<SubjectName, "engine">, subject: PortSubject): void =>
  suite(name, ({ ports }) => (typeof ports === "function" ? () => ports(subject) : undefined));

export const engineSuite = (subject: EngineSubject): void =>
  suite("engine", ({ engine }) =>
    typeof engine === "function" ? () => engine(subject) : undefined);
