/**
 * What is said of a value for which there are several forms.
 * Invariant: a refusal names the place and each form that is allowed there.
 */
import { expect, test } from "vitest";
import { isRejected } from "../../src/contract/checked.ts";
import { jobList, jobSpecWire } from "../../src/contract/jobs.ts";
import { discard, redrive } from "../../src/contract/operations.ts";
import { validate } from "../../src/contract/validate.ts";

function detailOf(schema: Parameters<typeof validate>[0], value: unknown): string {
  const checked = validate(schema, value);
  if (isRejected(checked)) return checked.refusal.detail;
  throw new Error(`it was taken: ${JSON.stringify(checked.value)}`);
}

const ids = "1–64 characters of A–Z a–z 0–9 _ -";
const until = '/unique/until: "started", "done", or for a time {"ms": whole number}.';
const parent = `/after/0: a job's id, which is ${ids}, or {"id", "onFail"}, with an onFail of fail, continue, cancel.`;

test.each<[object, string]>([
  [{ unique: { key: "u", until: 5000 } }, until],
  [{ unique: { key: "u", until: "ended" } }, until],
  [{ unique: { key: "u", until: { seconds: 5 } } }, until],
  [
    { unique: { key: "u", until: { ms: 0 } } },
    "/unique/until/ms: Too small: expected number to be >=1.",
  ],
  [{ after: [5] }, parent],
  [{ after: ["a b"] }, parent],
  [{ after: [{ id: "a", onFail: "retry" }] }, parent],
  [{ after: [{ id: "a b" }] }, `/after/0/id: ${ids}.`],
  [{ labels: { "a b": "1" } }, "/labels/a b: 1–64 characters of A–Z a–z 0–9 _ . -."],
])("of a job that says %j", (job, told) => {
  expect(detailOf(jobSpecWire, job)).toBe(told);
});

const label =
  "/label: name or name:value, of which a name is 1–64 characters of A–Z a–z 0–9 _ . -, a value at most 256 characters.";

test.each([jobList, redrive, discard])(
  "a filter is refused that can be no label, and says how one is written (%#)",
  (schema) => {
    for (const wrong of ["", ":", "=red", "team red", "n".repeat(65), `team:${"v".repeat(257)}`]) {
      expect(detailOf(schema, { label: wrong })).toBe(label);
    }
  },
);

test.each([
  ["team", "team"],
  ["team:red", "team:red"],
  ["team=red", "team:red"],
  ["team=", "team:"],
  ["at=10:30", "at:10:30"],
  ["sum:a=b", "sum:a=b"],
  [`team:${"v".repeat(256)}`, `team:${"v".repeat(256)}`],
])("the label %j is looked for as %j", (said, meant) => {
  for (const schema of [jobList, redrive, discard]) {
    expect(schema.parse({ label: said })).toEqual({ label: meant });
  }
});
