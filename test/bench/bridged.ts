/**
 * Redis clients at work on a queue, through a bridge of their own: load over RESP.
 * Invariant: generator, bridge and server are three processes, as in use, and the CPU of each is told; a run stands only if the queue has what was
 * acknowledged.
 */
import { startBridge, type TestBridge } from "../bridge.ts";
import type { Bench } from "./figure.ts";
import { type GoesOn, type Shift, type Slice, timed, workTogether } from "./load.ts";
import { type Pipeline, RespClient } from "./resp.ts";
import { cpuUs } from "./server.ts";
import { sum } from "./statistics.ts";

/** What clients send, and what they leave behind. */
export interface RespLoad {
  /** What is sent next, whoever of them sends it. */
  next(): Pipeline;
  /** Sent before all else. */
  readonly before?: readonly Pipeline[];
  /** Throws unless the queue has what so many acknowledged calls must have left. */
  check?(client: RespClient, calls: number): Promise<void>;
}

export class Bridged implements Shift {
  readonly #server: Bench["server"];
  readonly #name: string;
  readonly #load: RespLoad;
  readonly #bridge: TestBridge;
  readonly #clients: readonly RespClient[];
  readonly #latenciesMs: number[];
  readonly #turns: readonly (() => Promise<number>)[];
  #calls = 0;
  /** Microseconds of CPU while it was at work. */
  readonly #cpuUs = { bridge: 0, generator: 0 };

  private constructor(
    server: Bench["server"],
    name: string,
    load: RespLoad,
    bridge: TestBridge,
    { clients, latenciesMs }: { clients: readonly RespClient[]; latenciesMs: number[] },
  ) {
    this.#server = server;
    this.#name = name;
    this.#load = load;
    this.#bridge = bridge;
    this.#clients = clients;
    this.#latenciesMs = latenciesMs;
    this.#turns = clients.map((client) => () => client.send(load.next()));
  }

  /** Connects so many clients to a queue, and has what comes first done. `name` is that of the figure. */
  static async begin(
    server: Bench["server"],
    queue: string,
    size: number,
    load: RespLoad,
    name = queue,
  ): Promise<Bridged> {
    const bridge = await startBridge(server, "--queue", queue);
    const latenciesMs: number[] = [];
    const opening = Array.from({ length: size }, () => RespClient.open(bridge.port, latenciesMs));
    const clients = await Promise.all(opening);
    for (const pipeline of load.before ?? []) await clients[0]?.send(pipeline);
    return new Bridged(server, name, load, bridge, { clients, latenciesMs });
  }

  async work(goesOn: GoesOn): Promise<Slice> {
    const before = this.#cpuNow();
    const slice = await timed(this.#server, this.#latenciesMs, () =>
      workTogether(this.#turns, goesOn),
    );
    const after = this.#cpuNow();
    this.#calls += slice.units;
    this.#cpuUs.bridge += after.bridge - before.bridge;
    this.#cpuUs.generator += after.generator - before.generator;
    return slice;
  }

  /** What the others took for a call: the server's is told with the slices. */
  beside(calls: number): Readonly<Record<string, number>> {
    const { bridge, generator } = this.#cpuUs;
    return {
      ...(bridge > 0 && { [`${this.#name}_bridge_cpu_us_per_call`]: bridge / calls }),
      [`${this.#name}_generator_cpu_us_per_call`]: generator / calls,
    };
  }

  async dismiss(): Promise<void> {
    const [client] = this.#clients;
    if (client !== undefined) await this.#load.check?.(client, this.#calls);
    for (const each of this.#clients) each.close();
    await this.#bridge.stop();
  }

  #cpuNow(): { bridge: number; generator: number } {
    const { user, system } = process.cpuUsage();
    return { bridge: cpuUs(this.#bridge.pid) ?? 0, generator: sum([user, system]) };
  }
}
