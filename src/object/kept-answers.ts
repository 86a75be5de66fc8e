/**
 * The answers kept under Idempotency-Keys, as a group sees them: the log's, and those of its own commands that went before.
 * Invariant: what a group undoes is kept nowhere.
 */
import type { Event } from "../contract/events.ts";
import { isRefusal, refuse } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { repeatedAnswer } from "../machine/answers.ts";
import type { KeptAnswer, View } from "../machine/decide.ts";
import type { EntryBuilder } from "../store/entry.ts";
import type { SluiceStore } from "../store/schema.ts";

export class KeptAnswers {
  readonly #store: Pick<SluiceStore, "findKey">;
  readonly #builder: Pick<EntryBuilder<Event>, "addKey">;
  /** Kept by this group, in the order of its commands: the log does not have them yet. */
  readonly #own = new Map<string, KeptAnswer>();

  constructor(store: Pick<SluiceStore, "findKey">, builder: Pick<EntryBuilder<Event>, "addKey">) {
    this.#store = store;
    this.#builder = builder;
  }

  /** The answer that is kept under a key. */
  recall(key: string): KeptAnswer | undefined {
    return this.#own.get(key) ?? this.#store.findKey(key);
  }

  /** Keeps an answer under a key that is not used yet, with the group's entry. */
  keep(key: string, bodyHash: string, answer: string): void {
    this.#builder.addKey(key, bodyHash, answer);
    this.#own.set(key, { bodyHash, answer });
  }

  /** How many this group keeps so far: where `undo` goes back to. */
  mark(): number {
    return this.#own.size;
  }

  /** Forgets what was kept since the mark. The builder undoes its own part. */
  undo(mark: number): void {
    for (const key of [...this.#own.keys()].slice(mark)) this.#own.delete(key);
  }
}

/** The answer to a request under a key that was used before. */
export function repeated(
  view: View,
  { name, input }: CommandRequest,
  bodyHash: string,
  kept: KeptAnswer,
): CommandAnswer {
  if (kept.bodyHash !== bodyHash) {
    return {
      refusal: refuse(
        "idempotency_key_reused",
        "This Idempotency-Key was used for another request. Use a new key for a new request.",
      ),
    };
  }
  const answer = repeatedAnswer(view, name, input, kept.answer);
  return isRefusal(answer) ? { refusal: answer } : { reply: answer };
}
