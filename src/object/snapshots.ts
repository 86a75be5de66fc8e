/**
 * What a queue does with snapshots: builds one in short turns of the alarm, gives it out by chunks, takes one in.
 * Invariant: neither a build nor an import holds a command up for longer than a turn; an import changes nothing before its end,
 * and then everything in one transaction.
 */
import { encodeReply } from "../contract/commands.ts";
import { limits } from "../contract/limits.ts";
import type { Refusal } from "../contract/refusals.ts";
import type { CommandAnswer } from "../contract/rpc.ts";
import {
  type ImportReply,
  type ImportStep,
  type SnapshotRead,
  type SnapshotStatus,
  snapshotFormat,
} from "../contract/snapshots.ts";
import { planNumbers } from "../machine/plans.ts";
import { type Contents, isEmpty } from "../machine/queue.ts";
import type { SluiceStore } from "../store/schema.ts";
import { type SnapshotImport, SnapshotInvalid } from "../store/snapshot-import.ts";
import type { Sql } from "../store/sql.ts";
import type { Committer } from "./commit.ts";
import * as refusals from "./refusals.ts";
import * as told from "./snapshot-answers.ts";
import { firstRow, type RowsPlace, verifyRows } from "./verify-rows.ts";

/** What snapshots need of the queue they are of. */
export interface SnapshotPorts {
  readonly sql: Sql;
  readonly name: string;
  readonly committer: Committer;
  store(): SluiceStore;
  /** What the queue keeps; undefined where there is none. */
  contents(): Contents | undefined;
  /** Why the store must not be used; undefined while it may. */
  closed(): Refusal | undefined;
  now(): number;
  /** Lets others have their turn. */
  pause(): Promise<void>;
  /** All leases are about to end. Returns what tells of that, to be called once they have. */
  replacing(why: Refusal): () => void;
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
  /** Why the last build came to nothing. */
  #failed: string | null = null;
  /** How far the staged rows are verified, and of which import they are. */
  #verified: { readonly of: SnapshotImport; readonly place: RowsPlace } | undefined;

  constructor(ports: SnapshotPorts) {
    this.#ports = ports;
  }

  /** When the alarm has something to do here; undefined when nothing. */
  get dueAt(): number | undefined {
    const { building, importing, gone } = this.#ports.store().snapshots;
    if (building !== undefined || gone.isAny) return this.#ports.now();
    return importing === undefined ? undefined : this.#abandonedAt();
  }

  /** When the import under way will have been silent for too long. */
  #abandonedAt(): number {
    this.#heardAt ??= this.#ports.now();
    return this.#heardAt + limits.importIdleMsMax;
  }

  /** The queue was deleted: what was told.imported is no answer to anybody any more. */
  forgetQueue(): void {
    this.#done = undefined;
    this.#heardAt = undefined;
  }

  status(now: number): SnapshotStatus {
    const { current, building, importing } = this.#ports.store().snapshots;
    return {
      now,
      current: current === undefined ? null : told.manifestOf(current),
      building: building === undefined ? null : told.buildProgress(building),
      failed: this.#failed,
      importing: importing
        ? { upload: importing.upload, ...told.progressOf(importing.snapshot) }
        : null,
    };
  }

  /** Begins a build of the state as of now; where one is under way, that one goes on. */
  build(): Promise<CommandAnswer> {
    const { committer, sql, arm, now } = this.#ports;
    return committer.answerAlone(() => {
      const contents = this.#ports.contents();
      if (contents === undefined) return { refusal: refusals.queueUnknown(this.#ports.name) };
      if (this.#ports.store().snapshots.building === undefined) {
        if (2 * sql.bytes > limits.databaseBytesMax) return { refusal: told.noRoom(sql.bytes) };
        this.#failed = null;
        this.#ports.store().startSnapshot(2 * contents.jobs);
        arm(now());
      }
      return this.#answer();
    });
  }

  remove(): Promise<CommandAnswer> {
    return this.#ports.committer.answerAlone(() => {
      if (this.#ports.contents() === undefined) {
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
    return text ?? told.snapshotUnknown(this.#ports.name);
  }

  /** Forgets an import that was abandoned; then goes on with a build for a while, in turns, and drops what is replaced. */
  async upkeep(): Promise<void> {
    const { now, pause } = this.#ports;
    const { snapshots } = this.#ports.store();
    if (snapshots.importing !== undefined && this.#abandonedAt() <= now()) snapshots.dropImport();
    const until = now() + BUILD_MS;
    while (now() <= until && (this.#buildOn() || this.#dropOn())) await pause();
  }

  /** One turn of dropping tables that were replaced. False when there is none. */
  #dropOn(): boolean {
    const { gone } = this.#ports.store().snapshots;
    if (!gone.isAny) return false;
    gone.step();
    return true;
  }

  /** One turn of the build. False when there is nothing more to build. */
  #buildOn(): boolean {
    const { snapshots } = this.#ports.store();
    try {
      return snapshots.building?.step() === false;
    } catch (fault) {
      // A row that cannot be read will not be read the next time either.
      this.#ports.report(fault, "snapshot");
      this.#failed = fault instanceof Error ? fault.message : String(fault);
      snapshots.dropBuild();
      return false;
    }
  }

  async import(step: ImportStep): Promise<CommandAnswer> {
    this.#heardAt = this.#ports.now();
    const answer = await this.#do(step);
    // Whatever it is, it is told only once what it rests on is durable; a superseded instance fails here.
    await this.#ports.sql.sync();
    return answer;
  }

  async #do(step: ImportStep): Promise<CommandAnswer> {
    const repeated = this.#repeated(step);
    if (repeated !== undefined) return told.imported(repeated);
    if ("finish" in step) return await this.#finish(step.upload);
    return await this.#ports.committer.answerAlone(() => {
      const refusal = this.#guarded(() =>
        "manifest" in step ? this.#begin(step) : this.#take(step),
      );
      return refusal === undefined ? told.imported(this.#progress()) : { refusal };
    });
  }

  /** The answer to a step of the import that is done; a manifest of another snapshot begins another import. */
  #repeated(step: ImportStep): ImportReply | undefined {
    if (this.#done?.upload !== step.upload) return undefined;
    const { reply } = this.#done;
    if (!("manifest" in step) || step.manifest.digest === reply.imported?.digest) return reply;
    this.#done = undefined;
    return undefined;
  }

  #begin({ upload, manifest, over }: Extract<ImportStep, { manifest: unknown }>) {
    const { sql, arm } = this.#ports;
    const { format } = manifest;
    if (format > snapshotFormat) return told.snapshotNewer(`format ${format}`);
    const fault = told.manifestFault(manifest, this.#ports.now());
    if (fault !== undefined) return fault;
    const { queue, counters } = manifest.tables;
    if (queue?.rows !== 1 || counters?.rows !== 1) return told.notOfAQueue;
    const { sluice: _sluice, format: _format, seal, ...meta } = manifest;
    if (told.sealOf(meta) !== seal) return told.altered;
    const { snapshots } = this.#ports.store();
    const { importing } = snapshots;
    const isSame = importing?.over === over && importing.snapshot.meta.digest === meta.digest;
    if (importing?.upload === upload && isSame) return undefined;
    const full = over ? undefined : this.#notEmpty();
    if (full !== undefined) return full;
    if (sql.bytes + 2 * manifest.bytes > limits.databaseBytesMax)
      return told.noRoom(manifest.bytes);
    snapshots.begin(upload, meta, over);
    arm(this.#ports.now() + limits.importIdleMsMax);
    return undefined;
  }

  #take({ upload, chunk, text }: Extract<ImportStep, { chunk: number }>): Refusal | undefined {
    const { importing } = this.#ports.store().snapshots;
    if (importing?.upload !== upload) return told.importUnknown(upload);
    const { snapshot } = importing;
    if (chunk > snapshot.chunks + 1) return told.importUnknown(upload, snapshot.chunks);
    snapshot.add(chunk, text);
    return undefined;
  }

  /** Some turns of staging; behind the last of them, the swap. */
  async #finish(upload: string): Promise<CommandAnswer> {
    for (let turn = 0; turn < TURNS_PER_CALL; turn += 1) {
      // Between two turns, another call may have come to the end.
      if (this.#done?.upload === upload) return told.imported(this.#done.reply);
      // Or the store was found to be damaged.
      const closed = this.#ports.closed();
      if (closed !== undefined) return { refusal: closed };
      const { importing } = this.#ports.store().snapshots;
      if (importing?.upload !== upload) return { refusal: told.importUnknown(upload) };
      let isStaged = false;
      const refusal = this.#guarded(() => {
        importing.snapshot.check();
        isStaged = this.#stage(importing.snapshot);
        return undefined;
      });
      if (refusal !== undefined) return { refusal };
      if (isStaged) return await this.#install(upload, importing.snapshot);
      await this.#ports.pause();
    }
    return told.imported(this.#progress());
  }

  /** One turn of staging, or of verifying what is staged. True once all is staged, and agrees with itself. */
  #stage(snapshot: SnapshotImport): boolean {
    if (!snapshot.step()) return false;
    const begun = this.#verified?.of === snapshot ? this.#verified.place : undefined;
    const from = begun ?? firstRow(snapshot.meta.last.at);
    const { place, problems, isDone } = verifyRows(snapshot.lookup(), from, 1);
    const [first] = problems;
    if (first !== undefined)
      throw new SnapshotInvalid(`its rows contradict each other: ${first.detail}`);
    this.#verified = { of: snapshot, place };
    return isDone;
  }

  #install(upload: string, staged: SnapshotImport): Promise<CommandAnswer> {
    return this.#ports.committer.answerAlone(() => {
      const { importing } = this.#ports.store().snapshots;
      // While it waited to be alone, another call may have come first.
      if (this.#done?.upload === upload) return told.imported(this.#done.reply);
      if (importing?.snapshot !== staged) return { refusal: told.importUnknown(upload) };
      const refusal = this.#guarded(() => {
        // Or a chunk that the manifest does not name.
        staged.check();
        return importing.over ? undefined : this.#notEmpty();
      });
      if (refusal !== undefined) return { refusal };
      const reply = this.#swap(staged);
      this.#done = { upload, reply };
      return told.imported(reply);
    });
  }

  /** The state, and the entries that make it this queue's, in one transaction. A fault leaves storage as it was. */
  #swap({ meta, rowsTotal }: SnapshotImport): ImportReply {
    const { sql, committer, abort } = this.#ports;
    const store = this.#ports.store();
    if (store.hard === undefined) store.create(committer.identity);
    const term = Math.max(meta.last.term, committer.identity.term) + 1;
    const { queueId, last, digest } = meta;
    const from = { queueId, term: last.term, index: last.index, digest };
    const given = planNumbers(store);
    const most = limits.planNumbersPerEntryMax;
    const tell = this.#ports.replacing(told.replaced);
    try {
      sql.transaction(() => {
        store.install(told.placeFor(store.last, last, term, digest), { term });
        committer.record((group) => group.takeOver(from, given.slice(0, most)));
        for (let next = most; next < given.length; next += most) {
          committer.record((group) => group.keepNumbers(given.slice(next, next + most)));
        }
      });
    } catch (fault) {
      // Memory is between two states; storage is not.
      abort(fault);
      throw fault;
    }
    tell();
    const now = committer.at();
    return { now, chunks: meta.chunks, rows: rowsTotal, rowsTotal, imported: { term, digest } };
  }

  #notEmpty(): Refusal | undefined {
    const contents = this.#ports.contents();
    if (contents === undefined || isEmpty(contents)) return undefined;
    return refusals.notEmpty(this.#ports.name, contents, "?over=true to replace them");
  }

  /** Does what reads a snapshot from elsewhere. One that does not hold what it promises is forgotten whole. */
  #guarded(work: () => Refusal | undefined): Refusal | undefined {
    try {
      return work();
    } catch (fault) {
      const refusal = told.refusalOf(fault);
      if (refusal === undefined) throw fault;
      const { snapshots } = this.#ports.store();
      if (snapshots.importing !== undefined) snapshots.dropImport();
      return refusal;
    }
  }

  #progress(): ImportReply {
    const { importing } = this.#ports.store().snapshots;
    if (importing === undefined) throw new Error("an import ended unseen");
    return { now: this.#ports.committer.at(), ...told.progressOf(importing.snapshot) };
  }

  #answer(): CommandAnswer {
    return { reply: encodeReply("snapshot.get", this.status(this.#ports.committer.at())) };
  }
}
