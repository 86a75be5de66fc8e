/**
 * What a verification remembers between two steps, and what it is told of one row.
 * Invariant: the state is small however many rows there are, for it travels in a cursor; sets of rows are remembered as sums.
 */
import type { EndStatus } from "../contract/actions.ts";
import { type EndState, endStates, type JobState, jobStates } from "../contract/fields.ts";
import { hash52 } from "../contract/hash.ts";
import type { VerifyProblem } from "../contract/queue.ts";
import type { Counters } from "../store/queue.ts";

/** The key of a row. */
export type RowKey = readonly (string | number)[];

/** A row of a table, as a snapshot has it. */
export interface VerifiedRow {
  readonly table: string;
  readonly key: RowKey;
  readonly value: object;
  readonly texts: readonly (string | null)[];
}

/** Where a row stands. */
export type RowPlace = Pick<VerifiedRow, "table" | "key">;

/** Finds another row of the same snapshot, without its texts. */
export type FindRow = (table: string, key: RowKey) => object | undefined;

/**
 * Rows as a set: their number, and the sum of their hashes. Two sums that agree mean the same rows, but for a chance of one in
 * 10^15; which row is at fault they do not tell. A pair, for there are many in a cursor.
 */
export type RowSet = [rows: number, sum: number];

/**
 * The tables that follow from others, what lanes, keys, rounds, plans, actions, parents (`dependents`) and workers (`holders`)
 * count of jobs, names of elements, and keyspaces of names. Where many rows name one, the sums fit only if that row counts them; other rows that are named are looked up.
 */
export const derived = [
  "actions",
  "blocked",
  "deadlines",
  "dependents",
  "edges",
  "elements",
  "ended_actions",
  "finished",
  "held",
  "holders",
  "job_texts",
  "jobs of actions",
  "keys",
  "keyspaces",
  "lane_index",
  "lanes of keys",
  "leases",
  "long_strings",
  "name_expiries",
  "open",
  "parents of actions",
  "plans",
  "ready",
  "ready in lanes",
  "rounds",
  "schedule_due",
  "scheduled",
  "schedules of plans",
  "timers",
  "turns",
  "waits",
  "worker_due",
  "zset_scores",
] as const;
type Derived = (typeof derived)[number];

type Counted = JobState | `action_${EndState}` | `parent_${EndState}` | `ended_${EndStatus}`;
type OfKeys = "keys" | "keys_set" | "lingering" | "turns" | "limited";
type AlsoCounted = OfKeys | "workers" | "schedules" | "bytes" | "underway";
type Sequence = "seq" | "grant" | "lane" | "operation" | "action";

/** What a verification remembers. */
export interface VerifyState {
  /** The time of the last entry. */
  readonly at: number;
  readonly found: Record<Derived, RowSet>;
  readonly implied: Record<Derived, RowSet>;
  /** What the counters say. */
  counters?: Partial<Counters>;
  readonly counted: Record<Counted | AlsoCounted | Sequence, number>;
  queues: number;
  /** The last generation and version of names that were given, and the last that are in use. */
  readonly keyspace: { gen: number; seenGen: number; version: number; seenVersion: number };
  /** The row before; unset where its key cannot travel. */
  before?: RowPlace | undefined;
  /** The newest slot seen of a schedule, and who holds a grant: of the first of them only. */
  readonly slots: Record<string, number>;
  readonly grants: Record<string, number>;
  /** The kept jobs and the kept actions of a plan: of the first plans only. */
  readonly uses: Record<string, readonly [jobs: number, actions: number]>;
}

const sets = (): Record<Derived, RowSet> =>
  Object.fromEntries(derived.map((name) => [name, [0, 0]])) as Record<Derived, RowSet>;

/** The beginning of a verification of a state as of `at`, the time of its last entry. */
export function beginVerify(at: number): VerifyState {
  const states = Object.fromEntries(jobStates.map((state) => [state, 0]));
  const ofActions = Object.fromEntries(endStates.map((state) => [`action_${state}`, 0]));
  const ended = { ended_completed: 0, ended_failed: 0, ended_cancelled: 0 };
  const ofParents = Object.fromEntries(endStates.map((state) => [`parent_${state}`, 0]));
  const ofKeys = { keys: 0, keys_set: 0, lingering: 0, turns: 0, limited: 0 };
  const also = { ...ofKeys, workers: 0, schedules: 0, bytes: 0, underway: 0 };
  const sequences = { seq: 0, grant: 0, lane: 0, operation: 0, action: 0 };
  const counted = { ...states, ...ofActions, ...ofParents, ...ended, ...also, ...sequences };
  return {
    at,
    found: sets(),
    implied: sets(),
    counted: counted as VerifyState["counted"],
    queues: 0,
    keyspace: { gen: 0, seenGen: 0, version: 0, seenVersion: 0 },
    slots: {},
    grants: {},
    uses: {},
  };
}

/** A state as it travels: the sets without their names, which would be a tenth of a cursor. */
export interface PackedState extends Omit<VerifyState, "found" | "implied"> {
  readonly sets: readonly (readonly [found: RowSet, implied: RowSet])[];
}

export function pack({ found, implied, ...state }: VerifyState): PackedState {
  return { ...state, sets: derived.map((name) => [found[name], implied[name]]) };
}

export function unpack({ sets: all, ...state }: PackedState): VerifyState {
  const found = sets();
  const implied = sets();
  for (const [i, name] of derived.entries())
    [found[name], implied[name]] = all[i] ?? [
      [0, 0],
      [0, 0],
    ];
  return { ...state, found, implied };
}

const SUM_MAX = 2 ** 52;

/** Takes a row into a set, or as many that are alike. */
export function add(set: RowSet, facts: readonly (string | number)[], times = 1): void {
  if (times === 0) return;
  const hash = hash52(facts.join("\n"));
  const product = times === 1 ? hash : Number((BigInt(hash) * BigInt(times)) % BigInt(SUM_MAX));
  set[0] += times;
  set[1] = (set[1] + product) % SUM_MAX;
}

/** Most names of which a fact is remembered. With all else, a cursor stays below 8,192 characters. */
const FOLLOWED_MAX = 32;

/** Remembers a fact of a name, and gives the one before. Past the bound new names are not followed. */
export function follow(
  facts: Record<string, number>,
  name: string,
  fact: number,
): number | undefined {
  const key = hash52(name).toString(36);
  const before = facts[key];
  if (before !== undefined || Object.keys(facts).length < FOLLOWED_MAX) facts[key] = fact;
  return before;
}

/** Most plans whose jobs and actions are counted plan by plan. */
const COUNTED_MAX = 8;

/** Counts jobs and actions of a plan. Past the bound new plans are not counted. */
export function countUse({ uses }: VerifyState, plan: string, jobs: number, actions: number): void {
  const key = hash52(plan).toString(36);
  const before = uses[key];
  if (before === undefined && Object.keys(uses).length >= COUNTED_MAX) return;
  const [ofJobs, ofActions] = before ?? [0, 0];
  uses[key] = [ofJobs + jobs, ofActions + actions];
}

/** The jobs and the actions that were counted of a plan. */
export const usesOf = ({ uses }: VerifyState, plan: string): readonly [number, number] =>
  uses[hash52(plan).toString(36)] ?? [0, 0];

/** The check of one row: what it says against itself, against what was seen, and against rows that it names. */
export class RowCheck {
  readonly problems: VerifyProblem[] = [];
  readonly state: VerifyState;
  readonly find: FindRow;
  /** The row before, if its key is known. */
  readonly before: RowPlace | undefined;
  readonly #row: VerifiedRow;

  constructor(state: VerifyState, find: FindRow, row: VerifiedRow) {
    this.state = state;
    this.find = find;
    this.before = state.before;
    this.#row = row;
  }

  expect(holds: boolean, invariant: string, what: string): void {
    if (holds) return;
    const { table, key } = this.#row;
    this.problems.push({ invariant, detail: `${table} ${key.join(" ")}: ${what}.` });
  }

  /** I15: what has happened has not happened after the last entry. */
  expectPast(times: Readonly<Record<string, number | undefined>>): void {
    for (const name in times) {
      const time = times[name];
      if (time === undefined || time <= this.state.at) continue;
      this.expect(false, "I15", `its ${name} ${time} is behind the last entry of ${this.state.at}`);
    }
  }
}
