/**
 * The undo journal that all tables share: what every changed row was before, in order.
 * Invariant: undoing to a mark restores every table to exactly what it held when the mark was taken.
 */
import type { Position } from "./key-columns.ts";

/** A table as the journal sees it. */
export interface Undoable {
  /** Puts back what the overlay held for a key; `before` is what the table itself recorded. */
  restore(key: Position, before: unknown): void;
}

interface Change {
  readonly table: Undoable;
  readonly key: Position;
  readonly before: unknown;
}

/** Changes since the last `forget`. */
export class Journal {
  #changes: Change[] = [];
  #epoch = 0;
  #isOpen = true;

  /** Rises with every mark, undo and forget: what changed since in this epoch can only be undone as a whole. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Number of changes since the last `forget`. */
  get length(): number {
    return this.#changes.length;
  }

  /** A point to come back to. Valid until `forget`, or until an undo to an earlier mark. */
  mark(): number {
    this.#epoch += 1;
    return this.#changes.length;
  }

  /** Notes what a table held for a key, before it changes. */
  record(table: Undoable, key: Position, before: unknown): void {
    if (this.#isOpen) this.#changes.push({ table, key, before });
  }

  /** Takes back every change made since the mark, newest first. */
  undo(mark: number): void {
    this.#epoch += 1;
    if (mark > this.#changes.length) throw new RangeError(`undo to ${mark}: no such mark`);
    while (this.#changes.length > mark) {
      const change = this.#changes.pop();
      change?.table.restore(change.key, change.before);
    }
  }

  /** Notes nothing while `work` is done: its changes are final. */
  without<T>(work: () => T): T {
    this.#isOpen = false;
    try {
      return work();
    } finally {
      this.#isOpen = true;
      // What was copied meanwhile is not to be changed in place behind it: nobody would note that.
      this.#epoch += 1;
    }
  }

  /** Makes the changes final. */
  forget(): void {
    this.#epoch += 1;
    this.#changes = [];
  }
}
