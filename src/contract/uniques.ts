/**
 * What may be said about unique keys, of which one job at a time is the only one.
 * Invariant: what a job says of its unique key holds for as long as it has it.
 */
import * as z from "zod";
import { integer, uniqueKey } from "./fields.ts";
import { limits } from "./limits.ts";

/** How long a job is the only one of its unique key: until it has started, until it has ended, or for a time. */
const until = z.union(
  [z.enum(["started", "done"]), z.strictObject({ ms: integer(1, limits.delayMsMax) })],
  '"started", "done", or for a time {"ms": whole number}',
);
export const unique = z.strictObject({
  key: uniqueKey,
  /** `done`, unless it says otherwise. */
  until: until.optional(),
  /** What becomes of a job whose key another one has: it is that one (`return`, the default), takes its place, or is refused. */
  onConflict: z.enum(["return", "replace", "reject"]).optional(),
});
export type Unique = z.output<typeof unique>;
