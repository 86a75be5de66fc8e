/**
 * One call of a Redis command: its arguments, what it may read, and how it errs.
 * Invariant: a call that errs has emitted nothing; whatever it answers counts against what the replies of a run may take.
 */
import { limits } from "../contract/limits.ts";
import type { NameType } from "../contract/names.ts";
import { type RedisReply, repliesTooLarge } from "../contract/redis.ts";
import { keyOfName, type NameRow, namedBy } from "../store/names.ts";
import type { Transaction } from "./decide.ts";

/** What a call errs with, in Redis's words. Thrown within a call, and made a reply of by `redis.ts` alone. */
export class RedisError extends Error {
  override readonly name = "RedisError";
}

export const syntaxError = (): RedisError => new RedisError("ERR syntax error");
export const noSuchName = (): RedisError => new RedisError("ERR no such key");
const wrongType = (): RedisError =>
  new RedisError("WRONGTYPE Operation against a key holding the wrong kind of value");

/** What a command does. */
export type Perform = (call: Call) => RedisReply;

/** The name of a collection, and what is there under it. */
export type Collection = NameRow & { readonly gen: number; readonly size: number };

export const OK: RedisReply = { ok: "OK" };
export const nilArray: RedisReply = { nilArray: true };

/** How much more the calls of a run may take between them. */
export interface Room {
  /** Bytes of their replies. */
  bytes: number;
  /** Bytes of elements that they look at. */
  seen: number;
  /** Bytes of elements that they write once more. */
  moved: number;
  /** Elements that they change. */
  changed: number;
  /** Bytes of the elements that they have found to be stored or removed: an entry is to hold them. */
  found: number;
}

export const roomOfRun = (): Room => ({
  bytes: limits.redisReplyBytesMax,
  seen: limits.redisBytesSeenMax,
  moved: limits.redisBytesMovedMax,
  changed: limits.redisElementsPerRunMax,
  found: limits.entryBytesMax,
});

/** Names that are read together: strings may be long, and stand in memory between them. */
const NAMED_TOGETHER_MAX = 16;

/** Bytes that a reply, or an element that is looked at, takes beside those of its text. */
const OVERHEAD_BYTES = 16;

export class Call {
  readonly tx: Transaction;
  /** In small letters. */
  readonly command: string;
  /** Behind the command's name. */
  readonly args: readonly string[];
  readonly #room: Room;
  #changed = 0;
  #waitMs: number | undefined;
  #lookedBytes = 0;

  constructor(tx: Transaction, [command = "", ...args]: readonly string[], room: Room) {
    this.tx = tx;
    this.command = command.toLowerCase();
    this.args = args;
    this.#room = room;
  }

  /** How long it would wait, 0 for ever; undefined of a call that is answered. */
  get waitMs(): number | undefined {
    return this.#waitMs;
  }

  /** There is nothing to take: it waits, or answers this where nothing waits. */
  wait(ms: number, otherwise: RedisReply): RedisReply {
    this.#waitMs = ms;
    return otherwise;
  }

  /** An argument, of which the arity says that it is there. */
  arg(index: number): string {
    const value = this.args[index];
    if (value === undefined) throw new Error(`${this.command} has no argument ${index}`);
    return value;
  }

  /** An option's word, in small letters. */
  word(index: number): string {
    return this.args[index]?.toLowerCase() ?? "";
  }

  /** What a name names. A string that stands with it counts as looked at, whatever is asked of it. */
  named(name: string): NameRow | undefined {
    const row = namedBy(this.tx.tables, name, this.tx.at);
    if (row?.content !== undefined) this.looked(row.content.length);
    return row;
  }

  /** The same of each of many names, which are read together. */
  *namedEach(names: readonly string[]): Generator<[name: string, row: NameRow | undefined]> {
    const { tables } = this.tx;
    let read = 0;
    for (const [i, name] of names.entries()) {
      if (i === read) {
        const next = names.slice(i, i + NAMED_TOGETHER_MAX);
        read += Math.max(1, tables.names.expect(next.map((each) => keyOfName(tables, each))));
      }
      yield [name, this.named(name)];
    }
  }

  /** What a name names, if it is of this type. Throws WRONGTYPE. */
  typed(name: string, type: NameType): NameRow | undefined {
    const row = this.named(name);
    if (row !== undefined && row.type !== type) throw wrongType();
    return row;
  }

  /** A collection; undefined where there is none. Throws WRONGTYPE. */
  collection(name: string, ...types: readonly NameType[]): Collection | undefined {
    const row = this.named(name);
    if (row === undefined) return undefined;
    if (!types.includes(row.type) || row.gen === undefined) throw wrongType();
    return row as Collection;
  }

  /** A name names nothing from now on, if it named anything. */
  remove(name: string): boolean {
    if (this.named(name) === undefined) return false;
    this.tx.emit("name.removed", { name });
    return true;
  }

  /** Takes a text into the reply. Throws where the replies would be too many. */
  told(text: string): string {
    this.#room.bytes -= text.length + OVERHEAD_BYTES;
    if (this.#room.bytes >= 0) return text;
    throw new RedisError(`ERR ${repliesTooLarge}`);
  }

  /** Checks a value of which a part is new. */
  fitting(value: string): string {
    if (value.length <= limits.redisValueBytesMax) return value;
    const bytes = limits.redisValueBytesMax;
    throw new RedisError(`ERR string exceeds maximum allowed size (${bytes} bytes)`);
  }

  /** Checks fields or members. */
  members(all: readonly string[]): readonly string[] {
    this.bounded(all.length);
    const bytes = limits.redisMemberBytesMax;
    if (all.every((each) => each.length <= bytes)) return all;
    throw new RedisError(`ERR fields and members may have at most ${bytes} bytes`);
  }

  /** Checks how many elements, or names, the call changes: as far as it knows by then. */
  bounded(elements: number): void {
    const most = limits.redisElementsPerCallMax;
    if (elements > most) throw this.#tooMuch("change", most, "elements");
    const more = Math.max(0, elements - this.#changed);
    this.#changed += more;
    this.#room.changed -= more;
    const among = limits.redisElementsPerRunMax;
    if (this.#room.changed < 0) throw this.#tooMuch("change", among, "elements");
    this.tx.changes(more);
  }

  /** Takes an element that was found to be stored or removed off what an entry holds of them. Throws where that is too much. */
  found(element: string): string {
    this.#room.found -= element.length;
    if (this.#room.found < 0) throw this.#tooMuch("change", limits.entryBytesMax, "bytes");
    return element;
  }

  /** Checks how many bytes of elements go that nobody has read. */
  freed(bytes: number): void {
    const most = limits.redisBytesFreedMax;
    if (bytes > most) throw this.#tooMuch("remove", most, "bytes");
  }

  /** Checks how many elements are looked at. */
  seen(elements: number): void {
    const most = limits.redisElementsSeenMax;
    if (elements > most) throw this.#tooMuch("look at", most, "elements");
  }

  /** Takes an element that is read off what the run may look at. Throws where that is too much. */
  looked(bytes: number): void {
    this.#lookedBytes += bytes + OVERHEAD_BYTES;
    this.#room.seen -= bytes + OVERHEAD_BYTES;
    if (this.#room.seen < 0) throw this.#tooMuch("look at", limits.redisBytesSeenMax, "bytes");
  }

  /** Bytes of the elements that this call has looked at. */
  get lookedBytes(): number {
    return this.#lookedBytes;
  }

  /** Takes an element that is to be written once more off what the run may write so. Throws where that is too much. */
  moved(bytes: number): void {
    this.#room.moved -= Math.max(bytes, limits.redisMovedBytesLeast);
    if (this.#room.moved < 0)
      throw this.#tooMuch("copy or move", limits.redisBytesMovedMax, "bytes");
  }

  #tooMuch(does: string, most: number, what: "elements" | "bytes"): RedisError {
    const error = `ERR '${this.command}' would ${does} more than ${most} ${what}: do it in parts`;
    return new RedisError(error);
  }
}
