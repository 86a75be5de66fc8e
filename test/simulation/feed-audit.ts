/**
 * Whether pages of the feed are what the log holds, as it was seen to be written, and places are refused that are not on it.
 * Invariant: from any cursor on the events are the same, however they are cut into pages.
 */
import type { FeedInput } from "../../src/contract/feed.ts";
import type { CommandAnswer } from "../../src/contract/rpc.ts";
import { toModel } from "./delivery.ts";
import { refused } from "./model/answers.ts";
import { eventsOf } from "./model/feed.ts";
import type { Logged, State } from "./model/state.ts";
import { small } from "./small.ts";
import { demand, same } from "./violation.ts";

const rule = "feed";

/** An entry, as the statement holds it that writes it. */
export function loggedOf(bindings: readonly unknown[]): Logged {
  const [, term, , at] = bindings as readonly number[];
  const [events = "", texts = ""] = bindings.slice(-2) as string[];
  return { term: term ?? 0, at: at ?? 0, events, texts };
}

/** Behind so many events of an entry. */
interface Place {
  readonly index: number;
  readonly n: number;
}

/** A log when it was read: the entries behind `purged` up to `last`. */
class Log {
  readonly queueId: string;
  readonly purged: number;
  readonly last: number;
  readonly #term: number;
  readonly #entries: readonly (Logged | undefined)[];

  constructor({ queue, history, index }: State, purged: number) {
    this.queueId = queue?.queueId ?? "";
    this.#term = queue?.term ?? 0;
    this.purged = purged;
    this.last = index;
    this.#entries = history.entries;
  }

  termAt(index: number): number {
    return this.#entries[index]?.term ?? this.#term;
  }

  /** The term of what is gone. */
  get purgedTerm(): number {
    return this.#entries[this.purged]?.term ?? this.termAt(this.purged + 1);
  }

  /** The first entry that is kept of those of later terms. */
  turnOf(term: number): number {
    let index = this.purged + 1;
    while (index <= this.last && this.termAt(index) <= term) index += 1;
    return index;
  }

  eventsAt(index: number, texts: boolean) {
    const entry = this.#entries[index];
    return entry === undefined ? [] : eventsOf(entry, texts);
  }

  bytesAt(index: number): number {
    const { events = "", texts = "" } = this.#entries[index] ?? {};
    return events.length + texts.length;
  }

  atAt(index: number): number {
    return this.#entries[index]?.at ?? 0;
  }

  text({ index, n }: Place): string {
    return `${this.queueId}.${this.termAt(index)}.${index}.${n}`;
  }

  get first(): Place {
    return { index: this.purged + 1, n: 0 };
  }

  /** Whether anything is behind a place. */
  isBehind({ index, n }: Place): boolean {
    if (index !== this.last) return index < this.last;
    return n < this.eventsAt(index, false).length;
  }
}

const cursorText = /^(\w+)\.(\d+)\.(\d+)\.(\d+)$/;

/** The place that a reader means, or what it is refused with. */
function placeOf(log: Log, after: string | undefined) {
  if (after === undefined) return log.first;
  if (after === "now") return { index: log.last, n: log.eventsAt(log.last, false).length };
  const [, queueId, ...numbers] = cursorText.exec(after) ?? [];
  if (queueId === undefined) return refused("cursor_invalid");
  const [term = 0, index = 0, n = 0] = numbers.map(Number);
  // One place has one text.
  if (`${queueId}.${term}.${index}.${n}` !== after) return refused("cursor_invalid");
  const first = log.text(log.first);
  const diverged = (divergedAt: number) => refused("feed_diverged", { divergedAt, first });
  if (queueId !== log.queueId) return diverged(log.purged + 1);
  if (index > log.last) return diverged(log.last + 1);
  const own = index > log.purged ? log.termAt(index) : log.purgedTerm;
  if (own !== term) return diverged(log.turnOf(term));
  if (index <= log.purged) return refused("feed_gone", { first, firstIndex: log.purged + 1 });
  return n > log.eventsAt(index, false).length ? refused("cursor_invalid") : { index, n };
}

interface Page {
  readonly now: number;
  readonly events: readonly object[];
  readonly cursor: string;
  readonly more: boolean;
}

/** The judge of a page that is read now. */
export function judgeOfFeed(state: State, purged: number, input: FeedInput, now: number) {
  const log = new Log(state, purged);
  const from = placeOf(log, input.after);
  return (answer: CommandAnswer): void => {
    const shown = toModel(answer);
    if ("refusal" in from || "refusal" in shown) same(rule, "a refusal", shown, from);
    else checkPage(log, from, input, shown.reply as Page, now);
  };
}

function checkPage(log: Log, from: Place, input: FeedInput, page: Page, now: number): void {
  const [, , , index = 0, n = 0] = (cursorText.exec(page.cursor) ?? []).map(Number);
  const to = { index, n };
  same(rule, "the time of a page", page.now, now);
  same(rule, "the cursor of a page", page.cursor, log.text(to));
  const { events, bytes } = between(log, from, to, input);
  same(rule, `events from ${log.text(from)} to ${page.cursor}`, page.events, events);
  same(rule, "whether there is more", page.more, log.isBehind(to));
  const { limit = 100 } = input;
  demand(events.length <= limit, rule, "a page is too long", input, events.length);
  const isFull = events.length === limit || bytes >= small.feedPageBytes;
  demand(isFull || !page.more, rule, "a page ends too soon", input, page);
}

/** The events from one place to another that a reader wants, and how much was to be read for them, or is told by them. */
function between(log: Log, from: Place, to: Place, { types, include }: FeedInput) {
  const events: object[] = [];
  let read = 0;
  for (let { index } = from; index <= Math.min(to.index, log.last); index += 1) {
    read += log.bytesAt(index);
    const all = log.eventsAt(index, include === "payload");
    for (const [i, event] of all.entries()) {
      const isBefore = index === from.index && i < from.n;
      const isBehind = index === to.index && i >= to.n;
      const isWanted = types === undefined || types.some((type) => type === event?.["type"]);
      if (event === undefined || isBefore || isBehind || !isWanted) continue;
      const cursor = log.text({ index, n: i + 1 });
      events.push({ ...event, cursor, at: log.atAt(index) });
    }
  }
  return { events, bytes: Math.max(read, JSON.stringify(events).length) };
}
