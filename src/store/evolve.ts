/**
 * Evolving: each event goes to the writer of its type, which changes the tables.
 * Invariant: an event without a writer changes nothing; what a writer throws at an event of the log refuses the store.
 */
import type { Entry } from "./chain.ts";
import type { Schema, Tables } from "./declare.ts";
import type { StoredEvent } from "./entry.ts";
import { membershipEvent } from "./membership.ts";
import type { Membership } from "./raft.ts";
import { StoreRefusal } from "./refusal.ts";

/** One writer per event type: it changes tables, and depends on nothing but them, the event, and the entry's time. */
export type Writers<S extends Schema, E extends StoredEvent> = {
  readonly [T in Exclude<E["type"], typeof membershipEvent>]: (
    tables: Tables<S>,
    event: Extract<E, { type: T }>,
    at: number,
  ) => void;
};

/** How a log's tail is applied. */
export interface CatchUp<S extends Schema> {
  /** What writers are given: the tables, or what stands for them where rows need be written only at the end. */
  readonly tables: Tables<S>;
  /** Writes those rows, after the last event. */
  finish(): void;
}

/** The writers of a store. */
export class Evolver<S extends Schema, E extends StoredEvent> {
  readonly #writers: Writers<S, E>;
  readonly #onMembership: (membership: Membership) => void;

  /** `onMembership` is told of the one event that changes no table. */
  constructor(writers: Writers<S, E>, onMembership: (membership: Membership) => void) {
    this.#writers = writers;
    this.#onMembership = onMembership;
  }

  /** Applies an event. Throws StoreRefusal when newer code made it; what its writer throws passes through. */
  evolve(tables: Tables<S>, event: E, at: number): void {
    const type = event.type as keyof Writers<S, E>;
    if (Object.hasOwn(this.#writers, type)) {
      this.#writers[type](tables, event as Parameters<Writers<S, E>[typeof type]>[1], at);
    } else if (event.type === membershipEvent) {
      this.#onMembership(event as E & Membership);
    } else {
      throw new StoreRefusal("store_newer", `no writer for event ${event.type}`);
    }
  }

  /** Applies the events of an entry of the log. Throws StoreRefusal when a writer cannot. */
  apply(tables: Tables<S>, { index, at }: Entry, events: readonly E[]): void {
    for (const event of events) {
      try {
        this.evolve(tables, event, at);
      } catch (fault) {
        throw unapplied(`entry ${index}: ${event.type}`, fault, index);
      }
    }
  }

  /** Ends a catch-up. Throws StoreRefusal when it cannot. */
  finish(catchUp: CatchUp<S>): void {
    try {
      catchUp.finish();
    } catch (fault) {
      throw unapplied("the rows that follow from the log", fault);
    }
  }
}

/** What does not apply says that the log and the tables do not fit each other. */
function unapplied(what: string, fault: unknown, index?: number): StoreRefusal {
  if (fault instanceof StoreRefusal) {
    return new StoreRefusal(fault.code, `${what}: ${fault.reason}`, { cause: fault, index });
  }
  return new StoreRefusal("store_corrupt", `${what} failed`, { cause: fault, index });
}
