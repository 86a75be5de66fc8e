/**
 * In which order ready jobs are handed out: by priority; among equals the keys take turns, and the jobs without a key have one
 * between them; within a turn by place.
 * Invariant: what it picks may be handed out at `at`: a key that is shut by then is passed over, and loses its turn.
 */
import type { JobKind } from "../contract/fields.ts";
import type { ClaimInput } from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";
import { keyOpensAt, limitsOf, MIXED, type RoundRow } from "../store/keys.ts";
import { laneName, PLAIN_LANE } from "../store/lanes.ts";
import { isLess } from "../store/rounds.ts";
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
  /** How far its round has gone. */
  passed: number;
  /** The turns that come next, as far as they were looked up; the last is the next one. */
  next: Turn[];
  /** Up to which lane they were looked up; none before, and once all up to the end of the round were. */
  seen: number | undefined;
}

/** The best of the ready jobs without a key. */
type Plain = readonly [place: ReadyKey, id: string];

/** Turns that are looked up at once: as many as are wanted, within these bounds. */
const TURNS_AHEAD = 64;
const TURNS_AHEAD_MIN = 8;

/** Takes ready jobs of sets, best first, for as long as `take` wants more: about `wanted`. */
export function takeInOrder(
  tx: Transaction,
  sets: readonly number[],
  wanted: number,
  take: (id: string) => boolean,
): void {
  let left = wanted;
  let { plains, rounds } = aheadOf(tx, sets, left);
  let { blocked } = countersOf(tx);
  let isKnown = true;
  for (let shut = 0; shut <= limits.sweepMax; ) {
    // Or a job has ended that could not be handed out, and let others go.
    if (!isKnown || countersOf(tx).blocked !== blocked) {
      ({ plains, rounds } = aheadOf(tx, sets, left));
      ({ blocked } = countersOf(tx));
      isKnown = true;
    }
    const plain = bestPlain(plains);
    const lanes = bestLanes(rounds);
    if (lanes !== undefined && (plain === undefined || comesFirst(tx, lanes, plain))) {
      const head = openHead(tx, lanes);
      if (head === undefined) shut += 1;
      else if (!take(head.id)) return;
      else left -= 1;
      isKnown = head === undefined || !head.isOrdered || !hasTurn(tx, head.key);
      // Where the key has lanes in other rounds too, these find out when its turn comes there.
      if (isKnown) readRound(tx, lanes, left);
    } else if (plain !== undefined) {
      if (!take(plain[1])) return;
      left -= 1;
      plains.set(plain[0][0], plainOf(tx, plain[0][0]));
    } else {
      return;
    }
  }
}

/** What comes next of each set. */
function aheadOf(tx: Transaction, sets: readonly number[], wanted: number) {
  const hasTurns = countersOf(tx).turns > 0;
  return {
    plains: new Map(sets.map((set) => [set, plainOf(tx, set)])),
    rounds: hasTurns ? sets.map((set) => lanesOf(tx, set, wanted)) : [],
  };
}

function plainOf({ tables }: View, set: number): Plain | undefined {
  const first = tables.ready.first([set]);
  return first && [first[0], first[1].id];
}

function bestPlain(plains: ReadonlyMap<number, Plain | undefined>): Plain | undefined {
  let best: Plain | undefined;
  for (const plain of plains.values()) {
    if (plain && (!best || comparePlaces(plain[0], best[0]) < 0)) best = plain;
  }
  return best;
}

function lanesOf(tx: Transaction, set: number, wanted: number): Lanes {
  const lanes: Lanes = { set, priority: 0, passed: 0, next: [], seen: undefined };
  readRound(tx, lanes, wanted);
  return lanes;
}

/** Reads how far the round of a set's best priority has gone, and whose turns come next, of which `wanted` are to be used. */
function readRound({ tables }: View, lanes: Lanes, wanted: number): void {
  const { set } = lanes;
  // As long as turns are left that were looked up, none of a better priority has come: a claim takes jobs away, and where it lets some go,
  // or a key in strict order goes on, all is looked up anew.
  const known = lanes.next.length > 0 ? tables.rounds.get([set, lanes.priority]) : undefined;
  const priority = known === undefined ? tables.turns.first([set])?.[0][1] : lanes.priority;
  if (known === undefined) lanes.next = [];
  if (priority === undefined) return;
  const row = known ?? tables.rounds.get([set, priority]);
  if (row === undefined) throw new Error(`lanes of set ${set} have turns in no round`);
  if (priority !== lanes.priority) lanes.seen = undefined;
  lanes.priority = priority;
  lanes.passed = row.passed;
  if (row.left > 0 && lanes.next.at(-1)?.[0] !== row.lane) {
    // Its turn is not used up yet.
    const turn = tables.turns.get([set, priority, row.lane]);
    if (turn !== undefined) lanes.next.push([row.lane, turn.key]);
  }
  if (lanes.next.length > 0) return;
  const limit = Math.min(Math.max(wanted, TURNS_AHEAD_MIN), TURNS_AHEAD);
  const ahead = turnsAhead(tables, [set, priority], { ...row, seen: lanes.seen }, limit);
  lanes.seen = ahead.length < limit ? undefined : ahead.at(-1)?.[0];
  if (wanted > 1) expectHeads(tables, ahead.slice(0, wanted));
  lanes.next = ahead.reverse();
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
    if (each.next.length > 0 && (!best || comesBefore(each, best))) best = each;
  }
  return best;
}

/** How far what has turns at a priority has gone. */
type Gone = Pick<Lanes, "priority" | "passed">;

/**
 * The one that has gone less far comes before the other, however far both are behind: were two that nobody asked for lately taken to be
 * equal, the first of them would have every turn for as long as others go on.
 */
const comesBefore = (a: Gone, b: Gone): boolean =>
  a.priority === b.priority ? isLess(a.passed, b.passed) : a.priority < b.priority;

/**
 * Whether a turn of a key comes before the jobs without one, which go first among equals. As long as there are some they are never behind what
 * was handed out last; where they are, and the keys are not, they came back. Then they wait for a whole round to go by, or have one turn at once
 * if it has: that takes them no further than all have gone, so that they wait behind it.
 */
function comesFirst(view: View, lanes: Lanes, [place]: Plain): boolean {
  const { passed, plain_passed } = countersOf(view);
  const areBack = !isLess(passed, plain_passed) && isLess(passed, lanes.passed);
  if (areBack && lanes.priority === place[1]) return isLess(passed - 1, plain_passed);
  return comesBefore(lanes, { priority: place[1], passed: plain_passed });
}

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
