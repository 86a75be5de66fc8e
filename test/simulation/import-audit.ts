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
import { type Answer, refused } from "./model/answers.ts";
import { imported, termOf } from "./model/imports.ts";
import { contentsOf, type State } from "./model/state.ts";
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

/** A `finish` that was asked of a whole file. */
interface Unfinished {
  readonly step: ImportStep;
  /** So many imports had come to their end then. */
  readonly before: number;
  /** And so many steps had left an import that was not whole. */
  readonly unwhole: number;
}

/** A chunk that was taken, and how much must be written for it to be there. */
interface Taken {
  readonly upload: string;
  readonly chunk: number;
  readonly text: string;
  readonly position: number;
}

type Manifest = Extract<ImportStep, { manifest: unknown }>["manifest"];
type Chunk = Extract<ImportStep, { chunk: number }>;

export class ImportAudit {
  readonly #audited: Audited;
  readonly #snapshots: SnapshotAudit;
  #done: Done | undefined;
  /** Every import that came to its end, in turn: what was told of it may arrive when the queue is deleted already. */
  readonly #ends: Done[] = [];
  /** The chunks that were taken, in turn, as they were sent. */
  #taken: Taken[] = [];
  /** How many imports have begun. */
  #begun = 0;
  /** How many had begun when a `finish` had done its turns: it takes in the last of them, or none. */
  readonly #staged = new WeakMap<ImportStep, number>();
  /** The imports that steps left other than whole, in turn. */
  readonly #unwhole: Omit<Done, "answer">[] = [];
  /** Steps whose answer was decided while their import was under way. */
  readonly #known = new WeakSet<ImportStep>();
  /** Notes what the step does that is being done, if it is done; it is there when so much is written. */
  #note: ((position: number) => void) | undefined;
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
        const asked = { step, before: this.#ends.length, unwhole: this.#unwhole.length };
        delivery.decided = { judge: (answer) => this.#checkUnfinished(answer, asked) };
      }
    }
  }

  /** The answer to a step is decided, which is told later: meanwhile its import may begin anew. */
  decides(step: ImportStep): void {
    if (this.#underway(step) !== undefined) this.#known.add(step);
  }

  /** A step waits to be done alone: a `finish` does so when all is staged. */
  waits(step: ImportStep): void {
    this.#staged.set(step, this.#begun);
  }

  /** The instance is gone: of what it wrote this much was kept. */
  crashed(position: number): void {
    this.#taken = this.#taken.filter((taken) => taken.position <= position);
  }

  /** The answer to a step that is done alone now; `own` is the state before it. */
  predict(step: ImportStep, own: State, now: number): Answer {
    this.#note = undefined;
    this.#incoming = undefined;
    // While it waited to be alone, another `finish` of the same upload may have come first.
    const done = "finish" in step ? this.#doneOf(step) : undefined;
    if (done !== undefined) return done.answer;
    if ("manifest" in step) return this.#begin(step, own, now);
    const importing = this.#underway(step);
    if (importing === undefined) return refused("import_unknown");
    if ("chunk" in step) return this.#take(step, importing, now);
    if (this.#staged.get(step) !== this.#begun) return refused("import_unknown");
    if (!this.#isWhole(importing)) return refused("snapshot_invalid");
    const contents = importing.over ? undefined : contentsOf(own);
    if (contents !== undefined) return refused("queue_not_empty", contents);
    return this.#finish(importing, own, now);
  }

  /** A step was done alone, and answered so. */
  did(step: ImportStep, answer: Answer): void {
    const { current: instance, disk } = this.#audited;
    if (!("reply" in answer) || instance === undefined) return;
    this.#note?.(disk.written);
    if ("imported" in answer.reply) {
      if (this.#doneOf(step) !== undefined) return;
      this.#done = { instance, upload: step.upload, answer };
      this.#ends.push(this.#done);
      same(rule, "what is under way behind an import", this.#importing, undefined);
    } else {
      const { chunks, upload } = { chunks: 0, ...answer.reply, upload: step.upload };
      const importing = this.#underway(step);
      same(rule, `chunks of ${upload}`, importing?.snapshot.chunks, chunks);
      if (importing !== undefined && !this.#isWhole(importing)) {
        this.#unwhole.push({ instance, upload });
      }
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

  #isOf(done: Omit<Done, "answer">, { upload }: ImportStep): boolean {
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
    const contents = over ? undefined : contentsOf(own);
    if (contents !== undefined) return refused("queue_not_empty", contents);
    const { databaseBytesMax } = changing;
    const { bytes } = manifest;
    if (this.#audited.disk.bytes + 2 * bytes > databaseBytesMax) {
      return refused("snapshot_no_room", { bytes, databaseBytesMax });
    }
    if (isNewer(manifest)) return refused("snapshot_newer");
    this.#note = () => {
      this.#begun += 1;
    };
    return { reply: { now, chunks: 0, rows: 0, rowsTotal: rowsOf(manifest) } };
  }

  #take({ upload, chunk, text }: Chunk, importing: Importing, now: number): Answer {
    const { snapshot } = importing;
    const { chunks } = snapshot;
    if (chunk > chunks + 1) return refused("import_unknown", { chunks });
    const { reply } = progress(importing, now);
    if (chunk <= chunks) {
      if (this.#takenAs(upload, chunk) === text) return { reply };
      // The last one may have been cut off. Nothing but that is mended.
      if (chunk < chunks || this.#isWhole(importing)) return refused("snapshot_invalid");
    }
    this.#note = (position) => this.#taken.push({ upload, chunk, text, position });
    return { reply: { ...reply, chunks: chunk } };
  }

  #finish(importing: Importing, own: State, now: number): Answer {
    const { meta, rowsTotal } = importing.snapshot;
    this.#incoming = importing;
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
      digest = hash("sha256", `${digest}\n${this.#takenAs(upload, chunk) ?? ""}`);
    }
    return digest === snapshot.meta.digest;
  }

  /** The text that a chunk was taken with last. */
  #takenAs(upload: string, chunk: number): string | undefined {
    return this.#taken.findLast((each) => each.upload === upload && each.chunk === chunk)?.text;
  }

  /** The answer of a `finish` that did not come to the swap. */
  #checkUnfinished(answer: CommandAnswer, { step, before, unwhole }: Unfinished): void {
    const done =
      this.#doneOf(step) ?? this.#ends.slice(before).find((each) => this.#isOf(each, step));
    // Between its turns another call may have come to the end: then both are told the same.
    if (done !== undefined && !("refusal" in answer && this.#done !== done)) {
      same(rule, "two calls came to one end", shownOf(answer), done.answer);
      return;
    }
    if ("refusal" in answer) {
      // Between its turns a chunk may have come that the manifest does not name, or the upload may have begun anew.
      const wasSpoiled = this.#unwhole.slice(unwhole).some((each) => this.#isOf(each, step));
      const isSpoiled = wasSpoiled && endOf(answer) === "snapshot_invalid";
      if (!isSpoiled) same(rule, "a whole file was refused", endOf(answer), "import_unknown");
      demand(!this.#known.has(step), rule, "an import under way is not known", step);
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

const rowsOf = ({ tables }: Pick<Manifest, "tables">): number =>
  Object.values(tables).reduce((sum, { rows }) => sum + rows, 0);

/** Whether a manifest names rows that no code of today writes: none of them has a version above 3. */
const isNewer = ({ tables }: Manifest): boolean =>
  Object.values(tables).some(({ version, rows }) => rows > 0 && version > 3);

function progress({ snapshot }: Importing, now: number): { readonly reply: object } {
  const { chunks, rows, rowsTotal } = snapshot;
  return { reply: { now, chunks, rows, rowsTotal } };
}
