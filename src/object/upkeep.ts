/**
 * What a queue does when its alarm fires, and when it next has something to do.
 * Invariant: a part that fails keeps no other from being done and is tried again later; the armed time is never later than the first
 * thing to do.
 */

import { limits } from "../contract/limits.ts";
import type { DirectoryRpc } from "../contract/rpc.ts";
import type { View } from "../machine/decide.ts";
import { rateOpensAt } from "../machine/leases.ts";
import { runningOperation } from "../machine/operations.ts";
import { nextDueAt } from "../machine/sweep.ts";
import type { SluiceStore } from "../store/schema.ts";
import type { Sql } from "../store/sql.ts";
import type { Alarm } from "./alarm.ts";
import type { BlockedClients } from "./blocked.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { Committer } from "./commit.ts";
import type { Courier } from "./courier.ts";
import { farewells } from "./farewell.ts";
import type { Line } from "./line.ts";
import { letRequestsBy } from "./pauses.ts";
import { tellDirectory } from "./registry.ts";
import type { Snapshots } from "./snapshots.ts";

/** What upkeep needs of the platform. */
interface UpkeepPorts {
  readonly sql: Sql;
  now(): number;
  pause(): Promise<void>;
  directory(): Pick<DirectoryRpc, "register" | "forget">;
  report(error: unknown, what: string): void;
}

/** The parts of the engine that have something to do, and what they do it to. */
interface UpkeepParts {
  readonly alarm: Alarm;
  readonly committer: Committer;
  readonly checkpoints: Checkpoints;
  readonly courier: Courier;
  readonly snapshots: Snapshots;
  readonly line: Line;
  readonly blocked: BlockedClients;
  store(): SluiceStore;
  view(): View | undefined;
}

/** How long one alarm works before it lets the next one go on. */
const ALARM_BUDGET_MS = 10_000;
/** How soon upkeep that failed is tried again. */
const RETRY_MS = 5_000;
const NEVER = Number.POSITIVE_INFINITY;

export class Upkeep {
  readonly #ports: UpkeepPorts;
  readonly #parts: UpkeepParts;
  /** What is due and failed is not tried again before. */
  #retryAt = 0;
  /** By then something is tried again that failed beside it, such as the service of who waits. */
  #againAt = NEVER;
  /** The alarm is at work: what can be done at once, it does. */
  #isAtWork = false;

  constructor(ports: UpkeepPorts, parts: UpkeepParts) {
    this.#ports = ports;
    this.#parts = parts;
  }

  /** Does what is due, a bounded entry at a time, and arms the next alarm. */
  async run(): Promise<void> {
    const { blocked, committer, checkpoints, courier, snapshots, line, store } = this.#parts;
    this.#retryAt = 0;
    this.#againAt = NEVER;
    this.#isAtWork = true;
    // A rate may let go on who waits, and no entry tells of it.
    line.wake();
    blocked.wake();
    await this.#trying("what is due", () => checkpoints.inPieces(() => this.#doWhatIsDue()));
    await this.#trying("who waits", () => committer.pump());
    await this.#trying("delivery", () => courier.notice());
    await this.#trying("snapshot", () => snapshots.upkeep());
    await this.#trying("log retention", () => checkpoints.trimLog());
    await this.#trying("directory", () => tellDirectory(this.#ports, committer, store));
    this.#isAtWork = false;
    await this.#trying("alarm", () => this.arm());
  }

  /** Sees to it that upkeep comes soon, for something that has failed beside it; what is due waits no longer for that. */
  later(): void {
    this.#againAt = Math.min(this.#againAt, this.#ports.now() + RETRY_MS);
    this.arm();
  }

  #retryLater(): void {
    this.#retryAt = this.#ports.now() + RETRY_MS;
    this.#parts.alarm.arm(this.#retryAt);
  }

  /** Arms the alarm for the earliest thing to do. */
  arm(): void {
    // By the platform's clock, which may have gone back behind the log's time.
    const now = this.#ports.now();
    const retryAt = Math.min(this.#retryAt, now + RETRY_MS);
    const snapshotsAt = this.#parts.snapshots.dueAt ?? NEVER;
    // Also what was armed for before: that alarm may have been lost.
    const againAt = this.#againAt === NEVER ? NEVER : Math.min(this.#againAt, now + RETRY_MS);
    const dueAt = Math.min(this.#dueAt(Math.max(now, retryAt)), this.#parts.blocked.dueAt);
    this.#parts.alarm.arm(Math.min(dueAt, againAt, Math.max(snapshotsAt, retryAt)));
  }

  /** Does a part of the upkeep. */
  async #trying(what: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#ports.report(error, what);
      this.#retryLater();
    }
  }

  async #doWhatIsDue(): Promise<void> {
    const { committer, checkpoints } = this.#parts;
    const startedAt = this.#ports.now();
    let isMore = true;
    while (isMore && this.#ports.now() - startedAt < ALARM_BUDGET_MS) {
      const step = await committer.upkeep((group) => {
        const changes = group.sweep(true);
        const hadOperation = group.advanceOperation();
        return { isMore: changes > 0 || hadOperation, faults: group.work.faults };
      });
      // What failed was reported and undone; at once again it would fail again.
      if (step.faults > 0) return this.#retryLater();
      ({ isMore } = step);
      if (isMore || checkpoints.isPieceDue) await letRequestsBy(this.#ports);
      if (!checkpoints.isPieceDue) continue;
      // In a turn of its own: a piece takes as long as an entry does.
      await committer.alone(() => checkpoints.takePiece());
      if (isMore) await letRequestsBy(this.#ports);
    }
  }

  /** When the queue itself has something to do; what it could do at once, it does `soon`. */
  #dueAt(soon: number): number {
    const view = this.#parts.view();
    const atOnce = this.#isAtWork ? NEVER : soon;
    if (view === undefined) return farewells(this.#ports.sql).length > 0 ? atOnce : NEVER;
    // Where there is a queue, it is registered behind all farewells: they need no alarm of their own.
    const isUnregistered = view.tables.queue.get([0])?.registered === undefined;
    const isBusy = isUnregistered || runningOperation(view) !== undefined;
    const due = nextDueAt(view) ?? NEVER;
    const trimAt = this.#parts.store().purgeDueAt(limits.logAgeMsMax) ?? NEVER;
    const opensAt = this.#parts.line.hasWaiters ? rateOpensAt(view) : NEVER;
    return Math.min(
      ...[isBusy ? atOnce : NEVER, opensAt, this.#parts.courier.dueAt(view)],
      ...[due > view.at ? due : atOnce, trimAt > view.at ? trimAt : atOnce],
    );
  }
}
