/**
 * What the demo prints about its results, as text.
 * Invariant: the figures come from the queue's own records of its jobs.
 */
import { extname, relative } from "node:path";
import type { FileJob } from "./demo-check.ts";
import type { Crash } from "./demo-crew.ts";

const kindsMax = 8;
const namedMax = 10;

/** @example count(1, "job") // "1 job" */
export function count(n: number, what: string): string {
  return `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
}

/** @example seconds(1234) // "1.2 s" */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Which jobs the dead worker's colleagues did again. */
export function crashReport(
  { worker, holding }: Crash,
  jobs: readonly FileJob[],
  folder: string,
): string {
  const again = jobs.filter((job) => job.deliveries > 1);
  const lines = again.slice(0, namedMax).map((job) => {
    const path = relative(folder, job.payload?.path ?? "");
    return `  ${path}: done by ${job.worker} at delivery ${job.deliveries}${waitOf(job)}`;
  });
  if (again.length > namedMax) lines.push(`  and ${again.length - namedMax} more`);
  return `${worker} was killed (SIGKILL) while it worked on ${count(holding.length, "job")}.
Handed out again once their leases had ended: ${count(again.length, "job")}
${lines.join("\n")}`;
}

/** How long after its loss a job was begun again. */
function waitOf({ attempts = [], startedAt = 0 }: FileJob): string {
  const lost = attempts.find(({ outcome }) => outcome === "lease_expired");
  return lost === undefined ? "" : `, ${seconds(startedAt - lost.startedAt)} after the first`;
}

/** How fast the jobs were done: all, and by themselves those that waited for no dead worker's lease. */
export function rates(jobs: readonly FileJob[]): string {
  const smooth = jobs.filter((job) => job.deliveries === 1);
  const all = `All, from enqueue to end: ${rate(jobs, ({ createdAt }) => createdAt)}`;
  if (smooth.length === 0) return all;
  return `${all}\nAt first delivery: ${rate(smooth, ({ startedAt = Infinity }) => startedAt)}`;
}

function rate(jobs: readonly FileJob[], beginOf: (job: FileJob) => number): string {
  const first = jobs.reduce((least, job) => Math.min(least, beginOf(job)), Infinity);
  const last = jobs.reduce((most, { endedAt = most }) => Math.max(most, endedAt), 0);
  const perSecond = (1000 * jobs.length) / Math.max(1, last - first);
  const digits = perSecond < 10 ? 1 : 0;
  return `${count(jobs.length, "job")} in ${seconds(last - first)}, ${perSecond.toFixed(digits)} jobs/s`;
}

/** A table of the results by kind of file, the largest kinds first, and a line for all. */
export function table(jobs: Iterable<FileJob>): string {
  const kinds = new Map<string, number[]>();
  const all = [0, 0, 0];
  for (const { payload, measured } of jobs) {
    if (payload === undefined || measured === undefined) continue;
    const kind = extname(payload.path) || "(none)";
    const sums = kinds.get(kind) ?? [0, 0, 0];
    const { bytes, lines } = measured;
    for (const [i, value] of [1, bytes, lines].entries()) {
      sums[i] = (sums[i] ?? 0) + value;
      all[i] = (all[i] ?? 0) + value;
    }
    kinds.set(kind, sums);
  }
  const rows = [...kinds].sort(([, a], [, b]) => (b[1] ?? 0) - (a[1] ?? 0));
  const shown = rows.slice(0, kindsMax);
  if (rows.length > shown.length) shown.push([`and ${rows.length - shown.length} more`, []]);
  const cells = [...shown, ["all", all] as const].map(([kind, sums]) => [kind, ...cellsOf(sums)]);
  return aligned([["kind", "files", "bytes", "lines"], ...cells]);
}

function cellsOf(sums: readonly number[]): string[] {
  return sums.map((value) => value.toLocaleString("en"));
}

/** Columns as wide as their widest cell; the first one to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const width = (column: number): number =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(width(i)) : cell.padStart(width(i)))).join("  ");
  return rows.map(line).join("\n");
}
