/**
 * Pages of the feed, read from the log: whole entries at a time, bounded in bytes, each decoded once.
 * Invariant: from any place on, the events are the same however they are cut into pages; a place that is not on this log is refused,
 * never taken for another.
 */
import {
  cursorIn,
  cursorText,
  type FeedCursor,
  type FeedEventType,
  type FeedInput,
  type FeedText,
  NOW,
} from "../contract/feed.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import { isShown, shownEvent } from "../machine/feed.ts";
import type { SluiceStore } from "../store/schema.ts";

/** What is read of the log at once. */
const READ_BYTES = 32_768;

/** A place in the feed; `isWhole`: no event of its entry is left. */
export interface FeedPlace extends FeedCursor {
  readonly isWhole: boolean;
}

/** What a reader wants of the feed. */
export interface FeedFilter {
  readonly types?: readonly FeedEventType[] | undefined;
  readonly texts: boolean;
  readonly limit: number;
}

/** Some events, and the place behind the last one that was looked at. */
export interface FeedStretch {
  readonly events: readonly FeedText[];
  readonly place: FeedPlace;
}

export const filterOf = ({ types, include, limit = 100 }: FeedInput): FeedFilter => ({
  ...(types && { types }),
  texts: include === "payload",
  limit,
});

/** The place that a caller means, or why there is none. */
export function placeOf(store: SluiceStore, after: string | undefined): FeedPlace | Refusal {
  if (after === undefined) return { ...firstOf(store), isWhole: false };
  if (after === NOW) return lastOf(store);
  const cursor = cursorIn(after);
  if (cursor === undefined) return cursorInvalid;
  const place = { ...cursor, isWhole: false };
  const lost = whyLost(store, place);
  if (lost !== undefined) return lost;
  return cursor.n > 0 && cursor.n > eventsOf(store, cursor.index).length ? cursorInvalid : place;
}

/** Why a place is not on this log; undefined where it is. */
export function whyLost(store: SluiceStore, place: FeedPlace): Refusal | undefined {
  const { purged, last } = store;
  const { queueId, term, index, isWhole } = place;
  if (queueId !== store.hard?.queueId) return diverged(store, place, purged.index + 1);
  if (index > last.index) return diverged(store, place, last.index + 1);
  if (index > purged.index) {
    return store.termOf(index) === term ? undefined : diverged(store, place, turnOf(store, term));
  }
  if (term !== purged.term) return diverged(store, place, turnOf(store, term));
  return isWhole && index === purged.index ? undefined : gone(store, place);
}

/** Whether there is anything behind a place, up to an entry. */
export const isBehind = ({ index, isWhole }: FeedPlace, upTo: number): boolean =>
  index < upTo || (index === upTo && !isWhole);

/** The events behind a place that a reader wants, up to an entry: as many as one page holds. */
export function stretchOf(
  store: SluiceStore,
  from: FeedPlace,
  upTo: number,
  filter: FeedFilter,
): FeedStretch {
  const events: FeedText[] = [];
  let place = from;
  if (!isBehind(from, upTo)) return { events, place };
  const wanted = filter.types && new Set<string>(filter.types);
  let room: number = limits.feedPageBytes;
  const first = from.isWhole ? from.index + 1 : from.index;
  for (const entry of entriesOf(store, first, upTo, filter.texts)) {
    const { index, term, at } = entry;
    const all = store.codec.decode(entry);
    let n = index === from.index ? from.n : 0;
    for (; n < all.length; n += 1) {
      const event = all[n];
      if (event === undefined || !isShown(event.type)) continue;
      if (wanted?.has(event.type) === false) continue;
      if (events.length >= filter.limit || room <= 0) break;
      const cursor = cursorText({ queueId: from.queueId, term, index, n: n + 1 });
      const json = shownEvent(event, `"cursor":"${cursor}","at":${at}`);
      room -= json.length;
      events.push({ cursor, type: event.type, json });
    }
    place = { queueId: from.queueId, term, index, n, isWhole: n >= all.length };
    if (!place.isWhole) break;
  }
  return { events, place };
}

/** Entries as far as one page may read, a few at a time: a page is often full before. */
function* entriesOf(store: SluiceStore, from: number, to: number, texts: boolean) {
  let next = from;
  let bytes = 0;
  while (next <= to && bytes < limits.feedPageBytes) {
    for (const entry of store.facts({ from: next, to, maxBytes: READ_BYTES }, texts)) {
      yield entry;
      bytes += entry.events.length + (entry.texts?.length ?? 0);
      next += 1;
    }
  }
}

/** Before the first event that is kept. */
function firstOf(store: SluiceStore): FeedCursor {
  const index = store.purged.index + 1;
  const { queueId = "", term: own = 0 } = store.hard ?? {};
  return { queueId, term: index > store.last.index ? own : store.termOf(index), index, n: 0 };
}

/** Behind the last event there is. */
function lastOf(store: SluiceStore): FeedPlace {
  const { term, index } = store.last;
  const { queueId = "" } = store.hard ?? {};
  return { queueId, term, index, n: eventsOf(store, index).length, isWhole: true };
}

function eventsOf(store: SluiceStore, index: number) {
  const [entry] = store.facts({ from: index, to: index, maxBytes: 0 }, false);
  return entry === undefined ? [] : store.codec.decode(entry);
}

/** The first entry that is kept of those of later terms than one. */
function turnOf(store: SluiceStore, term: number): number {
  let low = store.purged.index + 1;
  let high = store.last.index;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (store.termOf(middle) > term) high = middle;
    else low = middle + 1;
  }
  return low;
}

const cursorInvalid = refuse(
  "cursor_invalid",
  `No feed has given this cursor: begin without one, or with after=${NOW}.`,
);

function gone(store: SluiceStore, place: FeedPlace): Refusal {
  const first = cursorText(firstOf(store));
  return refuse(
    "feed_gone",
    `The log begins behind ${cursorText(place)}: what is between them cannot be told any more. Go on with after=${first}.`,
    { first, firstIndex: store.purged.index + 1 },
  );
}

function diverged(store: SluiceStore, place: FeedPlace, divergedAt: number): Refusal {
  const first = cursorText(firstOf(store));
  return refuse(
    "feed_diverged",
    `What ${cursorText(place)} stands behind was undone, since the queue was restored, imported or made anew: from entry ${divergedAt} on its history is another one. Forget what followed from it, and go on with after=${first}.`,
    { divergedAt, first },
  );
}
