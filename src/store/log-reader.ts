/**
 * Reading the log: by ranges, whole or in part, under a leader's vote, and the ids of its entries.
 * Invariant: what is returned is consecutive; an entry that should be there and is not is an error, never a gap.
 */
import type { Anchor, Entry, LogId } from "./chain.ts";
import { anchorOf, LogCorrupt } from "./chain.ts";
import type { HardStateRow } from "./hard-state.ts";
import * as rows from "./log-rows.ts";
import type { IndexRange, LogReader, LogState, Vote } from "./raft.ts";
import { idOf, LeaderChanged, LogAbsent, LogPurged } from "./raft.ts";
import type { SegmentList } from "./segment-list.ts";
import type { Sql } from "./sql.ts";

/** Bytes of entries that are read at once. */
const pageBytes = 2_000_000;

type Limited = IndexRange & { readonly maxBytes: number };
type Sizes = [index: number, bytes: number][];
/** How a stretch of one segment is read, and what of it would be how large. */
interface Reading<T> {
  sizes(segment: number, from: number, to: number): Sizes;
  read(segment: number, from: number, to: number): T[];
}

/** The reads of one log. */
export class SegmentReader implements LogReader {
  protected readonly sql: Sql;
  protected readonly state: HardStateRow;
  protected readonly list: SegmentList;

  constructor(sql: Sql, state: HardStateRow, list: SegmentList) {
    this.sql = sql;
    this.state = state;
    this.list = list;
  }

  /** The last entry, or the place that the next one follows. */
  get last(): Anchor {
    return this.list.last;
  }

  /** The last entry that is gone. */
  get purged(): Anchor {
    return this.state.purged;
  }

  logState(): LogState {
    return { lastPurged: idOf(this.purged), last: idOf(this.last) };
  }

  readVote(): Vote | null {
    return this.state.known?.vote ?? null;
  }

  tryEntries({ from, to }: IndexRange): Entry[] {
    const first = Math.max(from, this.purged.index + 1);
    return this.entries(to === undefined ? { from: first } : { from: first, to });
  }

  entries(range: IndexRange): Entry[] {
    return [...this.stream(range)];
  }

  *stream({ from, to = this.last.index }: IndexRange): Generator<Entry> {
    for (let next = from; next <= Math.min(to, this.last.index); ) {
      const page = this.limitedEntries({ from: next, to, maxBytes: pageBytes });
      yield* page;
      next += page.length;
    }
  }

  *leaderBoundedStream(leader: Omit<Vote, "committed">, range: IndexRange): Generator<Entry> {
    this.#checkLeader(leader);
    for (const entry of this.stream(range)) {
      // The vote may have changed since the entry was read: what follows might be another leader's.
      this.#checkLeader(leader);
      yield entry;
    }
  }

  limitedEntries(range: Limited): Entry[] {
    return this.#limited(range, {
      sizes: (segment, from, to) => rows.readSizes(this.sql, segment, from, to),
      read: (segment, from, to) => rows.readEntries(this.sql, segment, from, to),
    });
  }

  /** As `limitedEntries`, of what happened in them alone. */
  limitedFacts(range: Limited, texts: boolean): rows.EntryFacts[] {
    return this.#limited(range, {
      sizes: (segment, from, to) => rows.readFactSizes(this.sql, { segment, from, to, texts }),
      read: (segment, from, to) => rows.readFacts(this.sql, { segment, from, to, texts }),
    });
  }

  #limited<T>(range: Limited, by: Reading<T>): T[] {
    if (range.from <= this.purged.index) throw new LogPurged(this.purged.index + 1);
    const to = Math.min(range.to ?? this.last.index, this.last.index);
    const entries: T[] = [];
    let room = range.maxBytes;
    for (let next = range.from; next <= to; ) {
      const page = this.#sizes(next, to, by.sizes);
      let end = next;
      for (const [, bytes] of page) {
        if (bytes > room && (end > range.from || entries.length > 0)) break;
        room -= bytes;
        end += 1;
      }
      if (end === next) break;
      entries.push(...by.read(this.list.of(next).segment, next, end - 1));
      if (end < next + page.length) break;
      next = end;
    }
    return entries;
  }

  logId(index: number): LogId {
    if (index <= this.purged.index) throw new LogPurged(this.purged.index + 1);
    const { term } = this.anchor(index);
    return { term, index };
  }

  keyLogIds({ from, to }: Required<IndexRange>): LogId[] {
    if (from > to) return [];
    const last = this.logId(to);
    if (this.logId(from).term === last.term) return [last];
    const middle = Math.floor((from + to) / 2);
    const low = this.keyLogIds({ from, to: middle });
    const high = this.keyLogIds({ from: middle + 1, to });
    // A term that goes on over the middle ends in the upper half.
    return low.at(-1)?.term === high[0]?.term ? [...low.slice(0, -1), ...high] : [...low, ...high];
  }

  /** The anchor of an entry, or of the purged one. Throws LogPurged, LogAbsent or LogCorrupt. */
  anchor(index: number): Anchor {
    if (index === this.purged.index) return this.purged;
    if (index < this.purged.index) throw new LogPurged(this.purged.index + 1);
    if (index > this.last.index) throw new LogAbsent(index, this.last.index);
    return anchorOf(rows.readHead(this.sql, this.list.of(index).segment, index));
  }

  #checkLeader({ term, node }: Omit<Vote, "committed">): void {
    const vote = this.readVote();
    const isLeader = vote?.committed && vote.term === term && vote.node === node;
    if (!isLeader) throw new LeaderChanged(`node ${node} does not lead term ${term}`);
  }

  /** Sizes of consecutive entries from `from` on, in one segment. Throws LogCorrupt for a hole. */
  #sizes(from: number, to: number, read: Reading<unknown>["sizes"]): Sizes {
    const { segment, last } = this.list.of(from);
    const sizes = read(segment, from, Math.min(to, last.index));
    if (sizes.length === 0) throw missing(from);
    for (const [i, [index]] of sizes.entries()) if (index !== from + i) throw missing(from + i);
    return sizes;
  }
}

const missing = (index: number): LogCorrupt =>
  new LogCorrupt(`log entry ${index} is missing`, { index });
