/**
 * The snapshots of one store: the current one, a build of the next, and one that is coming in.
 * Invariant: a snapshot is listed as current exactly if all its chunks are there; a build survives its instance.
 */
import type { Catalog } from "./catalog.ts";
import type { Schema } from "./declare.ts";
import { FrozenView } from "./frozen-view.ts";
import { GoneTables } from "./gone.ts";
import type { HardStateRow } from "./hard-state.ts";
import type { Settle, Snapshot, SnapshotBuilder, SnapshotMeta, SnapshotStorage } from "./raft.ts";
import type { RowForms } from "./row-forms.ts";
import { type BuildOf, SnapshotBuild } from "./snapshot-build.ts";
import { type Chunks, type Listed, SnapshotList } from "./snapshot-chunks.ts";
import type { ImportOf } from "./snapshot-forms.ts";
import { dropStaged, SnapshotImport, stagedTables } from "./snapshot-import.ts";
import { SnapshotLookup } from "./snapshot-lookup.ts";
import type { AnyTable } from "./snapshot-rows.ts";
import type { Sql } from "./sql.ts";
import type { TableMachine } from "./state-machine.ts";

/** An import under way. */
export interface Importing extends Pick<ImportOf, "upload" | "over"> {
  readonly snapshot: SnapshotImport;
}

/** The parts of a store that its snapshots are made of. */
interface Parts {
  readonly sql: Sql;
  readonly state: HardStateRow;
  readonly machine: Pick<TableMachine<Schema, never>, "isPending" | "last" | "reload" | "watch">;
  /** Writes all that is applied to the tables, and leaves nothing to their lists. */
  readonly checkpoint: () => void;
}

/** What is known of the tables: as a store is opened with. */
interface Declared {
  readonly tables: Schema;
  readonly forms?: RowForms;
  readonly check?: (tables: never) => void;
}

export class SnapshotStore implements SnapshotStorage {
  readonly #parts: Parts;
  readonly #tables: readonly AnyTable[];
  readonly #forms: RowForms | undefined;
  /** Looks at the tables that are staged. */
  readonly #check: (() => void) | undefined;
  readonly #list: SnapshotList;
  /** What was replaced or given up, until `gone.step` has dropped it. */
  readonly gone: GoneTables;
  /** Why something stored could not be taken up. */
  readonly damage: unknown;
  #current: Listed<SnapshotMeta> | undefined;
  #build: SnapshotBuild | undefined;
  #import: Importing | undefined;

  /** Reads what is stored; a build goes on. Writes nothing. */
  constructor(parts: Parts, { tables, forms, check }: Declared, catalog: Catalog) {
    this.#parts = parts;
    this.#tables = Object.values(tables).sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#forms = forms;
    this.#check = check && (() => check(stagedTables(parts.sql, tables)));
    this.gone = new GoneTables(parts.sql);
    this.#list = new SnapshotList(parts.sql, catalog, this.gone);
    this.damage = this.#read();
  }

  /**
   * Takes up what is stored. A snapshot is only derived: one that cannot be read is as good as none, whatever the others are, and
   * why is told.
   */
  #read(): unknown {
    const faults = [
      faultOf(() => {
        this.#current = this.#list.get("current");
      }),
      faultOf(() => {
        const importing = this.#list.get("importing");
        if (importing !== undefined) this.#import = this.#received(importing);
      }),
      faultOf(() => {
        const building = this.#list.get("building");
        if (building !== undefined) this.#goOn(building, this.#view());
      }),
    ];
    return faults.find((fault) => fault !== undefined);
  }

  /** The build that is under way. */
  get building(): SnapshotBuild | undefined {
    return this.#build;
  }

  /** The import that is under way. */
  get importing(): Importing | undefined {
    return this.#import;
  }

  /**
   * Freezes all that is applied, for a build. Without `force` only where SQLite has it already and nothing is being built;
   * with it the tables are written first, and a build that is under way is given up.
   */
  tryCreateSnapshotBuilder(force: boolean, rowsTotal = 0): SnapshotBuilder | undefined {
    const { state, machine } = this.#parts;
    const isWritten = machine.last.index === state.checkpointed.index && !machine.isPending;
    if (!force && (!isWritten || this.#build !== undefined)) return undefined;
    if (!isWritten) this.#parts.checkpoint();
    const { queueId } = state.current;
    const about = { last: state.checkpointed, membership: state.membership, queueId, rowsTotal };
    const view = this.#view();
    const listed = this.#written(() => {
      this.#list.drop("building");
      view.create();
      const building = { generation: this.#list.create().generation, about };
      this.#list.put("building", building);
      return building;
    });
    return this.#goOn(listed, view);
  }

  currentSnapshot(): Snapshot | undefined {
    const current = this.#current;
    if (current === undefined) return undefined;
    const chunks = this.#list.chunksOf(current);
    return {
      meta: current.about,
      *chunks() {
        for (let chunk = 1; chunk <= current.about.chunks; chunk += 1) yield chunks.text(chunk);
      },
    };
  }

  /** What the current snapshot is. */
  get current(): SnapshotMeta | undefined {
    return this.#current?.about;
  }

  /** The rows of the current snapshot; undefined where there is none. */
  currentRows(): SnapshotLookup | undefined {
    const current = this.#current;
    return current && new SnapshotLookup(this.#list.chunksOf(current), current.about.chunks);
  }

  /** One chunk of the current snapshot; the first is 1. Undefined where there is none. */
  chunk(chunk: number): string | undefined {
    const current = this.#current;
    if (current === undefined || chunk < 1 || chunk > current.about.chunks) return undefined;
    return this.#list.chunksOf(current).text(chunk);
  }

  /** Forgets the current snapshot. */
  dropCurrent(): void {
    this.#written(() => this.#list.drop("current"));
    this.#current = undefined;
  }

  /** Gives up the build that is under way. */
  dropBuild(): void {
    this.#written(() => this.#dropBuild());
    this.#build = undefined;
    this.#parts.machine.watch(undefined);
  }

  installSnapshot(meta: SnapshotMeta, chunks: Iterable<string>): void {
    const before = this.#import;
    try {
      const settle = this.#written(() => this.#writeWhole(meta, chunks));
      for (const each of settle) each();
    } catch (fault) {
      this.#import = before;
      throw fault;
    }
    this.#parts.machine.reload();
  }

  /** Takes a whole snapshot in. To be called in a transaction. */
  #writeWhole(meta: SnapshotMeta, chunks: Iterable<string>): Settle[] {
    const incoming = this.begin("install", meta);
    let chunk = 0;
    for (const text of chunks) {
      chunk += 1;
      incoming.add(chunk, text);
    }
    incoming.check();
    while (!incoming.step());
    const { last: checkpointed, membership } = meta;
    return [this.writeInstall(), this.#parts.state.write({ checkpointed, membership })];
  }

  /** What the import under way will make the state. */
  get imported(): SnapshotMeta {
    if (this.#import === undefined) throw new Error("no import is there");
    return this.#import.snapshot.meta;
  }

  /** Begins an import; one that is under way is forgotten. Throws SnapshotInvalid or RowUnreadable for its manifest. */
  begin(upload: string, meta: SnapshotMeta, over = false): SnapshotImport {
    const begun = this.#written(() => {
      this.#dropImport();
      const about = { upload, meta, over };
      const importing = { generation: this.#list.create().generation, about };
      this.#list.put("importing", importing);
      const received = this.#received(importing);
      received.snapshot.checkTables();
      return received;
    });
    this.#import = begun;
    return begun.snapshot;
  }

  /** Forgets an import and what has come of it. */
  dropImport(): void {
    this.#written(() => this.#dropImport());
    this.#import = undefined;
  }

  /** Makes an import's staged tables the state, and it the current and only snapshot. To be called in a transaction. */
  writeInstall(): Settle {
    const listed = this.#list.get("importing");
    if (listed === undefined || this.#import === undefined) throw new Error("no import is there");
    this.#import.snapshot.swap();
    this.#list.drop("current");
    this.#dropBuild();
    const current = { generation: listed.generation, about: listed.about.meta };
    this.#list.rename("importing", "current", current);
    return () => {
      this.#current = current;
      this.#build = undefined;
      this.#import = undefined;
      this.#parts.machine.watch(undefined);
    };
  }

  #dropBuild(): void {
    this.#list.drop("building");
    this.#view().drop();
  }

  #dropImport(): void {
    dropStaged(this.#tables, this.gone);
    this.#list.drop("importing");
  }

  #goOn({ generation, about }: Listed<BuildOf>, view: FrozenView): SnapshotBuild {
    const { sql, machine } = this.#parts;
    const chunks = this.#list.chunksOf({ generation, about });
    const complete = (meta: SnapshotMeta) => this.#complete(chunks, view, meta);
    const build = new SnapshotBuild({ sql, tables: this.#tables, view, chunks, complete }, about);
    this.#build = build;
    machine.watch(view);
    return build;
  }

  #complete(chunks: Chunks, view: FrozenView, meta: SnapshotMeta): Settle {
    const current = { generation: chunks.generation, about: meta };
    view.drop();
    this.#list.drop("current");
    this.#list.rename("building", "current", current);
    return () => {
      this.#current = current;
      this.#build = undefined;
      this.#parts.machine.watch(undefined);
    };
  }

  #received({ generation, about }: Listed<ImportOf>): Importing {
    const chunks = this.#list.chunksOf({ generation, about });
    const ports = {
      sql: this.#parts.sql,
      tables: this.#tables,
      forms: this.#forms,
      check: this.#check,
      chunks,
      gone: this.gone,
    };
    const snapshot = new SnapshotImport(ports, about.meta);
    return { upload: about.upload, over: about.over, snapshot };
  }

  #view(): FrozenView {
    return new FrozenView(this.#parts.sql, this.#tables, this.gone);
  }

  #written<T>(work: () => T): T {
    return this.#parts.sql.transaction(work);
  }
}

/** Why something could not be done; undefined where it was. */
function faultOf(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (fault) {
    return fault;
  }
}
