/**
 * Snapshots and verification of one queue: long work, done in many short requests, with progress.
 * Invariant: a file of any size passes through without being held whole.
 */
import type { VerifyReply } from "../contract/queue.ts";
import type { ImportReply, SnapshotManifest, SnapshotStatus } from "../contract/snapshots.ts";
import { SluiceError, UnreachableError } from "./errors.ts";
import type { Transport } from "./transport.ts";

export type { VerifyProblem } from "../contract/queue.ts";
export type { SnapshotManifest, SnapshotStatus } from "../contract/snapshots.ts";

/** Told of every step: how much is done, of how much. */
export type OnProgress = (done: number, total: number) => void;

/** What a verification came to. */
export interface Verification {
  readonly last: VerifyReply["last"];
  readonly checked: VerifyReply["checked"];
  readonly problems: VerifyReply["problems"];
}

/** How often a build is looked at. */
const POLL_MS = 200;
/** Characters of a file that one request takes: far below what the platform lets through. */
const PART_UNITS = 16_000_000;

/**
 * The snapshots of a queue.
 * @example
 * await queue.snapshots.build();
 * for await (const bytes of queue.snapshots.export()) file.write(bytes);
 */
export class Snapshots {
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, queuePath: string) {
    this.#transport = transport;
    this.#path = queuePath;
  }

  /** What snapshots there are. */
  status(): Promise<SnapshotStatus> {
    return this.#transport.read(`${this.#path}/snapshot/status`);
  }

  /** Builds a snapshot of the state as of now. Resolves once it is there; rejects where a row cannot be read. */
  async build(onProgress?: OnProgress): Promise<SnapshotManifest> {
    let status = await this.#transport.write<SnapshotStatus>("POST", `${this.#path}/snapshot`);
    const wanted = status.building?.last;
    while (status.building !== null) {
      onProgress?.(status.building.rows, status.building.rowsTotal);
      await this.#transport.clock.sleep(POLL_MS);
      status = await this.status();
    }
    const { current, failed } = status;
    // Somebody else may have built a later one since; an earlier one says that this build came to nothing.
    const isRecent = (current?.last.index ?? 0) >= (wanted?.index ?? 0);
    if (current !== null && failed === null && isRecent) return current;
    const detail = `The snapshot could not be built: ${failed ?? "the build ended without it"}.`;
    throw new SluiceError({ code: "store_corrupt", status: 503, detail, retryable: false });
  }

  /** The current snapshot as a file: lines of JSON in UTF-8. One that breaks off throws. */
  async *export(): AsyncGenerator<Uint8Array, void, undefined> {
    const response = await this.#transport.open("GET", `${this.#path}/snapshot`);
    for await (const bytes of response.body ?? []) yield bytes;
  }

  /** The storage as it is, damaged or not, as lines of JSON in UTF-8. */
  async *raw(): AsyncGenerator<Uint8Array, void, undefined> {
    const response = await this.#transport.open("GET", `${this.#path}/raw`);
    for await (const bytes of response.body ?? []) yield bytes;
  }

  /** Forgets the current snapshot, and a build. */
  async remove(): Promise<void> {
    await this.#transport.write("DELETE", `${this.#path}/snapshot`);
  }

  /**
   * Replaces the queue's state by an exported one. A queue that keeps jobs only with `over`. Nothing changes unless the file is
   * whole and right.
   */
  async import(
    file: AsyncIterable<Uint8Array>,
    { over = false, onProgress }: { over?: boolean; onProgress?: OnProgress } = {},
  ): Promise<NonNullable<ImportReply["imported"]>> {
    const upload = crypto.randomUUID();
    const address = (more: boolean) =>
      `${this.#path}/snapshot?upload=${upload}&more=${more}&over=${over}`;
    for await (const part of partsOf(file)) {
      const reply = await this.#transport.write<ImportReply>("PUT", address(true), part);
      onProgress?.(reply.chunks, reply.chunks);
    }
    const { imported } = await this.#transport.write<ImportReply>("PUT", address(false), "", {
      timeoutMs: FINISH_MS,
    });
    if (imported !== undefined) return imported;
    throw new UnreachableError(this.#transport.url, "the import has not ended");
  }

  /** Builds a snapshot, and checks the log and every row of it. */
  async verify(onProgress?: OnProgress): Promise<Verification> {
    const unread = await this.build().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (unread instanceof SluiceError && unread.code === "store_corrupt") {
      const { current } = await this.status();
      const problems = [{ invariant: "I10", detail: unread.detail }];
      const checked = { entries: 0, rows: 0, rowsTotal: 0 };
      return { last: current?.last ?? { term: 0, index: 0 }, checked, problems };
    }
    if (unread !== undefined) throw unread;
    const step = (cursor?: string) =>
      this.#transport.read<VerifyReply>(`${this.#path}/verify`, { cursor });
    let reply = await step();
    const problems = [...reply.problems];
    while (reply.cursor !== undefined) {
      onProgress?.(reply.checked.rows, reply.checked.rowsTotal);
      reply = await step(reply.cursor);
      problems.push(...reply.problems);
    }
    return { last: reply.last, checked: reply.checked, problems };
  }
}

/** The last request of an import has every row put into its table before it is answered. */
const FINISH_MS = 600_000;

/** A file in parts that each begin with the manifest or with a chunk. */
async function* partsOf(file: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  for await (const bytes of file) {
    text += textOf(decoder, bytes);
    if (text.length < PART_UNITS) continue;
    const end = text.lastIndexOf('\n{"chunk":') + 1;
    if (end === 0) continue;
    yield text.slice(0, end);
    text = text.slice(end);
  }
  text += textOf(decoder);
  if (text !== "") yield text;
}

/** The text of some more bytes; without them, of what is left over. */
function textOf(decoder: TextDecoder, bytes?: Uint8Array): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch {
    const detail = "The file is not UTF-8, so it is no snapshot.";
    throw new SluiceError({ code: "snapshot_invalid", status: 422, detail, retryable: false });
  }
}
