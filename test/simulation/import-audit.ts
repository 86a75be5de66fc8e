/**
 * What each step of an import should be answered, and what its end makes of the queue.
 * Invariant: only a file whose chunks are those of its manifest is taken in, once, by the instance that says so.
 */
import { hash } from "node:crypto";
import type { CommandAnswer } from "../../src/contract/rpc.ts";
import { type ImportStep, snapshotFormat } from "../../src/contract/snapshots.ts";
import type { Importing } from "../../src/store/snapshots.ts";
import { type Delivery, endOf } from "./delivery.ts";
import type { Disk } from "./disk.ts";
import type { Instance } from "./instance.ts";
import { imported, termOf } from "./model/imports.ts";
import type { State } from "./model/state.ts";
import { type Answer, refused } from "./model/turn.ts";
import { changing } from "./small.ts";
import type { SnapshotAudit } from "./snapshot-audit.ts";
import { demand, same } from "./violation.ts";

const rule = "import";

interface Audited {
  readonly disk: Disk;
  readonly current: Instance | undefined;
}

/** An import that came to its end: who asks for it again is told the same. */
interface Done {
  readonly instance: Instance;
  readonly upload: string;
  readonly answer: Answer;
}

type Manifest = Extract<ImportStep, { manifest: unknown }>["manifest"];
type Chunk = Extract<ImportStep, { chunk: number }>;

export class ImportAudit {
  readonly #audited: Audited;
  readonly #snapshots: SnapshotAudit;
  #done: Done | undefined;
  /** Every import that came to its end, in turn: what was told of it may arrive when the queue is deleted already. */
  readonly #ends: Done[] = [];
  /** The chunks of each upload, as they were sent. */
  readonly #sent = new Map<string, Map<number, string>>();
  /** What the import that is being swapped in is of. */
  #incoming: Importing | undefined;

  constructor(audited: Audited, snapshots: SnapshotAudit) {
    this.#audited = audited;
    this.#snapshots = snapshots;
  }

  /** Notes what a step should be answered that is answered without being alone. Call it before the instance is asked. */
  asked(delivery: Delivery, step: ImportStep): void {
    const done = this.#doneOf(step);
    if (done !== undefined) {
      delivery.decided = { expected: done.answer };
    } else if ("finish" in step) {
      const importing = this.#underway(step);
      if (importing === undefined) delivery.decided = { expected: refused("import_unknown") };
      else if (!this.#isWhole(importing)) {
        delivery.decided = { expected: refused("snapshot_invalid") };
      } else {
        const before = this.#ends.length;
        delivery.decided = { judge: (answer) => this.#checkUnfinished(answer, step, before) };
      }
    }
  }

  /** The answer to a step that is done alone now; `own` is the state before it. */
  predict(step: ImportStep, own: State, now: number): Answer {
    // While it waited to be alone, another `finish` of the same upload may have come first.
    const done = "finish" in step ? this.#doneOf(step) : undefined;
    if (done !== undefined) return done.answer;
    if ("manifest" in step) return this.#begin(step, own, now);
    const importing = this.#underway(step);
    if (importing === undefined) return refused("import_unknown");
    if ("chunk" in step) return this.#take(step, importing, now);
    if (!importing.over && own.jobs.size > 0) return notEmpty(own);
    return this.#finish(importing, own, now);
  }

  /** A step was done alone, and answered so. */
  did(step: ImportStep, answer: Answer): void {
    const { current: instance } = this.#audited;
    if (!("reply" in answer) || instance === undefined) return;
    if ("imported" in answer.reply) {
      if (this.#doneOf(step) !== undefined) return;
      this.#done = { instance, upload: step.upload, answer };
      this.#ends.push(this.#done);
      same(rule, "what is under way behind an import", this.#importing, undefined);
    } else {
      const { chunks, upload } = { chunks: 0, ...answer.reply, upload: step.upload };
      const { snapshot } = this.#underway(step) ?? {};
      same(rule, `chunks of ${upload}`, snapshot?.chunks, chunks);
    }
  }

  /** The queue was deleted: its imports are no answer to anybody. */
  forgetQueue(): void {
    this.#done = undefined;
  }

  /** The state that the import makes, before its entry; `queueId` is for a queue that was not there. */
  stateFor(own: State, queueId: string): State {
    const meta = this.#incoming?.snapshot.meta;
    demand(meta !== undefined, rule, "an import that nobody asked for");
    if (meta === undefined) throw new Error("unreachable");
    const snapshot = this.#snapshots.stateOf(meta);
    return imported(own, snapshot, termOf(own, meta.last.term), own.queue?.queueId ?? queueId);
  }

  get #importing(): Importing | undefined {
    return this.#audited.current?.store?.snapshots.importing;
  }

  #underway({ upload }: ImportStep): Importing | undefined {
    return this.#importing?.upload === upload ? this.#importing : undefined;
  }

  #doneOf(step: ImportStep): Done | undefined {
    const done = this.#done;
    return done !== undefined && this.#isOf(done, step) ? done : undefined;
  }

  #isOf(done: Done, { upload }: ImportStep): boolean {
    return done.instance === this.#audited.current && done.upload === upload;
  }

  #begin(step: Extract<ImportStep, { manifest: unknown }>, own: State, now: number): Answer {
    const { manifest, over } = step;
    if (manifest.format > snapshotFormat) return refused("snapshot_newer");
    if (!this.#snapshots.isGenuine(manifest)) return refused("snapshot_invalid");
    const importing = this.#underway(step);
    const isSame = importing?.over === over;
    if (isSame && importing.snapshot.meta.digest === manifest.digest)
      return progress(importing, now);
    if (!over && own.jobs.size > 0) return notEmpty(own);
    const { databaseBytesMax } = changing;
    const { bytes } = manifest;
    if (this.#audited.disk.bytes + 2 * bytes > databaseBytesMax) {
      return refused("snapshot_no_room", { bytes, databaseBytesMax });
    }
    if (isNewer(manifest)) return refused("snapshot_newer");
    return { reply: { now, chunks: 0, rows: 0, rowsTotal: rowsOf(manifest) } };
  }

  #take({ upload, chunk, text }: Chunk, importing: Importing, now: number): Answer {
    const { snapshot } = importing;
    const { chunks } = snapshot;
    if (chunk > chunks + 1) return refused("import_unknown", { chunks });
    const { reply } = progress(importing, now);
    if (chunk <= chunks) return { reply };
    const sent = this.#sent.get(upload) ?? new Map<number, string>();
    this.#sent.set(upload, sent.set(chunk, text));
    return { reply: { ...reply, chunks: chunk } };
  }

  #finish(importing: Importing, own: State, now: number): Answer {
    const { meta, rowsTotal } = importing.snapshot;
    this.#incoming = importing;
    demand(this.#isWhole(importing), rule, "a file that is not whole is taken in", meta.digest);
    const { digest, chunks, last } = meta;
    const then = Math.max(now, this.stateFor(own, "").at);
    const done = { term: termOf(own, last.term), digest };
    return { reply: { now: then, chunks, rows: rowsTotal, rowsTotal, imported: done } };
  }

  /** Whether the chunks that came are those of the manifest. */
  #isWhole({ upload, snapshot }: Importing): boolean {
    if (snapshot.chunks !== snapshot.meta.chunks) return false;
    let digest = "";
    for (let chunk = 1; chunk <= snapshot.chunks; chunk += 1) {
      const text = this.#sent.get(upload)?.get(chunk) ?? "";
      digest = hash("sha256", `${digest}\n${text}`);
    }
    return digest === snapshot.meta.digest;
  }

  /** The answer of a `finish` that did not come to the swap; `before` it was asked, so many imports had come to their end. */
  #checkUnfinished(answer: CommandAnswer, step: ImportStep, before: number): void {
    const importing = this.#underway(step);
    const done =
      this.#doneOf(step) ?? this.#ends.slice(before).find((each) => this.#isOf(each, step));
    // Between its turns another call may have come to the end: then both are told the same.
    if (done !== undefined && !("refusal" in answer && this.#done !== done)) {
      same(rule, "two calls came to one end", shownOf(answer), done.answer);
      return;
    }
    if ("refusal" in answer) {
      same(rule, "a whole file was refused", endOf(answer), "import_unknown");
      demand(importing === undefined, rule, "an import under way is not known", step);
      return;
    }
    const { rows, rowsTotal, imported: isDone } = JSON.parse(answer.reply) as Told;
    demand(isDone === undefined && rows <= rowsTotal, rule, "a file is not taken in yet", answer);
  }
}

const shownOf = (answer: CommandAnswer): unknown =>
  "reply" in answer ? { reply: JSON.parse(answer.reply) } : answer;

interface Told {
  readonly rows: number;
  readonly rowsTotal: number;
  readonly imported?: object;
}

const notEmpty = ({ jobs }: State): Answer => refused("queue_not_empty", { jobs: jobs.size });

const rowsOf = ({ tables }: Pick<Manifest, "tables">): number =>
  Object.values(tables).reduce((sum, { rows }) => sum + rows, 0);

/** Whether a manifest names rows that no code of today writes: all of them have the version 1. */
const isNewer = ({ tables }: Manifest): boolean =>
  Object.values(tables).some(({ version, rows }) => rows > 0 && version > 1);

function progress({ snapshot }: Importing, now: number): { readonly reply: object } {
  const { chunks, rows, rowsTotal } = snapshot;
  return { reply: { now, chunks, rows, rowsTotal } };
}
