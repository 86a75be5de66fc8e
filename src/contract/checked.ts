/**
 * The outcome of a check in the gate: what passed, or why not.
 * Invariant: a refusal is never mistaken for input, whatever fields the input has.
 */
import type { Refusal } from "./refusals.ts";

export type Checked<T> = { readonly value: T } | { readonly refusal: Refusal };

/** What passed. @example accept(1) // { value: 1 } */
export const accept = <T>(value: T): { readonly value: T } => ({ value });
/** Why not. */
export const reject = (refusal: Refusal): { readonly refusal: Refusal } => ({ refusal });

export function isRejected<T>(checked: Checked<T>): checked is { readonly refusal: Refusal } {
  return "refusal" in checked;
}
