/**
 * What the auditor keeps of names: plain records, as `state.ts` has them of jobs.
 * Invariant: a record is replaced, never changed.
 */

/** What a name may name: of sorted sets the scores of the members. */
export type Value =
  | { readonly type: "string"; readonly text: string }
  | { readonly type: "list"; readonly items: readonly string[] }
  | { readonly type: "hash"; readonly items: ReadonlyMap<string, string> }
  | { readonly type: "set"; readonly items: ReadonlySet<string> }
  | { readonly type: "zset"; readonly items: ReadonlyMap<string, number> };
export type ValueType = Value["type"];
export type ValueOf<T extends ValueType> = Extract<Value, { readonly type: T }>;

export interface Name {
  readonly value: Value;
  readonly until?: number | undefined;
  /** The change that made it what it is. */
  readonly change: number;
}

/** All names of a queue. */
export interface Names {
  readonly all: Map<string, Name>;
  /** The change by which each name was last removed. */
  readonly gone: Map<string, number>;
  /** Changes so far, and which of them removed all names. */
  changes: number;
  flushed: number;
  /** Rows that nothing leads to any more: sweeps free them. */
  left: number;
}

export const noNames = (): Names => ({
  ...{ all: new Map(), gone: new Map() },
  ...{ changes: 0, flushed: 0, left: 0 },
});

export const copyOfNames = (names: Names): Names => ({
  ...names,
  all: new Map(names.all),
  gone: new Map(names.gone),
});
