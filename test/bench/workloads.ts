/**
 * What clients do all day: one turn of each kind of work, over and over.
 * Invariant: the tally of a workload says what the server has acknowledged, neither more nor less.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClaimedJob } from "../../src/contract/leases.ts";
import type { Client } from "./client.ts";

/** One client's work. */
export interface Work {
  /** One turn; resolves with the units done. */
  turn(): Promise<number>;
  /** Does what is left when the time is over. */
  finish?(): Promise<void>;
}
/** Gives a client its work. */
export type Workload = (client: Client) => Work;

/** Jobs that were acknowledged, by all clients together. */
export interface Tally {
  enqueued: number;
  completed: number;
}

const payload = {
  to: "someone@example.com",
  subject: "Your order has been shipped",
  template: "order-shipped",
  order: 12_345_678,
  carrier: "By bicycle, over the hills, by rain",
  at: "2026-11-20T12:00:00Z",
};
/** One job as a request's body, of 200 bytes. */
export const jobBody = JSON.stringify({ payload });
if (jobBody.length !== 200) throw new Error(`A job's body has ${jobBody.length} bytes, not 200.`);

/** One job, or many, as a request's body. */
const jobsBody = (batch: number): string =>
  batch === 1 ? jobBody : `{"jobs":[${new Array(batch).fill(jobBody).join(",")}]}`;

/** As many jobs as a request's body, each with one of so many flow keys, by lot. */
function keyedBody(batch: number, keys: number): string {
  const one = () => ({ key: `tenant-${Math.floor(Math.random() * keys)}`, payload });
  return JSON.stringify({ jobs: Array.from({ length: batch }, one) });
}

/** Asks for nothing, with the body of one job. */
export const noop =
  (queue: string): Workload =>
  (client) => ({
    async turn() {
      await client.post(`/bench/noop/${queue}`, jobBody);
      return 1;
    },
  });

/** Enqueues jobs, without a key or each with one of so many; its units are enqueued jobs. */
export function enqueue(queue: string, batch: number, tally: Tally, keys?: number): Workload {
  const plain = jobsBody(batch);
  return (client) => ({
    async turn() {
      const body = keys === undefined ? plain : keyedBody(batch, keys);
      await client.post(`/v1/queues/${queue}/jobs`, body);
      tally.enqueued += batch;
      return batch;
    },
  });
}

type Held = Pick<ClaimedJob, "id" | "token">;

/** Claims and completes; each returns what it came to. */
function worker(client: Client, queue: string, max: number, tally: Tally) {
  const path = `/v1/queues/${queue}`;
  const claim = `{"max":${max},"worker":"bench"}`;
  const completions = (held: readonly Held[]): string => {
    const items = held.map(({ id, token }) => `{"op":"complete","id":"${id}","token":"${token}"}`);
    return `"items":[${items.join(",")}]`;
  };
  const settle = async (held: readonly Held[], body: string): Promise<readonly Held[]> => {
    const reply = await client.post(`${path}/settle`, body);
    const { refused, jobs = [] } = JSON.parse(reply) as { refused: number; jobs?: Held[] };
    if (refused > 0) throw new Error(`Completions were refused: ${reply}`);
    tally.completed += held.length;
    return jobs;
  };
  return {
    claim: async () =>
      (JSON.parse(await client.post(`${path}/claim`, claim)) as { jobs: readonly Held[] }).jobs,
    complete: (held: readonly Held[]) => settle(held, `{${completions(held)}}`),
    /** Both in one request, as the client's `Worker` does it. */
    completeAndClaim: (held: readonly Held[]) =>
      settle(held, `{${completions(held)},"claim":${claim}}`),
  };
}

/** A worker like the client's `Worker`: what it holds is completed in the request that claims the next. */
function steady(client: Client, queue: string, batch: number, tally: Tally, holdMs: number) {
  const { claim, complete, completeAndClaim } = worker(client, queue, batch, tally);
  let held: readonly Held[] = [];
  return {
    turn: async (): Promise<number> => {
      const done = held.length;
      held = done === 0 ? await claim() : await completeAndClaim(held);
      // Workers that all took as long would go in step, and share entries of the log as no real ones do.
      if (holdMs > 0) await sleep(holdMs * (0.9 + 0.2 * Math.random()));
      return done;
    },
    holds: (): boolean => held.length > 0,
    stop: async (): Promise<void> => {
      if (held.length > 0) await complete(held);
      held = [];
    },
  };
}

/** Works on jobs that are there. Its units are completed jobs. */
export const drain =
  (queue: string, batch: number, tally: Tally): Workload =>
  (client) => {
    const { turn, stop } = steady(client, queue, batch, tally, 0);
    return { turn, finish: stop };
  };

/**
 * The whole life of jobs: each turn enqueues a batch, then works on one. Its units are completed jobs.
 * @param holdMs How long the worker takes for the jobs it holds, a tenth more or less.
 * @param keys Over how many flow keys the jobs are spread; they have none where nothing is said.
 */
export const lifecycle =
  (queue: string, batch: number, tally: Tally, holdMs = 0, keys?: number): Workload =>
  (client) => {
    const producer = enqueue(queue, batch, tally, keys)(client);
    const consumer = steady(client, queue, batch, tally, holdMs);
    const turn = async (): Promise<number> => {
      await producer.turn();
      return consumer.turn();
    };
    const finish = async (): Promise<void> => {
      do await consumer.turn();
      while (consumer.holds());
    };
    return { turn, finish };
  };

/** One job at a time, each of its three commands in a request of its own. Its units are completed jobs. */
export const oneByOne =
  (queue: string, tally: Tally): Workload =>
  (client) => {
    const producer = enqueue(queue, 1, tally)(client);
    const { claim, complete } = worker(client, queue, 1, tally);
    const turn = async (): Promise<number> => {
      await producer.turn();
      const held = await claim();
      await complete(held);
      return held.length;
    };
    return { turn };
  };
