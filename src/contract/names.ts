/**
 * What happens to names, whatever they name. A name is a key of the Redis keyspace; it names a string, list, hash, set or sorted set.
 * Invariant: names, fields and members in events are binary strings; values are *packed*, see `store/packed.ts`.
 */

export const nameTypes = ["string", "list", "hash", "set", "zset"] as const;
export type NameType = (typeof nameTypes)[number];

/** The version of every name of a queue that is not there yet: a run that watches it is done where nothing ever had the name. */
export const versionOfNothing = 0;

/** The facts of each event about names. */
export interface NameEvents {
  "name.removed": { name: string };
  /** Its time is over. */
  "name.expired": { name: string };
  /** It is there until a time, or without `until` for good. */
  "name.expires": { name: string; until?: number | undefined };
  /** What it names has another name, in the place of what that named. */
  "name.renamed": { from: string; to: string };
  /** Another name has a copy of what it names, in the place of what that named. */
  "name.copied": { from: string; to: string };
  /** No name is there any more. */
  "names.flushed": object;
  /** Of a collection that nothing names any more, or of a keyspace that was flushed, the next so many rows are gone. */
  "generation.freed": { gen: number; count: number };
}
