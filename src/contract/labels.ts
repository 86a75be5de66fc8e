/**
 * What may be said about labels, and how jobs are looked for by them.
 * Invariant: a name has neither `:` nor `=`, so that the first of these in a text ends it.
 */
import * as z from "zod";
import { LABEL_NAME } from "./ids.ts";
import { limits } from "./limits.ts";

const nameForm = "1–64 characters of A–Z a–z 0–9 _ . -";

/** `__proto__` would be dropped without a word by the record, so it is refused here. */
export const labels = z
  .unknown()
  .refine((all) => !Object.hasOwn(Object(all), "__proto__"), "__proto__ is not a label's name")
  .pipe(z.record(z.string().regex(LABEL_NAME, nameForm), z.string().max(limits.labelValueCharsMax)))
  .refine(
    (all) => Object.keys(all).length <= limits.labelsPerJobMax,
    `at most ${limits.labelsPerJobMax} labels`,
  );

/** Whether a text is a label's name, alone or with a value behind it. */
function isLabelFilter(text: string): boolean {
  const [name = ""] = text.split(/[:=]/, 1);
  return LABEL_NAME.test(name) && text.length - name.length - 1 <= limits.labelValueCharsMax;
}

/** Which label jobs have: `name`, whatever its value, or `name:value`, as which `name=value` is taken. */
export const labelFilter = z
  .string()
  .refine(
    isLabelFilter,
    `name or name:value, of which a name is ${nameForm}, a value at most ${limits.labelValueCharsMax} characters`,
  )
  .overwrite((text) => text.replace(/^([^:=]*)=/, "$1:"));
