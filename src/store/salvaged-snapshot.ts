/**
 * The last complete snapshot of a store that is not used.
 * Invariant: nothing is written; a chunk that is not what was stored is not given.
 */
import { readCatalog } from "./catalog.ts";
import { GoneTables } from "./gone.ts";
import type { SnapshotMeta } from "./raft.ts";
import { type Listed, SnapshotList } from "./snapshot-chunks.ts";
import type { Sql } from "./sql.ts";

export class SalvagedSnapshot {
  readonly #list: SnapshotList;
  readonly #listed: Listed<SnapshotMeta>;

  private constructor(list: SnapshotList, listed: Listed<SnapshotMeta>) {
    this.#list = list;
    this.#listed = listed;
  }

  /** The one that is listed; undefined where none is. Throws where the list cannot be read. */
  static find(sql: Sql): SalvagedSnapshot | undefined {
    const list = new SnapshotList(sql, readCatalog(sql), new GoneTables(sql));
    const listed = list.get("current");
    return listed && new SalvagedSnapshot(list, listed);
  }

  /** What it says that it is, which nobody has checked. */
  get meta(): SnapshotMeta {
    return this.#listed.about;
  }

  /** A chunk's text; the first is 1. Throws LogCorrupt where it is missing or is not what was stored. */
  text(chunk: number): string {
    return this.#list.chunksOf(this.#listed).text(chunk);
  }
}
