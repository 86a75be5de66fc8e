/**
 * Clients who read the feed: on from where they were, again from somewhere, or with cursors that no feed has given.
 * Invariant: they know only cursors that they were told.
 */
import type { FeedInput } from "../../src/contract/feed.ts";
import type { Wish } from "./clients.ts";
import { shownTypes } from "./model/feed.ts";
import { defined } from "./model/state.ts";
import { maybe } from "./plans-drawn.ts";
import type { Random } from "./random.ts";

const cursorsMax = 40;

interface Told {
  readonly cursor?: string;
  readonly events?: readonly { readonly cursor: string }[];
}

export class FeedReader {
  /** Some of those that were told, the newest last. */
  readonly #cursors: string[] = [];
  /** The first that were told: the log may not go back to them any more. */
  readonly #first: string[] = [];

  wish(random: Random): Wish {
    const types = maybe(random, 0.3, () => shownTypes.filter(() => random.chance(0.3)));
    const input = {
      after: this.#after(random),
      types: types?.length === 0 ? undefined : types,
      include: maybe(random, 0.4, () => "payload"),
      limit: maybe(random, 0.7, () => random.pick([1, 2, 7, 30])),
    };
    return { name: "feed.read", input: defined(input) };
  }

  told({ name }: Wish, { cursor = "", events = [] }: Told): void {
    if (name !== "feed.read") return;
    const some = events[Math.floor(events.length / 2)];
    this.#cursors.push(...(some === undefined ? [] : [some.cursor]), cursor);
    if (this.#cursors.length > cursorsMax) this.#cursors.splice(0, 2);
    if (this.#first.length < cursorsMax) this.#first.push(cursor);
  }

  #after(random: Random): FeedInput["after"] {
    const last = this.#cursors.at(-1);
    const way = random.below(20);
    if (way < 2 || last === undefined) return undefined;
    if (way < 3) return "now";
    if (way < 10) return last;
    if (way < 14) return random.pickFrom(this.#cursors);
    if (way < 18) return random.pickFrom(this.#first);
    return random.pick(["nonsense", `${last}9`, `${last}.1`, last.replace(/\d+$/, "9999")]);
  }
}
