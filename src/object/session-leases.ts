/**
 * Which jobs the sessions of channels hold: found without a look at every lease, but for one look in the life of an instance.
 * Invariant: all that a session holds is among what is kept of it; what it holds no more is left out when it is asked for.
 */
import type { HeldLease } from "../contract/leases.ts";
import type { View } from "../machine/decide.ts";
import { leaseOf, sessionsHolding } from "../machine/leases.ts";
import type { Group } from "./group.ts";

export class SessionLeases {
  /** The jobs of each session; undefined before anybody asked. */
  #jobs: Map<string, Set<string>> | undefined;
  /** The sessions of these jobs. */
  readonly #holders = new Map<string, string>();

  /** What a session holds. */
  of(view: View, session: string): HeldLease[] {
    return this.untold(view, session).filter(({ leaseUntil }) => leaseUntil > view.at);
  }

  /** What a session was not told to have lost: what it holds, and leases that are over where no entry has shown that yet. */
  untold(view: View, session: string): HeldLease[] {
    const held: HeldLease[] = [];
    for (const id of this.#all(view).get(session) ?? []) {
      const lease = leaseOf(view, id, session);
      if (lease === undefined) this.#drop(id);
      else held.push(lease);
    }
    return held;
  }

  /** Notes what an entry has changed. */
  note({ told }: Pick<Group, "told">): void {
    if (this.#jobs === undefined) return;
    // A job whose lease has ended may be handed out again in the same entry: then it is held.
    for (const id of told.ended) this.#drop(id);
    for (const { id, session } of told.handed) this.#add(id, session);
  }

  #all(view: View): Map<string, Set<string>> {
    if (this.#jobs !== undefined) return this.#jobs;
    // All of them, or none where storage fails on the way.
    const held = [...sessionsHolding(view)];
    this.#jobs = new Map();
    for (const [id, session] of held) this.#add(id, session);
    return this.#jobs;
  }

  #add(id: string, session: string): void {
    this.#drop(id);
    const ids = this.#jobs?.get(session) ?? new Set();
    this.#jobs?.set(session, ids.add(id));
    this.#holders.set(id, session);
  }

  #drop(id: string): void {
    const session = this.#holders.get(id);
    if (session === undefined) return;
    this.#holders.delete(id);
    const ids = this.#jobs?.get(session);
    ids?.delete(id);
    if (ids?.size === 0) this.#jobs?.delete(session);
  }

  /** Nothing is known any more: it looks anew. */
  forget(): void {
    this.#jobs = undefined;
    this.#holders.clear();
  }
}
