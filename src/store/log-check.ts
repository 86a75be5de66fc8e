/**
 * What is checked of a log when it is opened, beside its tail: that its parts are those of one chain.
 * Invariant: it costs a few look-ups a segment, and a walk over the open one without hashing what its entries hold: that is done when
 * they are read.
 */
import type { Anchor } from "./chain.ts";
import { faultOfLink, genesis, hashOf, LogCorrupt } from "./chain.ts";
import type { HardStateRow } from "./hard-state.ts";
import type { EntryHead } from "./log-rows.ts";
import * as rows from "./log-rows.ts";
import type { Segment } from "./segments.ts";
import { readSegments } from "./segments.ts";
import type { Sql } from "./sql.ts";

/**
 * Checks that segments go on from what was purged and from one another and end with the entries that their rows name, and that the
 * open one is a chain up to the checkpoint. Throws LogCorrupt.
 */
export function checkSegments(sql: Sql, state: HardStateRow): void {
  const { purged, checkpointed } = state;
  const segments = readSegments(sql);
  for (const [i, segment] of segments.entries()) {
    const before = segments[i - 1]?.last ?? beforeFirst(segment, purged);
    checkEnds(sql, segment, before);
    if (purged.index >= segment.firstIndex && purged.index <= segment.last.index) {
      checkSame(purged, rows.readHead(sql, segment.segment, purged.index));
    }
  }
  const open = segments.at(-1);
  if (open === undefined || open.isSealed) return;
  checkChain(sql, open.segment, checkpointed.index);
  checkFigures(sql, open);
}

/** What the first entry follows, where that is known: the entries before it are purged, and others of its segment may be too. */
function beforeFirst({ firstIndex }: Segment, purged: Anchor): Anchor | undefined {
  if (firstIndex === purged.index + 1) return purged;
  return firstIndex === 1 ? genesis : undefined;
}

/** A segment begins behind a place, and its row names its first entry and one that was its last. */
function checkEnds(
  sql: Sql,
  { segment, firstIndex, firstAt, last }: Segment,
  before: Anchor | undefined,
): void {
  const first = rows.readHead(sql, segment, firstIndex);
  if (before !== undefined) checkLinkOf(before, first);
  if (first.at !== firstAt) throw otherEntries(segment, firstIndex);
  checkSame(last, rows.readHead(sql, segment, last.index));
}

/** An entry follows another, whatever it holds. */
function checkLinkOf(before: Anchor, entry: EntryHead): void {
  const fault = faultOfLink(before, entry);
  if (fault === undefined) return;
  throw new LogCorrupt(`log entry ${entry.index}${fault}`, { index: entry.index });
}

/** A place that is known is that of the entry there. */
function checkSame(known: Anchor, { term, index, at, hash }: EntryHead): void {
  if (known.term === term && known.at === at && known.hash === hash) return;
  throw new LogCorrupt(`log entry ${index} is not the one that was noted`, { index });
}

/** Up to an index each entry follows the one before it, and its keys can be read. */
function checkChain(sql: Sql, segment: number, to: number): void {
  const found = rows.findBreak(sql, segment, to);
  if (found === undefined) return;
  const [before, index] = found;
  if (before !== null && index !== before + 1) {
    throw new LogCorrupt(`log entry ${before + 1} is missing`, { index: before + 1 });
  }
  if (before !== null) {
    // What does not follow may stand behind an entry that was changed: then it is that one.
    checkContent(sql, segment, before);
    checkLinkOf(rows.readHead(sql, segment, before), rows.readHead(sql, segment, index));
  }
  throw new LogCorrupt(`log entry ${index}: its keys are not JSON`, { index });
}

/** The row of an open segment counts its entries as of a checkpoint; one without bytes was never counted. */
function checkFigures(sql: Sql, { segment, firstIndex, last, bytes, keys }: Segment): void {
  const counted = rows.countEntries(sql, segment, firstIndex, last.index);
  const isCounted = counted.bytes === bytes && counted.keys === keys;
  if (isCounted || bytes + keys === 0) return;
  // One of them was changed: which, only their contents tell.
  for (let index = firstIndex; index <= last.index; index += 1) checkContent(sql, segment, index);
  throw otherEntries(segment, firstIndex);
}

/** An entry holds what was hashed. */
function checkContent(sql: Sql, segment: number, index: number): void {
  const [entry] = rows.readEntries(sql, segment, index, index);
  if (entry === undefined || entry.hash === hashOf(entry)) return;
  throw new LogCorrupt(`log entry ${index}: its content is not what was hashed`, { index });
}

const otherEntries = (segment: number, index: number): LogCorrupt =>
  new LogCorrupt(`segment ${segment} has other entries than its row counts`, { index });
