/**
 * All cases, in the order of their numbers.
 * Invariant: no number and no name is used twice, and each of openraft's 45 cases is about every kind of ports.
 */
import { deepEqual } from "node:assert/strict";
import { behaviourCases } from "./behaviour-cases.ts";
import type { Case } from "./case.ts";
import { codecCases } from "./codec-cases.ts";
import { crashCases } from "./crash-cases.ts";
import { defectCases } from "./defect-cases.ts";
import { goldenCases } from "./golden-cases.ts";
import { guardCases } from "./guard-cases.ts";
import { historyCases } from "./history-cases.ts";
import { installCases } from "./install-cases.ts";
import { limitCases } from "./limit-cases.ts";
import { appendCase, logCases } from "./log-cases.ts";
import { membershipCases } from "./membership-cases.ts";
import { placeGuardCases } from "./place-guard-cases.ts";
import { purgeCases } from "./purge-cases.ts";
import { randomCases } from "./random-cases.ts";
import { readCases } from "./read-cases.ts";
import { replayCases } from "./replay-cases.ts";
import { restartCases } from "./restart-cases.ts";
import { snapshotCases } from "./snapshot-cases.ts";
import { snapshotCrashCases } from "./snapshot-crash-cases.ts";
import { startupCases } from "./startup-cases.ts";
import { stateDefectCases } from "./state-defect-cases.ts";

/** How many cases openraft's suite has. */
const openraftCases = 45;

/** The suite is whole: what is not about a subject has a reason, and none of openraft's cases is left out. */
function isWhole(): void {
  const numbers = cases.filter(({ id }) => /^\d+$/.test(id)).map(({ id }) => Number(id));
  deepEqual(
    numbers,
    Array.from({ length: openraftCases }, (_, i) => i + 1),
  );
  const left = cases.filter(({ id, ports }) => /^\d+$/.test(id) && typeof ports !== "function");
  deepEqual(left, []);
  for (const unique of [({ id }: Case) => id, ({ name }: Case) => name]) {
    deepEqual(new Set(cases.map(unique)).size, cases.length);
  }
}

const wholeSuite: Case = {
  id: "D2",
  name: "cases_left_out",
  shows: "all of openraft's cases run on every kind of ports; there is no list of exceptions",
  ports: isWhole,
  engine: isWhole,
};

const gaps = [
  ...historyCases,
  ...randomCases,
  ...replayCases,
  ...crashCases,
  ...guardCases,
  ...placeGuardCases,
  ...goldenCases,
  ...codecCases,
  ...limitCases,
  ...installCases,
  ...snapshotCrashCases,
];

export const cases: readonly Case[] = [
  ...membershipCases,
  ...startupCases,
  ...inOrder([...logCases, ...readCases]),
  ...purgeCases,
  appendCase,
  ...snapshotCases,
  ...inOrder(gaps),
  ...inOrder([...restartCases, ...behaviourCases]),
  ...inOrder([...defectCases, ...stateDefectCases, wholeSuite]),
];

/** By the number in the id, then by the letter behind it. */
function inOrder(some: readonly Case[]): Case[] {
  const partsOf = ({ id }: Case) => /^[A-Z]?(\d+)([a-z]?)$/.exec(id) ?? [];
  return some.toSorted((one, other) => {
    const [, number = "", letter = ""] = partsOf(one);
    const [, otherNumber = "", otherLetter = ""] = partsOf(other);
    return Number(number) - Number(otherNumber) || letter.localeCompare(otherLetter);
  });
}
