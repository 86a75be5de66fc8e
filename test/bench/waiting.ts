/**
 * The figures of waiting: how long a job takes to a worker that waits over its channel, and what a thousand that wait cost.
 * Invariant: deliveries and no-ops alternate one by one, so that a noisy machine slows both; all that wait hold real sockets.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker } from "../../src/client/index.ts";
import { Client } from "./client.ts";
import type { Bench, Group, Measured } from "./figure.ts";
import { BenchQueue } from "./queue.ts";
import { percentile } from "./statistics.ts";
import { jobBody } from "./workloads.ts";

const ROUNDS = 3_000;
const WARM_UP_ROUNDS = 300;
const SECONDS = 20;

interface Times {
  readonly noops: readonly number[];
  readonly deliveries: readonly number[];
  /** Of the same jobs: until their enqueue was answered, which is when it is durable. */
  readonly enqueues: readonly number[];
}

/** Both figures are of one measurement, made when the first of them is asked for. */
const measured = new WeakMap<Bench["server"], Promise<Times>>();

function timesOf({ server }: Bench): Promise<Times> {
  const known = measured.get(server) ?? measure(server);
  measured.set(server, known);
  return known;
}

async function measure(server: Bench["server"]): Promise<Times> {
  const name = "delivery";
  const queue = await BenchQueue.create(server, name, "none");
  const noops: number[] = [];
  const enqueues: number[] = [];
  const [idler, producer] = [new Client(server, noops), new Client(server, enqueues)];
  const deliveries: number[] = [];
  let arrived = Promise.withResolvers<number>();
  let settled = Promise.withResolvers<void>();
  const worker = new Worker(
    new Queue({ name, url: server.url, token: server.token }),
    () => arrived.resolve(performance.now()),
    {
      transport: "socket",
      onSettled: () => settled.resolve(),
      onError: (error) => settled.reject(error),
    },
  );
  const running = worker.run();
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
    await idler.post(`/bench/noop/${name}`, jobBody);
    const sentAt = performance.now();
    const enqueued = producer.post(`/v1/queues/${name}/jobs`, jobBody);
    deliveries.push((await arrived.promise) - sentAt);
    await Promise.all([enqueued, settled.promise]);
    arrived = Promise.withResolvers();
    settled = Promise.withResolvers();
  }
  await worker.stop();
  await running;
  await Promise.all([idler.close(), producer.close(), queue.close()]);
  const [a, b, c] = [noops, deliveries, enqueues].map((all) => all.slice(WARM_UP_ROUNDS));
  return { noops: a ?? [], deliveries: b ?? [], enqueues: c ?? [] };
}

async function ratioAt(bench: Bench, p: number): Promise<Measured> {
  const { noops, deliveries, enqueues } = await timesOf(bench);
  const [noop, delivery] = [percentile(noops, p), percentile(deliveries, p)];
  const name = `delivery_p${p * 100}`;
  return {
    value: delivery / noop,
    beside: {
      [`${name}_ms`]: delivery,
      [`${name}_noop_ms`]: noop,
      [`${name}_enqueue_ms`]: percentile(enqueues, p),
    },
  };
}

const WAITERS = 1_000;
const IDLE_MS = 60_000;
/** What it took to come is not what it costs to be there. */
const CALM_MS = 3_000;

/** One worker that waits over a channel. */
class Waiter {
  readonly #socket: WebSocket;
  readonly welcome: Promise<void>;
  jobs = 0;
  #pong = Promise.withResolvers<void>();

  constructor({ url, token }: Bench["server"], queue: string, heard: () => void) {
    const address = `${url.replace(/^http/, "ws")}/v1/queues/${queue}/connect`;
    const bearer = `sluice.bearer.${Buffer.from(token).toString("base64url")}`;
    this.#socket = new WebSocket(address, ["sluice.v1", bearer]);
    const session = crypto.randomUUID();
    this.#socket.addEventListener("open", () =>
      this.#socket.send(JSON.stringify({ type: "hello", session, credit: 1 })),
    );
    this.welcome = new Promise((resolve, reject) => {
      this.#socket.addEventListener("error", () => reject(new Error("a channel broke")));
      this.#socket.addEventListener("message", ({ data }) => {
        const { type } = JSON.parse(String(data)) as { readonly type: string };
        if (type === "welcome") resolve();
        if (type === "pong") this.#pong.resolve();
        if (type === "jobs") this.jobs += 1;
        if (type === "jobs") heard();
      });
    });
  }

  ping(): Promise<void> {
    this.#pong = Promise.withResolvers();
    this.#socket.send('{"type":"ping"}');
    return this.#pong.promise;
  }

  close(): void {
    this.#socket.close();
  }
}

/** Milliseconds of workerd's CPU that a second of waiting costs a thousand who wait; then one job, which one of them is sent. */
async function idle({ server, detail }: Bench): Promise<Measured> {
  const name = "idle";
  const queue = await BenchQueue.create(server, name, "none");
  const heard = Promise.withResolvers<void>();
  const waiters: Waiter[] = [];
  for (let i = 0; i < WAITERS; i += 1) {
    const waiter = new Waiter(server, name, heard.resolve);
    await waiter.welcome;
    waiters.push(waiter);
  }
  await sleep(CALM_MS);
  const before = server.cpuUs();
  await sleep(IDLE_MS);
  const after = server.cpuUs();
  // Of a worker something is heard in each minute, or it is sent no job.
  await Promise.all(waiters.map((waiter) => waiter.ping()));
  const pinged = server.cpuUs();
  await queue.ask("POST", "/jobs", jobBody);
  await heard.promise;
  // Whoever else was woken has an answer on its way before that to a later request.
  await queue.ask("GET", "/stats");
  const woken = waiters.filter(({ jobs }) => jobs > 0).length;
  for (const waiter of waiters) waiter.close();
  await queue.close();
  if (woken !== 1) throw new Error(`One job woke ${woken} of ${WAITERS}.`);
  if (before === undefined || after === undefined || pinged === undefined) {
    throw new Error("The system does not tell the CPU time.");
  }
  const cpuMs = (after - before) / 1000;
  const beside = { idle_waiters_woken: woken, ping_cpu_us: (pinged - after) / WAITERS };
  detail(`${cpuMs} ms of CPU in ${IDLE_MS / 1000} s`);
  return { value: cpuMs / (IDLE_MS / 1000), beside };
}

export const waiting: Group = {
  name: "waiting",
  figures: [
    {
      ...{ name: "delivery_p50_vs_noop", unit: "×", bound: { atMost: 3 }, seconds: SECONDS },
      run: (bench) => ratioAt(bench, 0.5),
    },
    {
      ...{ name: "delivery_p99_vs_noop", unit: "×", bound: { atMost: 10 }, seconds: 1 },
      run: (bench) => ratioAt(bench, 0.99),
    },
  ],
};

/** On a server that has no work left from other figures, whose CPU time would be counted. */
export const idleness: Group = {
  name: "idleness",
  figures: [
    {
      ...{ name: "idle_waiters_cpu_ms_per_s", unit: "ms", bound: { atMost: 1 }, seconds: 70 },
      run: idle,
    },
  ],
};
