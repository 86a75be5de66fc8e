/**
 * What the auditor knows of flow keys, turns, slots and unique keys: plain records, as `state.ts` has them of jobs.
 * Invariant: what a recount of jobs gives is not kept here; a record is replaced, never changed.
 */
export interface Rate {
  readonly limit: number;
  readonly perMs: number;
  readonly burst?: number | undefined;
}

/** What holds for a key. */
export interface Limits {
  readonly concurrency: number | null;
  readonly rate: Rate | null;
  readonly weight: number;
  readonly maxBacklog: number | null;
  readonly order: "priority" | "fifo";
  readonly onRetry: "block" | "rejoin";
  readonly onFail: "next" | "park";
}

export interface Key {
  readonly settings?: Partial<Limits> | undefined;
  readonly paused?:
    | {
        readonly at: number;
        readonly reason?: string | undefined;
        readonly job?: string | undefined;
      }
    | undefined;
  /** In strict order: the job that waits to be tried again. */
  readonly holder?: string | undefined;
  readonly heldUntil?: number | undefined;
  /** Up to when its rate is used. */
  readonly usedUntil?: number | undefined;
  /** When time opens it, or it is forgotten. */
  readonly dueAt?: number | undefined;
}

/** A lane that has turns: among those of one set and priority. */
export interface Turned {
  readonly key: string;
  readonly set: number;
  readonly priority: number;
}

/** How far the turns of one set and priority have gone. It is kept while the set has jobs, if anyone has had one. */
export interface Round {
  readonly set: number;
  readonly priority: number;
  /** The lane whose turn it was last, and the jobs that it is still given in it. */
  readonly lane: number;
  readonly left: number;
  /** The last lane that there was when the round began. */
  readonly end?: number | undefined;
  /** The turns with which it and the round before began; how many lanes it had then, and how many turns since. */
  readonly began?: number | undefined;
  readonly before?: number | undefined;
  readonly size?: number | undefined;
  readonly used?: number | undefined;
  /** The last turn of the jobs without a key. */
  readonly plain?: number | undefined;
}

/** A place taken by a job that ended without its worker's knowledge. */
export interface Slot {
  readonly id: string;
  readonly grant: number;
  readonly until: number;
  readonly key?: string | undefined;
}

export interface UniqueKey {
  readonly id: string;
  readonly follow?: string | undefined;
  readonly until?: number | undefined;
}
