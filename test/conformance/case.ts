/**
 * What a case of the conformance suite is: a name, what it shows, and how it is run on ports and on an engine.
 * Invariant: a case is about a subject, and then runs on it, or says why it is not; nothing is ever skipped.
 */
import type { EngineSubject, PortSubject } from "./subject.ts";

/** Why a case is not about a kind of subject. */
export interface NotAbout {
  readonly notAbout: string;
}

type Run<S> = (subject: S) => void | Promise<void>;

/** One case. */
export interface Case {
  /** Its number in openraft's suite, or a letter and a number of this one's own. */
  readonly id: string;
  readonly name: string;
  /** A sentence. */
  readonly shows: string;
  /** On log storage, state machine and snapshots by themselves. */
  readonly ports: Run<PortSubject> | NotAbout;
  /** On the whole, as production commits it. */
  readonly engine: Run<EngineSubject> | NotAbout;
}

/** The subjects, in the order of the matrix: three kinds of ports, and the engine. */
export const subjectNames = ["memory", "file", "object", "engine"] as const;
export type SubjectName = (typeof subjectNames)[number];

export const notAbout = (reason: string): NotAbout => ({ notAbout: reason });

/** Why a case is not about a subject; undefined where it is. */
export function reasonAgainst(each: Case, subject: SubjectName): string | undefined {
  const run = subject === "engine" ? each.engine : each.ports;
  return typeof run === "function" ? undefined : run.notAbout;
}

/** The name of the test that a case is. */
export const titleOf = ({ id, name, shows }: Case): string => `${id} ${name}: ${shows}`;

/** The one element there must be. */
export function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined || items.length > 1) throw new Error(`${items.length} items, not one`);
  return item;
}
