/**
 * What a queue's object answers to reads: of the state, of itself, and of storage that it does not use.
 * Invariant: nothing is changed, and a row that cannot be read refuses only who asked for it.
 */
import { type CommandName, encodeReply } from "../contract/commands.ts";
import type { FeedInput } from "../contract/feed.ts";
import type { QueueStats, RawInput, VerifyInput, VerifyProblem } from "../contract/queue.ts";
import { isRefusal, type Refusal } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { type SnapshotRead, snapshotManifest } from "../contract/snapshots.ts";
import type { Read, View } from "../machine/decide.ts";
import { isRead, reads } from "../machine/index.ts";
import { type Claimer, queueCounts, unclaimable } from "../machine/queue.ts";
import { nextDueAt } from "../machine/sweep.ts";
import { rawPage } from "../store/raw.ts";
import type { Salvaged } from "../store/salvage.ts";
import { SalvagedSnapshot } from "../store/salvaged-snapshot.ts";
import type { SluiceSchema, SluiceStore } from "../store/schema.ts";
import type { Sql } from "../store/sql.ts";
import type { Alarm } from "./alarm.ts";
import type { Feed } from "./feed.ts";
import type { Rates } from "./rates.ts";
import { refusalOfFault } from "./refusals.ts";
import { manifestOf } from "./snapshot-answers.ts";
import type { Snapshots } from "./snapshots.ts";
import { verifyStep } from "./verify.ts";

/** A store that is not used: why, and what can still be read of it. */
export interface Damaged {
  readonly refusal: Refusal;
  readonly damage: NonNullable<QueueStats["damage"]>;
  readonly salvaged: Salvaged<SluiceSchema> | undefined;
}

export const isDamaged = (store: SluiceStore | Damaged): store is Damaged => "refusal" in store;

/** What reads need of the platform. */
interface ReadPorts {
  readonly sql: Sql;
  readonly objectId: string;
  report(error: unknown, what: string): void;
}

/** The parts of the engine that have something to tell. */
interface ReadParts {
  readonly alarm: Alarm;
  readonly rates: Rates;
  /** Those who ask for jobs, as of a time. */
  claimers(at: number): Iterable<Claimer>;
  readonly snapshots: Snapshots;
  readonly feed: Pick<Feed, "page">;
}

export class QueueReads {
  readonly #ports: ReadPorts;
  readonly #alarm: Alarm;
  readonly #rates: Rates;
  readonly #claimers: ReadParts["claimers"];
  readonly #snapshots: Snapshots;
  readonly #feed: ReadParts["feed"];

  constructor(ports: ReadPorts, { alarm, rates, claimers, snapshots, feed }: ReadParts) {
    this.#ports = ports;
    this.#alarm = alarm;
    this.#rates = rates;
    this.#claimers = claimers;
    this.#snapshots = snapshots;
    this.#feed = feed;
  }

  /** Answers as of the last entry. A fault is reported, and refuses only this read. */
  answer(view: View, store: SluiceStore, request: CommandRequest): CommandAnswer {
    const { name, input } = request;
    return this.#guarded(name, () => {
      const reply = this.#replyOwn(view, store, request) ?? replyOf(view, name, input);
      return isRefusal(reply) ? { refusal: reply } : { reply: encodeReply(name, reply as never) };
    });
  }

  /** The reply to a read that asks for more than the state of the queue. */
  #replyOwn(view: View, store: SluiceStore, { name, input }: CommandRequest) {
    if (name === "queue.stats") return this.#stats(view, store);
    if (name === "feed.read") return this.#feed.page(input as FeedInput);
    if (name === "snapshot.get") return this.#snapshots.status(view.at);
    if (name === "snapshot.read") return this.#snapshots.read(input as SnapshotRead);
    if (name !== "queue.verify") return undefined;
    return verifyStep(store, (input as VerifyInput).cursor, view.at, {
      live: () => this.#lateAlarm(view),
      damaged: (fault) => this.#ports.report(fault, name),
    });
  }

  /** I9: the alarm is armed no later than the first thing to do. */
  #lateAlarm(view: View): VerifyProblem[] {
    const dueAt = nextDueAt(view) ?? Number.POSITIVE_INFINITY;
    const isNever = dueAt === Number.POSITIVE_INFINITY;
    const isCovered = isNever || dueAt <= view.at || this.#alarm.isArmedBy(dueAt);
    return isCovered ? [] : [{ invariant: "I9", detail: `No alarm is armed for ${dueAt}.` }];
  }

  /** Reads of a store that is not used show what stands before its damage. */
  answerDamaged({ refusal, damage, salvaged }: Damaged, request: CommandRequest): CommandAnswer {
    const { name, input } = request;
    const isOfSnapshot = name === "snapshot.get" || name === "snapshot.read";
    if (isOfSnapshot && damage.code === "store_corrupt") {
      return this.#snapshotOf(request) ?? { refusal };
    }
    if (salvaged?.tables.queue.get([0]) === undefined) return { refusal };
    const { tables, hard, last } = salvaged;
    const view = { tables, at: last.at, identity: hard };
    try {
      if (name === "queue.stats") {
        const { purged, checkpointed } = hard;
        const unread = { logBytes: 0, firstAt: last.at };
        const stats = this.#stats(view, { purged, checkpointed, last, stats: unread });
        return { reply: encodeReply(name, { ...stats, damage }) };
      }
      const reply = isRead(name) ? replyOf(view, name, input) : refusal;
      return isRefusal(reply) ? { refusal: reply } : { reply: encodeReply(name, reply as never) };
    } catch {
      // What is damaged may fail in any way; why it is not used is known.
      return { refusal };
    }
  }

  /** What is asked of the last snapshot of a store that is not used; undefined where that cannot be told. */
  #snapshotOf({ name, input }: CommandRequest): CommandAnswer | undefined {
    try {
      const snapshot = SalvagedSnapshot.find(this.#ports.sql);
      if (snapshot === undefined) return undefined;
      const current = manifestOf(snapshot.meta);
      snapshotManifest.parse(current);
      if (name === "snapshot.get") {
        const none = { building: null, failed: null, importing: null };
        return { reply: encodeReply(name, { now: current.last.at, current, ...none }) };
      }
      const { chunk, digest } = input as SnapshotRead;
      const isIts = digest === current.digest && chunk >= 1 && chunk <= current.chunks;
      return isIts ? { reply: encodeReply("snapshot.read", snapshot.text(chunk)) } : undefined;
    } catch {
      // It is damaged as well: why nothing is used is known.
      return undefined;
    }
  }

  /** A page of the storage: a line that says where the next one begins, and the rows. */
  raw({ input }: CommandRequest): CommandAnswer {
    const page = rawPage(this.#ports.sql, (input as RawInput).after);
    return { reply: `${JSON.stringify({ after: page.after ?? null })}\n${page.lines}` };
  }

  #guarded(name: CommandName, work: () => CommandAnswer): CommandAnswer {
    try {
      return work();
    } catch (fault) {
      this.#ports.report(fault, name);
      return { refusal: refusalOfFault(fault) };
    }
  }

  #stats(view: View, { purged, last, checkpointed, stats }: Places): QueueStats {
    const { sql } = this.#ports;
    return {
      now: view.at,
      ...queueCounts(view),
      ...unclaimable(view, this.#claimers(view.at)),
      perMinute: this.#rates.lastMinute(view.at),
      storage: {
        objectId: this.#ports.objectId,
        databaseBytes: sql.bytes,
        rowsWritten: sql.counts.rowsWritten + this.#alarm.rowsWritten,
        rowsRead: sql.counts.rowsRead,
      },
      log: {
        firstIndex: purged.index + 1,
        lastIndex: last.index,
        term: last.term,
        checkpointedIndex: checkpointed.index,
        bytes: stats.logBytes,
        windowMs: Math.max(0, view.at - stats.firstAt),
      },
    };
  }
}

/** What the statistics tell of a log. */
type Places = Pick<SluiceStore, "purged" | "last" | "checkpointed"> & {
  readonly stats: Pick<SluiceStore["stats"], "logBytes" | "firstAt">;
};

/** The reply to a read of the state of a queue. */
function replyOf(view: View, name: CommandName, input: object) {
  if (!isRead(name)) throw new Error(`${name} is not a read`);
  return (reads[name] as Read<typeof name>)(view, input as never);
}
