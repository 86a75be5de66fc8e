/**
 * Signs of life of registered workers that no command gives: something is heard of one over its channel, or its channel or wait ends.
 * Invariant: whoever was there until now is not taken for dead before that is noted.
 */
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import type { WorkerState } from "../contract/workers.ts";

interface SignsPorts {
  submit(request: CommandRequest): Promise<CommandAnswer>;
  now(): number;
  /** The state of a worker; undefined for one that is not registered. */
  stateOf(worker: string): WorkerState | undefined;
  report(error: unknown, what: string): void;
}

/** So long the note may take that a worker was there until now. */
const PARTING_MS = 5_000;

export class SignsOfLife {
  readonly #ports: SignsPorts;
  /** When workers were there that parted, or that were just coming. */
  readonly #there = new Map<string, number>();

  constructor(ports: SignsPorts) {
    this.#ports = ports;
  }

  /** Whether a worker was there just now. */
  wasThere(worker: string): boolean {
    const at = this.#there.get(worker);
    return at !== undefined && this.#ports.now() - at <= PARTING_MS;
  }

  /** A worker says hello: what becomes of others over that does not find it dead. */
  coming(worker: string | undefined): void {
    if (worker !== undefined) this.#keep(worker);
  }

  /** Something is heard of a worker: a dead one lives again. Where the note of that fails, it is made when more is heard. */
  heard(worker: string | undefined): void {
    if (worker !== undefined && this.#ports.stateOf(worker) === "dead") void this.#note(worker);
  }

  /** A worker was there until now, however old the last note of it is: it lives on as one that gave a sign of life now. */
  parting(worker: string | undefined): void {
    if (worker === undefined || this.#ports.stateOf(worker) === undefined) return;
    this.#keep(worker);
    void this.#note(worker);
  }

  #keep(worker: string): void {
    const now = this.#ports.now();
    for (const [name, at] of this.#there) if (now - at > PARTING_MS) this.#there.delete(name);
    this.#there.set(worker, now);
  }

  async #note(worker: string): Promise<void> {
    try {
      const input = { id: worker };
      await this.#ports.submit({ v: 1, name: "worker.heartbeat", input, bytes: 0 });
    } catch (error) {
      this.#ports.report(error, "sign of life");
    }
  }
}
