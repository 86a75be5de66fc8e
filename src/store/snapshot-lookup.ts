/**
 * Finding rows of a snapshot by their keys: in its chunks, by halves, since rows stand in the order of tables and keys.
 * Invariant: it holds a bounded number of chunks, and counts those that it read; where rows stand out of order it may miss some.
 */
import { compareCodePoints } from "./key-columns.ts";
import type { Chunks } from "./snapshot-chunks.ts";
import { parseLine, type SnapshotRow } from "./snapshot-rows.ts";

/** What says where a row stands. */
type Place = Pick<SnapshotRow, "table" | "key">;

/** Chunks that are held at once, of a megabyte each. */
const HELD_MAX = 16;

/** A chunk whose rows are looked up: each line is parsed once, whatever is looked for around it. */
interface Held {
  readonly lines: readonly string[];
  readonly places: Map<number, Place>;
}

/**
 * The rows of the chunks of one snapshot.
 *
 * @example
 * const rows = new SnapshotLookup(chunks, 12);
 * rows.find("plans", ["nightly"]) // { latest: 3, … }
 */
export class SnapshotLookup {
  /** How many chunks there are; the first is 1. */
  readonly chunks: number;
  readonly #texts: Pick<Chunks, "head" | "text">;
  readonly #heads = new Map<number, Place>();
  /** Chunks that were read, the one used last behind the others. */
  readonly #held = new Map<number, Held>();
  /** What was asked for: many rows name the same one. */
  readonly #found = new Map<string, SnapshotRow["value"] | undefined>();
  #reads = 0;

  constructor(texts: Pick<Chunks, "head" | "text">, chunks: number) {
    this.#texts = texts;
    this.chunks = chunks;
  }

  /** Chunks that were read to find rows. */
  get reads(): number {
    return this.#reads;
  }

  /** The lines of a chunk. Throws LogCorrupt where it is missing or is not what was stored. */
  lines(chunk: number): readonly string[] {
    return this.#texts.text(chunk).split("\n").slice(0, -1);
  }

  /** The value of a row, without its texts. Throws LogCorrupt as `lines` does. */
  find(table: string, key: SnapshotRow["key"]): SnapshotRow["value"] | undefined {
    const name = JSON.stringify([table, key]);
    if (!this.#found.has(name)) this.#found.set(name, this.#seek({ table, key }));
    return this.#found.get(name);
  }

  #seek(place: Place): SnapshotRow["value"] | undefined {
    const chunk = lastUpTo(this.chunks, (i) => orderOf(this.#headOf(i + 1), place)) + 1;
    if (chunk === 0) return undefined;
    const { lines, places } = this.#heldOf(chunk);
    const found = lastUpTo(lines.length, (i) => orderOf(placeOf(lines, places, i), place));
    const line = lines[found];
    if (line === undefined || orderOf(placeOf(lines, places, found), place) !== 0) return undefined;
    return parseLine(line).value;
  }

  #headOf(chunk: number): Place {
    const known = this.#heads.get(chunk);
    if (known !== undefined) return known;
    const { table, key } = parseLine(this.#texts.head(chunk));
    this.#heads.set(chunk, { table, key });
    return { table, key };
  }

  #heldOf(chunk: number): Held {
    const known = this.#held.get(chunk);
    if (known === undefined) this.#reads += 1;
    const held = known ?? { lines: this.lines(chunk), places: new Map() };
    this.#held.delete(chunk);
    this.#held.set(chunk, held);
    const [oldest] = this.#held.keys();
    if (this.#held.size > HELD_MAX && oldest !== undefined) this.#held.delete(oldest);
    return held;
  }
}

function placeOf(lines: readonly string[], places: Map<number, Place>, line: number): Place {
  const known = places.get(line);
  if (known !== undefined) return known;
  const { table, key } = parseLine(lines[line] ?? "");
  places.set(line, { table, key });
  return { table, key };
}

/** The last of `count` rising things that is not behind a place; `order` compares one with it. −1 where all are behind. */
function lastUpTo(count: number, order: (i: number) => number): number {
  let low = -1;
  let high = count - 1;
  while (low < high) {
    const middle = high - Math.floor((high - low - 1) / 2);
    if (order(middle) <= 0) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Negative where a row stands before a place, positive where it stands behind it. */
function orderOf(row: Place, place: Place): number {
  if (row.table !== place.table) return row.table < place.table ? -1 : 1;
  for (const [i, part] of row.key.entries()) {
    const other = place.key[i];
    if (part === other) continue;
    if (other === undefined) return 1;
    const isText = typeof part === "string" && typeof other === "string";
    return isText ? compareCodePoints(part, other) : part < other ? -1 : 1;
  }
  return row.key.length - place.key.length;
}
