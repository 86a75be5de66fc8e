/**
 * Who asked for jobs lately: what they take, as far as this instance saw them.
 * Invariant: memory only, and bounded; nothing here decides anything.
 */
import type { JobKind } from "../contract/fields.ts";
import type { ClaimInput } from "../contract/leases.ts";
import type { Claimer } from "../machine/queue.ts";

/** A worker that has not asked for so long may be gone. */
const LATELY_MS = 60_000;
/** Different askers that are remembered. */
const CLAIMERS_MAX = 1_000;

export class Claimers {
  /** By what they take, when somebody last asked for that; the one that asked last is the last. */
  readonly #seen = new Map<string, { readonly claimer: Claimer; readonly at: number }>();

  /** Notes a claim. */
  note({ kinds = defaultKinds, capabilities = [] }: ClaimInput, at: number): void {
    const name = `${kinds.join()} ${capabilities.join()}`;
    this.#seen.delete(name);
    this.#seen.set(name, { claimer: { kinds, capabilities }, at });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > CLAIMERS_MAX && oldest !== undefined) this.#seen.delete(oldest);
  }

  /** Those that asked within the last minute. */
  *lately(now: number): Generator<Claimer> {
    for (const { claimer, at } of this.#seen.values()) if (now - at <= LATELY_MS) yield claimer;
  }
}

const defaultKinds: JobKind[] = ["payload"];
