/**
 * The operator who exports the queue and takes old exports in again: step by step, with files that are whole or spoiled.
 * Invariant: it knows only what it was told; a file is what `snapshot.get` and `snapshot.read` gave, spoiled on purpose or not.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import type { ImportStep, SnapshotManifest } from "../../src/contract/snapshots.ts";
import type { Wish } from "./clients.ts";
import type { Random } from "./random.ts";

interface File {
  readonly manifest: SnapshotManifest;
  readonly chunks: readonly string[];
}

/** An upload under way: its file, and the step that comes next. */
interface Upload {
  readonly upload: string;
  readonly file: File;
  readonly over: boolean;
  /** `manifest`, then the chunks by their numbers, then one behind the last. */
  next: number;
}

interface Told {
  readonly current?: SnapshotManifest | null;
  readonly chunks?: number;
  readonly imported?: object;
}

/** Files that are kept: new ones push old ones out. */
const filesMax = 5;

export class Importer {
  /** The snapshot that was shown last, and the chunks of it that were read. */
  #manifest: SnapshotManifest | undefined;
  readonly #chunks = new Map<number, string>();
  readonly #files: File[] = [];
  #upload: Upload | undefined;
  #uploads = 0;

  /** Of the snapshot that was shown last. */
  get digest(): string {
    return this.#manifest?.digest ?? "none";
  }

  /** The next chunk of an export, or any. */
  read(random: Random): Wish {
    const missing = this.#missing();
    const chunk = missing === undefined || random.chance(0.2) ? random.between(1, 3) : missing;
    return { name: "snapshot.read", input: { chunk, digest: this.digest } };
  }

  /** What the operator does next with exports and imports. */
  wish(random: Random): Wish {
    if (this.#upload === undefined) {
      if (this.#missing() !== undefined && random.chance(0.8)) return this.read(random);
      const file = random.pickFrom(this.#files);
      if (file === undefined || random.chance(0.4)) {
        return { name: random.pick(["snapshot.get", "snapshot.build"]), input: {} };
      }
      this.#uploads += 1;
      const over = random.chance(0.7);
      this.#upload = { upload: `up${this.#uploads}`, file: spoiled(file, random), over, next: 0 };
    }
    return { name: "snapshot.import", input: this.#step(this.#upload, random) };
  }

  /** The beginning of an import, of a file as it was exported. */
  begin(random: Random): Wish | undefined {
    const file = random.pickFrom(this.#files);
    if (file === undefined) return undefined;
    const { manifest } = file;
    return { name: "snapshot.import", input: { upload: "other", manifest, over: true } };
  }

  #step({ upload, file, over, next }: Upload, random: Random): ImportStep {
    const { manifest, chunks } = file;
    const odd = random.below(30);
    if (odd === 0) return { upload: "foreign", finish: true };
    if (odd === 1) return { upload, chunk: next + 2, text: "[]\n" };
    if (odd === 2) return { upload, finish: true };
    if (odd === 3) return { upload: "other", manifest, over };
    if (odd === 4) this.#upload = undefined;
    if (next === 0) return { upload, manifest, over };
    const text = chunks[next - 1];
    return text === undefined ? { upload, finish: true } : { upload, chunk: next, text };
  }

  #missing(): number | undefined {
    const { chunks = 0 } = this.#manifest ?? {};
    for (let chunk = 1; chunk <= chunks; chunk += 1) if (!this.#chunks.has(chunk)) return chunk;
    return undefined;
  }

  /** What was answered, to a step of an export or of an import. */
  told({ name, input }: Wish, reply: string): void {
    if (name === "snapshot.read") {
      this.#toldChunk(input as CommandInputs["snapshot.read"], reply);
      return;
    }
    const { current, chunks = 0, imported } = JSON.parse(reply) as Told;
    if (current && current.digest !== this.digest) {
      this.#manifest = current;
      this.#chunks.clear();
    }
    if (name !== "snapshot.import" || this.#upload?.upload !== (input as ImportStep).upload) return;
    if (imported !== undefined) this.#upload = undefined;
    else this.#upload.next = chunks + 1;
  }

  #toldChunk({ digest, chunk }: CommandInputs["snapshot.read"], text: string): void {
    const manifest = this.#manifest;
    if (manifest?.digest !== digest || this.#missing() === undefined) return;
    this.#chunks.set(chunk, text);
    if (this.#missing() !== undefined) return;
    const chunks = Array.from({ length: manifest.chunks }, (_, i) => this.#chunks.get(i + 1) ?? "");
    this.#files.push({ manifest, chunks });
    if (this.#files.length > filesMax) this.#files.shift();
  }

  /** A step was refused: one that came out of turn is done again, any other ends the upload. */
  refused({ input }: Wish, code: string, chunks: unknown): void {
    const upload = this.#upload;
    if (upload?.upload !== (input as ImportStep).upload) return;
    if (code === "import_unknown") upload.next = typeof chunks === "number" ? chunks + 1 : 0;
    else this.#upload = undefined;
  }
}

/** A file, mostly as it is: else cut short, altered, or of newer code. */
function spoiled(file: File, random: Random): File {
  const { manifest, chunks } = file;
  const [first = "", ...rest] = chunks;
  return random.weighted([
    [14, () => file],
    [1, () => ({ manifest, chunks: chunks.slice(0, -1) })],
    [1, () => ({ manifest, chunks: [first.replace(/\d/, "x"), ...rest] })],
    [1, () => ({ manifest: { ...manifest, digest: "0" }, chunks })],
    [1, () => ({ manifest: { ...manifest, format: manifest.format + 1 }, chunks })],
    [1, () => ({ manifest: { ...manifest, tables: newer(manifest) }, chunks })],
  ] as const)();
}

const newer = ({ tables }: SnapshotManifest): SnapshotManifest["tables"] => ({
  ...tables,
  queue: { version: 9, rows: 1 },
});
