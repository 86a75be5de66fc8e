/**
 * What every command shares: the connection, and the choice between text for people and JSON.
 * Invariant: a command prints its result once, on standard output; everything else goes to standard
 * error.
 */
import { type Command, InvalidArgumentError } from "commander";
import { type ConnectOptions, Queue } from "../client/index.ts";
import { exactJson } from "../contract/exact-json.ts";
import { fileText, type Io } from "./io.ts";
import { settings } from "./settings.ts";
import { json } from "./values.ts";

interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly json?: true;
  readonly retryFor: number;
}

export class Session {
  readonly io: Io;
  readonly #program: Command;
  /** Whether the command did what it was to do and found something wrong. */
  hasFound = false;

  constructor(program: Command, io: Io) {
    this.#program = program;
    this.io = io;
  }

  get connection(): ConnectOptions {
    const options = this.#program.opts<GlobalOptions>();
    return { ...settings(options, this.io), retryForMs: options.retryFor, parse: exactJson };
  }

  queue(name: string): Queue {
    return new Queue({ ...this.connection, name });
  }

  /** Prints a result: as text, or as JSON when asked to. */
  show<T>(value: T, text: (value: T) => string): void {
    const { json: asJson } = this.#program.opts<GlobalOptions>();
    this.io.out(`${asJson === true ? JSON.stringify(value, null, 2) : text(value)}\n`);
  }

  /** Prints one of many results on a line of its own. */
  line<T>(value: T, text: (value: T) => string): void {
    const { json: asJson } = this.#program.opts<GlobalOptions>();
    this.io.out(`${asJson === true ? JSON.stringify(value) : text(value)}\n`);
  }

  /** Tells that what was asked for is not so, or not yet. */
  found(what: string): void {
    this.hasFound = true;
    this.io.err(`${what}\n`);
  }

  /** A JSON value given as a word, or on standard input for `-`. */
  async value(word: string): Promise<unknown> {
    return json(word === "-" ? await this.io.input() : word);
  }

  /** The JSON value in a file, or on standard input for `-`. */
  async file(path: string): Promise<unknown> {
    if (path === "-") return json(await this.io.input());
    const text = readFile(path);
    if (text === undefined) throw new InvalidArgumentError(`There is no file ${path}.`);
    return json(text);
  }
}

/** The text of a file; one that cannot be read is the caller's mistake, and a sentence. */
function readFile(path: string): string | undefined {
  try {
    return fileText(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new InvalidArgumentError(`${path} cannot be read: ${error.message}`);
  }
}
