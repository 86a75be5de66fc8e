/**
 * What a read should be answered, at the moment at which it is decided.
 * Invariant: a cursor is known by what it stands for; the engine's own counts are taken from where they are made.
 */
import type { CommandRequest } from "../../src/contract/rpc.ts";
import type { Auditor } from "./auditor.ts";
import type { Delivery } from "./delivery.ts";
import type { Disk } from "./disk.ts";
import type { Instance } from "./instance.ts";
import { QUEUE } from "./model/model.ts";
import {
  type CursorMeaning,
  getJob,
  getOperation,
  getQueue,
  listJobs,
  type Page,
} from "./model/reads.ts";
import { countsOf } from "./model/show.ts";
import { type Answer, nextDueAt, refused } from "./model/turn.ts";

interface Watched {
  readonly auditor: Auditor;
  readonly disk: Disk;
  /** Whether the alarm can be expected to be set. */
  readonly isAlarmSure: boolean;
}

/** Whether a read tells of storage rather than of the state. */
const isOfStorage = (name: string): boolean =>
  name.startsWith("snapshot.") || name === "queue.verify" || name === "queue.raw";

export class Reader {
  readonly #world: Watched;
  readonly #cursors = new Map<string, CursorMeaning>();

  constructor(world: Watched) {
    this.#world = world;
  }

  remember(cursor: string, meaning: CursorMeaning): void {
    this.#cursors.set(cursor, meaning);
  }

  /** Notes what a read that was just decided should be answered. */
  expect(delivery: Delivery, request: CommandRequest): void {
    const { auditor } = this.#world;
    if (auditor.state.queue === undefined && request.name !== "queue.raw") {
      const expected = refused("queue_unknown", { queue: QUEUE });
      auditor.decidedRead(delivery, { expected });
      return;
    }
    const { store } = delivery.instance;
    if (store !== undefined && isOfStorage(request.name)) {
      const isSure = this.#world.isAlarmSure;
      const judge = auditor.snapshots.judgeOf(request, store, auditor.at(), isSure);
      auditor.decidedRead(delivery, { judge });
      return;
    }
    const { answer, cursor } = this.#page(delivery.instance, request);
    auditor.decidedRead(delivery, { expected: answer, cursor });
  }

  #page(instance: Instance, { name, input }: CommandRequest): Page {
    const { auditor } = this.#world;
    const { state } = auditor;
    const now = auditor.at();
    const { id } = input as { id: string };
    switch (name) {
      case "job.get":
        return { answer: getJob(state, now, id) };
      case "operation.get":
        return { answer: getOperation(state, now, id) };
      case "queue.get":
        return { answer: getQueue(state, now) };
      case "job.list": {
        const list = input as CommandRequest<"job.list">["input"];
        return listJobs(state, now, list, this.#cursors.get(list.cursor ?? ""));
      }
      case "queue.stats":
        return { answer: this.#stats(instance, now) };
      default:
        throw new Error(`${name} is not a read`);
    }
  }

  #stats(instance: Instance, now: number): Answer {
    const { auditor, disk } = this.#world;
    const { state, rates } = auditor;
    const { counts, bytes } = countsOf(state);
    const ready = [...state.jobs.values()].filter((job) => job.state === "ready");
    const oldest = ready.length === 0 ? null : Math.min(...ready.map((job) => job.readyAt ?? 0));
    const { rowsRead, rowsWritten } = instance.sql.counts;
    const purged = instance.store?.purged.index ?? 0;
    const checkpointed = instance.store?.checkpointed.index ?? 0;
    return {
      reply: {
        ...{ now, counts, jobBytes: bytes },
        oldestReadyAgeMs: oldest === null ? null : Math.max(0, now - oldest),
        nextDueAt: nextDueAt(state, now),
        perMinute: rates.lastMinute(now),
        storage: {
          ...{ objectId: "object", databaseBytes: disk.bytes, rowsRead },
          rowsWritten: rowsWritten + instance.alarmsSet,
        },
        log: {
          ...{ firstIndex: purged + 1, lastIndex: state.index, term: state.queue?.term },
          checkpointedIndex: checkpointed,
          bytes: bytesOfLog(disk),
          windowMs: Math.max(0, now - (state.history.ats[purged + 1] ?? 0)),
        },
      },
    };
  }
}

/** The bytes of all entries that are kept, counted in storage. */
function bytesOfLog(disk: Disk): number {
  const tables = disk.rows<[name: string]>(
    "SELECT name FROM sqlite_schema WHERE name GLOB 'raft_log_*'",
    [],
  );
  let bytes = 0;
  for (const [name] of tables) {
    const query = `SELECT coalesce(sum(octet_length(keys) + octet_length(events) + octet_length(texts)), 0) FROM ${name}`;
    bytes += disk.rows<[number]>(query, [])[0]?.[0] ?? 0;
  }
  return bytes;
}
