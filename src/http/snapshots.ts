/**
 * Snapshots through the gate: files of any size, in and out, a chunk at a time.
 * Invariant: the gate holds no more than two chunks of a file in memory, and an export that breaks off never looks whole: it has
 * fewer rows than its manifest names.
 */

import { isRejected } from "../contract/checked.ts";
import type { CommandInputs, CommandName } from "../contract/commands.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandAnswer } from "../contract/rpc.ts";
import {
  chunkIn,
  chunkLine,
  type ImportReply,
  type SnapshotStatus,
  snapshotFormat,
  snapshotManifest,
  snapshotUpload,
} from "../contract/snapshots.ts";
import { validate } from "../contract/validate.ts";
import { asIs, jsonResponse } from "./answers.ts";
import { fromQuery } from "./inputs.ts";
import { refusalResponse } from "./problems.ts";
import { streamed } from "./streaming.ts";

/** A request whose body or answer is a stream, and the queue that it is for. */
export interface Streaming {
  readonly request: Request;
  readonly queue: string;
  /** Runs a command of the queue. */
  ask<N extends CommandName>(
    name: N,
    input: CommandInputs[N],
    bytes?: number,
  ): Promise<CommandAnswer>;
  /** Asks the queue's object for a socket; `path` says what it is for. */
  connect(path: `/${string}`): Promise<Response>;
}

/** Serves a request by streams. */
export type Serve = (call: Streaming) => Promise<Response>;

/** A refusal on its way out of a stream that is being read. */
class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

async function replyOf(answer: Promise<CommandAnswer>): Promise<string> {
  const outcome = await answer;
  if ("reply" in outcome) return outcome.reply;
  throw new Refused(outcome.refusal);
}

/** A response of lines of JSON. */
const lines = (name: string, texts: AsyncGenerator<string>): Response =>
  streamed(texts, {
    "content-type": "application/x-ndjson",
    "content-disposition": `attachment; filename="${name}.ndjson"`,
  });

/** Gives the current snapshot: the manifest's line, then a line for each row. */
export const exportSnapshot: Serve = async ({ queue, ask }) => {
  const answer = await ask("snapshot.get", {});
  if ("refusal" in answer) return refusalResponse(answer.refusal);
  const { current } = JSON.parse(answer.reply) as SnapshotStatus;
  if (current === null) {
    const told = `Queue ${queue} has no snapshot: POST …/snapshot builds one.`;
    return refusalResponse(refuse("snapshot_unknown", told));
  }
  async function* texts(): AsyncGenerator<string> {
    const { digest, chunks } = current ?? { digest: "", chunks: 0 };
    yield `${JSON.stringify(current)}\n`;
    for (let chunk = 1; chunk <= chunks; chunk += 1) {
      const text = await replyOf(ask("snapshot.read", { chunk, digest }));
      yield `${chunkLine(chunk)}\n${text}`;
    }
  }
  return lines(`${queue}-${current.last.index}`, texts());
};

/** Gives the storage as it is, also where it is damaged. */
export const exportRaw: Serve = async ({ queue, ask }) => {
  async function* texts(): AsyncGenerator<string> {
    let after: string | undefined;
    do {
      const page = await replyOf(ask("queue.raw", after === undefined ? {} : { after }));
      const end = page.indexOf("\n");
      const head = JSON.parse(page.slice(0, end)) as { readonly after: string | null };
      if (end + 1 < page.length) yield page.slice(end + 1);
      after = head.after ?? undefined;
    } while (after !== undefined);
    yield '{"end":true}\n';
  }
  return lines(`${queue}-raw`, texts());
};

/** Takes a snapshot in: the whole file, or a part of it that begins with the manifest or with a chunk. */
export const importSnapshot: Serve = async ({ request, ask }) => {
  const query = fromQuery(snapshotUpload, request.url);
  if (isRejected(query)) return refusalResponse(query.refusal);
  const { upload = crypto.randomUUID(), more, over } = query.value;
  const import_: Import = (input, bytes = 0) => replyOf(ask("snapshot.import", input, bytes));
  try {
    let reply = "";
    for await (const part of partsOf(linesOf(request.body))) {
      if (part.chunk === undefined) {
        const manifest = manifestIn(part.text);
        reply = await import_({ upload, manifest, over: over === "true" });
      } else {
        const { chunk, text } = part;
        reply = await import_({ upload, chunk, text }, text.length);
      }
    }
    if (more === "true") return reply === "" ? refusalResponse(noPart) : jsonResponse(reply, 202);
    return asIs(await finish(upload, import_));
  } catch (error) {
    if (error instanceof Refused) return refusalResponse(error.refusal);
    throw error;
  }
};

type Import = (input: CommandInputs["snapshot.import"], bytes?: number) => Promise<string>;

/** The manifest's line, or a whole chunk. */
interface Part {
  readonly chunk: number | undefined;
  readonly text: string;
}

/**
 * The parts of a file, or of a stretch of it. What is no part of a file is in no chunk, and a row that was cut off is there without
 * its end: the digest tells of both.
 */
async function* partsOf(all: AsyncIterable<string>): AsyncGenerator<Part> {
  let chunk: number | undefined;
  let text = "";
  for await (const line of all) {
    const next = chunkIn(line.endsWith("\n") ? line.slice(0, -1) : line);
    if (next === undefined && chunk === undefined) {
      yield { chunk, text: line };
    } else if (next === undefined) {
      text += line;
      if (text.length > limits.rowBytesMax) throw new Refused(tooLong);
    } else {
      if (chunk !== undefined) yield { chunk, text };
      chunk = next;
      text = "";
    }
  }
  if (chunk !== undefined) yield { chunk, text };
}

const noPart = refuse("import_unknown", "The body has no part of a file, and more is to come.");

const tooLong = refuse("snapshot_invalid", "A chunk is longer than any that is exported.");

/** Has the import done to its end, a call at a time. */
async function finish(upload: string, import_: Import): Promise<string> {
  for (;;) {
    const reply = await import_({ upload, finish: true });
    if ((JSON.parse(reply) as ImportReply).imported !== undefined) return reply;
  }
}

function manifestIn(line: string) {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Refused(refuse("snapshot_invalid", "The first line is not a snapshot's manifest."));
  }
  const { format } = (value ?? {}) as { readonly format?: unknown };
  if (typeof format === "number" && format > snapshotFormat) {
    const told = `The file has format ${format}; this code reads up to ${snapshotFormat}.`;
    throw new Refused(refuse("snapshot_newer", told));
  }
  const checked = validate(snapshotManifest, value);
  if (!isRejected(checked)) return checked.value;
  const told = `The first line is not a snapshot's manifest: ${checked.refusal.detail}`;
  throw new Refused(refuse("snapshot_invalid", told));
}

/** The lines of a body, with their ends. A last line that has none was cut off. */
async function* linesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let rest = "";
  for await (const bytes of body ?? []) {
    const parts = (rest + decode(decoder, bytes)).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) yield `${part}\n`;
    if (rest.length > limits.rowBytesMax) throw new Refused(tooLong);
  }
  rest += decode(decoder);
  if (rest !== "") yield rest;
}

/** The text of some more bytes; without them, of what is left over. */
function decode(decoder: TextDecoder, bytes?: Uint8Array): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch (error) {
    // The one thing that a fatal decoder throws for bytes.
    if (!(error instanceof TypeError)) throw error;
    throw new Refused(refuse("utf8_invalid", "The request body must be UTF-8."));
  }
}
