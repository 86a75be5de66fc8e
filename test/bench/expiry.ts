/**
 * The figure of expiry: a million names whose time is over at one instant, and who asks something of the queue meanwhile.
 * Invariant: what is told is the longest time of any request from that instant until the last of the names is gone.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startBridge } from "../bridge.ts";
import { Bridged } from "./bridged.ts";
import { Client } from "./client.ts";
import type { Bench, Figure, Measured } from "./figure.ts";
import { untilUnits } from "./load.ts";
import { BenchQueue } from "./queue.ts";
import { inTurn, pipelineOf, RespClient, repeated } from "./resp.ts";
import { percentile } from "./statistics.ts";
import { jobBody } from "./workloads.ts";

const NAMES = 1_000_000;
const PIPELINE = 100;
const CLIENTS = 4;
/** Names that tell how long all will take, and after which it is shown how far it is. */
const STEP = 50_000;
/** The instant is so much later than the last of them is expected to be there. */
const SPARE = 2.5;
const SPARE_MS = 10_000;
/** The same requests beforehand: what the machine does to them by itself. */
const CALM_MS = 8_000;
/** Between the two. */
const BREAK_MS = 1_000;
const LOOK_MS = 100;

/** Sets names from `first` on, until an instant. */
async function fill(
  { server, detail }: Bench,
  queue: string,
  { names, until }: { readonly names: number; readonly until: number },
): Promise<void> {
  let last = 0;
  const set = (): string[] => {
    last += 1;
    return ["SET", `name:${last}`, "xxx", "PXAT", String(until)];
  };
  const crew = await Bridged.begin(server, queue, CLIENTS, {
    next: () => pipelineOf(repeated(PIPELINE, set)),
  });
  for (let done = 0; done < names; done += STEP) {
    await crew.work(untilUnits(STEP));
    detail(`${queue}: ${last} names`);
  }
  await crew.dismiss();
}

/** Sets all names. Returns the instant at which their time is over. */
async function fillAll(bench: Bench, queue: BenchQueue, asker: RespClient): Promise<number> {
  const startedAt = Date.now();
  await fill(bench, queue.name, { names: STEP, until: startedAt + 3_600_000 });
  const expectedMs = ((Date.now() - startedAt) * NAMES) / STEP;
  await asker.send(pipelineOf([["FLUSHDB"]]));
  const until = Date.now() + Math.ceil(SPARE * expectedMs) + SPARE_MS;
  await fill(bench, queue.name, { names: NAMES, until });
  const names = await asker.integer("DBSIZE");
  if (Date.now() + CALM_MS + BREAK_MS > until || names < NAMES) {
    throw new Error(`When their time came, only ${names} names were there.`);
  }
  await queue.checkpoint();
  return until;
}

/** A request of somebody who asks, one at a time. */
type Turn = () => Promise<unknown>;

/** Those who ask, and add the times of their requests to `latenciesMs`. */
class Askers {
  readonly #latenciesMs: number[];

  constructor(latenciesMs: number[]) {
    this.#latenciesMs = latenciesMs;
  }

  /** Has them ask while something goes on. Resolves with the times of all requests, in milliseconds. */
  async during(work: Promise<void>, turns: readonly Turn[]): Promise<number[]> {
    let isOver = false;
    const over = work.finally(() => {
      isOver = true;
    });
    const askOn = async (turn: Turn): Promise<void> => {
      while (!isOver) await turn();
    };
    this.#latenciesMs.length = 0;
    await Promise.all([over, ...turns.map(askOn)]);
    return [...this.#latenciesMs];
  }
}

/** Resolves once at most so many names are left. */
async function untilLeft(looker: RespClient, names: number): Promise<void> {
  while ((await looker.integer("DBSIZE")) > names) await sleep(LOOK_MS);
}

/**
 * The longest time of a request while a million names expire, in milliseconds. Beside it stands what it is as long when two ask for
 * nothing, of an object that does nothing.
 */
async function burst(bench: Bench): Promise<Measured> {
  const name = "ttl_burst";
  const { server } = bench;
  const queue = await BenchQueue.create(server, name, "none");
  const bridge = await startBridge(server, "--queue", name);
  const latenciesMs: number[] = [];
  const [looker, resp] = [
    await RespClient.open(bridge.port),
    await RespClient.open(bridge.port, latenciesMs),
  ];
  const http = new Client(server, latenciesMs);
  const until = await fillAll(bench, queue, looker);
  const askers = new Askers(latenciesMs);
  const next = inTurn([pipelineOf([["SET", "asked", "xxx"]]), pipelineOf([["GET", "asked"]], 2)]);
  // Names over RESP, and jobs over HTTP.
  const turns = [() => resp.send(next()), () => http.post(`/v1/queues/${name}/jobs`, jobBody)];
  const second = new Client(server, latenciesMs);
  const noops = [http, second].map((client) => () => client.post("/bench/noop/nothing", jobBody));
  await sleep(until - CALM_MS - BREAK_MS - Date.now());
  const calm = await askers.during(sleep(CALM_MS), turns);
  await sleep(until - Date.now());
  const startedAt = performance.now();
  const busy = await askers.during(untilLeft(looker, 1), turns);
  const seconds = (performance.now() - startedAt) / 1000;
  const idle = await askers.during(sleep(seconds * 1000), noops);
  for (const client of [looker, resp]) client.close();
  await Promise.all([http.close(), second.close(), queue.close(), bridge.stop()]);
  return {
    value: Math.max(...busy),
    beside: {
      ttl_burst_p99_ms: percentile(busy, 0.99),
      ttl_burst_requests: busy.length,
      ttl_burst_s: seconds,
      ttl_burst_calm_max_ms: Math.max(...calm),
      ttl_burst_calm_p99_ms: percentile(calm, 0.99),
      ttl_burst_noops_max_ms: Math.max(...idle),
      ttl_burst_noops: idle.length,
    },
  };
}

export const expires: Figure = {
  ...{ name: "ttl_burst_max_ms", unit: "ms", bound: { atMost: 50 }, seconds: 300 },
  run: burst,
};
