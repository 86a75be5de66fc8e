/**
 * Items that wait to travel together in one request.
 * Invariant: every item is answered exactly once, in the order of adding, whatever becomes of the
 * others in its request.
 */
import type { limits } from "../contract/limits.ts";
import { blamedItems, blamesBody } from "./errors.ts";

/** Items of one request: as many as the server takes in one enqueue or one settle. */
export const ITEMS_MAX: typeof limits.jobsPerEnqueueMax & typeof limits.itemsPerSettleMax = 1000;
/** Bytes of a request's body, less room for what stands around its items. */
export const ITEM_BYTES_MAX = 1024 * 1024 - 32 * 1024;

interface Item<Answer> {
  readonly text: string;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}
/** Items that were taken together, and must be answered, refused or put back. */
export type Batch<Answer> = readonly Item<Answer>[];

const encoder = new TextEncoder();

/** The JSON array of a batch's items. */
export function jsonArray(batch: readonly { readonly text: string }[]): string {
  return `[${batch.map((item) => item.text).join(",")}]`;
}

export class Outbox<Answer> {
  #waiting: Item<Answer>[] = [];
  /** Lowered while the guilty item of a refused request is searched for. */
  #itemsMax: number = ITEMS_MAX;

  get size(): number {
    return this.#waiting.length;
  }

  /**
   * Adds an item's JSON text. Resolves with its answer, or rejects with what is wrong with it or
   * its request.
   */
  add(text: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const bytes = encoder.encode(text).byteLength + 1;
    this.#waiting.push({ text, bytes, resolve, reject });
    return promise;
  }

  /**
   * Takes the first items, as many as fit one request; one that is too large by itself goes alone.
   */
  take(): Batch<Answer> {
    let bytes = 0;
    let count = 0;
    for (const item of this.#waiting) {
      bytes += item.bytes;
      if (count === this.#itemsMax || (count > 0 && bytes > ITEM_BYTES_MAX)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** Gives each item of a batch its answer. */
  answer(batch: Batch<Answer>, answers: readonly Answer[]): void {
    this.#itemsMax = ITEMS_MAX;
    for (const [place, item] of batch.entries()) {
      const answer = answers[place];
      if (answer !== undefined) item.resolve(answer);
      else
        item.reject(new Error(`The server answered ${answers.length} of ${batch.length} items.`));
    }
  }

  /** The request was refused: items that it blames are rejected, and innocent ones wait again. */
  refuse(batch: Batch<Answer>, error: unknown): void {
    const blamed = blamesBody(error) ? blamedItems(error) : new Map<number, unknown>();
    if (!blamesBody(error) || (batch.length === 1 && blamed.size === 0)) {
      for (const item of batch) item.reject(error);
      return;
    }
    const innocent = batch.filter((_, place) => !blamed.has(place));
    // Without a name, the guilty one is found by halving.
    if (innocent.length === batch.length) this.#itemsMax = Math.ceil(batch.length / 2);
    this.putBack(innocent);
    for (const [place, item] of batch.entries()) {
      if (blamed.has(place)) item.reject(blamed.get(place));
    }
  }

  /** The batch goes again, before all others. */
  putBack(batch: Batch<Answer>): void {
    this.#waiting = [...batch, ...this.#waiting];
  }
}
