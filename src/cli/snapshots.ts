/**
 * Commands on a whole queue's data: export, import, verify.
 * Invariant: a file goes to standard output or comes from standard input unless it is named; messages and progress do not mix
 * with it.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { Verification } from "../client/index.ts";
import type { Session } from "./session.ts";
import { bytesText } from "./text.ts";
import { queueArgument } from "./values.ts";

const command = (program: Command, name: string, description: string) =>
  program.command(name).description(description).addArgument(queueArgument());

export function addSnapshotCommands(program: Command, session: Session): void {
  command(program, "export", "write a queue's whole state to a file, as lines of JSON")
    .argument("[file]", "the file (default: standard output)")
    .option("--raw", "the storage as it is, also where it is damaged")
    .action(async (queue: string, file: string | undefined, { raw = false }: { raw?: boolean }) => {
      const { snapshots } = session.queue(queue);
      if (!raw) await snapshots.build(progress(session, "built"));
      await write(session, raw ? snapshots.raw() : snapshots.export(), file);
      if (file === undefined) return;
      // A damaged queue gives its storage, and no word of snapshots.
      const current = raw ? null : (await snapshots.status()).current;
      const size =
        current === null ? "" : `: ${bytesText(current.bytes)}, digest ${current.digest}`;
      session.io.err(`${queue} is in ${file}${size}.\n`);
    });
  command(program, "import", "replace a queue's state by an exported one")
    .argument("[file]", "the file (default: standard input)")
    .option("--over", "also when the queue has jobs, which are then gone")
    .action(
      async (queue: string, file: string | undefined, { over = false }: { over?: boolean }) => {
        const { snapshots } = session.queue(queue);
        const onProgress = (chunks: number) => session.io.err(`Chunk ${chunks} is there.\n`);
        const from = read(session, file);
        const done = await snapshots.import(from, { over, onProgress });
        session.show(
          done,
          ({ term, digest }) => `${queue} goes on in term ${term}: digest ${digest}.`,
        );
      },
    );
  command(program, "verify", "check a queue's log and tables, every entry and every row").action(
    async (queue: string) => {
      const result = await session.queue(queue).snapshots.verify(progress(session, "checked"));
      session.show(result, verificationText);
      session.hasFound = result.problems.length > 0;
    },
  );
}

/** Tells of long work now and then, where somebody may be looking. */
function progress(session: Session, what: string) {
  let told = 0;
  return (rows: number, rowsTotal: number): void => {
    const percent = Math.floor((100 * rows) / Math.max(1, rowsTotal));
    if (percent < told + 10) return;
    told = percent;
    session.io.err(`${percent} % ${what}.\n`);
  };
}

/** Writes lines to a file, or to standard output as fast as that is read. */
async function write(
  { io }: Session,
  lines: AsyncIterable<Uint8Array>,
  file: string | undefined,
): Promise<void> {
  if (file !== undefined) return onFile(file, () => pipeline(lines, createWriteStream(file)));
  return onFile("Standard output", () => pipeline(lines, io.streams.output, { end: false }));
}

/** The bytes of a named file, or of standard input. */
async function* read({ io }: Session, file: string | undefined): AsyncGenerator<Uint8Array> {
  const bytes = file === undefined ? io.streams.input : createReadStream(file);
  const next = bytes[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await onFile(file ?? "Standard input", () => next.next());
    if (done === true) return;
    yield value as Uint8Array;
  }
}

/** Does something with a file; one that cannot be used is the caller's mistake, and a sentence. */
async function onFile<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && "syscall" in error)) throw error;
    throw new InvalidArgumentError(`${file} cannot be used: ${error.message}`);
  }
}

function verificationText({ last, checked, problems }: Verification): string {
  const seen = `${checked.entries} entries and ${checked.rows} rows, up to entry ${last.index} of term ${last.term}`;
  const told = problems.map(({ invariant, detail }) => `${invariant}: ${detail}`);
  return problems.length === 0
    ? `Sound: ${seen}.`
    : [`${problems.length} problems in ${seen}:`, ...told].join("\n");
}
