/**
 * What a turn finds beside the state, which the model does not know by itself.
 * Invariant: it is nothing that a command may be answered with.
 */
/** What a turn finds beside the state. */
export interface Given {
  readonly newQueueId: string;
  readonly autoCreate: boolean;
  readonly isFull: boolean;
  readonly purged: number;
  readonly versions: Versions;
  /** Whether a worker holds a channel, and lives. */
  isThere(worker: string): boolean;
}

/** The versions of names that callers were told. */
interface Versions {
  /** What the name was by then; undefined where it never had this version. */
  standing(name: string, version: number): string | undefined;
}
