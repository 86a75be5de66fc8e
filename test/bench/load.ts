/**
 * Closed-loop load: so many clients, each with one request at a time, who stay connected from one slice to the next.
 * Invariant: a unit counts once the server has answered it; what ends a turn late still counts, with its time.
 */
import { Client } from "./client.ts";
import type { Bench } from "./figure.ts";
import type { Work, Workload } from "./workloads.ts";

/** What a slice of load came to. */
export interface Slice {
  readonly units: number;
  readonly seconds: number;
  /** Of every request. */
  readonly latenciesMs: readonly number[];
  /** Microseconds of CPU that the server used, where the system tells. */
  readonly cpuUs: number | undefined;
}

/** Whether a slice goes on, by the units done in it so far. */
export type GoesOn = (units: number) => boolean;

/** A slice that ends after a time. */
export function forMs(ms: number): GoesOn {
  const endsAt = performance.now() + ms;
  return () => performance.now() < endsAt;
}

/** A slice that ends when so many units are done. */
export const untilUnits =
  (most: number): GoesOn =>
  (units) =>
    units < most;

/** Who works on in slices. */
export interface Shift {
  work(goesOn: GoesOn): Promise<Slice>;
  /** Finishes what is left, and disconnects. */
  dismiss(): Promise<void>;
  /** What else is to be told of so many units, by name. To be asked before it is dismissed. */
  beside?(units: number): Readonly<Record<string, number>>;
}

/** Times what is done, with the latencies that it notes down meanwhile. It resolves with its units. */
export async function timed(
  server: Bench["server"],
  latenciesMs: number[],
  work: () => Promise<number>,
): Promise<Slice> {
  const startedAt = performance.now();
  const startedUs = server.cpuUs();
  latenciesMs.length = 0;
  const units = await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const endedUs = server.cpuUs();
  const cpuUs = endedUs === undefined ? undefined : endedUs - (startedUs ?? 0);
  return { units, seconds, latenciesMs: [...latenciesMs], cpuUs };
}

/** Has each of many take one turn after the other. Resolves with the units of all. */
export async function workTogether(
  turns: readonly (() => Promise<number>)[],
  goesOn: GoesOn,
): Promise<number> {
  let units = 0;
  const workOn = async (turn: () => Promise<number>): Promise<void> => {
    do {
      // Not `units += await …`, which would add to what `units` was before the turn.
      const done = await turn();
      units += done;
    } while (goesOn(units));
  };
  await Promise.all(turns.map(workOn));
  return units;
}

interface Member {
  readonly client: Client;
  readonly work: Work;
}

export class Crew implements Shift {
  readonly #server: Bench["server"];
  readonly #members: readonly Member[];
  readonly #latenciesMs: number[] = [];

  constructor(server: Bench["server"], size: number, workload: Workload) {
    this.#server = server;
    this.#members = Array.from({ length: size }, () => {
      const client = new Client(server, this.#latenciesMs);
      return { client, work: workload(client) };
    });
  }

  /** Works on for one slice. */
  work(goesOn: GoesOn): Promise<Slice> {
    const turns = this.#members.map(({ work }) => work.turn);
    return timed(this.#server, this.#latenciesMs, () => workTogether(turns, goesOn));
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.#members.map(({ work }) => work.finish?.()));
    await Promise.all(this.#members.map(({ client }) => client.close()));
  }
}
