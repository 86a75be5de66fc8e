/**
 * What is said of a value for which there are several forms.
 * Invariant: a refusal names the place and each form that is allowed there.
 */
import { expect, test } from "vitest";
import { isRejected } from "../../src/contract/checked.ts";
import { jobList } from "../../src/contract/jobs.ts";
import { discard, redrive } from "../../src/contract/operations.ts";
import { validate } from "../../src/contract/validate.ts";

function detailOf(schema: Parameters<typeof validate>[0], value: unknown): string {
  const checked = validate(schema, value);
  if (isRejected(checked)) return checked.refusal.detail;
  throw new Error(`it was taken: ${JSON.stringify(checked.value)}`);
}

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
