/**
 * How results look to people: tables, lists of fields, durations.
 * Invariant: pure; nothing here prints.
 */

/** Rows under their headings, in columns as wide as they need. Numbers stand at the right. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [headings, ...rows].map((row) => row.map(cellText));
  const widths = headings.map((_, i) => Math.max(...texts.map((row) => row[i]?.length ?? 0)));
  const isNumber = headings.map((_, i) => rows.every((row) => typeof row[i] !== "string"));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (isNumber[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return texts.map(line).join("\n");
}

export type Cell = string | number | undefined;
const cellText = (cell: Cell): string => (cell === undefined ? "–" : oneLine(String(cell)));

/** A text on one line, without what a terminal would obey. */
export const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, " ");

/** Names and values, one a line; those without a value are left out. */
export function fields(entries: Readonly<Record<string, Cell>>): string {
  const shown = Object.entries(entries).filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** A duration in its two largest units. @example durationText(5_400_000) // "1h30m" */
export function durationText(ms: number): string {
  const first = UNITS.findIndex(([, unit]) => Math.abs(ms) >= unit);
  if (first < 0) return `${Math.round(ms)}ms`;
  let left = Math.abs(ms);
  const parts = UNITS.slice(first, first + 2).map(([name, unit]) => {
    const count = Math.floor(left / unit);
    left -= count * unit;
    return count === 0 ? "" : `${count}${name}`;
  });
  return `${ms < 0 ? "-" : ""}${parts.join("")}`;
}

/** An instant, in UTC and to the second. @example timeText(0) // "1970-01-01 00:00:00Z" */
export function timeText(at: number): string {
  return new Date(at).toISOString().replace("T", " ").replace(/\.\d+/, "");
}

/** An optional instant, for a list of fields. */
export const timeField = (at: number | null | undefined): string | undefined =>
  at === undefined || at === null ? undefined : timeText(at);

/** A number of things. @example countText(2, "key") // "2 keys" */
export const countText = (count: number, thing: string): string =>
  `${count} ${thing}${count === 1 ? "" : "s"}`;

/** A number of jobs. @example jobCount(1) // "1 job" */
export const jobCount = (count: number): string => countText(count, "job");

/** A page, and how to go on with the next one, if there is one. */
export const more = (page: string, cursor: string | undefined): string =>
  cursor === undefined ? page : `${page}\nMore: --cursor ${cursor}`;

/** A number of bytes. @example bytesText(2048) // "2.0 KiB" */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const scaled = bytes / 1024 ** power;
  return `${power === 0 ? scaled : scaled.toFixed(1)} ${units[power]}`;
}

/** A JSON value on one line, or nothing. */
export const jsonField = (value: unknown): string | undefined =>
  value === undefined ? undefined : JSON.stringify(value);
