/**
 * What a queue does with snapshots: builds one in short turns of the alarm, gives it out by chunks, takes one in.
 * Invariant: neither a build nor an import holds a command up for longer than a turn; an import changes nothing before its end,
 * and then everything in one transaction.
 */
import { hash } from "node:crypto";
import { encodeReply } from "../contract/commands.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandAnswer } from "../contract/rpc.ts";
import {
  type ImportReply,
  type ImportStep,
  type SnapshotManifest,
  type SnapshotRead,
  type SnapshotStatus,
  snapshotFormat,
} from "../contract/snapshots.ts";
import type { SnapshotMeta } from "../store/raft.ts";
import { RowUnreadable } from "../store/row.ts";
import type { SluiceStore } from "../store/schema.ts";
import { type SnapshotImport, SnapshotInvalid } from "../store/snapshot-import.ts";
import type { Sql } from "../store/sql.ts";
import type { Anchor } from "../store/store.ts";
import type { Committer } from "./commit.ts";
import * as refusals from "./refusals.ts";

/** What snapshots need of the queue they are of. */
export interface SnapshotPorts {
  readonly sql: Sql;
  readonly name: string;
  readonly committer: Committer;
  store(): SluiceStore;
  /** The number of jobs; undefined where there is no queue. */
  jobs(): number | undefined;
  now(): number;
  /** Lets others have their turn. */
  pause(): Promise<void>;
  /** Sees to it that the alarm fires by then. */
  arm(at: number): void;
  abort(error: unknown): void;
  report(error: unknown, what: string): void;
}

/** How long one alarm builds before it looks at what else is due. */
const BUILD_MS = 1_000;
/** Turns of an import in one call. */
const TURNS_PER_CALL = 16;

export class Snapshots {
  readonly #ports: SnapshotPorts;
  /** When the import under way was last heard of. */
  #heardAt: number | undefined;
  /** The last import that is done, for whoever did not hear of it. */
  #done: { readonly upload: string; readonly reply: ImportReply } | undefined;

  constructor(ports: SnapshotPorts) {
    this.#ports = ports;
  }

  /** When the alarm has something to do here; undefined when nothing. */
  get dueAt(): number | undefined {
    const { building, importing } = this.#ports.store().snapshots;
    if (building !== undefined) return this.#ports.now();
    if (importing === undefined) return undefined;
    this.#heardAt ??= this.#ports.now();
    return this.#heardAt + limits.importIdleMsMax;
  }

  /** The queue was deleted: what was imported is no answer to anybody any more. */
  forgetQueue(): void {
    this.#done = undefined;
    this.#heardAt = undefined;
  }

  status(now: number): SnapshotStatus {
    const { current, building, importing } = this.#ports.store().snapshots;
    return {
      now,
      current: current === undefined ? null : manifestOf(current),
      building: building ? { rows: building.rows, rowsTotal: building.rowsTotal } : null,
      importing: importing ? { upload: importing.upload, ...progressOf(importing.snapshot) } : null,
    };
  }

  /** Begins a build of the state as of now; where one is under way, that one goes on. */
  build(): Promise<CommandAnswer> {
    const { committer, sql, arm, now } = this.#ports;
    return committer.alone(() => {
      const jobs = this.#ports.jobs();
      if (jobs === undefined) return { refusal: refusals.queueUnknown(this.#ports.name) };
      if (this.#ports.store().snapshots.building === undefined) {
        if (2 * sql.bytes > limits.databaseBytesMax) return { refusal: noRoom(sql.bytes) };
        this.#ports.store().startSnapshot(2 * jobs);
        arm(now());
      }
      return this.#answer();
    });
  }

  remove(): Promise<CommandAnswer> {
    return this.#ports.committer.alone(() => {
      if (this.#ports.jobs() === undefined) {
        return { refusal: refusals.queueUnknown(this.#ports.name) };
      }
      const { snapshots } = this.#ports.store();
      snapshots.dropCurrent();
      if (snapshots.building !== undefined) snapshots.dropBuild();
      return this.#answer();
    });
  }

  /** A chunk of the current snapshot, which must still be the one that the reader began with. */
  read({ chunk, digest }: SnapshotRead): string | Refusal {
    const { snapshots } = this.#ports.store();
    const text = snapshots.current?.digest === digest ? snapshots.chunk(chunk) : undefined;
    return text ?? snapshotUnknown(this.#ports.name);
  }

  /** Goes on with a build for a while, in turns; and forgets an import that was abandoned. */
  async upkeep(): Promise<void> {
    const { now, pause } = this.#ports;
    const until = now() + BUILD_MS;
    while (now() <= until && this.#buildOn()) await pause();
    const { snapshots } = this.#ports.store();
    const dueAt = this.dueAt;
    if (snapshots.importing !== undefined && dueAt !== undefined && dueAt <= now()) {
      snapshots.dropImport();
    }
  }

  /** One turn of the build. False when there is nothing more to build. */
  #buildOn(): boolean {
    const { snapshots } = this.#ports.store();
    try {
      return snapshots.building?.step() === false;
    } catch (fault) {
      // A row that cannot be read will not be read the next time either.
      this.#ports.report(fault, "snapshot");
      snapshots.dropBuild();
      return false;
    }
  }

  async import(step: ImportStep): Promise<CommandAnswer> {
    const { committer } = this.#ports;
    this.#heardAt = this.#ports.now();
    if (this.#done?.upload === step.upload) return imported(this.#done.reply);
    if ("finish" in step) return await this.#finish(step.upload);
    return await committer.alone(() => {
      const refusal = this.#guarded(() =>
        "manifest" in step ? this.#begin(step) : this.#take(step),
      );
      return refusal === undefined ? imported(this.#progress()) : { refusal };
    });
  }

  #begin({ upload, manifest, over }: Extract<ImportStep, { manifest: unknown }>) {
    const { sql, arm } = this.#ports;
    const { format } = manifest;
    if (format > snapshotFormat) return snapshotNewer(`format ${format}`);
    const { queue, counters } = manifest.tables;
    if (queue?.rows !== 1 || counters?.rows !== 1) return notOfAQueue;
    const { snapshots } = this.#ports.store();
    const { importing } = snapshots;
    const isSame = importing?.snapshot.meta.digest === manifest.digest;
    if (importing?.upload === upload && isSame) return undefined;
    const full = over ? undefined : this.#notEmpty();
    if (full !== undefined) return full;
    if (sql.bytes + 2 * manifest.bytes > limits.databaseBytesMax) return noRoom(manifest.bytes);
    const { sluice: _sluice, format: _format, ...meta } = manifest;
    snapshots.begin(upload, meta, over);
    arm(this.#ports.now() + limits.importIdleMsMax);
    return undefined;
  }

  #take({ upload, chunk, text }: Extract<ImportStep, { chunk: number }>): Refusal | undefined {
    const { importing } = this.#ports.store().snapshots;
    if (importing?.upload !== upload) return importUnknown(upload);
    const { snapshot } = importing;
    if (chunk > snapshot.chunks + 1) return importUnknown(upload, snapshot.chunks);
    snapshot.add(chunk, text);
    return undefined;
  }

  /** Some turns of staging; behind the last of them, the swap. */
  async #finish(upload: string): Promise<CommandAnswer> {
    for (let turn = 0; turn < TURNS_PER_CALL; turn += 1) {
      const { importing } = this.#ports.store().snapshots;
      if (importing?.upload !== upload) return { refusal: importUnknown(upload) };
      let isStaged = false;
      const refusal = this.#guarded(() => {
        importing.snapshot.check();
        isStaged = importing.snapshot.step();
        return undefined;
      });
      if (refusal !== undefined) return { refusal };
      if (isStaged) return await this.#install(upload);
      await this.#ports.pause();
    }
    return imported(this.#progress());
  }

  #install(upload: string): Promise<CommandAnswer> {
    return this.#ports.committer.alone(() => {
      const { importing } = this.#ports.store().snapshots;
      // While it waited to be alone, another call may have come first.
      if (this.#done?.upload === upload) return imported(this.#done.reply);
      if (importing?.upload !== upload) return { refusal: importUnknown(upload) };
      const full = importing.over ? undefined : this.#notEmpty();
      if (full !== undefined) return { refusal: full };
      const reply = this.#swap(importing.snapshot);
      this.#done = { upload, reply };
      return imported(reply);
    });
  }

  /** The state, and the entry that makes it this queue's, in one transaction. A fault leaves storage as it was. */
  #swap({ meta, rowsTotal }: SnapshotImport): ImportReply {
    const { sql, committer, abort } = this.#ports;
    const store = this.#ports.store();
    if (store.hard === undefined) store.create(committer.identity);
    const term = Math.max(meta.last.term, committer.identity.term) + 1;
    const { queueId, last, digest } = meta;
    const from = { queueId, term: last.term, index: last.index, digest };
    try {
      sql.transaction(() => {
        store.install(placeFor(store.last, last, term, digest), { term });
        committer.record((group) => group.takeOver(from));
      });
    } catch (fault) {
      // Memory is between two states; storage is not.
      abort(fault);
      throw fault;
    }
    const now = committer.at();
    return { now, chunks: meta.chunks, rows: rowsTotal, rowsTotal, imported: { term, digest } };
  }

  #notEmpty(): Refusal | undefined {
    const jobs = this.#ports.jobs() ?? 0;
    if (jobs === 0) return undefined;
    const told = `Queue ${this.#ports.name} keeps ${jobs} jobs: add ?over=true to replace them.`;
    return refuse("queue_not_empty", told, { jobs });
  }

  /** Does what reads a snapshot from elsewhere. One that does not hold what it promises is forgotten whole. */
  #guarded(work: () => Refusal | undefined): Refusal | undefined {
    try {
      return work();
    } catch (fault) {
      const refusal = refusalOf(fault);
      if (refusal === undefined) throw fault;
      const { snapshots } = this.#ports.store();
      if (snapshots.importing !== undefined) snapshots.dropImport();
      return refusal;
    }
  }

  #progress(): ImportReply {
    const { importing } = this.#ports.store().snapshots;
    if (importing === undefined) throw new Error("an import ended unseen");
    return { now: this.#ports.committer.at(), ...progressOf(importing.snapshot) };
  }

  #answer(): CommandAnswer {
    return { reply: encodeReply("snapshot.get", this.status(this.#ports.committer.at())) };
  }
}

const manifestOf = (meta: SnapshotMeta): SnapshotManifest => ({
  sluice: "snapshot",
  format: snapshotFormat,
  ...meta,
});

const progressOf = ({ chunks, rows, rowsTotal }: SnapshotImport) => ({ chunks, rows, rowsTotal });

const imported = (reply: ImportReply): CommandAnswer => ({
  reply: encodeReply("snapshot.import", reply),
});

/** A place behind both histories, so that no index and no time is given twice. */
function placeFor(own: Anchor, theirs: Anchor, term: number, digest: string): Anchor {
  const index = Math.max(own.index, theirs.index) + 1;
  const at = Math.max(own.at, theirs.at);
  const chained = hash("sha256", [own.hash, theirs.hash, index, term, at, digest].join("\n"));
  return { term, index, incarnation: own.incarnation, at, hash: chained };
}

function refusalOf(fault: unknown): Refusal | undefined {
  if (fault instanceof SnapshotInvalid) {
    return refuse("snapshot_invalid", `Nothing was changed: ${fault.message}.`);
  }
  if (fault instanceof RowUnreadable && fault.isNewer) return snapshotNewer(fault.message);
  return undefined;
}

const snapshotNewer = (what: string): Refusal =>
  refuse("snapshot_newer", `Nothing was changed: newer code made the snapshot (${what}).`);

const notOfAQueue = refuse("snapshot_invalid", "The snapshot is not of a queue: it names none.");

const snapshotUnknown = (queue: string): Refusal =>
  refuse("snapshot_unknown", `Queue ${queue} has no such snapshot: POST …/snapshot builds one.`);

const noRoom = (bytes: number): Refusal =>
  refuse("snapshot_no_room", `There is no room for ${bytes} bytes more.`, {
    bytes,
    databaseBytesMax: limits.databaseBytesMax,
  });

const importUnknown = (upload: string, chunks?: number): Refusal =>
  chunks === undefined
    ? refuse("import_unknown", `Upload ${upload} is not under way: begin with the manifest.`)
    : refuse("import_unknown", `Upload ${upload} goes on with chunk ${chunks + 1}.`, { chunks });
