/**
 * Building a snapshot: the frozen tables become chunks, a bounded turn at a time.
 * Invariant: what is stored can be gone on with by another instance, which ends with the same chunks.
 */

import { limits } from "../contract/limits.ts";
import type { Anchor } from "./chain.ts";
import { Chunker } from "./chunker.ts";
import type { FrozenView } from "./frozen-view.ts";
import type { Key } from "./key-columns.ts";
import type { SnapshotBuilder, SnapshotMeta, StoredMembership } from "./raft.ts";
import type { Chunks, ChunkTotals, Place } from "./snapshot-chunks.ts";
import { noChunks, withChunk } from "./snapshot-chunks.ts";
import { type AnyTable, lineOf } from "./snapshot-rows.ts";
import type { Sql, SqlRow } from "./sql.ts";

/** What a build is of. */
export interface BuildOf {
  readonly last: Anchor;
  readonly membership: StoredMembership;
  readonly queueId: string;
  /** Rows that it will have, for progress only. */
  readonly rowsTotal: number;
}

type Counts = Record<string, number>;
/** What is stored with each chunk: where the next one goes on, and the rows of each table so far. */
interface Stored {
  readonly at: Place;
  readonly counts: Counts;
}

interface BuildPorts {
  readonly sql: Sql;
  readonly tables: readonly AnyTable[];
  readonly view: FrozenView;
  readonly chunks: Chunks;
  /** Called in the transaction that completes the snapshot; what it returns, after it. */
  readonly complete: (meta: SnapshotMeta) => () => void;
}

export class SnapshotBuild implements SnapshotBuilder {
  readonly #ports: BuildPorts;
  readonly #of: BuildOf;
  #chunker = new Chunker();
  #counts: Counts = {};
  #totals: ChunkTotals = noChunks;
  #table = 0;
  #after: Key | undefined;
  /** The last row taken into the chunk that is being gathered. */
  #taken: Place | undefined;
  #meta: SnapshotMeta | undefined;
  /** Whether a turn broke off: what is in memory may be half of it. */
  #hasFailed = false;

  /** Begins, or goes on behind the last chunk that was stored. */
  constructor(ports: BuildPorts, of: BuildOf) {
    this.#ports = ports;
    this.#of = of;
    this.#goOnFromStored();
  }

  /** The entry as of which it shows the state. */
  get last(): Anchor {
    return this.#of.last;
  }

  get rows(): number {
    return Object.values(this.#counts).reduce((sum, rows) => sum + rows, 0);
  }

  get rowsTotal(): number {
    return Math.max(this.rows, this.#of.rowsTotal);
  }

  step(): boolean {
    if (this.#meta !== undefined) return true;
    if (this.#hasFailed) this.#goOnFromStored();
    this.#hasFailed = true;
    const isDone = this.#turn();
    this.#hasFailed = false;
    return isDone;
  }

  #goOnFromStored(): void {
    const { tables, view, chunks } = this.#ports;
    const { totals = noChunks, place } = chunks.last<Stored>() ?? {};
    const at = tables.findIndex((each) => each.name === place?.at.table);
    this.#chunker = new Chunker();
    this.#totals = totals;
    this.#counts = place?.counts ?? {};
    this.#table = Math.max(0, at);
    this.#after = place?.at.after;
    this.#taken = undefined;
    view.moveTo(place?.at);
  }

  #turn(): boolean {
    const table = this.#ports.tables[this.#table];
    if (table === undefined) {
      this.#complete();
      return true;
    }
    const { snapshotStepRows, snapshotStepBytes } = limits;
    const { view } = this.#ports;
    const { rows, next } = view.page(table, this.#after, snapshotStepRows, snapshotStepBytes);
    for (const row of rows) this.#take(table, row);
    this.#after = next;
    if (next === undefined) this.#table += 1;
    return false;
  }

  buildSnapshot(): SnapshotMeta {
    while (!this.step());
    if (this.#meta === undefined) throw new Error("a build ended without a snapshot");
    return this.#meta;
  }

  #take(table: AnyTable, row: SqlRow): void {
    const line = lineOf(table, row);
    const full = this.#chunker.add(line);
    if (full !== undefined) this.#store(full);
    this.#counts[table.name] = (this.#counts[table.name] ?? 0) + 1;
    this.#taken = {
      table: table.name,
      after: table.key.map((each, i) => each.decode(row[i] ?? null)),
    };
  }

  /** Stores a chunk, which ends with the row taken last. */
  #store(text: string): void {
    const { sql, chunks, view } = this.#ports;
    if (this.#taken === undefined) throw new Error("a chunk without a row");
    const at = this.#taken;
    const totals = withChunk(this.#totals, text);
    sql.transaction(() => chunks.add(totals, { at, counts: this.#counts } satisfies Stored, text));
    this.#totals = totals;
    view.moveTo(at);
  }

  #complete(): void {
    const rest = this.#chunker.end();
    if (rest !== undefined) this.#store(rest);
    const { last, membership, queueId } = this.#of;
    const tables = this.#ports.tables.map(
      ({ name, version }) => [name, { version, rows: this.#counts[name] ?? 0 }] as const,
    );
    const meta = { last, membership, queueId, tables: Object.fromEntries(tables), ...this.#totals };
    this.#ports.sql.transaction(() => this.#ports.complete(meta))();
    this.#meta = meta;
  }
}
