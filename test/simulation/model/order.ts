/**
 * In which order ready jobs are handed out: by priority; among equals first who had his last turn least lately, be it the next lane of a
 * round of keys or the jobs without a key of a set; in a round lane after lane, each for its turn; within a lane by place.
 * Invariant: a key that is shut by now is passed over, and loses its turn.
 */
import { small } from "../small.ts";
import type { Round } from "./flow-nouns.ts";
import { inLane, opensAt, roundName, touch } from "./rounds.ts";
import type { Job, State } from "./state.ts";
import type { Turn } from "./turn.ts";

/** What a worker takes. */
export interface Takes {
  readonly kinds: readonly string[];
  readonly capabilities: readonly string[];
}

/** The sets that a worker covers and in which jobs are ready; of equal rounds that of the first comes first. */
function setsFor({ jobs }: State, { kinds, capabilities }: Takes): number[] {
  const sets = new Map<number, Job>();
  for (const job of jobs.values()) if (job.state === "ready") sets.set(job.set, job);
  const covered = [...sets].filter(([, { kind, requires = [] }]) => {
    return kinds.includes(kind) && requires.every((need) => capabilities.includes(need));
  });
  return covered.map(([set]) => set).sort((a, b) => a - b);
}

/** The round of a set's best priority, and the turns in it that were looked up: the next one comes last. */
interface Ahead {
  readonly set: number;
  priority: number;
  last: number;
  next: number[];
}

function lookUp({ turns, rounds }: State, ahead: Ahead): void {
  const own = [...turns].filter(([, { set }]) => set === ahead.set);
  if (own.length === 0) {
    ahead.next = [];
    return;
  }
  const priority = Math.min(...own.map(([, each]) => each.priority));
  const round = rounds.get(roundName({ set: ahead.set, priority }));
  if (round === undefined) throw new Error(`the model has lost a round of set ${ahead.set}`);
  if (priority !== ahead.priority) ahead.next = [];
  ahead.priority = priority;
  const { began, before = 0, size = 1, used = 0 } = round;
  const lanes = own.filter(([, each]) => each.priority === priority).map(([lane]) => lane);
  const isOn = round.left > 0 && lanes.includes(round.lane);
  if (isOn && ahead.next.at(-1) !== round.lane) ahead.next.push(round.lane);
  if (ahead.next.length === 0) ahead.next = comingOf(lanes, round);
  const share = Math.min(1, used / size);
  ahead.last = began === undefined ? (ahead.next.at(-1) ?? 0) : before + (began - before) * share;
}

/** The lanes of a round in the order of their turns, the next one last. */
function comingOf(lanes: number[], round: Round): number[] {
  lanes.sort((a, b) => a - b);
  const end = round.end ?? Infinity;
  const behind = lanes.filter((lane) => lane > round.lane && lane <= end);
  return (behind.length > 0 ? behind : lanes).toReversed();
}

type Gone = { readonly priority: number; readonly last: number };

/** By priority; then the one whose last turn was before the other's. */
const isFirst = (a: Gone, b: Gone): boolean =>
  a.priority === b.priority ? a.last < b.last : a.priority < b.priority;

/** When the jobs without a key of a set and priority had their last turn; the set came before all of them. */
function plainGone({ rounds }: State, { set, priority }: Job): Gone {
  return { priority, last: rounds.get(roundName({ set, priority }))?.plain ?? set };
}

function aheadOf(state: State, takes: Takes) {
  const sets = setsFor(state, takes);
  const all = sets.map((set): Ahead => ({ set, priority: 0, last: 0, next: [] }));
  for (const each of all) lookUp(state, each);
  return { sets, all };
}

/** Jobs that wait for others: where one ends that cannot be handed out, some of them may be ready. */
const blockedIn = ({ jobs }: State): number =>
  [...jobs.values()].filter(({ state }) => state === "blocked").length;

/** Takes ready jobs, best first, for as long as `take` wants more; where it has ended one, its lane has the turn still. */
export function takeInOrder(
  turn: Turn,
  takes: Takes,
  take: (job: Job) => "handed_out" | "enough" | "ended",
): void {
  const { state } = turn;
  let { sets, all } = aheadOf(state, takes);
  let blocked = blockedIn(state);
  let isKnown = true;
  for (let shut = 0; shut <= small.sweepMax; ) {
    if (!isKnown || blockedIn(state) !== blocked) {
      ({ sets, all } = aheadOf(state, takes));
      blocked = blockedIn(state);
      isKnown = true;
    }
    const plain = bestPlain(state, sets);
    let best: Ahead | undefined;
    for (const each of all) {
      if (each.next.length > 0 && (!best || isFirst(each, best))) best = each;
    }
    const isPlain = plain && (!best || !isFirst(best, plainGone(state, plain)));
    if (best !== undefined && !isPlain) {
      const job = nextOf(turn, best);
      const taken = job && take(job);
      if (taken === "enough") return;
      if (job === undefined) shut += 1;
      else if (taken === "ended") best.next.push(job.lane);
      // The next job of a key in strict order may be of another set, or a better priority.
      isKnown = !(job?.ordered && state.turns.has(job.lane));
      if (isKnown) lookUp(state, best);
    } else if (plain === undefined || take(plain) === "enough") {
      return;
    }
  }
}

/** The first of each set, of which that of the set comes first whose turn it is; while no key has turns the first of all. */
function bestPlain(state: State, sets: readonly number[]): Job | undefined {
  const all = [...state.jobs.values()].filter(({ key }) => key === undefined);
  const first = inLane(all.filter(({ set }) => sets.includes(set)));
  if (state.turns.size === 0) return first[0];
  const heads = sets.flatMap((own) => first.find(({ set }) => set === own) ?? []);
  const isSooner = (a: Job, b: Job) => isFirst(plainGone(state, a), plainGone(state, b));
  return heads.sort((a, b) => (isSooner(a, b) ? -1 : 1))[0];
}

/** The first job of the lane whose turn it is; undefined where that has none any more, or its key is shut by now. */
function nextOf(turn: Turn, { set, priority, next }: Ahead): Job | undefined {
  const { state, at } = turn;
  const lane = next.pop() ?? 0;
  const turned = state.turns.get(lane);
  if (turned?.set !== set || turned.priority !== priority) return undefined;
  if (opensAt(state, turned.key) > at) {
    turn.emit("key.refreshed");
    touch(state, at, turned.key);
    return undefined;
  }
  return inLane([...state.jobs.values()].filter((job) => job.lane === lane && job.key))[0];
}
