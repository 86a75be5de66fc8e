/**
 * Where one queue pushes its jobs to.
 * Invariant: a secret is sent and never read.
 */
import type {
  DeliveryRecord,
  DeliveryReply,
  PutDeliveryInput,
  RemoveDeliveryReply,
} from "../contract/deliveries.ts";
import type { Transport } from "./transport.ts";

export type { DeliveryRecord } from "../contract/deliveries.ts";

/** A change of a delivery: what is left out stays; the first one names `url` and `secrets`. `timeoutMs` is in ms. */
export type DeliveryChange = PutDeliveryInput;

/**
 * The delivery of a queue: its jobs are posted to an address as soon as they are ready, signed as Standard Webhooks has it.
 * What comes back settles them: 2xx completes a job, and a JSON body is its result.
 * @example
 * await queue.delivery.put({ url: "https://app.example.com/jobs", secrets: [newWebhookSecret()] });
 */
export class Deliveries {
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, queuePath: string) {
    this.#transport = transport;
    this.#path = `${queuePath}/delivery`;
  }

  /** The delivery as it is. Rejects with `delivery_unknown` where jobs are not pushed. */
  async get(): Promise<DeliveryRecord> {
    return (await this.#transport.read<DeliveryReply>(this.#path)).delivery;
  }

  /** Pushes jobs, or does it otherwise from now on. What is under way goes on as it began. */
  async put(change: DeliveryChange): Promise<DeliveryRecord> {
    const text = JSON.stringify(change);
    return (await this.#transport.write<DeliveryReply>("PUT", this.#path, text)).delivery;
  }

  /** Pushes no more jobs; they wait, or are claimed. */
  async pause(reason?: string): Promise<DeliveryRecord> {
    const text = JSON.stringify({ reason });
    return (await this.#transport.write<DeliveryReply>("POST", `${this.#path}/pause`, text))
      .delivery;
  }

  /** Pushes jobs again, also to a target that was taken for failing. */
  async resume(): Promise<DeliveryRecord> {
    return (await this.#transport.write<DeliveryReply>("POST", `${this.#path}/resume`)).delivery;
  }

  /** Leaves jobs to be claimed. */
  async remove(): Promise<void> {
    await this.#transport.write<RemoveDeliveryReply>("DELETE", this.#path);
  }
}
