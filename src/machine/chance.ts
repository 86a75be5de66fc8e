/**
 * Chance for commands that ask for it: numbers that are spread evenly, and the same whenever the same is asked at the same state.
 * Invariant: the machine stays deterministic; chance is not security.
 */
import { hash52 } from "../contract/hash.ts";
import { readKeyspace } from "../store/names.ts";
import type { View } from "./decide.ts";

/** Gives numbers in [0, below). */
export type Chance = (below: number) => number;

const HASHES = 2 ** 52;

/** Chance as of a state: another for each salt. */
export function chanceOf(view: View, salt: string): Chance {
  const { version } = readKeyspace(view.tables);
  let drawn = 0;
  return (below) => {
    drawn += 1;
    const fraction = hash52(`${view.at}/${version}/${salt}/${drawn}`) / HASHES;
    return Math.floor(fraction * below);
  };
}

/** A number among hashes: what stands at or behind it is drawn. */
export const drawHash = (chance: Chance): number => chance(HASHES);

/** So many of all, each at most once, in any order. */
export function draw<T>(chance: Chance, all: readonly T[], count: number): T[] {
  const rest = [...all];
  const drawn: T[] = [];
  while (drawn.length < count && rest.length > 0) {
    const at = chance(rest.length);
    drawn.push(rest[at] as T);
    rest[at] = rest.at(-1) as T;
    rest.pop();
  }
  return drawn;
}
