/**
 * Cron expressions as a calendar: which local times one names, wherever the clock that shows them hangs.
 * Invariant: an expression that `parseCron` takes has a next local time; zones and clock changes are not its concern.
 */
import { CronDate, CronPattern } from "croner";

/** A parsed expression. Local times are ms since 1970-01-01T00:00 of the clock on the wall, as if it were UTC. */
export interface CronCalendar {
  /** Whether its hours begin with a wildcard, so that it runs by real time through changes of the clock. */
  readonly isHourly: boolean;
  /** The first local time it names at or after `local`; undefined past the year 9999. */
  readonly next: (local: number) => number | undefined;
}

const SECOND_MS = 1000;
/** The calendar repeats after 400 years, so what names no day from here on never does. */
const REFERENCE = Date.UTC(2000, 0, 1);
/** Parsed fields that are kept, at up to 700 bytes each: a minute has 60 places. */
const KEPT_MAX = 4096;
const kept = new Map<string, Partial<CronPattern>>();

const fields = [
  ["second", "0–59"],
  ["minute", "0–59"],
  ["hour", "0–23"],
  ["day of month", "1–31, L, LW, 15W"],
  ["month", "1–12, JAN–DEC"],
  ["day of week", "0–7, SUN–SAT, 5L, 5#2"],
] as const;
/** What the nicknames stand for. */
const named = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);
const nicknames = [...named.keys()].join(", ");

const split = (expression: string): string[] => expression.trim().split(/\s+/);

const patternOf = (expression: string): CronPattern =>
  new CronPattern(expression, undefined, { mode: "5-or-6-parts" });
/** What names every second. Its table of 10,000 years, 80 KB, costs more than all the rest of an expression; it serves all. */
const everySecond = patternOf("* * * * * *");
/** What each field says of a pattern; no two say the same, so that a pattern can be put together from its fields. */
const saidBy = [
  ["second"],
  ["minute"],
  ["hour"],
  ["day", "lastDayOfMonth", "lastWeekday", "nearestWeekdays", "starDOM"],
  ["month"],
  ["dayOfWeek", "starDOW", "useAndLogic"],
] as const satisfies readonly (readonly (keyof CronPattern)[])[];

/** What a field says, by itself. The newest ones are kept: distinct expressions have most of their fields in common. */
function fieldOf(text: string, place: number): Partial<CronPattern> {
  const id = `${place} ${text}`;
  const known = kept.get(id);
  if (known !== undefined) return known;
  const pattern = patternOf(saidBy.map((_, i) => (i === place ? text : "*")).join(" "));
  const said = Object.fromEntries((saidBy[place] ?? []).map((name) => [name, pattern[name]]));
  const [oldest] = kept.keys();
  if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  kept.set(id, said);
  return said;
}

/** The pattern of an expression without a nickname, from its fields: 2 µs, where the library takes 100 and more. */
function patternFrom(parts: readonly string[]): CronPattern {
  const all = parts.length === saidBy.length ? parts : ["0", ...parts];
  return Object.assign(Object.create(everySecond), ...all.map(fieldOf)) as CronPattern;
}

function isParsed(expression: string): boolean {
  try {
    patternOf(expression);
    return true;
  } catch {
    return false;
  }
}

/** The fields of an expression, five or six, or those that its nickname stands for. */
function fieldsOf(expression: string): string[] {
  const parts = split(expression);
  const meant = parts.length === 1 ? named.get((parts[0] ?? "").toLowerCase()) : undefined;
  return meant === undefined ? parts : split(meant);
}

/**
 * What is wrong with an expression, naming its field; undefined when nothing is.
 * The library's own messages count some fields from 0, and do not name the field of all mistakes.
 * @example cronProblem("0 24 * * *") // 'the hour "24" is not well formed (0–23)'
 */
export function cronProblem(expression: string): string | undefined {
  const parts = fieldsOf(expression);
  if (parts[0]?.startsWith("@")) return `of names it may be ${nicknames}`;
  if (parts.length !== 5 && parts.length !== 6) {
    return `give 5 fields, 6 with seconds first, or one of ${nicknames}`;
  }
  if (!isParsed(expression)) {
    const given = fields.slice(fields.length - parts.length);
    for (const [i, [name, values]] of given.entries()) {
      const alone = parts.map((part, j) => (j === i ? part : "*")).join(" ");
      if (!isParsed(alone)) return `the ${name} "${parts[i]}" is not well formed (${values})`;
    }
    return "its fields do not go together";
  }
  const isEver = parseCron(expression).next(REFERENCE) !== undefined;
  return isEver ? undefined : "the day of month never comes in the months that it names";
}

/**
 * The calendar of an expression that passed `cronProblem`.
 * @example parseCron("30 2 * * *").next(0) // 9_000_000
 */
export function parseCron(expression: string): CronCalendar {
  const parts = fieldsOf(expression);
  const pattern = patternFrom(parts);
  return {
    isHourly: /^[*?]/.test(parts.at(-4) ?? ""),
    next(local) {
      const from = Math.ceil(local / SECOND_MS) * SECOND_MS;
      // With an offset of zero the library computes on local time itself, and by whole seconds to a later one.
      const date = new CronDate(new Date(from - SECOND_MS), 0);
      return date.increment(pattern, {}, true)?.getTime();
    },
  };
}
