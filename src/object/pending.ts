/**
 * Commands that wait to be decided, in the order in which they came.
 * Invariant: they are bounded in number and bytes; each is taken out once, by whoever answers it.
 */
import { limits } from "../contract/limits.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";

export interface Pending {
  readonly request: CommandRequest;
  readonly answer: (answer: CommandAnswer) => void;
  readonly fail: (error: unknown) => void;
}

export class PendingCommands {
  readonly #waiting: Pending[] = [];
  /** Commands about schedules of which slots come first: others need not wait for them. */
  readonly #behind: Pending[] = [];
  /** Of both. */
  #bytes = 0;

  /** How many there are. */
  get count(): number {
    return this.#waiting.length + this.#behind.length;
  }

  /** The one whose turn it is. */
  get next(): Pending | undefined {
    return this.#waiting[0];
  }

  /** Whether there is room for one more. */
  hasRoomFor({ bytes }: CommandRequest): boolean {
    return this.count < limits.pendingCommandsMax && this.#bytes + bytes <= limits.pendingBytesMax;
  }

  add(pending: Pending): void {
    this.#waiting.push(pending);
    this.#bytes += pending.request.bytes;
  }

  /** Takes out the one whose turn it is. */
  take(): void {
    this.#bytes -= this.#waiting.shift()?.request.bytes ?? 0;
  }

  /** Lets all others pass the one whose turn it is, until `bringBack`. Returns whether it is the first. */
  setAside(): boolean {
    this.#behind.push(...this.#waiting.splice(0, 1));
    return this.#behind.length === 1;
  }

  /** Puts those that were set aside before all others. */
  bringBack(): void {
    this.#waiting.unshift(...this.#behind.splice(0));
  }

  /** Takes out all. */
  takeAll(): Pending[] {
    this.#bytes = 0;
    return [...this.#behind.splice(0), ...this.#waiting.splice(0)];
  }
}
