/**
 * In which order ready jobs are handed out: by priority; among equals the keys take turns, and with them the jobs without a key, of each
 * set one; within a turn by place.
 * Invariant: what it picks may be handed out at `at`: a key that is shut by then is passed over, and loses its turn.
 */
import type { JobKind } from "../contract/fields.ts";
import type { ClaimInput } from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";
import { keyOpensAt, limitsOf, MIXED, type RoundRow } from "../store/keys.ts";
import { laneName, PLAIN_LANE } from "../store/lanes.ts";
import { lastPlainTurn, lastTurn } from "../store/rounds.ts";
import { countersOf, queueOf, type Transaction, type View } from "./decide.ts";
import { comparePlaces, type ReadyKey } from "./places.ts";

type Asks = Pick<ClaimInput, "kinds" | "capabilities" | "takesAny">;

/** The sets of kind and requirements whose jobs a worker may have, by number. */
export function setsFor(view: View, asks: Asks): number[] {
  const { kinds = ["payload"], capabilities = [] } = asks;
  const sets = kinds.includes("payload") ? [PLAIN_LANE] : [];
  if (countersOf(view).lane === PLAIN_LANE) return sets;
  if (asks.takesAny && capabilities.length === 0) return [...sets, ...allSets(view, kinds)];
  const able = new Set(capabilities);
  for (const kind of new Set(kinds)) {
    for (const [set, requires] of namedSets(view, kind, capabilities)) {
      if (requires.every((need) => able.has(need))) sets.push(set);
    }
  }
  // Of equal rounds the oldest set's comes first, in whatever order the worker names what it can do.
  return sets.sort((a, b) => a - b);
}

/** Capabilities up to which the sets are sought by them, instead of looking at all. */
const SOUGHT_MAX = 16;

/**
 * Sets of a kind with ready jobs, of which those that a worker covers are all. Requirements are sorted, so that a set it covers
 * begins with one of its capabilities: it is found by its name, however many others there are.
 */
function* namedSets({ tables }: View, kind: JobKind, capabilities: readonly string[]) {
  const isSought = capabilities.length <= SOUGHT_MAX;
  const bare = laneName(kind, []);
  const starts = isSought ? capabilities.map((first) => laneName(kind, [first])) : [bare];
  for (const name of isSought ? [bare, ...starts] : [bare]) {
    const exact = tables.lane_index.get([name]);
    if (exact !== undefined) yield* setOf(tables, exact.lane);
  }
  for (const start of starts) {
    // Longer names go on with a comma, and "-" is the character behind it.
    const longer = { from: [`${start},`], to: [`${start}-`] } as const;
    for (const [, { lane }] of tables.lane_index.scan(longer)) yield* setOf(tables, lane);
  }
}

/** Sets of these kinds with ready jobs, whatever they require, the oldest first. */
function* allSets({ tables }: View, kinds: readonly JobKind[]): Generator<number> {
  for (const [[set], { kind, ready }] of tables.lanes.scan({})) {
    if (set !== PLAIN_LANE && ready > 0 && kinds.includes(kind)) yield set;
  }
}

function* setOf({ lanes }: View["tables"], set: number) {
  const row = lanes.get([set]);
  if (row !== undefined && row.ready > 0) yield [set, row.requires] as const;
}

/** A turn that comes: of a lane, of a key. */
type Turn = readonly [lane: number, key: string];

/** The lanes of one set that have turns at its best priority. */
interface Lanes {
  readonly set: number;
  priority: number;
  /** When the next of them had its last turn. */
  last: number;
  /** The turns that come next, as far as they were looked up; the last is the next one. */
  next: Turn[];
  /** Up to which lane they were looked up; none before, and once all up to the end of the round were. */
  seen: number | undefined;
}

/** The first ready job without a key of a set, and when those of its set and priority had their last turn. */
interface Plain {
  readonly place: ReadyKey;
  readonly id: string;
  readonly last: number;
}

/** Turns that are looked up at once: as many as are wanted, within these bounds. */
const TURNS_AHEAD = 64;
const TURNS_AHEAD_MIN = 8;

/** Takes ready jobs of sets, best first, for as long as `take` wants more: about `wanted`. It is told whether the job has its turn, or goes by place alone. */
export function takeInOrder(
  tx: Transaction,
  sets: readonly number[],
  wanted: number,
  take: (id: string, hasTurn: boolean) => boolean,
): void {
  let left = wanted;
  let { plains, rounds } = aheadOf(tx, sets, left);
  let { blocked } = countersOf(tx);
  let isKnown = true;
  for (let shut = 0; shut <= limits.sweepMax; ) {
    const counters = countersOf(tx);
    // Or a job has ended that could not be handed out, and let others go.
    if (!isKnown || counters.blocked !== blocked) {
      ({ plains, rounds } = aheadOf(tx, sets, left));
      ({ blocked } = counters);
      isKnown = true;
    }
    const lanes = bestLanes(rounds);
    const hasTurns = counters.turns > 0;
    const plain = bestPlain(plains, lanes, hasTurns);
    if (plain !== undefined) {
      if (!take(plain.id, hasTurns)) return;
      left -= 1;
      plains.set(plain.place[0], plainOf(tx, plain.place[0], hasTurns));
    } else if (lanes !== undefined) {
      const head = openHead(tx, lanes);
      if (head === undefined) shut += 1;
      else if (!take(head.id, true)) return;
      else left -= 1;
      isKnown = head === undefined || !head.isOrdered || !hasTurn(tx, head.key);
      // Where the key has lanes in other rounds too, these find out when its turn comes there.
      if (isKnown) readRound(tx, lanes, left);
    } else {
      return;
    }
  }
}

/** What comes next of each set. */
function aheadOf(tx: Transaction, sets: readonly number[], wanted: number) {
  const hasTurns = countersOf(tx).turns > 0;
  return {
    plains: new Map(sets.map((set) => [set, plainOf(tx, set, hasTurns)])),
    rounds: hasTurns ? sets.map((set) => lanesOf(tx, set, wanted)) : [],
  };
}

function plainOf({ tables }: View, set: number, hasTurns: boolean): Plain | undefined {
  const { ready, rounds } = tables;
  const first = ready.first([set]);
  if (first === undefined) return undefined;
  const [place, { id }] = first;
  // While no key has turns, nobody asks when the last one was.
  const row = hasTurns ? rounds.get([set, place[1]]) : undefined;
  return { place, id, last: lastPlainTurn(row, set) };
}

/** The best of the jobs without a key, if one comes before the lanes whose turn it is. While no key has turns they go by place alone. */
function bestPlain(
  plains: ReadonlyMap<number, Plain | undefined>,
  lanes: Lanes | undefined,
  hasTurns: boolean,
): Plain | undefined {
  const compare = hasTurns ? compareTurns : comparePlains;
  let best: Plain | undefined;
  for (const plain of plains.values()) {
    if (plain === undefined || (lanes !== undefined && !isDue(plain, lanes))) continue;
    if (best === undefined || compare(plain, best) < 0) best = plain;
  }
  return best;
}

const comparePlains = (a: Plain, b: Plain): number => comparePlaces(a.place, b.place);

const compareTurns = (a: Plain, b: Plain): number => a.place[1] - b.place[1] || a.last - b.last;

/** Whether jobs without a key come before a turn of a key: they are more urgent, or had theirs less lately. */
const isDue = ({ place: [, priority], last }: Plain, lanes: Lanes): boolean =>
  priority < lanes.priority || (priority === lanes.priority && last <= lanes.last);

function lanesOf(tx: Transaction, set: number, wanted: number): Lanes {
  const lanes: Lanes = { set, priority: 0, last: 0, next: [], seen: undefined };
  readRound(tx, lanes, wanted);
  return lanes;
}

/** Reads whose turns come next in the round of a set's best priority, of which `wanted` are to be used, and when the first had its last one. */
function readRound(view: View, lanes: Lanes, wanted: number): void {
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
  if (priority !== lanes.priority) lanes.seen = undefined;
  lanes.priority = priority;
  if (row.left > 0 && lanes.next.at(-1)?.[0] !== row.lane) {
    // Its turn is not used up yet.
    const turn = tables.turns.get([set, priority, row.lane]);
    if (turn !== undefined) lanes.next.push([row.lane, turn.key]);
  }
  if (lanes.next.length > 0) return row;
  const limit = Math.min(Math.max(wanted, TURNS_AHEAD_MIN), TURNS_AHEAD);
  const ahead = turnsAhead(tables, [set, priority], { ...row, seen: lanes.seen }, limit);
  lanes.seen = ahead.length < limit ? undefined : ahead.at(-1)?.[0];
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
  prefix: [set: number, priority: number],
  { lane, end, seen }: Pick<RoundRow, "lane" | "end"> & { readonly seen: number | undefined },
  limit: number,
): Turn[] {
  const to = end === undefined ? {} : { to: [...prefix, end + 1] as const };
  const behind = (last: number) => turns.range({ prefix, after: [...prefix, last], ...to, limit });
  const unseen = seen === undefined ? [] : behind(seen);
  const rest = unseen.length > 0 ? unseen : behind(lane);
  const ahead = rest.length > 0 ? rest : turns.range({ prefix, limit });
  return ahead.map(([[, , next], { key }]): Turn => [next, key]);
}

function bestLanes(rounds: readonly Lanes[]): Lanes | undefined {
  let best: Lanes | undefined;
  for (const each of rounds) {
    if (each.next.length > 0 && (best === undefined || comesBefore(each, best))) best = each;
  }
  return best;
}

/** By priority; then those come first whose next one had its last turn less lately. */
const comesBefore = (a: Lanes, b: Lanes): boolean =>
  a.priority === b.priority ? a.last < b.last : a.priority < b.priority;

/** Whether a key in strict order has a turn still, as when its head could not be handed out: that may be of another set, or a better priority. */
const hasTurn = ({ tables }: View, key: string): boolean =>
  tables.keys.get([key])?.lanes[MIXED]?.round !== undefined;

/** The next job of a key. */
interface Head {
  readonly id: string;
  readonly key: string;
  /** Whether the key is in strict order. */
  readonly isOrdered: boolean;
}

/** The next job of the key whose turn it is; undefined where the key is shut by now, and loses its turns. */
function openHead(tx: Transaction, { set, priority, next }: Lanes): Head | undefined {
  const [number, key] = next.pop() ?? [0, ""];
  const row = tx.tables.keys.get([key]);
  const isOrdered = row?.order === "fifo";
  const lane = row?.lanes[isOrdered ? MIXED : set];
  const isStill = lane?.lane === number && lane.round?.[0] === set && lane.round[1] === priority;
  // What was looked up before may have lost its turns since.
  if (row === undefined || !isStill) return undefined;
  if (keyOpensAt(row, limitsOf(row, queueOf(tx).config)) > tx.at) {
    tx.emit("key.refreshed", { key });
    return undefined;
  }
  const first = tx.tables.ready.first([number]);
  if (first === undefined) throw new Error(`key ${key} has a turn, but no job is ready`);
  return { id: first[1].id, key, isOrdered };
}
