/**
 * Checks a value against a schema of the contract and says what is wrong with it, place by place.
 * Invariant: every error names its place by an RFC 6901 pointer into what the caller sent.
 */
import type * as z from "zod";
import { accept, type Checked, reject } from "./checked.ts";
import { pointerOf } from "./raw-json.ts";
import { type InputError, type Refusal, type RefusalCode, refuse } from "./refusals.ts";

/** More errors than anybody reads; a client's mistake repeats itself in every item. */
const errorsMax = 20;

/** Checks a value; what passed is within the limits of the contract. */
export function validate<T>(schema: z.ZodType<T>, value: unknown): Checked<T> {
  const result = schema.safeParse(value, { reportInput: true });
  return result.success ? accept(result.data) : reject(invalid(result.error.issues));
}

/** The refusal that lists errors. Its code is theirs where they agree. */
export function inputRefusal(errors: readonly InputError[], total = errors.length): Refusal {
  const first = errors[0];
  if (first === undefined) throw new Error("validate: a refusal of input needs an error");
  const same = errors.every(({ code }) => code === first.code);
  const others = total > 1 ? ` (and ${total - 1} more)` : "";
  const detail = `${first.pointer || "The body"}: ${first.detail}${others}`;
  return { ...refuse(same ? first.code : "input_invalid", detail), errors };
}

function invalid(issues: readonly z.core.$ZodIssue[]): Refusal {
  const errors: InputError[] = [];
  let total = 0;
  for (const issue of issues) {
    for (const error of errorsOf(issue)) {
      if (++total <= errorsMax) errors.push(error);
    }
  }
  return inputRefusal(errors, total);
}

function errorsOf(issue: z.core.$ZodIssue): readonly InputError[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      pointer: pointerOf([...issue.path, key]),
      code: "field_unknown",
      detail: "There is no such field.",
    }));
  }
  return [{ pointer: pointerOf(issue.path), code: codeOf(issue), detail: detailOf(issue) }];
}

/** A schema may say by which code it refuses. */
function codeOf(issue: z.core.$ZodIssue): RefusalCode {
  const tooLarge: RefusalCode = "payload_too_large";
  const said = issue.code === "custom" && issue.params?.refused === tooLarge;
  return said ? tooLarge : "input_invalid";
}

function detailOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type" && issue.input === undefined) return "This field is required.";
  const message = issue.code === "invalid_key" ? issue.issues[0]?.message : issue.message;
  return `${message ?? issue.message}.`;
}
