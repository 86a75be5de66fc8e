/**
 * In which order ready jobs are handed out: by priority; among equals the rounds of keys and the jobs without a key by how far they
 * have gone, of which the latter make up for one turn at most; in a round lane after lane, each for its turn; within a lane by place.
 * Invariant: a key that is shut by now is passed over, and loses its turn.
 */
import { small } from "../small.ts";
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
  passed: number;
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
  ahead.passed = round.passed;
  const lanes = own.filter(([, each]) => each.priority === priority).map(([lane]) => lane);
  const isOn = round.left > 0 && lanes.includes(round.lane);
  if (isOn && ahead.next.at(-1) !== round.lane) ahead.next.push(round.lane);
  if (ahead.next.length > 0) return;
  lanes.sort((a, b) => a - b);
  const end = round.end ?? Infinity;
  const behind = lanes.filter((lane) => lane > round.lane && lane <= end);
  ahead.next = (behind.length > 0 ? behind : lanes).toReversed();
}

type Gone = { readonly priority: number; readonly passed: number };

/** Sums of fractions of a round are equal up to here. */
const rounding = 1e-6;

/** By priority; then the round that has gone less far. */
function isFirst(a: Gone, b: Gone): boolean {
  if (a.priority !== b.priority) return a.priority < b.priority;
  return b.passed - a.passed > rounding;
}

/** Whether the jobs without a key have their turn: where they came back they wait for a whole round, unless they missed one. */
function isPlainFirst({ passed, plainPassed }: State, priority: number, keys: Gone): boolean {
  const missed = passed - plainPassed;
  if (priority !== keys.priority || missed < -rounding || keys.passed - passed <= rounding) {
    return !isFirst(keys, { priority, passed: plainPassed });
  }
  return missed >= 1 - rounding;
}

function aheadOf(state: State, takes: Takes) {
  const sets = setsFor(state, takes);
  const all = sets.map((set): Ahead => ({ set, priority: 0, passed: 0, next: [] }));
  for (const each of all) lookUp(state, each);
  return { sets, all };
}

/** Jobs that wait for others: where one ends that cannot be handed out, some of them may be ready. */
const blockedIn = ({ jobs }: State): number =>
  [...jobs.values()].filter(({ state }) => state === "blocked").length;

/** Takes ready jobs, best first, for as long as `take` wants more. */
export function takeInOrder(turn: Turn, takes: Takes, take: (job: Job) => boolean): void {
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
    if (best !== undefined && !(plain && isPlainFirst(state, plain.priority, best))) {
      const job = nextOf(turn, best);
      if (job === undefined) shut += 1;
      else if (!take(job)) return;
      // The next job of a key in strict order may be of another set, or a better priority.
      isKnown = !(job?.ordered && state.turns.has(job.lane));
      if (isKnown) lookUp(state, best);
    } else if (plain === undefined || !take(plain)) {
      return;
    }
  }
}

function bestPlain({ jobs }: State, sets: readonly number[]): Job | undefined {
  const plain = [...jobs.values()].filter(
    ({ key, set }) => key === undefined && sets.includes(set),
  );
  return inLane(plain)[0];
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
