/**
 * In which order ready jobs are handed out: by priority; among equals the keys take turns, and with them the jobs without a key, of each
 * set one; within a turn by place.
 * Invariant: what it picks may be handed out at `at`: a key that is shut by then is passed over, and loses its turn.
 */
import type { JobKind } from "../contract/fields.ts";
import type { ClaimInput } from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";
import { keyOpensAt, limitsOf, MIXED } from "../store/keys.ts";
import { laneName, PLAIN_LANE } from "../store/lanes.ts";
import { lastPlainTurn } from "../store/rounds.ts";
import { countersOf, queueOf, type Transaction, type View } from "./decide.ts";
import { comparePlaces, type ReadyKey } from "./places.ts";
import { type Lanes, lanesOf, readRound, type Turn } from "./turns-ahead.ts";

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

/** The first ready job without a key of a set, and when those of its set and priority had their last turn. */
interface Plain {
  readonly place: ReadyKey;
  readonly id: string;
  readonly last: number;
}

/** What became of a job that was picked: it was handed out, and another one is wanted or none; or it has ended, and another one comes in its place. */
export type Taken = "handed_out" | "enough" | "ended";

/**
 * Takes ready jobs of the sets that `seek` finds, best first, for as long as `take` wants more: about `wanted`. It is told whether the job has its
 * turn, or goes by place alone.
 */
export function takeInOrder(
  tx: Transaction,
  seek: () => readonly number[],
  wanted: number,
  take: (id: string, hasTurn: boolean) => Taken,
): void {
  let left = wanted;
  let sets = seek();
  let { plains, rounds } = aheadOf(tx, sets, left);
  let { blocked } = countersOf(tx);
  let isKnown = true;
  for (let shut = 0; shut <= limits.sweepMax; ) {
    const counters = countersOf(tx);
    // A job has ended that could not be handed out, and let others go, of whatever sets.
    if (counters.blocked !== blocked) {
      sets = seek();
      ({ blocked } = counters);
      isKnown = false;
    }
    if (!isKnown) ({ plains, rounds } = aheadOf(tx, sets, left));
    isKnown = true;
    const lanes = bestLanes(rounds);
    const hasTurns = counters.turns > 0;
    const plain = bestPlain(plains, lanes, hasTurns);
    if (plain !== undefined) {
      const taken = take(plain.id, hasTurns);
      if (taken === "enough") return;
      if (taken === "handed_out") left -= 1;
      plains.set(plain.place[0], plainOf(tx, plain.place[0], hasTurns));
    } else if (lanes !== undefined) {
      const head = openHead(tx, lanes);
      if (head === undefined) shut += 1;
      else {
        const taken = take(head.id, true);
        if (taken === "enough") return;
        if (taken === "handed_out") left -= 1;
        else keepTurn(tx, lanes, head.turn);
      }
      isKnown = head === undefined || !head.isOrdered || !hasTurn(tx, head.turn);
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

/** A turn comes again of which nothing was given, if its lane has one still. */
function keepTurn({ tables }: View, { set, priority, next }: Lanes, turn: Turn): void {
  if (tables.turns.get([set, priority, turn[0]]) !== undefined) next.push(turn);
}

/** Whether a key in strict order has a turn still, as when its head could not be handed out: that may be of another set, or a better priority. */
const hasTurn = ({ tables }: View, [, key]: Turn): boolean =>
  tables.keys.get([key])?.lanes[MIXED]?.round !== undefined;

/** The next job of a key. */
interface Head {
  readonly id: string;
  /** By which it is the next one. */
  readonly turn: Turn;
  /** Whether the key is in strict order. */
  readonly isOrdered: boolean;
}

/** The next job of the key whose turn it is; undefined where the key is shut by now, and loses its turns. */
function openHead(tx: Transaction, { set, priority, next }: Lanes): Head | undefined {
  const turn = next.pop() ?? [0, ""];
  const [number, key] = turn;
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
  return { id: first[1].id, turn, isOrdered };
}
