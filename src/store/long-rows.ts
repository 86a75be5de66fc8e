/**
 * How long the texts of long rows are that were read from a table lately: what a checkpoint frees of them is known with no further look.
 * Invariant: what it knows of a key is about what the table holds under it; few keys are held.
 */
import { type Key, nameOf } from "./key-columns.ts";

/** Texts up to this stand on the page of their row, and go with it; of longer ones SQLite reads each page to free it. */
export const pageTextMax = 1_000;
const heldMax = 1_024;

export class LongRows {
  readonly #lengths = new Map<string, number>();

  /** A row was read that has texts of so many units. */
  note(key: Key, textLength: number): void {
    if (textLength <= pageTextMax) return;
    if (this.#lengths.size >= heldMax) this.forget();
    this.#lengths.set(nameOf(key), textLength);
  }

  /** Length of the texts of a row; 0 where they are short, or nothing is known of it. */
  lengthOf(key: Key): number {
    return this.#lengths.size === 0 ? 0 : (this.#lengths.get(nameOf(key)) ?? 0);
  }

  /** The table was written. */
  forget(): void {
    this.#lengths.clear();
  }
}
