/**
 * Where snapshots are kept: a table of chunks for each, and a row in `snapshots` that says what it is.
 * Invariant: a chunk is stored with the digest of all chunks up to it, and with the place behind its last row.
 */
import { hash } from "node:crypto";
import { utf8Bytes } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import { type Catalog, exists } from "./catalog.ts";
import { LogCorrupt } from "./chain.ts";
import type { GoneTables } from "./gone.ts";
import type { Key } from "./key-columns.ts";
import { type AboutOf, aboutIn } from "./snapshot-forms.ts";
import type { Sql } from "./sql.ts";

/** What a snapshot is: the one to be had, the one being built, the one that is coming in. */
export type SnapshotRole = keyof AboutOf;

/** A snapshot in the list, and what is known of it. */
export interface Listed<T> {
  readonly generation: number;
  readonly about: T;
}

/** The row after which a build goes on. */
export interface Place {
  readonly table: string;
  readonly after: Key;
}

/** What the chunks so far come to. */
export interface ChunkTotals {
  readonly chunks: number;
  readonly bytes: number;
  readonly digest: string;
}

export const noChunks: ChunkTotals = { chunks: 0, bytes: 0, digest: "" };

/** The totals with one more chunk. */
export function withChunk({ chunks, bytes, digest }: ChunkTotals, text: string): ChunkTotals {
  return {
    chunks: chunks + 1,
    bytes: bytes + utf8Bytes(text),
    digest: hash("sha256", `${digest}\n${text}`),
  };
}

/** The list of snapshots. */
export class SnapshotList {
  readonly #sql: Sql;
  readonly #gone: GoneTables;
  #newest = 0;

  constructor(sql: Sql, catalog: Catalog, gone: GoneTables) {
    this.#sql = sql;
    this.#gone = gone;
    for (const table of catalog.keys()) {
      const [, generation] = /^snapshot_(\d+)$/.exec(table) ?? [];
      this.#newest = Math.max(this.#newest, Number(generation ?? 0));
    }
    if (!catalog.has("snapshots")) return;
    // A row whose chunks are gone keeps its number: others under it would go with that row.
    const listed = sql.rows<[generation: number]>(
      "SELECT generation FROM snapshots WHERE generation BETWEEN 1 AND ?",
      limits.sequenceMax,
    );
    for (const [generation] of listed) this.#newest = Math.max(this.#newest, generation);
  }

  /** A row. Throws LogCorrupt where it is not what it must be. */
  get<R extends SnapshotRole>(role: R): Listed<AboutOf[R]> | undefined {
    if (!exists(this.#sql, "snapshots")) return undefined;
    const [row] = this.#sql.rows<[generation: number, about: string]>(
      "SELECT generation, about FROM snapshots WHERE role = ?",
      role,
    );
    return row && { generation: row[0], about: aboutIn(role, row[1]) };
  }

  /** Writes or replaces a row. */
  put<R extends SnapshotRole>(role: R, { generation, about }: Listed<AboutOf[R]>): void {
    this.#sql.run(`CREATE TABLE IF NOT EXISTS snapshots (
      role TEXT PRIMARY KEY, generation INTEGER NOT NULL, about TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`);
    this.#sql.run(
      "INSERT OR REPLACE INTO snapshots (role, generation, about) VALUES (?, ?, ?)",
      role,
      generation,
      JSON.stringify(about),
    );
  }

  /** Forgets a snapshot and sets its chunks aside, if there is one; whatever else its row says is not looked at. */
  drop(role: SnapshotRole): void {
    if (!exists(this.#sql, "snapshots")) return;
    const [row] = this.#sql.rows<[generation: number]>(
      "SELECT generation FROM snapshots WHERE role = ?",
      role,
    );
    if (row === undefined) return;
    this.#sql.run("DELETE FROM snapshots WHERE role = ?", role);
    this.#gone.setAside(`snapshot_${row[0]}`);
  }

  /** Gives a snapshot another role, and what is known of it now. */
  rename<R extends SnapshotRole>(from: SnapshotRole, to: R, listed: Listed<AboutOf[R]>): void {
    this.#sql.run("DELETE FROM snapshots WHERE role = ?", from);
    this.put(to, listed);
  }

  /** The chunks of a new snapshot. */
  create(): Chunks {
    this.#newest += 1;
    const chunks = new Chunks(this.#sql, this.#newest);
    chunks.create();
    return chunks;
  }

  chunksOf({ generation }: Listed<unknown>): Chunks {
    return new Chunks(this.#sql, generation);
  }
}

/** The chunks of one snapshot. */
export class Chunks {
  readonly generation: number;
  readonly #sql: Sql;

  constructor(sql: Sql, generation: number) {
    this.#sql = sql;
    this.generation = generation;
  }

  get #table(): string {
    return `snapshot_${this.generation}`;
  }

  create(): void {
    this.#sql.run(`CREATE TABLE ${this.#table} (
      chunk INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, digest TEXT NOT NULL, place TEXT NOT NULL,
      text TEXT NOT NULL) STRICT`);
  }

  /** Stores a chunk behind the others; `totals` count it. What `place` holds is its owner's business. */
  add(totals: ChunkTotals, place: unknown, text: string): void {
    this.#sql.run(
      `INSERT INTO ${this.#table} (chunk, bytes, digest, place, text) VALUES (?, ?, ?, ?, ?)`,
      totals.chunks,
      totals.bytes,
      totals.digest,
      JSON.stringify(place),
      text,
    );
  }

  /** Forgets the last chunk. */
  removeLast(): void {
    this.#sql.run(
      `DELETE FROM ${this.#table} WHERE chunk = (SELECT max(chunk) FROM ${this.#table})`,
    );
  }

  /** The totals and the place of the last chunk, or of the last one up to a number; undefined while there is none. */
  last<T>(
    upTo: number = limits.sequenceMax,
  ): { readonly totals: ChunkTotals; readonly place: T } | undefined {
    const [row] = this.#sql.rows<[chunk: number, bytes: number, digest: string, place: string]>(
      `SELECT chunk, bytes, digest, place FROM ${this.#table} WHERE chunk <= ?
       ORDER BY chunk DESC LIMIT 1`,
      upTo,
    );
    if (row === undefined) return undefined;
    const [chunks, bytes, digest, place] = row;
    return { totals: { chunks, bytes, digest }, place: JSON.parse(place) as T };
  }

  /** The first line of a chunk. Throws LogCorrupt where there is none. */
  head(chunk: number): string {
    const [row] = this.#sql.rows<[line: string]>(
      `SELECT substr(text, 1, instr(text, char(10)) - 1) FROM ${this.#table} WHERE chunk = ?`,
      chunk,
    );
    if (row === undefined) throw new LogCorrupt(`chunk ${chunk} of the snapshot is missing`);
    return row[0];
  }

  /** A chunk's text; the first is 1. Throws LogCorrupt where it is missing or is not what was stored. */
  text(chunk: number): string {
    // Of the one before only the digest is read: texts are long.
    const rows = this.#sql.rows<[chunk: number, digest: string, text: string]>(
      `SELECT chunk, digest, iif(chunk = ?, text, '') FROM ${this.#table} WHERE chunk IN (?, ?)
       ORDER BY chunk DESC`,
      chunk,
      chunk,
      chunk - 1,
    );
    const [found, before] = rows;
    if (found?.[0] !== chunk) throw new LogCorrupt(`chunk ${chunk} of the snapshot is missing`);
    const { digest } = withChunk({ ...noChunks, digest: before?.[1] ?? "" }, found[2]);
    if (digest !== found[1]) throw new LogCorrupt(`chunk ${chunk} of the snapshot is damaged`);
    return found[2];
  }
}
