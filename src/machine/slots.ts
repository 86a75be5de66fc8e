/**
 * The arithmetic of schedules: the instants (slots) at which a timing is due.
 * Invariant: pure; slots are strictly increasing, and the one after an instant is the same from wherever it is sought.
 */
import { type CronCalendar, parseCron } from "../contract/cron.ts";
import { limits } from "../contract/limits.ts";
import type { CronTiming, IntervalTiming, Timing } from "../contract/schedules.ts";
import { changeIn, DAY_MS, firstShowing, offsetAt } from "./zones.ts";

function nextInterval({ everyMs, startAt }: IntervalTiming, after: number, anchor: number): number {
  const start = startAt ?? anchor;
  if (after < start) return start;
  return start + (Math.floor((after - start) / everyMs) + 1) * everyMs;
}

/**
 * Fixed hours: each local time counts once, when the clock first shows it or leaps over it. That order of instants is
 * the order of the local times, so the first of these that is due later than `after` is the answer.
 */
function nextFixed(calendar: CronCalendar, zone: string, after: number): number | undefined {
  const local = calendar.next(after + 1 + offsetAt(zone, after));
  if (local === undefined) return undefined;
  const { at } = firstShowing(zone, local);
  if (at > after) return at;
  // The clock was set back in between and shows again what it had shown: go on behind all of that.
  const change = changeIn(zone, at, after);
  const unseen = calendar.next(change + offsetAt(zone, change - 1));
  return unseen === undefined ? undefined : firstShowing(zone, unseen).at;
}

/** Hours by real time: every instant counts at which the clock shows a local time of the calendar. */
function nextHourly(calendar: CronCalendar, zone: string, after: number): number | undefined {
  let from = after + 1;
  for (;;) {
    const offset = offsetAt(zone, from);
    const local = calendar.next(from + offset);
    if (local === undefined) return undefined;
    const soon = from + DAY_MS;
    const change = offsetAt(zone, soon) === offset ? undefined : changeIn(zone, from, soon);
    if (local - offset < (change ?? soon)) return local - offset;
    if (change === undefined) {
      const { at, isLeaptOver } = firstShowing(zone, local);
      if (!isLeaptOver) return at;
      from = at;
    } else {
      from = change;
    }
  }
}

function nextCron({ cron, timeZone }: CronTiming, after: number): number | undefined {
  const calendar = parseCron(cron);
  const next = calendar.isHourly ? nextHourly : nextFixed;
  return next(calendar, timeZone, after);
}

/**
 * The first slot of a timing strictly after an instant, or undefined when there is none any more. All in epoch ms.
 * An interval without `startAt` counts from `anchor`, the creation of its schedule.
 * @example nextSlot({ everyMs: 60_000, startAt: 0 }, 60_000) // 120_000
 */
export function nextSlot(timing: Timing, after: number, anchor = 0): number | undefined {
  let slot: number | undefined;
  if ("cron" in timing) slot = nextCron(timing, after);
  else if ("everyMs" in timing) slot = nextInterval(timing, after, anchor);
  else if (timing.at > after) slot = timing.at;
  return slot !== undefined && slot <= limits.instantMax ? slot : undefined;
}

/**
 * The newest slot at or before `until`, of a timing that has one at `from` or later (epoch ms): sought by halves, since years
 * of slots may lie between.
 * @example lastSlot({ everyMs: 60_000, startAt: 0 }, 200_000, 60_000) // 180_000
 */
export function lastSlot(timing: Timing, until: number, from: number, anchor = 0): number {
  let low = from;
  let high = until;
  while (low < high) {
    const middle = low + Math.ceil((high - low) / 2);
    const slot = nextSlot(timing, middle - 1, anchor);
    if (slot !== undefined && slot <= until) low = slot;
    else high = middle - 1;
  }
  return low;
}

/**
 * The first `count` slots strictly after an instant (epoch ms), fewer where they end.
 * @example slotsAfter({ everyMs: 60_000, startAt: 0 }, 0, 2) // [60_000, 120_000]
 */
export function slotsAfter(timing: Timing, after: number, count: number, anchor = 0): number[] {
  const slots: number[] = [];
  let last: number | undefined = after;
  while (slots.length < count) {
    last = nextSlot(timing, last, anchor);
    if (last === undefined) break;
    slots.push(last);
  }
  return slots;
}
