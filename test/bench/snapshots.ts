/**
 * Figures of snapshots: a million jobs are built into one, exported and imported, while 500 jobs a second come and go.
 * Invariant: the load keeps its pace and is not held up, memory stays bounded, the copy has what was exported, and the source is found
 * sound, or the figure fails.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "../../src/client/index.ts";
import { BIG, backlog, MANY } from "./backlog.ts";
import { Client } from "./client.ts";
import type { Bench, Figure, Measured } from "./figure.ts";
import { percentile } from "./statistics.ts";
import { lifecycle } from "./workloads.ts";

const JOBS_PER_SECOND = 500;
const BATCH = 10;
/** So many that one slow request does not slow the pace: it shows in the latencies. */
const CLIENTS = 8;
const TURN_MS = (1000 * BATCH * CLIENTS) / JOBS_PER_SECOND;
const IDLE_MS = 5_000;
/** The load goes on beside: less than this share of its pace, and something stalled it. */
const PACE_MIN = 0.95;
/** A request in a hundred that takes longer than this was held up. */
const P99_MS_MAX = 200;
/** All the memory that an object has on the platform; a million jobs take more than that. */
const GROWN_MIB_MAX = 128;

/** 500 jobs a second of whole lives, in the queue of a million. */
class SteadyLoad {
  readonly #clients: readonly Client[];
  readonly #latenciesMs: number[] = [];
  readonly #startedAt = performance.now();
  readonly #running: Promise<unknown>;
  #isOn = true;
  #turns = 0;

  constructor(server: Bench["server"], queue: string) {
    this.#clients = Array.from({ length: CLIENTS }, () => new Client(server, this.#latenciesMs));
    const tally = { enqueued: 0, completed: 0 };
    const works = this.#clients.map((client) => lifecycle(queue, BATCH, tally)(client));
    this.#running = Promise.all(works.map(({ turn }, i) => this.#run(turn, i / CLIENTS)));
  }

  /** The times of the requests since the last look, and the share of its pace that the load kept. */
  look(): { readonly latenciesMs: readonly number[]; readonly pace: number } {
    const due = (CLIENTS * (performance.now() - this.#startedAt)) / TURN_MS;
    return { latenciesMs: this.#latenciesMs.splice(0), pace: this.#turns / due };
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await this.#running;
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #run(turn: () => Promise<number>, offset: number): Promise<void> {
    for (let turns = offset; this.#isOn; turns += 1) {
      const next = this.#startedAt + turns * TURN_MS;
      if (next > performance.now()) await sleep(next - performance.now());
      await turn();
      this.#turns += 1;
    }
  }
}

/** Seconds that something took, and the 99th percentile of the load's requests meanwhile. */
interface Phase {
  readonly seconds: number;
  readonly p99Ms: number;
}

async function phase(load: SteadyLoad, work: () => Promise<unknown>): Promise<Phase> {
  load.look();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  return { seconds, p99Ms: percentile(load.look().latenciesMs, 0.99) };
}

async function exportAndImport(bench: Bench): Promise<Measured> {
  const { server } = bench;
  await backlog(bench, BIG, MANY);
  const connection = { url: server.url, token: server.token, timeoutMs: 120_000 };
  const source = new Queue({ ...connection, name: BIG });
  const target = new Queue({ ...connection, name: "imported" });
  const before = server.rssBytes() ?? Number.NaN;
  const load = new SteadyLoad(server, BIG);
  const phases: Record<string, Phase> = {};
  phases["idle"] = await phase(load, () => sleep(IDLE_MS));
  let digest: string | undefined;
  phases["build"] = await phase(load, async () => {
    ({ digest } = await source.snapshots.build());
  });
  let imported: Awaited<ReturnType<typeof target.snapshots.import>> | undefined;
  phases["export_import"] = await phase(load, async () => {
    imported = await target.snapshots.import(source.snapshots.export());
  });
  phases["verify"] = await phase(load, async () => {
    const { problems } = await source.snapshots.verify();
    if (problems.length > 0) throw new Error(`${problems.length}: ${problems[0]?.detail}`);
  });
  const { pace } = load.look();
  await load.stop();
  if (pace < PACE_MIN) throw new Error(`The load kept only ${pace} of its pace.`);
  if (imported?.digest !== digest) throw new Error(`${imported?.digest} came of ${digest}.`);
  const { counts } = await target.stats();
  if (counts.ready < MANY) throw new Error(`The copy has only ${counts.ready} ready jobs.`);
  for (const [name, { p99Ms }] of Object.entries(phases)) {
    if (p99Ms > P99_MS_MAX)
      throw new Error(`During ${name} the load was held up: p99 ${p99Ms} ms.`);
  }
  const grown = ((server.rssBytes() ?? Number.NaN) - before) / 2 ** 20;
  if (grown > GROWN_MIB_MAX) throw new Error(`workerd's memory grew by ${grown} MiB.`);
  const beside = Object.entries(phases).flatMap(([name, { seconds, p99Ms }]) => [
    [`snapshot_1m_${name}_s`, seconds] as const,
    [`snapshot_1m_${name}_p99_ms`, p99Ms] as const,
  ]);
  const all = { ...Object.fromEntries(beside), snapshot_1m_rss_grown_mib: grown };
  return { value: phases["build"].seconds + phases["export_import"].seconds, beside: all };
}

export const snapshot: Figure = {
  name: "snapshot_1m_s",
  unit: "s",
  seconds: 90,
  run: exportAndImport,
};
