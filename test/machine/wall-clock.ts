/**
 * The rules of time, said a second time by brute force: minute by minute, through what Intl shows of a zone.
 * Invariant: shares no code with src/, and knows expressions of five fields with numbers, lists, ranges and steps only.
 */

const MINUTE = 60_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clock of a zone shows, in ms as if it were UTC. */
function shown(zone: string, at: number): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      dateStyle: "short",
      timeStyle: "short",
    });
    formats.set(zone, format);
  }
  return Date.parse(`${format.format(at).replace(" ", "T")}Z`);
}

function valuesOf(field: string, min: number, max: number): Set<number> {
  const values = new Set<number>();
  for (const item of field.split(",")) {
    const [range = "", step = "1"] = item.split("/");
    const [low = 0, high = low] = range === "*" ? [min, max] : range.split("-").map(Number);
    for (let value = low; value <= high; value += Number(step)) values.add(value);
  }
  return values;
}

function matcher(cron: string): (local: number) => boolean {
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = cron.split(" ");
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const days = valuesOf(day, 1, 31);
  const months = valuesOf(month, 1, 12);
  const weekdays = valuesOf(weekday, 0, 6);
  return (local) => {
    const date = new Date(local);
    const isDay = days.has(date.getUTCDate());
    const isWeekday = weekdays.has(date.getUTCDay());
    const isEither = day !== "*" && weekday !== "*";
    return (
      minutes.has(date.getUTCMinutes()) &&
      hours.has(date.getUTCHours()) &&
      months.has(date.getUTCMonth() + 1) &&
      (isEither ? isDay || isWeekday : isDay && isWeekday)
    );
  };
}

/** Every slot in (from, to], both whole minutes. */
export function walk(cron: string, zone: string, from: number, to: number): number[] {
  const matches = matcher(cron);
  const isHourly = cron.split(" ")[1]?.startsWith("*") ?? false;
  const slots: number[] = [];
  const begin = from - 2 * 24 * 60 * MINUTE;
  let furthest = shown(zone, begin);
  for (let at = begin + MINUTE; at <= to; at += MINUTE) {
    const local = shown(zone, at);
    let isDue = isHourly && matches(local);
    if (!isHourly) {
      // All that the clock shows for the first time, and all that it leaps over.
      for (let next = furthest + MINUTE; next <= local; next += MINUTE) isDue ||= matches(next);
    }
    furthest = Math.max(furthest, local);
    if (isDue && at > from) slots.push(at);
  }
  return slots;
}
