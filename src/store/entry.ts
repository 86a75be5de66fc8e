/**
 * What stands in one log entry: events as JSON that points into one string of unescaped texts, and idempotency keys.
 * Invariant: `decode` of what a builder built gives events equal to those added, and `bytes` is what the entry will take.
 */
import { IllFormed, utf8Length } from "./sql.ts";

/** A fact in the log. Its type selects the writer that applies it. */
export interface StoredEvent {
  readonly type: string;
}

/**
 * Per event type, the top-level fields that hold long opaque text and stand in the entry's `texts`. The lists are part of the
 * stored format.
 *
 * @example
 * { "job.enqueued": ["payload"] }
 */
export type EventTexts<E extends StoredEvent> = {
  readonly [T in E["type"]]?: readonly (keyof Extract<E, { type: T }> & string)[];
};

/** The stored content of an entry. */
export interface EntryBody {
  /** JSON: `[[idempotency key, hash of the request's body, the answer], …]`. */
  readonly keys: string;
  /**
   * JSON: the events, with text fields as `[start, length]` into `texts`, in UTF-16 units. An event without a type has the same
   * fields as the one before it, and states those that differ: mostly an id, in a batch.
   */
  readonly events: string;
  readonly texts: string;
}

/** An entry's events do not have the shape that the codec wrote. */
export class EntryUnreadable extends Error {
  override readonly name = "EntryUnreadable";
}

/** A kept answer: the key, a hash of the request's body, and the answer's text. */
export type KeptAnswer = readonly [key: string, bodyHash: string, answer: string];

type Fields = Record<string, unknown>;

/** Encodes and decodes the events of one queue's log. */
export class EventCodec<E extends StoredEvent> {
  readonly #texts: ReadonlyMap<string, readonly string[]>;

  constructor(texts: EventTexts<E>) {
    this.#texts = new Map(Object.entries<readonly string[] | undefined>(texts).map(textFields));
  }

  /**
   * An event as it is stored: its texts are handed to `keep`, which answers where they begin. Throws IllFormed for a text with
   * a lone surrogate.
   */
  fieldsOf(event: E, keep: (text: string) => number): Fields {
    const names = this.#texts.get(event.type);
    if (names === undefined) return event as E & Fields;
    const fields = { ...event } as E & Fields;
    for (const name of names) {
      const text = fields[name];
      if (typeof text !== "string") continue;
      if (!text.isWellFormed()) throw new IllFormed(`${event.type}.${name} has a lone surrogate`);
      (fields as Fields)[name] = [keep(text), text.length];
    }
    return fields;
  }

  /**
   * The events of an entry, with their texts in place; where these were not read, without them. Throws EntryUnreadable.
   */
  decode(entry: { readonly events: string; readonly texts: string | undefined }): E[] {
    const events = parseArray(entry.events, "events");
    let event: Fields = {};
    for (let i = 0; i < events.length; i += 1) {
      event = eventAfter(event, events[i]);
      this.#cutTexts(event, entry.texts);
      events[i] = event;
    }
    return events as E[];
  }

  /** Puts texts where their places stand. Those that an event has from the one before it are texts already. */
  #cutTexts(event: Fields, texts: string | undefined): void {
    const { type } = event;
    if (!isString(type)) throw new EntryUnreadable("an event has no type");
    const names = this.#texts.get(type);
    if (names === undefined) return;
    for (const name of names) {
      const place = event[name];
      if (!Array.isArray(place)) continue;
      event[name] = texts === undefined ? undefined : cut(texts, place);
    }
  }
}

/** Where a builder stood; see `EntryBuilder.mark`. */
export interface BuilderMark {
  readonly events: number;
  readonly texts: number;
  readonly keys: number;
  readonly units: number;
  readonly bytes: number;
  readonly last: Readonly<Record<string, unknown>> | undefined;
}

/** Brackets of two arrays, and room for the entry's other columns, hashes included. */
const entryBytesMin = 256;

/** Gathers the events of one group of commands; its size is known at any time, before the entry is appended. */
export class EntryBuilder<E extends StoredEvent> {
  readonly #codec: EventCodec<E>;
  readonly #events: string[] = [];
  readonly #texts: string[] = [];
  readonly #keys: string[] = [];
  /** The last event as it is stored. */
  #last: Fields | undefined;
  #units = 0;
  #bytes = entryBytesMin;

  constructor(codec: EventCodec<E>) {
    this.#codec = codec;
  }

  /** Upper bound of the entry's size in UTF-8 bytes, exact but for a few hundred. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of events. */
  get events(): number {
    return this.#events.length;
  }

  add(event: E): void {
    const mark = this.mark();
    try {
      const fields = this.#codec.fieldsOf(event, (text) => this.#keep(text));
      const json = JSON.stringify(differenceOf(this.#last, fields) ?? fields);
      this.#last = fields;
      this.#events.push(json);
      this.#bytes += utf8Length(json) + 1;
    } catch (fault) {
      this.undo(mark);
      throw fault;
    }
  }

  /** Adds an idempotency key with the answer that a retry will get. */
  addKey(key: string, bodyHash: string, answer: string): void {
    const json = JSON.stringify([key, bodyHash, answer] satisfies KeptAnswer);
    this.#keys.push(json);
    this.#bytes += utf8Length(json) + 1;
  }

  /** A point to come back to with `undo`. */
  mark(): BuilderMark {
    return {
      events: this.#events.length,
      texts: this.#texts.length,
      keys: this.#keys.length,
      units: this.#units,
      bytes: this.#bytes,
      last: this.#last,
    };
  }

  /** Takes back what was added since the mark. */
  undo(mark: BuilderMark): void {
    this.#events.length = mark.events;
    this.#texts.length = mark.texts;
    this.#keys.length = mark.keys;
    this.#units = mark.units;
    this.#bytes = mark.bytes;
    this.#last = mark.last as Fields | undefined;
  }

  build(): EntryBody {
    return {
      keys: `[${this.#keys.join(",")}]`,
      events: `[${this.#events.join(",")}]`,
      texts: this.#texts.join(""),
    };
  }

  #keep(text: string): number {
    const start = this.#units;
    this.#texts.push(text);
    this.#units += text.length;
    this.#bytes += utf8Length(text);
    return start;
  }
}

/** The fields of an event that differ from those of the one before; undefined unless both have the same fields. */
function differenceOf(before: Fields | undefined, event: Fields): Fields | undefined {
  if (before === undefined || before["type"] !== event["type"]) return undefined;
  const difference: Fields = {};
  let count = 0;
  for (const name in event) {
    const value = event[name];
    if (value === undefined) continue;
    const old = before[name];
    if (old === undefined) return undefined;
    if (value !== old) difference[name] = value;
    count += 1;
  }
  for (const name in before) if (before[name] !== undefined) count -= 1;
  return count === 0 ? difference : undefined;
}

/** The kept answers of an entry. Throws EntryUnreadable. */
export function decodeKeys(keys: string): KeptAnswer[] {
  if (keys === "[]") return [];
  const answers = parseArray(keys, "keys");
  for (const each of answers) {
    const isKept = Array.isArray(each) && each.length === 3 && each.every(isString);
    if (!isKept) throw new EntryUnreadable("an idempotency key is not [key, bodyHash, answer]");
  }
  return answers as KeptAnswer[];
}

function textFields([type, fields]: [string, readonly string[] | undefined]) {
  return [type, fields ?? []] as const;
}

/** A stored event with the fields that it has from the one before it; it may be changed. */
function eventAfter(before: Fields, stored: unknown): Fields {
  if (typeof stored !== "object" || stored === null) throw new EntryUnreadable("no event");
  if ("type" in stored) return stored as Fields;
  const event = { ...before };
  for (const name in stored) event[name] = (stored as Fields)[name];
  return event;
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function parseArray(json: string, what: string): unknown[] {
  try {
    const value: unknown = JSON.parse(json);
    if (Array.isArray(value)) return value;
  } catch (cause) {
    throw new EntryUnreadable(`${what} are not JSON`, { cause });
  }
  throw new EntryUnreadable(`${what} are not an array`);
}

function cut(texts: string, place: unknown[]): string {
  const [start, length] = place;
  if (typeof start !== "number" || typeof length !== "number" || start + length > texts.length) {
    throw new EntryUnreadable("an event points outside the entry's texts");
  }
  return texts.slice(start, start + length);
}
