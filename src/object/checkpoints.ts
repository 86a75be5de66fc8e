/**
 * When a queue's object takes a checkpoint behind an entry, and what of the log goes with it.
 * Invariant: the turns of what time does never leave more changed rows to one checkpoint than it may write while requests wait.
 */
import { encodeReply } from "../contract/commands.ts";
import { limits } from "../contract/limits.ts";
import type { CommandAnswer } from "../contract/rpc.ts";
import type { View } from "../machine/decide.ts";
import { weightOf } from "../store/figures.ts";
import type { SluiceStore } from "../store/schema.ts";
import { queueUnknown } from "./refusals.ts";

/** What checkpoints need of the engine. */
interface CheckpointPorts {
  store(): SluiceStore;
  /** The time as of now: never before the last entry's. */
  at(): number;
  /** The state; undefined where there is no queue. */
  view(): View | undefined;
  readonly name: string;
}

export class Checkpoints {
  readonly #ports: CheckpointPorts;
  /** What the alarm at work has found changed, or has left so behind its last checkpoint; undefined while it rests. */
  #found: number | undefined;
  /** When the last one was taken, by the time of the log. */
  #takenAt = Number.NEGATIVE_INFINITY;

  constructor(ports: CheckpointPorts) {
    this.#ports = ports;
  }

  /** Takes one that was asked for: all rows go to their tables. */
  asked(): CommandAnswer {
    const { store, at, view, name } = this.#ports;
    if (view() === undefined) return { refusal: queueUnknown(name) };
    store().checkpoint(Number.POSITIVE_INFINITY);
    const { term, index } = store().checkpointed;
    return {
      reply: encodeReply("queue.checkpoint", { now: at(), checkpointed: { term, index } }),
    };
  }

  /**
   * Does the work of an alarm. It may change a hundred thousand rows in turns that follow one another, which nobody asks for
   * again at once: checkpoints in pieces write each of them once all the same, and none holds a request up for long.
   */
  async inPieces(work: () => Promise<void>): Promise<void> {
    this.#found = this.#changed;
    try {
      await work();
    } finally {
      this.#found = undefined;
    }
  }

  /** Whether an alarm is at that work. */
  get isInPieces(): boolean {
    return this.#found !== undefined;
  }

  /**
   * Takes a checkpoint if one is due. To be called behind every entry; `isBehind` says that time has left it more to do. An alarm at
   * work takes its pieces itself, in turns of their own.
   */
  behindEntry(isBehind: boolean): void {
    // Commands too may be in the middle of what an alarm does, such as slots that come before one of them.
    const store = this.#ports.store();
    const isPiece =
      this.#found === undefined && isBehind && weightOf(store.stats) >= limits.checkpointAlarmRows;
    if (isPiece || store.checkpointDue || this.#isEasy) this.#take();
  }

  /**
   * Whether one takes little: most of what has changed goes to lists. Whatever an alarm finds, its first piece takes along: many changes that nobody
   * has written would hold up who asks meanwhile. No more often than it takes a hundredth of the time, and not where so much is written that it would be
   * listed for nothing.
   */
  get #isEasy(): boolean {
    const { at, store } = this.#ports;
    if (this.#found !== undefined || at() < this.#takenAt + limits.checkpointEasyMs) return false;
    const { tailBytes, dirtyRows } = store().stats;
    const { checkpointEasyTailBytes: least, checkpointEasyTailBytesMax: most } = limits;
    return tailBytes >= least && tailBytes < most && dirtyRows <= limits.checkpointEasyRows;
  }

  /** Whether the alarm at work has changed so much that a piece is to be written. */
  get isPieceDue(): boolean {
    if (this.#found === undefined) return false;
    // Another checkpoint may have come between: then less is there than was found.
    this.#found = Math.min(this.#found, this.#changed);
    return this.#changed - this.#found >= limits.checkpointAlarmRows;
  }

  /**
   * Writes as much of each table as the alarm at work has changed, if that is still enough for a piece: what others have changed
   * stays in lists as far as it may, and these grow no longer.
   */
  takePiece(): void {
    if (this.isPieceDue) this.#take(limits.checkpointAlarmRows);
  }

  /** Drops what the log need not keep any more. */
  trimLog(): void {
    const store = this.#ports.store();
    const bounds = { maxAgeMs: limits.logAgeMsMax, maxBytes: limits.logBytesMax };
    const upTo = store.purgeable(this.#ports.at(), bounds);
    if (upTo !== undefined) store.purge(upTo);
  }

  #take(most?: number): void {
    this.#ports.store().checkpoint(most);
    this.#takenAt = this.#ports.at();
    if (this.#found !== undefined) this.#found = this.#changed;
    this.trimLog();
  }

  get #changed(): number {
    return this.#ports.store().stats.changed;
  }
}
