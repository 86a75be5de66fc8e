/**
 * The flow keys of one queue: their limits, their order, their pause.
 * Invariant: a key needs not be made: it is there as soon as a job names it, or something is said of it.
 */
import type {
  KeyListInput,
  KeyListReply,
  KeyRecord,
  KeyReply,
  PutKeyInput,
} from "../contract/keys.ts";
import { segment, type Transport } from "./transport.ts";

export type {
  KeyLimits,
  KeyOrder,
  KeyRecord,
  KeySettings,
  LimitedBy,
  Rate,
} from "../contract/keys.ts";

/** A change of a key: null means the queue's default again, and what is left out stays. */
export type KeyChange = Omit<PutKeyInput, "key">;
export type KeyFilter = KeyListInput;
/** A page of keys; it may be short, and only an absent cursor means the end. */
export type KeyPage = KeyListReply;

/**
 * The flow keys of a queue.
 * @example
 * await queue.keys.put("tenant/7", { concurrency: 2, rate: { limit: 100, perMs: 1_000 } });
 * await queue.enqueue(payload, { key: "tenant/7" });
 */
export class Keys {
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, queuePath: string) {
    this.#transport = transport;
    this.#path = `${queuePath}/keys`;
  }

  /** One page of keys that have jobs, settings or a pause, by name. */
  list(filter: KeyFilter = {}): Promise<KeyPage> {
    return this.#transport.read(this.#path, { ...filter });
  }

  /** A key as it is; one of which nothing is known has the queue's defaults. */
  async get(key: string): Promise<KeyRecord> {
    return (await this.#transport.read<KeyReply>(this.#of(key))).key;
  }

  /** Limits a key, orders it, pauses or resumes it. What runs is left alone. */
  async put(key: string, change: KeyChange): Promise<KeyRecord> {
    const text = JSON.stringify(change);
    return (await this.#transport.write<KeyReply>("PUT", this.#of(key), text)).key;
  }

  /** Leaves a key to the queue's defaults, and resumes it, as `resume` does. Its jobs stay. */
  async remove(key: string): Promise<KeyRecord> {
    return (await this.#transport.write<KeyReply>("DELETE", this.#of(key))).key;
  }

  /** Hands out no more jobs of a key. */
  pause(key: string, reason?: string): Promise<KeyRecord> {
    return this.put(key, { paused: true, reason });
  }

  /** Hands out jobs of a key again, which was paused, or which a release holds. */
  resume(key: string): Promise<KeyRecord> {
    return this.put(key, { paused: false });
  }

  #of(key: string): string {
    return `${this.#path}/${segment(key)}`;
  }
}
