/**
 * Whether an instance has of keys, turns, unique keys and jobs that wait for others what the model has.
 * Invariant: every row of their tables is compared, after every step.
 */
import type { SluiceStore } from "../../src/store/schema.ts";
import { parentsOf } from "./model/kin.ts";
import { roundName } from "./model/rounds.ts";
import { isEnded, type State } from "./model/state.ts";
import { small } from "./small.ts";
import { same } from "./violation.ts";

/** Less what is undefined, in the order of the keys. */
const asStored = (rows: Iterable<readonly [unknown, object]>): unknown =>
  (JSON.parse(JSON.stringify([...rows])) as [unknown, object][]).sort(([a], [b]) =>
    JSON.stringify(a) < JSON.stringify(b) ? -1 : 1,
  );

/** Compares every row. */
export function checkFlow({ tables }: SluiceStore, state: State): void {
  const keys = [...tables.keys.scan({})].map(([[key], row]) => {
    const { settings, paused, holder, heldUntil, usedUntil, dueAt } = row;
    return [key, { settings, paused, holder, heldUntil, usedUntil, dueAt }] as const;
  });
  same("I11", "the rows of keys", asStored(keys), asStored(state.keys));
  const rounds = [...tables.rounds.scan({})].map(
    ([[set, priority], { lanes, passed: _, ...row }]) => {
      const name = roundName({ set, priority });
      return [name, { set, priority, ...row, lanes }] as const;
    },
  );
  const expected = [...state.rounds].map(([name, round]) => {
    const all = [...state.turns.values()].filter((turned) => roundName(turned) === name);
    return [name, { ...round, lanes: all.length }] as const;
  });
  same("I6", "the rows of rounds", asStored(rounds), asStored(expected));
  const turns = [...tables.turns.scan({})].map(([[set, priority, lane], { key }]) => {
    return [lane, { key, set, priority }] as const;
  });
  same("I6", "the rows of turns", asStored(turns), asStored(state.turns));
  const uniques = [...tables.uniques.scan({})].map(([[key], row]) => [key, row] as const);
  same("I7", "the rows of uniques", asStored(uniques), asStored(state.uniques));
  const edges = [...tables.edges.scan({})].map(([[parent, child]]) => [`${parent} ${child}`, {}]);
  const waits = [...state.jobs.values()].flatMap(({ id, waits: all = [] }) =>
    all.map((parent) => [`${parent} ${id}`, {}] as const),
  );
  same("I11", "the rows of edges", asStored(edges as [string, object][]), asStored(waits));
  const apart = [...state.jobs.values()].filter(
    ({ after = [], waits: all = [] }) =>
      all.length > 0 && after.length > small.parentsCountedInRowMax,
  );
  same(
    "I11",
    "the rows of waits",
    asStored(tables.waits.scan({})),
    asStored(apart.map(({ id, waits: all = [] }) => [[id], { left: all.length }])),
  );
}

/** What is counted of keys, slots, and jobs that are kept for others. */
export function countsOfFlow(state: State): object {
  const { jobs, keys, turns, slots, lane, usedUntil } = state;
  const parents = {
    ...{ parent_completed: 0, parent_failed: 0, parent_cancelled: 0, parent_expired: 0 },
  };
  const named = parentsOf(state);
  let limited = 0;
  for (const job of jobs.values()) {
    const isAlone = job.action === undefined && isEnded(job.state) && named.has(job.id);
    if (isAlone && isEnded(job.state)) parents[`parent_${job.state}`] += 1;
    if (job.state === "ready" && job.key !== undefined && !turns.has(job.lane)) limited += 1;
  }
  return {
    ...parents,
    keys: keys.size,
    keys_set: [...keys.values()].filter(({ settings }) => settings !== undefined).length,
    ...{ lingering: slots.length, turns: turns.size, limited, lane },
    // Shares of rounds are counted in entries of before alone.
    ...{ passed: 0, plain_passed: 0, used_until: usedUntil },
  };
}
