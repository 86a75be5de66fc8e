/**
 * The clocks of time zones: what they show at an instant, and at which instant they show a local time.
 * Invariant: depends on nothing but the arguments and the platform's zone data. Two changes of one zone are more than
 * two days apart (since 1970 the closest were a week), so each bracket of two days holds at most one.
 */

const SECOND_MS = 1000;
/** No zone is further than this from UTC, so a local time read as UTC is off by less. */
export const DAY_MS = 86_400_000;
/** Formats that are kept, enough for every name of a zone: one costs 0.2 ms to make, and 26 KB. */
const KEPT_MAX = 600;
const kept = new Map<string, Zone>();

/** A zone's format, and a stretch of time in which its clock is known not to change: its offset from `from` to `to`. */
interface Zone {
  readonly format: Intl.DateTimeFormat;
  from: number;
  to: number;
  offset: number;
}

function zoneOf(zone: string): Zone {
  const known = kept.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const [oldest] = kept.keys();
  if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  const made = { format, from: Infinity, to: -Infinity, offset: Number.NaN };
  kept.set(zone, made);
  return made;
}

/**
 * How far the clock of a zone is ahead of UTC at an instant (epoch ms), in ms.
 * @example offsetAt("Europe/Berlin", Date.UTC(2026, 0, 1)) // 3_600_000
 */
export function offsetAt(zone: string, at: number): number {
  if (zone === "UTC") return 0;
  const whole = Math.floor(at / SECOND_MS) * SECOND_MS;
  const known = zoneOf(zone);
  if (known.from <= whole && whole <= known.to) return known.offset;
  const offset = shownAt(known.format, whole) - whole;
  // No two changes are so near, so that equal offsets at both ends mean that there was none between.
  const isNear = known.from - whole <= DAY_MS && whole - known.to <= DAY_MS;
  const goesOn = isNear && offset === known.offset;
  known.from = goesOn ? Math.min(known.from, whole) : whole;
  known.to = goesOn ? Math.max(known.to, whole) : whole;
  known.offset = offset;
  return offset;
}

/** What a clock shows at an instant, as if it were UTC. */
function shownAt(format: Intl.DateTimeFormat, whole: number): number {
  // One string costs a third of formatToParts: month/day/year, hour:minute:second.
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] =
    format.format(whole).match(/\d+/g)?.map(Number) ?? [];
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/**
 * The instant (epoch ms) of the one change of a zone's clock in (from, to], whose offsets differ.
 * @example changeIn("Europe/Berlin", Date.UTC(2026, 2, 28), Date.UTC(2026, 2, 30)) // 2026-03-29T01:00Z
 */
export function changeIn(zone: string, from: number, to: number): number {
  const before = offsetAt(zone, from);
  let low = Math.floor(from / SECOND_MS);
  let high = Math.ceil(to / SECOND_MS);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(zone, middle * SECOND_MS) === before) low = middle;
    else high = middle;
  }
  return high * SECOND_MS;
}

/** When a clock shows a local time for the first time; or, where it leaps over it, the instant of the leap. */
export interface Showing {
  readonly at: number;
  readonly isLeaptOver: boolean;
}

/**
 * The first instant at which the clock of a zone shows a local time (ms, as if it were UTC).
 * @example firstShowing("America/New_York", Date.UTC(2024, 2, 10, 2, 30)) // { at: 2024-03-10T07:00Z, isLeaptOver: true }
 */
export function firstShowing(zone: string, local: number): Showing {
  const before = offsetAt(zone, local - DAY_MS);
  const after = offsetAt(zone, local + DAY_MS);
  if (before === after) return { at: local - before, isLeaptOver: false };
  const change = changeIn(zone, local - DAY_MS, local + DAY_MS);
  if (local - before < change) return { at: local - before, isLeaptOver: false };
  const isLeaptOver = local - after < change;
  return { at: isLeaptOver ? change : local - after, isLeaptOver };
}
