/**
 * What the command line touches of its process.
 * Invariant: commands reach input, output and environment only through this, so that tests can
 * stand in.
 */
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";

export interface Io {
  /** Writes results. */
  readonly out: (text: string) => void;
  /** Writes messages. */
  readonly err: (text: string) => void;
  /** Reads standard input to its end. */
  readonly input: () => Promise<string>;
  /** Whether messages are read on a terminal. */
  readonly isTerminal?: boolean;
  /** Standard input and output, for what is too large to be held. */
  readonly streams: { readonly input: Readable; readonly output: Writable };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `.sluice/token` and `.dev.vars` are looked for. */
  readonly folder: string;
}

export const processIo: Io = {
  out: (line) => void process.stdout.write(line),
  err: (line) => void process.stderr.write(line),
  input: () => text(process.stdin),
  isTerminal: process.stderr.isTTY === true,
  streams: { input: process.stdin, output: process.stdout },
  env: process.env,
  folder: process.cwd(),
};

/** The text of a file; undefined when there is none. */
export function fileText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
