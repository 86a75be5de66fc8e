/**
 * Taking a snapshot in: its chunks are stored, checked against the manifest, made into tables beside those in use, and these
 * are then swapped.
 * Invariant: until the swap the state is untouched; whatever does not fit the manifest is refused whole.
 */
import { limits } from "../contract/limits.ts";
import { Base } from "./base.ts";
import { exists, readCatalog } from "./catalog.ts";
import { LogCorrupt } from "./chain.ts";
import type { Schema } from "./declare.ts";
import type { GoneTables } from "./gone.ts";
import { Journal } from "./journal.ts";
import { comparator } from "./key-columns.ts";
import { pendingName } from "./pending-list.ts";
import type { SnapshotMeta } from "./raft.ts";
import { blocksName } from "./ranks.ts";
import { RowCodec, RowTooLarge, RowUnreadable } from "./row.ts";
import type { RowForms } from "./row-forms.ts";
import type { Chunks, ChunkTotals } from "./snapshot-chunks.ts";
import { noChunks, withChunk } from "./snapshot-chunks.ts";
import { SnapshotLookup } from "./snapshot-lookup.ts";
import { type AnyTable, columnsOf, parseLine, type SnapshotRow } from "./snapshot-rows.ts";
import { IllFormed, type Sql } from "./sql.ts";
import { LayeredTable } from "./table.ts";

/** A table's name while it is filled. */
const stagedName = ({ name }: AnyTable): string => `staged_${name}`;

/** Forgets what was staged, by whichever import. To be called in a transaction. */
export function dropStaged(tables: readonly AnyTable[], gone: GoneTables): void {
  for (const table of tables) gone.setAside(stagedName(table));
}

/** A snapshot that does not keep what its manifest says. */
export class SnapshotInvalid extends Error {
  override readonly name = "SnapshotInvalid";
}

interface ImportPorts {
  readonly sql: Sql;
  readonly tables: readonly AnyTable[];
  readonly forms: RowForms | undefined;
  /** Looks at the staged tables together: throws LogCorrupt where they contradict each other. */
  readonly check: (() => void) | undefined;
  readonly chunks: Chunks;
  readonly gone: GoneTables;
}

export class SnapshotImport {
  readonly meta: SnapshotMeta;
  readonly #ports: ImportPorts;
  #totals: ChunkTotals;
  /** Rows that have come, by table. */
  #counts: Readonly<Record<string, number>>;
  /** The chunk whose rows are being staged, and those of its lines that are not. */
  #chunk = 0;
  #lines: string[] = [];
  /** Lines of the chunk that are staged. */
  #line = 0;
  #staged = 0;
  /** The row that was staged last. */
  #before: SnapshotRow | undefined;

  /** Begins, or goes on with the chunks that have come. */
  constructor(ports: ImportPorts, meta: SnapshotMeta) {
    this.meta = meta;
    this.#ports = ports;
    const { totals = noChunks, place = {} } = ports.chunks.last<Record<string, number>>() ?? {};
    this.#totals = totals;
    this.#counts = place;
  }

  /** Chunks that have come. */
  get chunks(): number {
    return this.#totals.chunks;
  }

  get rowsTotal(): number {
    return Object.values(this.meta.tables).reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Rows that are staged. */
  get rows(): number {
    return this.#staged;
  }

  /**
   * Stores a chunk; one that has come before is passed over. The last one that came may have been cut off: until the chunks are those
   * of the manifest, another one in its place replaces it. Throws SnapshotInvalid for one out of turn, and for any other that comes
   * again and is another one. What is staged stays right: rows are staged only of the manifest's chunks, and these are never replaced.
   */
  add(chunk: number, text: string): void {
    const come = this.#totals.chunks;
    if (chunk < 1) throw new SnapshotInvalid(`there is no chunk ${chunk}`);
    if (chunk > come + 1) throw new SnapshotInvalid(`chunk ${chunk} came after chunk ${come}`);
    const { sql, chunks } = this.#ports;
    const before = this.#upTo(chunk - 1);
    const totals = withChunk(before.totals, text);
    const counts = withRows(before.place, text);
    if (chunk <= come) {
      const known = this.#upTo(chunk).totals;
      if (known.digest === totals.digest) return;
      if (chunk < come || this.#isWhole) {
        throw new SnapshotInvalid(`chunk ${chunk} came again, and is another one`);
      }
    }
    sql.transaction(() => {
      if (chunk === come) chunks.removeLast();
      chunks.add(totals, counts, text);
    });
    this.#totals = totals;
    this.#counts = counts;
  }

  /** Whether the chunks that came are those of the manifest. */
  get #isWhole(): boolean {
    return this.#totals.chunks === this.meta.chunks && this.#totals.digest === this.meta.digest;
  }

  /** What the chunks up to one come to. */
  #upTo(chunk: number) {
    if (chunk === this.#totals.chunks) return { totals: this.#totals, place: this.#counts };
    const { chunks } = this.#ports;
    return chunks.last<Readonly<Record<string, number>>>(chunk) ?? { totals: noChunks, place: {} };
  }

  /** Refuses a snapshot of tables or of row versions that this code does not know. Throws RowUnreadable. */
  checkTables(): void {
    const known = new Map(this.#ports.tables.map((each) => [each.name, each.version]));
    for (const [name, { version, rows }] of Object.entries(this.meta.tables)) {
      const own = known.get(name);
      if (rows > 0 && (own === undefined || version > own)) {
        const reads = own === undefined ? "does not know it" : `reads ${own}`;
        throw new RowUnreadable(`${name}: rows of version ${version}, this code ${reads}`, true);
      }
      const most = this.#ports.forms?.rowsMax(name) ?? rows;
      if (rows > most) throw new SnapshotInvalid(`${name} has ${rows} rows; ${most} are the most`);
    }
  }

  /** Checks that the chunks are those of the manifest. Throws SnapshotInvalid where they are not, else as `checkTables`. */
  check(): void {
    this.checkTables();
    const { chunks, bytes, digest } = this.meta;
    const come = this.#totals;
    const told = `the manifest names ${chunks} chunks of ${bytes} bytes`;
    if (come.chunks !== chunks || come.bytes !== bytes) {
      throw new SnapshotInvalid(`${told}, but ${come.chunks} of ${come.bytes} bytes came`);
    }
    for (const name of new Set([...Object.keys(this.meta.tables), ...Object.keys(this.#counts)])) {
      const named = this.meta.tables[name]?.rows ?? 0;
      const rows = this.#counts[name] ?? 0;
      if (named !== rows) {
        throw new SnapshotInvalid(`the manifest names ${named} rows of ${name}; ${rows} came`);
      }
    }
    if (come.digest !== digest) {
      throw new SnapshotInvalid("the content is not what was exported: its digest is another");
    }
  }

  /** The rows of the chunks that have come. */
  lookup(): SnapshotLookup {
    return new SnapshotLookup(this.#ports.chunks, this.#totals.chunks);
  }

  /** Stages a bounded number of rows. True once all are. Throws SnapshotInvalid for a row that is none. */
  step(): boolean {
    if (this.#lines.length === 0 && !this.#nextChunk()) {
      refusing(() => this.#ports.check?.());
      return true;
    }
    let units = 0;
    let count = 0;
    while (count < this.#lines.length && count < limits.snapshotStepRows) {
      if (units > limits.snapshotStepBytes) break;
      units += this.#lines[count]?.length ?? 0;
      count += 1;
    }
    const rows: SnapshotRow[] = [];
    for (const text of this.#lines.slice(0, count)) {
      rows.push(this.#rowOf(text, this.#line + rows.length + 1, rows.at(-1) ?? this.#before));
    }
    refusing(() => this.#ports.sql.transaction(() => this.#write(rows)));
    this.#before = rows.at(-1);
    this.#lines = this.#lines.slice(count);
    this.#line += count;
    this.#staged += count;
    return false;
  }

  /** The row of a line, which stands behind the one before and has the form of its table. Throws SnapshotInvalid. */
  #rowOf(text: string, line: number, before: SnapshotRow | undefined): SnapshotRow {
    const where = `chunk ${this.#chunk}, line ${line}`;
    const row = refusing(() => parseLine(text), where);
    const named = `${where}, ${row.table} ${JSON.stringify(row.key).slice(0, 100)}`;
    const table = this.#ports.tables.find(({ name }) => name === row.table);
    if (table === undefined) throw new SnapshotInvalid(`${named}: there is no such table`);
    const fault = refusing(() => this.#ports.forms?.faultOf(row, true), named);
    if (fault !== undefined) throw new SnapshotInvalid(`${named}: ${fault}`);
    if (row.key.length !== table.key.length || !isBehind(table, row, before)) {
      throw new SnapshotInvalid(`${named}: it does not stand behind the row before it`);
    }
    return row;
  }

  /** Puts the staged tables in the place of those in use. To be called in a transaction. */
  swap(): void {
    const { sql, tables, gone } = this.#ports;
    for (const table of tables) {
      gone.setAside(table.name);
      gone.setAside(pendingName(table));
      gone.setAside(blocksName(table));
      if (!exists(sql, stagedName(table))) continue;
      sql.run(`ALTER TABLE "${stagedName(table)}" RENAME TO "${table.name}"`);
    }
  }

  /** The next chunk's lines. An import that begins again begins with the first, over what is staged. */
  #nextChunk(): boolean {
    if (this.#chunk === this.meta.chunks) return false;
    const { sql, tables, gone, chunks } = this.#ports;
    if (this.#chunk === 0) sql.transaction(() => dropStaged(tables, gone));
    this.#lines = chunks
      .text(this.#chunk + 1)
      .split("\n")
      .slice(0, -1);
    this.#chunk += 1;
    this.#line = 0;
    return true;
  }

  #write(rows: readonly SnapshotRow[]): void {
    for (const table of this.#ports.tables) {
      const own = rows.filter((row) => row.table === table.name);
      if (own.length > 0) this.#stage(table, own);
    }
  }

  #stage(table: AnyTable, rows: readonly SnapshotRow[]): void {
    const { sql } = this.#ports;
    const name = stagedName(table);
    const codec = new RowCodec(table);
    const columns = exists(sql, name) ? columnsOf(table) : [];
    const staged = new Base<object>(sql, { ...table, name, rows: codec }, new Set(columns));
    const pairs = rows.map(({ key, version, value, texts }) => {
      const revived = codec.revive(version, value, texts);
      codec.check(revived);
      return [key, revived] as const;
    });
    staged.write(pairs);
  }
}

/** Rows stand in the order of tables and keys, each once. */
function isBehind(table: AnyTable, row: SnapshotRow, before: SnapshotRow | undefined): boolean {
  if (before === undefined || row.table !== before.table) {
    return before === undefined || row.table > before.table;
  }
  return comparator(table.key)(row.key, before.key) > 0;
}

/** The tables that are staged, as those of a store. */
export function stagedTables(sql: Sql, schema: Schema): never {
  const catalog = readCatalog(sql);
  const journal = new Journal();
  const tables = Object.entries(schema).map(([as, table]) => {
    const name = stagedName(table);
    const stored = catalog.get(name) ?? new Set<string>();
    return [as, new LayeredTable({ ...table, name }, sql, journal, stored)] as const;
  });
  return Object.fromEntries(tables) as never;
}

/** Runs what reads lines; those that no exporter wrote make the snapshot invalid. */
function refusing<T>(work: () => T, where?: string): T {
  try {
    return work();
  } catch (fault) {
    if (fault instanceof RowUnreadable && fault.isNewer) throw fault;
    const kinds = [LogCorrupt, IllFormed, RowTooLarge, RowUnreadable, TypeError];
    if (!kinds.some((each) => fault instanceof each)) throw fault;
    const { message } = fault as Error;
    throw new SnapshotInvalid(where === undefined ? message : `${where}: ${message}`, {
      cause: fault,
    });
  }
}

/** The rows of each table with those of one more chunk. A line that is no row is counted under no table's name. */
function withRows(counts: Readonly<Record<string, number>>, text: string) {
  const all = { ...counts };
  for (const line of text.split("\n").slice(0, -1)) {
    const [, table = ""] = /^\["([a-z_]+)",/.exec(line) ?? [];
    all[table] = (all[table] ?? 0) + 1;
  }
  return all;
}
