/**
 * What the auditor knows of a queue: plain records in maps and lists, searched from end to end.
 * Invariant: it shares nothing with the machine but the words; a job is replaced, never changed, so a state is cheap to copy.
 */
import type { Delivery } from "./deliveries.ts";
import type { Key, Limits, Rate, Round, Slot, Turned, UniqueKey } from "./flow-nouns.ts";
import { copyOfNames, type Names, noNames } from "./name-records.ts";
import type { Action, Plan, Report, Schedule, Worker } from "./nouns.ts";

const openStates = ["blocked", "scheduled", "ready", "running"] as const;
export const endedStates = ["completed", "failed", "cancelled", "expired"] as const;
export type EndedState = (typeof endedStates)[number];
export type JobState = (typeof openStates)[number] | EndedState;
export const allStates: readonly JobState[] = [...openStates, ...endedStates];

export const isEnded = (state: JobState): state is EndedState =>
  (endedStates as readonly JobState[]).includes(state);

/** A field that is not set is not there. */
export interface Job {
  readonly id: string;
  readonly state: JobState;
  readonly seq: number;
  readonly createdAt: number;
  readonly run: number;
  readonly failures: number;
  readonly deliveries: number;
  readonly priority: number;
  readonly payload: string;
  readonly kind: "payload" | "plan";
  /** Its set of kind and requirements, by number, and the lane in which it waits. */
  readonly set: number;
  readonly lane: number;
  readonly key?: string | undefined;
  /** Its key is in strict order. */
  readonly ordered?: true | undefined;
  /** It is tried again, and goes before the others of its key in strict order until it has ended. */
  readonly head?: true | undefined;
  readonly unique?: Unique | undefined;
  readonly after?: readonly Parent[] | undefined;
  /** Of these, those that it still waits for. */
  readonly waits?: readonly string[] | undefined;
  readonly plan?: string | undefined;
  readonly planVersion?: number | undefined;
  readonly action?: string | undefined;
  readonly inputIndex?: number | undefined;
  readonly schedule?: string | undefined;
  readonly slotAt?: number | undefined;
  readonly result?: string | undefined;
  readonly progress?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly requires?: readonly string[] | undefined;
  readonly maxAttempts?: number | undefined;
  readonly backoff?: Backoff | undefined;
  readonly leaseMs?: number | undefined;
  readonly maxRunMs?: number | undefined;
  readonly ttlMs?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly fingerprint?: string | undefined;
  readonly runAt?: number | undefined;
  readonly readyAt?: number | undefined;
  readonly ttlUntil?: number | undefined;
  readonly startedAt?: number | undefined;
  readonly worker?: string | undefined;
  readonly grant?: number | undefined;
  readonly claimLeaseMs?: number | undefined;
  /** What its hand-out took of the rates of the queue and of its key. */
  readonly queueCost?: number | undefined;
  readonly keyCost?: number | undefined;
  readonly leaseUntil?: number | undefined;
  readonly leaseEndedAt?: number | undefined;
  readonly outcome?: "completed" | "failed" | "released" | "expired" | undefined;
  readonly endedAt?: number | undefined;
  /** When its retention began, where that was not at its end. */
  readonly shelvedAt?: number | undefined;
  /** Until when its slots are taken, after it ended in the hands of a worker that has not heard of it. */
  readonly lingersUntil?: number | undefined;
  readonly reason?: string | undefined;
  readonly error?: string | undefined;
  readonly late?: true | undefined;
  readonly attempts?: readonly object[] | undefined;
  /** Its worker was registered when it was given the job. */
  readonly tracked?: true | undefined;
  /** By the numbers of the tasks. */
  readonly reports?: Readonly<Record<number, Report>> | undefined;
}

/** What is not said of a job that nobody holds. */
export const letGo = { leaseUntil: undefined, queueCost: undefined, keyCost: undefined } as const;

export interface Unique {
  readonly key: string;
  readonly until?: "started" | "done" | { readonly ms: number } | undefined;
  readonly onConflict?: "return" | "replace" | "reject" | undefined;
}
export interface Parent {
  readonly id: string;
  readonly onFail?: "fail" | "continue" | "cancel" | undefined;
}

export type Backoff = { readonly jitter?: "full" | "none" | undefined } & (
  | { readonly kind: "fixed"; readonly delayMs: number }
  | { readonly kind: "linear"; readonly delayMs: number; readonly capMs?: number | undefined }
  | {
      readonly kind: "exponential";
      readonly delayMs: number;
      readonly factor?: number | undefined;
      readonly capMs?: number | undefined;
    }
  | { readonly kind: "list"; readonly delaysMs: readonly number[] }
);

export interface Config {
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly planMaxAttempts: number;
  readonly workerTtlMs: number;
  readonly maxDeliveries: number | null;
  readonly backoff: Backoff;
  readonly concurrency: number | null;
  readonly rate: Rate | null;
  readonly keys: Limits;
  readonly maxBytes: number;
  readonly maxJobs: number;
  readonly retention: Readonly<
    Record<EndedState, { readonly ageMs: number; readonly count: number }>
  >;
}

export interface Queue {
  readonly delivery?: Delivery | undefined;
  readonly name: string;
  readonly queueId: string;
  /** Of its history: every import begins another. */
  readonly term: number;
  readonly createdAt: number;
  readonly config: Config;
  readonly paused?: { readonly at: number; readonly reason?: string };
  readonly isRegistered: boolean;
}

/** Work over many jobs, and where it goes on. */
export interface Operation {
  readonly seq: number;
  readonly id: string;
  readonly kind: "purge" | "redrive" | "discard" | "release" | "resize";
  readonly states: readonly JobState[];
  readonly seqMax: number;
  /** Of a release: leases of later grants are not touched. */
  readonly grantMax?: number | undefined;
  /** Of a purge: blocked jobs are gone through from the last one on. */
  readonly fromBack?: true | undefined;
  readonly label?: string | undefined;
  readonly key?: string | undefined;
  readonly error?: string | undefined;
  readonly endedAfter?: number | undefined;
  readonly endedBefore?: number | undefined;
  readonly changed: number;
  readonly examined: number;
  readonly total: number;
  readonly startedAt: number;
  readonly endedAt?: number | undefined;
  readonly state?: JobState | undefined;
  readonly after?: Place | undefined;
  /** Of one by ids, from the second step on: those that the first left. */
  readonly left?: readonly string[] | undefined;
}

/** A place in the order of a list of jobs. */
export type Place = readonly (string | number)[];

/** The first answer to a request, as its key finds it. */
export interface Kept {
  /** The entry that holds it. */
  readonly index: number;
  readonly body: string;
  readonly name: string;
  readonly reply: object;
}

/** An entry of the log, as it was written. */
export interface Logged {
  readonly term: number;
  readonly at: number;
  /** As the log holds them: the facts, and what users wrote. */
  readonly events: string;
  readonly texts: string;
}

/** What the log holds of a queue: its entries, their times and the answers in them. */
export class History {
  /** By index, from 1. */
  readonly ats: number[] = [0];
  /** By index; an import leaves out some. */
  readonly entries: Logged[] = [];
  readonly #byKey = new Map<string, Kept[]>();
  readonly #inOrder: Kept[][] = [];

  keep(key: string, kept: Kept): void {
    const all = this.#byKey.get(key) ?? [];
    all.push(kept);
    this.#byKey.set(key, all);
    this.#inOrder.push(all);
  }

  /** The newest answer under a key in the entries behind `purged`. */
  find(key: string, purged: number): Kept | undefined {
    const found = this.#byKey.get(key)?.at(-1);
    return found !== undefined && found.index > purged ? found : undefined;
  }

  /** How many answers are kept: `forget` comes back to it. */
  get size(): number {
    return this.#inOrder.length;
  }

  /** Forgets the answers that were kept since. */
  forget(size: number): void {
    while (this.#inOrder.length > size) this.#inOrder.pop()?.pop();
  }

  /** Forgets the entries behind one: they never became durable. */
  cut(index: number): void {
    this.ats.length = index + 1;
    this.entries.length = index + 1;
    while ((this.#inOrder.at(-1)?.at(-1)?.index ?? 0) > index) this.forget(this.size - 1);
  }
}

/** A queue at one moment, or the absence of one. */
export interface State {
  queue: Queue | undefined;
  jobs: Map<string, Job>;
  plans: Map<string, Plan>;
  actions: Map<string, Action>;
  workers: Map<string, Worker>;
  schedules: Map<string, Schedule>;
  keys: Map<string, Key>;
  /** By the number of the lane whose turns they are. */
  turns: Map<number, Turned>;
  /** By set and priority. */
  rounds: Map<string, Round>;
  uniques: Map<string, UniqueKey>;
  slots: Slot[];
  names: Names;
  /** The greatest number of a lane, set or turn so far. */
  lane: number;
  /** Up to when the queue's rate is used. */
  usedUntil: number;
  operations: Operation[];
  seq: number;
  grant: number;
  operation: number;
  action: number;
  /** The last entry: its index and time. */
  index: number;
  at: number;
  /** Of the instance that wrote it. */
  incarnation: number;
  history: History;
}

export const noQueue = (): State => ({
  queue: undefined,
  jobs: new Map(),
  plans: new Map(),
  actions: new Map(),
  workers: new Map(),
  schedules: new Map(),
  keys: new Map(),
  turns: new Map(),
  rounds: new Map(),
  uniques: new Map(),
  slots: [],
  names: noNames(),
  lane: 1,
  usedUntil: 0,
  operations: [],
  seq: 0,
  grant: 0,
  operation: 0,
  action: 0,
  index: 0,
  at: 0,
  incarnation: 0,
  history: new History(),
});

/** A copy that changes by itself; records are shared, since nobody changes one. */
export const copyOf = (state: State): State => ({
  ...state,
  jobs: new Map(state.jobs),
  plans: new Map(state.plans),
  actions: new Map(state.actions),
  workers: new Map(state.workers),
  schedules: new Map(state.schedules),
  keys: new Map(state.keys),
  turns: new Map(state.turns),
  rounds: new Map(state.rounds),
  uniques: new Map(state.uniques),
  slots: [...state.slots],
  names: copyOfNames(state.names),
  operations: [...state.operations],
});

/** Less what is undefined. */
export function defined<T extends object>(fields: T): T {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) copy[name] = value;
  return copy as T;
}

/** What somebody put into a queue, by number; undefined where it is empty. */
export function contentsOf({ jobs, plans, schedules, names: { all } }: State) {
  const live = [...plans.values()].filter(({ removedAt }) => removedAt === undefined);
  const counts = { jobs: jobs.size, plans: live.length, schedules: schedules.size };
  const contents = { ...counts, names: all.size };
  return Object.values(contents).every((count) => count === 0) ? undefined : contents;
}
