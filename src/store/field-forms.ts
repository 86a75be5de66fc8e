/**
 * The forms of fields that rows of several tables have.
 * Invariant: what the gates let in and the writers make of it has these forms; numbers leave room to count on.
 */
import * as z from "zod";
import { instant, integer, jobId, utf8Bytes } from "../contract/fields.ts";
import { CAPABILITY } from "../contract/ids.ts";
import { isJson } from "../contract/json.ts";
import { limits } from "../contract/limits.ts";

/** How many there are, or the last number of a sequence. */
export const count = integer(0, limits.sequenceMax);
/** A sum of shares. */
export const share = z.number().min(0).max(limits.sequenceMax);
/** Up to when something is used, which may be a fraction. */
export const usedUntil = z.number().min(0).max(limits.instantMax);
export const priority = integer(limits.priorityMin, limits.priorityMax);
export const flag = z.literal(true).optional();
/** A hash of what a caller sent. */
export const fingerprint = z.string().max(128).optional();
/** A field that a snapshot leaves out. */
export const absent = z.undefined().optional();
/** The key of a table of one row. */
export const one = z.literal(0);
export const pointer = { id: jobId };

/** A text of JSON, of at most so many bytes. */
export const json = (bytesMax: number) =>
  z
    .string()
    .refine((text) => utf8Bytes(text) <= bytesMax, `at most ${bytesMax} bytes of UTF-8`)
    .refine(isJson, "not JSON");

/** A set of commands and requirements, sorted. */
export const capabilitySet = (max: number) =>
  z
    .array(z.string().regex(CAPABILITY))
    .max(max)
    .refine((all) => all.every((each, i) => i === 0 || (all[i - 1] ?? "") < each), "not sorted");

export const ofSchedule = { schedule: jobId.optional(), slotAt: instant.optional() };
