/**
 * Snapshots for tests of stores: built to the end, and taken in as an import would.
 * Invariant: nothing here looks into a store but through what it offers.
 */
import { expect } from "vitest";
import type { SnapshotMeta } from "../../src/store/raft.ts";
import { commit, type NoteStore, put } from "./support.ts";

export interface Taken {
  readonly meta: SnapshotMeta;
  readonly chunks: readonly string[];
}

/** The snapshot that a store has now. */
export function current(store: NoteStore): Taken {
  const snapshot = store.snapshots.currentSnapshot();
  if (snapshot === undefined) return expect.unreachable("there is no snapshot");
  return { meta: snapshot.meta, chunks: [...snapshot.chunks()] };
}

/** Does the build that is under way to its end. */
export function finish(store: NoteStore): Taken {
  store.snapshots.building?.buildSnapshot();
  return current(store);
}

export function build(store: NoteStore): Taken {
  store.startSnapshot(0);
  return finish(store);
}

/** Takes a snapshot in as an import would, behind everything that is there. */
export function install(store: NoteStore, { meta, chunks }: Taken): void {
  const incoming = store.snapshots.begin("u", meta);
  for (const [i, text] of chunks.entries()) incoming.add(i + 1, text);
  incoming.check();
  while (!incoming.step());
  const term = Math.max(meta.last.term, store.hard?.term ?? 0) + 1;
  const index = Math.max(meta.last.index, store.last.index) + 1;
  store.install({ ...meta.last, index, term }, { term });
}

/** Many notes, so that a build takes many turns. */
export function many(store: NoteStore, count: number, body = "x".repeat(50)): void {
  for (let i = 0; i < count; i += 100) {
    commit(
      store,
      Array.from({ length: 100 }, (_, k) => put(`n${i + k}`, `${body}${i + k}`)),
    );
  }
}
