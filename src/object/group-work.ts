/**
 * What a group has done so far, and how it is taken back.
 * Invariant: after an undo the store, the entry, and all that the group remembers are as they were at the mark.
 */
import type { Event } from "../contract/events.ts";
import { limits } from "../contract/limits.ts";
import { isRefusal, type Refusal } from "../contract/refusals.ts";
import type { CommandAnswer } from "../contract/rpc.ts";
import type { BuilderMark, EntryBuilder } from "../store/entry.ts";
import type { SluiceStore } from "../store/schema.ts";
import type { KeptAnswers } from "./kept-answers.ts";
import type { Serving } from "./serving.ts";
import type { ToldEvents, ToldMark } from "./told-events.ts";

export interface WorkMark {
  readonly store: number;
  readonly builder: BuilderMark;
  readonly told: ToldMark;
  readonly keys: number;
  readonly serving: number;
}

interface WorkParts {
  readonly store: SluiceStore;
  readonly builder: EntryBuilder<Event>;
  readonly told: ToldEvents;
  readonly kept: KeptAnswers;
  readonly serving: Serving;
  /** Called before each work. */
  begin(): void;
  /** Told of a fault, which was undone. */
  onFault(error: unknown, what: string): void;
}

export class GroupWork {
  readonly #parts: WorkParts;
  readonly #unitsBefore: number;
  /** Length of the texts that are told of it, and held until then. */
  #owed = 0;
  #elements = 0;
  #faults = 0;

  constructor(parts: WorkParts) {
    this.#parts = parts;
    this.#unitsBefore = parts.store.unitsRead;
  }

  /** Whether so much text was read for it, is to be told of it, or waits to be written or freed, or so much was changed, that others are to have their turn. */
  get isLaden(): boolean {
    const { isHeavy, unitsRead } = this.#parts.store;
    const most = limits.entryUnitsReadMax;
    const isLong = this.#elements > limits.redisElementsAtOnceMax;
    return isLong || isHeavy || unitsRead - this.#unitsBefore > most || this.#owed > most;
  }

  /** So many elements are changed by it. */
  changes(elements: number): void {
    this.#elements += elements;
  }

  /** Texts of this length are to be told of it. */
  owes(units: number): void {
    this.#owed += units;
  }

  /** An answer is to be told. */
  tells(answer: CommandAnswer | undefined): void {
    if (answer !== undefined && "reply" in answer) this.owes(answer.reply.length);
  }

  /** How many faults were reported and undone. */
  get faults(): number {
    return this.#faults;
  }

  mark(): WorkMark {
    const { store, builder, told, kept, serving } = this.#parts;
    return {
      store: store.mark(),
      builder: builder.mark(),
      told: told.mark(),
      keys: kept.mark(),
      serving: serving.mark(),
    };
  }

  undo(mark: WorkMark): void {
    const { store, builder, told, kept, serving } = this.#parts;
    store.undo(mark.store);
    builder.undo(mark.builder);
    told.undo(mark.told);
    kept.undo(mark.keys);
    serving.undo(mark.serving);
  }

  /** Does some work. Of what is refused nothing is left. */
  whole<T>(work: () => T | Refusal): T | Refusal {
    const before = this.mark();
    const answer = work();
    if (isRefusal(answer)) this.undo(before);
    return answer;
  }

  /** Does some work. A fault in it is undone and reported, and the result is then what `otherwise` makes of it. */
  guarded<T>(what: string, work: () => T, otherwise: (fault: unknown) => T): T {
    const before = this.mark();
    this.#parts.begin();
    try {
      return work();
    } catch (error) {
      this.undo(before);
      this.#faults += 1;
      this.#parts.onFault(error, what);
      return otherwise(error);
    }
  }
}
