/**
 * One row of the command table: who may call a command, what it says, what it takes, and what may refuse it.
 * Invariant: `refusals` stand in the order in which they are tried.
 */
import type * as z from "zod";
import type { RefusalCode } from "./refusals.ts";

/** `read` never changes anything; `write` passes the log. */
export type Access = "read" | "write";

export interface CommandRow {
  readonly access: Access;
  readonly summary: string;
  /** What the wire may carry besides the queue and the id in the address. */
  readonly input: z.ZodType | undefined;
  /** What the state of the queue may refuse, in order of precedence. */
  readonly refusals: readonly RefusalCode[];
}

/** Makes a row. */
export const row = (
  access: Access,
  summary: string,
  input: z.ZodType | undefined,
  ...refusals: RefusalCode[]
): CommandRow => ({ access, summary, input, refusals });

/** What a write with an Idempotency-Key may be refused with before all else. */
export const key = "idempotency_key_reused" as const;
