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
/** Parsed expressions that are kept, at a few KB each. */
const KEPT_MAX = 512;
const kept = new Map<string, CronCalendar>();

const fields = [
  ["second", "0–59"],
  ["minute", "0–59"],
  ["hour", "0–23"],
  ["day of month", "1–31, L, LW, 15W"],
  ["month", "1–12, JAN–DEC"],
  ["day of week", "0–7, SUN–SAT, 5L, 5#2"],
] as const;
const nicknames = "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly";
const NICKNAME = new RegExp(`^(?:${nicknames.replaceAll(", ", "|")})$`, "i");

const partsOf = (expression: string): string[] => expression.trim().split(/\s+/);

const patternOf = (expression: string): CronPattern =>
  new CronPattern(expression, undefined, { mode: "5-or-6-parts" });
/** A pattern's table of 10,000 years, 80 KB. Without a field for years all tables are equal, so one serves all. */
const everyYear = patternOf("* * * * *").year;

function isParsed(expression: string): boolean {
  try {
    patternOf(expression);
    return true;
  } catch {
    return false;
  }
}

function calendar(expression: string): CronCalendar {
  const pattern = patternOf(expression);
  pattern.year = everyYear;
  const parts = partsOf(expression);
  const hour = parts.length === 1 ? "0" : (parts.at(-4) ?? "");
  return {
    isHourly: /^[*?]/.test(hour) || /^@hourly$/i.test(parts[0] ?? ""),
    next(local) {
      const from = Math.ceil(local / SECOND_MS) * SECOND_MS;
      // With an offset of zero the library computes on local time itself, and by whole seconds to a later one.
      const date = new CronDate(new Date(from - SECOND_MS), 0);
      return date.increment(pattern, {}, true)?.getTime();
    },
  };
}

/**
 * What is wrong with an expression, naming its field; undefined when nothing is.
 * The library's own messages count some fields from 0, and do not name the field of all mistakes.
 * @example cronProblem("0 24 * * *") // 'the hour "24" is not well formed (0–23)'
 */
export function cronProblem(expression: string): string | undefined {
  const parts = partsOf(expression);
  if (parts[0]?.startsWith("@")) {
    return NICKNAME.test(parts.join(" ")) ? undefined : `of names it may be ${nicknames}`;
  }
  if (parts.length !== 5 && parts.length !== 6) {
    return `give 5 fields, 6 with seconds first, or one of ${nicknames}`;
  }
  if (!isParsed(expression)) {
    const named = fields.slice(fields.length - parts.length);
    for (const [i, [name, values]] of named.entries()) {
      const alone = parts.map((part, j) => (j === i ? part : "*")).join(" ");
      if (!isParsed(alone)) return `the ${name} "${parts[i]}" is not well formed (${values})`;
    }
    return "its fields do not go together";
  }
  const isEver = calendar(expression).next(REFERENCE) !== undefined;
  return isEver ? undefined : "the day of month never comes in the months that it names";
}

/**
 * The calendar of an expression that passed `cronProblem`. The newest ones are kept, which changes no answer.
 * @example parseCron("30 2 * * *").next(0) // 9_000_000
 */
export function parseCron(expression: string): CronCalendar {
  const known = kept.get(expression);
  if (known !== undefined) return known;
  const parsed = calendar(expression);
  const [oldest] = kept.keys();
  if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  kept.set(expression, parsed);
  return parsed;
}
