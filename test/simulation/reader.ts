/**
 * What a read should be answered, at the moment at which it is decided.
 * Invariant: a cursor is known by what it stands for; the engine's own counts are taken from where they are made.
 */

import type { CommandInputs } from "../../src/contract/commands.ts";
import type { ClaimInput } from "../../src/contract/leases.ts";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import type { Auditor } from "./auditor.ts";
import type { Delivery } from "./delivery.ts";
import type { Disk } from "./disk.ts";
import { judgeOfFeed } from "./feed-audit.ts";
import type { Instance } from "./instance.ts";
import { getAction, listActions } from "./model/actions.ts";
import { type Answer, refused } from "./model/answers.ts";
import { getDelivery } from "./model/deliveries.ts";
import { nextDueAt } from "./model/due.ts";
import { listParents } from "./model/flows.ts";
import { getKey, listKeys } from "./model/keys.ts";
import { QUEUE } from "./model/model.ts";
import type { Cursor, Page } from "./model/pages.ts";
import { getPlan, getTasks, listPlans } from "./model/plans.ts";
import { countNames, getJob, getOperation, getQueue, listJobs } from "./model/reads.ts";
import { getSchedule, listSchedules, preview } from "./model/schedules.ts";
import { countsOf, setOf, setsOf } from "./model/show.ts";
import type { Job, State } from "./model/state.ts";
import { getWorker, listWorkers, served, workerCounts } from "./model/workers.ts";
import type { Judge } from "./snapshot-audit.ts";

interface Watched {
  readonly auditor: Auditor;
  readonly disk: Disk;
  /** Whether the alarm can be expected to be set. */
  readonly isAlarmSure: boolean;
  /** What is asked for over channels. */
  readonly channels: { readonly claims: readonly ClaimInput[] };
}

/** Whether a read tells of storage rather than of the state. */
const isOfStorage = (name: string): boolean =>
  name.startsWith("snapshot.") || name === "queue.verify" || name === "queue.raw";

export class Reader {
  readonly #world: Watched;
  readonly #cursors = new Map<string, Cursor>();

  constructor(world: Watched) {
    this.#world = world;
  }

  remember(cursor: string, meaning: Cursor): void {
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
    const judge = this.#judgeOf(delivery.instance, request);
    if (judge !== undefined) {
      auditor.decidedRead(delivery, { judge });
      return;
    }
    const { answer, cursor } = this.#page(delivery.instance, request);
    auditor.decidedRead(delivery, { expected: answer, cursor });
  }

  /** Who says whether a read of names or of the feed is answered right. */
  #judgeOf({ store }: Instance, { name, input }: CommandRequest): Judge | undefined {
    const { auditor } = this.#world;
    const { state, versions } = auditor;
    const at = auditor.at();
    if (name === "redis.versions") {
      return versions.judgeOf({ state, at }, (input as CommandInputs["redis.versions"]).names);
    }
    if (name !== "feed.read") return undefined;
    const purged = store?.purged.index ?? 0;
    return judgeOfFeed(state, purged, input as CommandInputs["feed.read"], at);
  }

  #page(instance: Instance, { name, input }: CommandRequest): Page {
    const { auditor } = this.#world;
    const { state } = auditor;
    const now = auditor.at();
    const { id, cursor = "" } = input as { id: string; cursor?: string };
    const meaning = this.#cursors.get(cursor);
    switch (name) {
      case "job.list":
        return listJobs(state, now, input as CommandInputs["job.list"], meaning);
      case "job.parents":
        return listParents(state, now, input as CommandInputs["job.parents"], meaning);
      case "key.list":
        return listKeys(state, now, input as CommandInputs["key.list"], meaning);
      case "plan.list":
        return listPlans(state, now, input as CommandInputs["plan.list"], meaning);
      case "action.list":
        return listActions(state, now, input as CommandInputs["action.list"], meaning);
      case "schedule.list":
        return listSchedules(state, now, input as CommandInputs["schedule.list"], meaning);
      default:
        return { answer: this.#answer(instance, { name, input, id }, now) };
    }
  }

  #answer(
    instance: Instance,
    { name, input, id }: Pick<CommandRequest, "name" | "input"> & { readonly id: string },
    now: number,
  ): Answer {
    const { state } = this.#world.auditor;
    switch (name) {
      case "job.get":
        return getJob(state, now, id);
      case "job.tasks":
        return getTasks(state, now, input as CommandInputs["job.tasks"]);
      case "delivery.get":
        return getDelivery(state, now);
      case "key.get":
        return getKey(state, now, (input as CommandInputs["key.get"]).key);
      case "operation.get":
        return getOperation(state, now, id);
      case "plan.get":
        return getPlan(state, now, input as CommandInputs["plan.get"]);
      case "action.get":
        return getAction(state, now, id);
      case "worker.get":
        return getWorker(state, now, id);
      case "worker.list":
        return listWorkers(state, now, input as CommandInputs["worker.list"]);
      case "schedule.get":
        return getSchedule(state, now, id);
      case "schedule.preview":
        return preview(state, now, input as CommandInputs["schedule.preview"]);
      case "queue.get":
        return getQueue(state, now);
      case "redis.keyspace":
        return countNames(state);
      case "queue.stats":
        return this.#stats(instance, now);
      default:
        throw new Error(`${name} is not a read`);
    }
  }

  /** Who asked lately, or asks over a channel. */
  #claimers({ claimers }: Instance, now: number): ReadonlyMap<string, number> {
    const over = this.#world.channels.claims.map(
      ({ kinds = ["payload"], capabilities = [] }) =>
        [JSON.stringify([kinds, capabilities]), now] as const,
    );
    return new Map([...claimers, ...over]);
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
        workers: workerCounts(state, now),
        unclaimable: uncovered(state, now, this.#claimers(instance, now)),
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

/** A worker that has not asked for so long may be gone. */
const LATELY_MS = 60_000;

/** What ready jobs require that neither a live worker nor one that asked lately can do. */
function uncovered(
  state: State,
  now: number,
  claimers: ReadonlyMap<string, number>,
): readonly object[] {
  const lately = [...claimers].filter(([, at]) => now - at <= LATELY_MS);
  const able = [
    ...served(state, now).map(({ kinds, capabilities }) => [kinds, capabilities] as const),
    ...(state.queue?.delivery === undefined
      ? []
      : [[["payload"], state.queue.delivery.settings.capabilities] as const]),
    ...lately.map(([said]) => JSON.parse(said) as readonly [readonly string[], readonly string[]]),
  ];
  const found = [...setsOf(state)].flatMap((set) => {
    const [kind, requires] = JSON.parse(set) as readonly [string, readonly string[]];
    const isOf = (job: Job) => job.state === "ready" && setOf(job) === set;
    const ready = [...state.jobs.values()].filter(isOf).length;
    const isCovered = able.some(
      ([kinds, can]) => kinds.includes(kind) && requires.every((need) => can.includes(need)),
    );
    return ready > 0 && !isCovered ? [{ kind, requires, ready }] : [];
  });
  return found.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
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
