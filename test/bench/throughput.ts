/**
 * Figures of throughput, each as a ratio to the no-op: a request that passes the same gate and asks the object for nothing.
 * Invariant: no-op and load alternate in short slices, so that a noisy machine slows both; totals are compared, the last
 * checkpoint included, since a median would leave out what checkpoints cost.
 */
import type { Bench, Bound, Figure, Group, Measured } from "./figure.ts";
import { Crew, forMs, type Shift, type Slice } from "./load.ts";
import { BenchQueue, CHECKPOINTS_MIN } from "./queue.ts";
import { median, percentile, sum } from "./statistics.ts";
import { enqueue, lifecycle, noop, type Tally, type Workload } from "./workloads.ts";

const SLICE_MS = 1_000;
/** One job a request fills the log so slowly that checkpoints would be minutes away. */
const SLICE_SLOW_MS = 4_000;
const WARM_UP_MS = 500;
/** Slices of the load, with as many of the no-op between them. */
const SLICES_MIN = 8;
/** A load that has not seen enough checkpoints by then never will. */
const SLICES_MAX = 40;
export const NOOP_CLIENTS = 64;
const CLIENTS = 32;

export interface Load {
  readonly sliceMs: number;
  /** What is counted, by default jobs. */
  readonly unit?: string;
  /** It writes nothing, so that no checkpoint comes. */
  readonly isRead?: boolean;
  /** Who works, on a queue. */
  begin(server: Bench["server"], queue: string, tally: Tally): Shift | Promise<Shift>;
}

/** A row of the table. Beside the ratio it gives units a second, no-ops a second, and the time of a request. */
export function ratioToNoop(name: string, load: Load, bound?: Bound): Figure {
  return {
    name: `${name}_vs_noop`,
    unit: "×",
    ...(bound && { bound }),
    seconds: Math.ceil((SLICES_MIN * (SLICE_MS + load.sliceMs)) / 1000),
    run: (bench) => compare(bench, name, load),
    load: async (bench, ms) => {
      const { crew, queue } = await begin(bench, `${name}_profiled`, load);
      await crew.work(forMs(ms));
      await crew.dismiss();
      await queue.close();
    },
  };
}

async function begin({ server }: Bench, name: string, load: Load) {
  const queue = await BenchQueue.create(server, name, "none");
  const tally = { enqueued: 0, completed: 0 };
  const crew = await load.begin(server, name, tally);
  return { queue, tally, crew };
}

async function compare(bench: Bench, name: string, load: Load): Promise<Measured> {
  const { unit = "job", isRead = false } = load;
  const checkpointsMin = isRead ? 0 : CHECKPOINTS_MIN;
  const { queue, tally, crew } = await begin(bench, name, load);
  const rowsBefore = await queue.begin();
  const idlers = new Crew(bench.server, NOOP_CLIENTS, noop(name));
  await idlers.work(forMs(WARM_UP_MS));
  const warmUp = await crew.work(forMs(WARM_UP_MS));
  const noops: Slice[] = [];
  const busy: Slice[] = [];
  while (busy.length < SLICES_MIN || queue.checkpoints < checkpointsMin) {
    if (busy.length === SLICES_MAX) break;
    const idle = await idlers.work(forMs(SLICE_MS));
    const active = await crew.work(forMs(load.sliceMs));
    noops.push(idle);
    busy.push(active);
    await queue.watch();
    const seen = `${told("no-ops", idle)}, ${told(`${unit}s`, active)}`;
    bench.detail(`${name}: ${seen}, ${queue.checkpoints} checkpoints`);
  }
  const checkpointSeconds = await queue.checkpoint();
  const units = warmUp.units + unitsOf(busy);
  const beside = crew.beside?.(units) ?? {};
  await idlers.dismiss();
  await crew.dismiss();
  const { storage } = await queue.conclude(tally, checkpointsMin);
  await queue.close();
  // Of jobs, those count too that were finished at the end.
  const written = tally.enqueued > 0 ? tally.enqueued : units;
  const rowsPerUnit = (storage.rowsWritten - rowsBefore) / written;
  return summary(name, unit, { noops, busy, checkpointSeconds, rowsPerUnit, beside });
}

interface Seen {
  readonly noops: readonly Slice[];
  readonly busy: readonly Slice[];
  readonly checkpointSeconds: number;
  readonly rowsPerUnit: number;
  readonly beside: Readonly<Record<string, number>>;
}

function summary(name: string, unit: string, seen: Seen): Measured {
  const { noops, busy } = seen;
  const noopsPerSecond = unitsOf(noops) / secondsOf(noops);
  const unitsPerSecond = unitsOf(busy) / (secondsOf(busy) + seen.checkpointSeconds);
  const cpu = { noop: cpuUsPerUnit(noops), unit: cpuUsPerUnit(busy) };
  const latenciesMs = busy.flatMap((slice) => slice.latenciesMs);
  return {
    value: unitsPerSecond / noopsPerSecond,
    beside: {
      [`${name}_median_vs_noop`]: median(busy.map(perSecond)) / median(noops.map(perSecond)),
      [`${name}_${unit}s_per_s`]: unitsPerSecond,
      [`${name}_noops_per_s`]: noopsPerSecond,
      [`${name}_rows_per_${unit}`]: seen.rowsPerUnit,
      [`${name}_p50_ms`]: percentile(latenciesMs, 0.5),
      [`${name}_p99_ms`]: percentile(latenciesMs, 0.99),
      ...(cpu.unit !== undefined && { [`${name}_cpu_us_per_${unit}`]: cpu.unit }),
      ...(cpu.noop !== undefined && { [`${name}_cpu_us_per_noop`]: cpu.noop }),
      ...seen.beside,
    },
  };
}

const unitsOf = (slices: readonly Slice[]): number => sum(slices.map(({ units }) => units));
const secondsOf = (slices: readonly Slice[]): number => sum(slices.map(({ seconds }) => seconds));
const perSecond = ({ units, seconds }: Slice): number => units / seconds;

function cpuUsPerUnit(slices: readonly Slice[]): number | undefined {
  const all = slices.map((slice) => slice.cpuUs);
  return all.includes(undefined) ? undefined : sum(all.map((us) => us ?? 0)) / unitsOf(slices);
}

/** A slice in a few words. */
function told(units: string, slice: Slice): string {
  const us = cpuUsPerUnit([slice]);
  const cpu = us === undefined ? "" : ` (${us.toFixed(0)} µs of CPU each)`;
  return `${perSecond(slice).toFixed(0)} ${units}/s${cpu}`;
}

const crewOf = (
  clients: number,
  workload: (queue: string, tally: Tally) => Workload,
  sliceMs = SLICE_MS,
): Load => ({
  sliceMs,
  begin: (server, queue, tally) => new Crew(server, clients, workload(queue, tally)),
});
const enqueues = (batch: number, clients = CLIENTS): Load =>
  crewOf(clients, (queue, tally) => enqueue(queue, batch, tally));
const lifecycles = (batch: number, sliceMs = SLICE_MS): Load =>
  crewOf(CLIENTS, (queue, tally) => lifecycle(queue, batch, tally), sliceMs);

export const throughput: Group = {
  name: "throughput",
  figures: [
    ratioToNoop("enqueue_single", enqueues(1, NOOP_CLIENTS), { atLeast: 0.65 }),
    ratioToNoop("enqueue_100", enqueues(100), { atLeast: 8 }),
    ratioToNoop("lifecycle_1", lifecycles(1, SLICE_SLOW_MS)),
    ratioToNoop("lifecycle_10", lifecycles(10)),
    ratioToNoop("lifecycle_100", lifecycles(100), { atLeast: 5 }),
  ],
};
