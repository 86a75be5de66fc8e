/**
 * Which turns of keys come next in a set's best round, as far as a claim looks ahead.
 * Invariant: what was looked up is in the order of the round; a turn in it may be lost by the time it comes.
 */
import { limits } from "../contract/limits.ts";
import type { RoundRow } from "../store/keys.ts";
import { lastTurn } from "../store/rounds.ts";
import type { Transaction, View } from "./decide.ts";

/** A turn that comes: of a lane, of a key. */
export type Turn = readonly [lane: number, key: string];

/** The lanes of one set that have turns at its best priority. */
export interface Lanes {
  readonly set: number;
  priority: number;
  /** When the next of them had its last turn. */
  last: number;
  /** The turns that come next, as far as they were looked up; the last is the next one. */
  next: Turn[];
  /** Up to which lane they were looked up; none before, and once all up to the end of the round were. */
  seen: number | undefined;
  /** All of a round of few, in the order of their numbers, once they were looked up; some may be gone by now. */
  all: readonly Turn[] | undefined;
}

/** The lanes of a set that have turns, with those looked up that come next. */
export function lanesOf(tx: Transaction, set: number, wanted: number): Lanes {
  const lanes: Lanes = { set, priority: 0, last: 0, next: [], seen: undefined, all: undefined };
  readRound(tx, lanes, wanted);
  return lanes;
}

/** Reads whose turns come next in the round of a set's best priority, of which `wanted` are to be used, and when the first had its last one. */
export function readRound(view: View, lanes: Lanes, wanted: number): void {
  const row = readTurns(view, lanes, wanted);
  const [next = 0] = lanes.next.at(-1) ?? [];
  if (row !== undefined) lanes.last = lastTurn(row, next);
}

/** Reads whose turns come next; returns the round that they are of, if there are any. */
function readTurns({ tables }: View, lanes: Lanes, wanted: number): RoundRow | undefined {
  const { set } = lanes;
  // As long as turns are left that were looked up, none of a better priority has come: a claim takes jobs away, and where it lets some go,
  // or a key in strict order goes on, all is looked up anew.
  const known = lanes.next.length > 0 ? tables.rounds.get([set, lanes.priority]) : undefined;
  const priority = known === undefined ? tables.turns.first([set])?.[0][1] : lanes.priority;
  if (known === undefined) lanes.next = [];
  if (priority === undefined) return undefined;
  const row = known ?? tables.rounds.get([set, priority]);
  if (row === undefined) throw new Error(`lanes of set ${set} have turns in no round`);
  if (priority !== lanes.priority)
    Object.assign(lanes, { priority, seen: undefined, all: undefined });
  if (row.left > 0 && lanes.next.at(-1)?.[0] !== row.lane) {
    // Its turn is not used up yet.
    const turn = tables.turns.get([set, priority, row.lane]);
    if (turn !== undefined) lanes.next.push([row.lane, turn.key]);
  }
  if (lanes.next.length > 0) return row;
  const limit = Math.min(Math.max(wanted, limits.turnsAheadMin), limits.turnsAheadMax);
  const ahead =
    row.lanes <= limit ? turnsOfFew(tables, lanes, row) : turnsAhead(tables, lanes, row, limit);
  if (wanted > 1) expectHeads(tables, ahead.slice(0, wanted));
  lanes.next = ahead.reverse();
  return row;
}

/** What will be asked of the lanes whose turns come next is read with a few queries, wherever it stands. */
function expectHeads({ jobs, keys, ready }: View["tables"], turns: readonly Turn[]): void {
  keys.expect(turns.map(([, key]) => [key]));
  ready.expectFirst(turns.map(([lane]) => [lane]));
  const heads = turns.map(([lane]) => ready.first([lane])?.[1].id);
  jobs.expect(heads.flatMap((id): [string][] => (id === undefined ? [] : [[id]])));
}

/**
 * So many turns, in their order: behind those that were seen, to the end of the round; else behind that of a lane, and behind the end the first one
 * is next.
 */
function turnsAhead(
  { turns }: View["tables"],
  lanes: Lanes,
  { lane, end }: RoundRow,
  limit: number,
): Turn[] {
  const { set, priority, seen } = lanes;
  const prefix: [number, number] = [set, priority];
  const to = end === undefined ? {} : { to: [...prefix, end + 1] as const };
  const behind = (last: number) => turns.range({ prefix, after: [...prefix, last], ...to, limit });
  const unseen = seen === undefined ? [] : behind(seen);
  const rest = unseen.length > 0 ? unseen : behind(lane);
  const ahead = (rest.length > 0 ? rest : turns.range({ prefix, limit })).map(turnOf);
  lanes.seen = ahead.length < limit ? undefined : ahead.at(-1)?.[0];
  return ahead;
}

type TurnRow = readonly [
  key: readonly [set: number, priority: number, lane: number],
  row: { readonly key: string },
];

const turnOf = ([[, , lane], { key }]: TurnRow): Turn => [lane, key];

/** As `turnsAhead` has them, of a round of few: to look for them again with each job would be to pass all that have gone, however many. */
function turnsOfFew(
  { turns }: View["tables"],
  lanes: Lanes,
  { lane: last, end = Number.POSITIVE_INFINITY, lanes: count }: RoundRow,
): Turn[] {
  const prefix: [number, number] = [lanes.set, lanes.priority];
  // None comes while they are known: of those that were in another round by then all is looked up anew.
  lanes.all ??= turns.range({ prefix, limit: count }).map(turnOf);
  lanes.all = lanes.all.filter(([lane]) => turns.get([...prefix, lane]) !== undefined);
  const rest = lanes.all.filter(([lane]) => lane > last && lane <= end);
  return rest.length > 0 ? rest : [...lanes.all];
}
