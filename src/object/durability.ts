/**
 * Writes that are not durable yet: what is told once they are, who waits until none is left, and when others may begin behind them.
 * Invariant: nothing is told of a write before it is durable, and nothing at all where that cannot be known.
 */
import type { Sql } from "../store/sql.ts";
import type { Telling } from "./line.ts";

export interface DurabilityPorts {
  readonly sql: Pick<Sql, "sync">;
  now(): number;
  report(error: unknown, what: string): void;
}

/** Writes that are slow to become durable let others begin behind them. */
const SLOW_MS = 5;
const IN_FLIGHT_MAX = 4;

export class Durability {
  readonly #ports: DurabilityPorts;
  /** When each of those that are waited for was written. */
  readonly #inFlight: number[] = [];
  /** What is to be told of writes that are not waited for yet. */
  readonly #toTell: Telling[] = [];
  readonly #idle: { readonly done: () => void; readonly fail: (error: unknown) => void }[] = [];

  constructor(ports: DurabilityPorts) {
    this.#ports = ports;
  }

  /** Has something told once all that is written by now is durable. */
  owe(...told: readonly Telling[]): void {
    this.#toTell.push(...told);
  }

  /** Whether more may be written now. */
  get letsOthersBegin(): boolean {
    const [oldest] = this.#inFlight;
    if (oldest === undefined) return true;
    return this.#ports.now() - oldest > SLOW_MS && this.#inFlight.length < IN_FLIGHT_MAX;
  }

  /** Resolves once all that was written so far is durable, and what was to be told of it is. Rejects where that cannot be known. */
  async reached(): Promise<void> {
    this.#inFlight.push(this.#ports.now());
    const told = this.#toTell.splice(0);
    await this.#ports.sql.sync();
    this.#inFlight.shift();
    for (const each of told) this.#tellOne(each);
    if (this.isIdle) for (const { done } of this.#idle.splice(0)) done();
  }

  /** Whether all that was written is durable. */
  get isIdle(): boolean {
    return this.#inFlight.length === 0;
  }

  /** Resolves once all is that is in flight, of which there must be something. */
  untilIdle(): Promise<void> {
    return new Promise((done, fail) => this.#idle.push({ done, fail }));
  }

  /** What was written may never become durable: nobody waits for it any more. */
  fail(error: unknown): void {
    for (const { fail } of this.#idle.splice(0)) fail(error);
  }

  /** Whoever cannot be told keeps nobody else from being told. */
  #tellOne({ tell }: Telling): void {
    try {
      tell();
    } catch (error) {
      this.#ports.report(error, "tell");
    }
  }
}
