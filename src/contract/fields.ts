/**
 * The schemas of fields that more than one noun uses.
 * Invariant: a value that passes is within `limits.ts`, so nothing behind a gate checks it again.
 */
import * as z from "zod";
import { CAPABILITY, JOB_ID } from "./ids.ts";
import { limits } from "./limits.ts";

// Workers may not generate code. Read when a schema is made, so it stands before the first of them.
z.config({ jitless: true });

export const integer = (min: number, max: number) => z.int().min(min).max(max);
/** An instant in epoch milliseconds. */
export const instant = integer(0, limits.instantMax);
/** A duration in milliseconds. */
export const duration = integer(0, limits.delayMsMax);
export const leaseMs = integer(limits.leaseMsMin, limits.leaseMsMax);
export const jobIdForm = "1–64 characters of A–Z a–z 0–9 _ -";
export const jobId = z.string().regex(JOB_ID, jobIdForm);
/** Text whose UTF-8 form has at most `bytesMax` bytes; more is refused as `payload_too_large`. */
export const text = (bytesMax: number) =>
  z.string().refine((value) => utf8Bytes(value) <= bytesMax, {
    message: `at most ${bytesMax} bytes of UTF-8`,
    params: { refused: "payload_too_large" },
  });
/** The body of a command that takes none. */
export const noFields = z.strictObject({});
export const workerName = z.string().min(1).max(limits.workerCharsMax);
export const reason = text(limits.reasonBytesMax);
/** The name of a flow key, or of what a job is the only one of. U+0000 would end it in SQLite. */
const nameOf = (charsMax: number) =>
  z
    .string()
    .min(1)
    .max(charsMax)
    .refine((name) => !name.includes("\0"), "U+0000 cannot stand in a name");
/** Addresses name flow keys, and `.` and `..` are resolved in them, however they are encoded. */
export const flowKey = nameOf(limits.flowKeyCharsMax).refine(
  (name) => name !== "." && name !== "..",
  ". and .. cannot stand in an address",
);
export const uniqueKey = nameOf(limits.uniqueKeyCharsMax);

export const jobKinds = ["payload", "plan"] as const;
export type JobKind = (typeof jobKinds)[number];

export const jobStates = [
  "blocked",
  "scheduled",
  "ready",
  "running",
  "completed",
  "failed",
  "cancelled",
  "expired",
] as const;
export type JobState = (typeof jobStates)[number];

/** The states in which a job has ended. */
export const endStates = ["completed", "failed", "cancelled", "expired"] as const;
export type EndState = (typeof endStates)[number];

export function isEndState(state: JobState): state is EndState {
  return (endStates as readonly JobState[]).includes(state);
}

/** A set of names, sorted and without repeats, so that equal sets are equal values. */
export const capabilities = (max: number) =>
  z
    .array(z.string().regex(CAPABILITY, "1–256 characters of A–Z a–z 0–9 _ . : / + -"))
    .max(max)
    .transform((names) => [...new Set(names)].sort());

const ASCII = /^[\0-\x7f]*$/;

/**
 * The bytes of a text in UTF-8.
 * @example utf8Bytes("é") // 2
 */
export function utf8Bytes(value: string): number {
  if (ASCII.test(value)) return value.length;
  let bytes = value.length;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    // A surrogate pair is two units and four bytes; each of its halves adds one.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
