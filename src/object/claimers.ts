/**
 * Who asked for jobs lately: what they take, as far as this instance saw them.
 * Invariant: memory only, and bounded; nothing here decides anything.
 */
import type { ClaimInput, SettleInput } from "../contract/leases.ts";
import type { CommandRequest } from "../contract/rpc.ts";
import type { Claimer } from "../machine/queue.ts";
import { demandOf } from "./line.ts";

/** A worker that has not asked for so long may be gone. */
const LATELY_MS = 60_000;
/** Different askers that are remembered. */
const CLAIMERS_MAX = 1_000;

export class Claimers {
  /** By what they take, when somebody last asked for that; the one that asked last is the last. */
  readonly #seen = new Map<string, { readonly claimer: Claimer; readonly at: number }>();

  /** Hears a request: notes what it takes, if it claims jobs. */
  hear({ name, input }: CommandRequest, at: number): void {
    if (name === "lease.claim") this.#note(input as ClaimInput, at);
    else if (name === "lease.settle") this.#note((input as SettleInput).claim, at);
  }

  #note(claim: ClaimInput | undefined, at: number): void {
    if (claim === undefined) return;
    const { takesAny, capabilities = [], worker = "" } = claim;
    // Only its registration says whether it takes any.
    const isAny = takesAny === true && capabilities.length === 0;
    const name = `${demandOf(claim)} ${isAny ? worker : ""}`;
    this.#seen.delete(name);
    this.#seen.set(name, { claimer: claimerOf(claim), at });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > CLAIMERS_MAX && oldest !== undefined) this.#seen.delete(oldest);
  }

  /** Those that asked within the last minute. */
  *lately(now: number): Generator<Claimer> {
    for (const { claimer, at } of this.#seen.values()) if (now - at <= LATELY_MS) yield claimer;
  }
}

/** What a claim takes. */
export const claimerOf = (claim: ClaimInput): Claimer => {
  const { kinds = ["payload"], capabilities = [], takesAny, worker } = claim;
  return { kinds, capabilities, ...(takesAny && { takesAny, worker }) };
};
