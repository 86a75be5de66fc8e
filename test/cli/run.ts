/**
 * The `sluice` command in this process, for tests: what it prints, and how it ends.
 * Invariant: it reaches the given server and nothing else of this machine, and prints no token.
 */
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect } from "vitest";
import type { Io } from "../../src/cli/io.ts";
import { runCli } from "../../src/cli/program.ts";
import type { TestServer } from "../server.ts";

export interface Ran {
  readonly code: number;
  /** What it said, without the space around it. */
  readonly out: string;
  readonly err: string;
  /** What it wrote to its standard output as a stream. */
  readonly output: string;
}

/** Runs the command with the server's address and token in the environment, and `input` as its standard input. */
export async function run(
  server: TestServer,
  words: readonly string[],
  input = "",
  change: Partial<Io> = {},
): Promise<Ran> {
  let out = "";
  let err = "";
  const stream = new PassThrough();
  const output = text(stream);
  const code = await runCli(words, {
    out: (more) => {
      out += more;
    },
    err: (more) => {
      err += more;
    },
    input: () => Promise.resolve(input),
    streams: { input: Readable.from(input === "" ? [] : [Buffer.from(input)]), output: stream },
    env: { SLUICE_URL: server.url, SLUICE_TOKEN: server.token },
    folder: "/nowhere",
    ...change,
  });
  stream.end();
  expect(out + err).not.toContain(server.token);
  return { code, out: out.trim(), err: err.trim(), output: await output };
}

/** What a command said that must succeed. */
export async function outOf(ran: Promise<Ran>): Promise<string> {
  const { code, out, err } = await ran;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out;
}
