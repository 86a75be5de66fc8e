/**
 * Turns beside those of other sets of kind and requirements: none that waits is passed again and again, whoever claims.
 * Invariant: what is not sure is not judged; whoever is given a job may have those of its kind that require no more.
 */
import { demand } from "./violation.ts";

/** Who has a turn: a key in a set, or with no name the jobs without one of a set; at a priority. */
export type Place = readonly [set: number, priority: number, key: string];

/** Each has two turns while another one waits; and what is left of one, and of a round, where that one comes. */
const TURNS_MAX = 4;

export class TurnAudit {
  /** By those that wait: the turns that others had of which they might have been given one. */
  #passed = new Map<string, Readonly<Record<string, number>>>();
  #places = new Map<string, Place>();
  /** What the sets require, their kinds first. */
  #needs = new Map<number, readonly string[]>([[1, ["payload"]]]);

  copy(): TurnAudit {
    const copy = new TurnAudit();
    copy.#passed = new Map(this.#passed);
    copy.#places = new Map(this.#places);
    copy.#needs = new Map(this.#needs);
    return copy;
  }

  learn(set: number, kind = "payload", requires: readonly string[] = []): void {
    this.#needs.set(set, [kind, ...requires]);
  }

  /** These wait now; who waited before goes on with it. */
  follow(waiting: Iterable<Place>): void {
    this.#places = new Map([...waiting].map((place) => [place.join(" "), place]));
    const passed = [...this.#places.keys()].map((name) => [name, this.#passed.get(name)] as const);
    this.#passed = new Map(passed.map(([name, by = {}]) => [name, by]));
  }

  /** One was given a job, which is so much of a turn. Jobs without a key go by place, and not by turns, while no key surely has one. */
  serve(id: string, place: Place, turn: number): void {
    const own = place.join(" ");
    const isByPlace = [...this.#places.values(), place].every(([, , key]) => key === "");
    for (const [name, [set, priority]] of this.#places) {
      if (name === own) this.#passed.set(name, {});
      if (name === own || isByPlace || priority !== place[1]) continue;
      if (!this.#covers(place[0], set)) continue;
      const by = this.#passed.get(name) ?? {};
      const turns = (by[own] ?? 0) + turn;
      this.#passed.set(name, { ...by, [own]: turns });
      demand(
        turns <= TURNS_MAX + 1e-6,
        "I6",
        `${name} waits, and job ${id} of ${own} passes it`,
        turns,
      );
    }
  }

  /** Whether who may have the jobs of one set may have those of another. */
  #covers(set: number, other: number): boolean {
    const [needs, others] = [this.#needs.get(set), this.#needs.get(other)];
    return set === other || (others?.every((need) => needs?.includes(need)) ?? false);
  }
}
