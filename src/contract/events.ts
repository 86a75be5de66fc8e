/**
 * Every event: a fact that passed every check, and all that changes a queue's state.
 * Invariant: an event's meaning never changes; a new meaning is a new version, and the old writer stays.
 */

import type { EndStatus } from "./actions.ts";
import type { DeliverySettings, Probe } from "./deliveries.ts";
import type { JobKind, JobState } from "./fields.ts";
import type { Parent } from "./flows.ts";
import type { HashEvents } from "./hashes.ts";
import type { Backoff } from "./jobs.ts";
import type { JsonText } from "./json.ts";
import type { KeySettings } from "./keys.ts";
import type { ListEvents } from "./lists.ts";
import type { NameEvents } from "./names.ts";
import type { OperationKind } from "./operations.ts";
import type { QueueConfig } from "./queue.ts";
import type { RefusalCode } from "./refusals.ts";
import type { ScheduleDefinition } from "./schedules.ts";
import type { SetEvents } from "./sets.ts";
import type { SortedSetEvents } from "./sorted-sets.ts";
import type { StringEvents } from "./strings.ts";
import type { Unique } from "./uniques.ts";

/** What may be said of a job, beside what it is. */
interface JobOptions {
  lane: number;
  /** Of a job with a key and requirements: the lane of its kind and requirements, which counts it too. */
  set?: number | undefined;
  key?: string | undefined;
  runAt?: number | undefined;
  priority?: number | undefined;
  ttlMs?: number | undefined;
  expiresAt?: number | undefined;
  leaseMs?: number | undefined;
  maxRunMs?: number | undefined;
  maxAttempts?: number | undefined;
  backoff?: Backoff | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  requires?: readonly string[] | undefined;
}

/** The facts of each event, less `type` and `v`. Every event also has the time of its entry. */
export interface EventFacts
  extends NameEvents,
    StringEvents,
    ListEvents,
    HashEvents,
    SetEvents,
    SortedSetEvents {
  "queue.created": { name: string; queueId: string; term: number; config: QueueConfig };
  /**
   * Who takes part in the queue's history, by node id: the index of the entry that lets a node in. The first entry names the
   * queue's one primary.
   */
  "queue.membership": {
    configs: readonly (readonly number[])[];
    nodes: Readonly<Record<string, { readonly role: "primary" | "replica" }>>;
  };
  "queue.configured": { config: QueueConfig };
  "queue.paused": { reason?: string };
  "queue.resumed": object;
  /** The directory knows the queue. */
  "queue.registered": object;
  /** The state before this entry came from a snapshot; whose it was and how far it went, `from` tells. */
  "queue.imported": {
    name: string;
    queueId: string;
    term: number;
    from: { queueId: string; term: number; index: number; digest: string };
  };

  /** A job was taken. Without `runAt` it is ready at the entry's time. */
  "job.enqueued": JobOptions & {
    id: string;
    seq: number;
    payload: JsonText;
    /** Of the payload, in UTF-8. */
    payloadBytes: number;
    kind?: "plan" | undefined;
    /** Of a job of a plan, whose commands its requirements then hold too. */
    plan?: string | undefined;
    planVersion?: number | undefined;
    schedule?: string | undefined;
    slotAt?: number | undefined;
    fingerprint?: string | undefined;
    unique?: Unique | undefined;
    /** Jobs that it waits for; those that have ended already, well enough for it, are no longer waited for. */
    after?: readonly Parent[] | undefined;
  };
  /** A job that waits took another payload and due time, in the place of one with its unique key. */
  "job.replaced": {
    id: string;
    payload: JsonText;
    payloadBytes: number;
    /** Without it, the job is due at the entry's time. */
    runAt?: number | undefined;
    /** What the last worker made of the other payload is forgotten: its progress, and that it may still complete the job. */
    anew?: true | undefined;
  };
  /** A scheduled job came due and takes its place. */
  "job.promoted": { id: string };
  /** A job was handed out. `grant` rises with every claim; `leaseMs` is there when the claim asked for it. */
  "job.claimed": {
    id: string;
    grant: number;
    leaseUntil: number;
    leaseMs?: number | undefined;
    worker?: string | undefined;
    /** The hash of the session over whose channel it went. */
    session?: string | undefined;
    /** The worker is registered: its death ends the lease. */
    tracked?: true;
    /**
     * Of a job with a key, or where the queue has a rate: it notes what it takes of rates, and the round of its key ends with the lanes that
     * there were as it began, and counts turns. Without it, as in entries of before these rules, it does none of this.
     */
    fair?: true | undefined;
    /**
     * Of a job with a key, or while keys have turns: its turn is numbered, and those are next who had theirs least lately. Without it, as in
     * entries of before, shares of rounds are counted, and all jobs without a key have one.
     */
    turn?: true | undefined;
    /** What it takes of rates is kept in whole parts of a ms; without it, as in entries of before, as doubles add up. */
    parts?: true | undefined;
  };
  "job.completed": { id: string; result?: JsonText; late?: true };
  /** An attempt failed. With `runAt` the job waits for its next attempt, without it the job has failed. */
  "job.failed": {
    id: string;
    error?: string;
    reason?: string;
    runAt?: number;
    /** In strict order it goes before the others of its key until it has ended. */
    head?: true | undefined;
  };
  /** A lease ended by time, or with its worker. The job keeps its place, or has failed. */
  "job.lease_expired": { id: string; failed?: true; died?: true };
  /** A worker gave a job back; the attempt does not count. */
  "job.released": {
    id: string;
    runAt?: number;
    holdKeyUntil?: number;
    /** As of one that failed. */
    head?: true | undefined;
    /** What its hand-out took of rates is given back; without it, as in entries of before, a token of each rate that holds. */
    exact?: true | undefined;
  };
  "job.extended": { id: string; leaseUntil: number };
  "job.progressed": { id: string; progress: JsonText };
  "job.cancelled": { id: string; reason?: string };
  /** A time to live or a deadline passed. */
  "job.expired": { id: string; reason: "ttl" | "deadline" };
  /** An ended job runs again, at the tail. */
  "job.retried": {
    id: string;
    seq: number;
    lane: number;
    set?: number | undefined;
    /** Of the ids that it names, some are those of jobs that were made after it: it waits for none of these. */
    reused?: true | undefined;
  };
  /** Priority or due time changed. `runAt: null` makes a scheduled job ready. */
  "job.updated": { id: string; priority?: number; runAt?: number | null };
  /** A job's record is gone. */
  "job.removed": { id: string };
  /** The next so many jobs that wait for an ended one, in the order of their ids, wait for it no longer. */
  "job.parent_ended": { id: string; children: number };

  /** Jobs are pushed from now on, or otherwise than before. */
  "delivery.put": { settings: DeliverySettings };
  "delivery.removed": object;
  /** No jobs are pushed. Where the target failed, one is from `probe.at` on. */
  "delivery.paused": { reason?: string | undefined; probe?: Probe | undefined };
  "delivery.resumed": object;

  /** What a key says for itself; empty: nothing any more. */
  "key.put": { key: string; settings: KeySettings };
  "key.paused": { key: string; reason?: string | undefined; job?: string };
  "key.resumed": {
    key: string;
    /** It is not held any more either, for the time that a release asked for. */
    lifted?: true | undefined;
  };
  /** Time, or a change of the queue's defaults, may have opened or closed it: its place in the turns is brought up to date. */
  "key.refreshed": { key: string };
  /** The worker of a job that was cancelled or expired in its hands has let go of it, or its lease has ended. */
  "lingering.ended": { id: string; grant: number; until: number };
  /** The time for which a job was the only one of its unique key is over. */
  "unique.expired": { key: string };

  /** A task of a job's plan has ended. Outputs are as long as they are kept; the bytes are of all that was written. */
  "task.reported": {
    id: string;
    task: number;
    exitCode?: number | null | undefined;
    signal?: string | null | undefined;
    timedOut?: boolean | undefined;
    stdout?: string | undefined;
    stderr?: string | undefined;
    stdoutBytes?: number | undefined;
    stderrBytes?: number | undefined;
    stdoutTruncated?: boolean | undefined;
    stderrTruncated?: boolean | undefined;
    startedAt?: number | undefined;
    durationMs?: number | undefined;
  };

  /** A version of a plan; its `parent` is the newest before it. */
  "plan.submitted": {
    id: string;
    version: number;
    parent?: number;
    body: JsonText;
    description?: string | undefined;
    tasks: number;
    commands: readonly string[];
    fields: readonly string[];
  };
  "plan.removed": { id: string };
  /** In the state that an import replaced, the plan had versions up to this number: none of them is given again. */
  "plan.numbered": { id: string; number: number };

  /**
   * An action was taken, and all of its jobs: what they share is said once. Their ids and sequence numbers rise by one from
   * those of the first; `inputs` are their payloads, one behind the other, each as long as `lengths` says, in UTF-16 units.
   */
  "action.submitted": {
    id: string;
    plan: string;
    planVersion: number;
    seq: number;
    jobIds: readonly [queueId: string, term: number];
    firstSeq: number;
    inputs: string;
    lengths: readonly number[];
    fingerprint?: string | undefined;
    schedule?: string | undefined;
    slotAt?: number | undefined;
    options: JobOptions;
  };
  /** None of its jobs is open any more. */
  "action.ended": { id: string; status: EndStatus };
  /** A job of an ended action runs again. */
  "action.reopened": { id: string };
  /** An ended action of which no job is kept is forgotten. */
  "action.removed": { id: string };

  /** A schedule was made or changed; without `nextAt` it has no slot. */
  "schedule.put": { id: string; definition: ScheduleDefinition; nextAt?: number };
  /**
   * A slot was passed, or without `slotAt` it was run by hand: it made a job or an action, was skipped since the one before has
   * not ended, or was refused. `behind` counts slots that are caught up in a row.
   */
  "schedule.fired": {
    id: string;
    slotAt?: number;
    nextAt?: number;
    behind?: number;
    job?: string;
    action?: string;
    skipped?: true;
    refused?: RefusalCode;
  };
  /** It forgets its slots. */
  "schedule.paused": { id: string };
  "schedule.resumed": { id: string; nextAt?: number };
  "schedule.removed": { id: string };

  /** A worker registered, or changed what it said of itself. */
  "worker.registered": {
    name: string;
    capabilities: readonly string[];
    kinds: readonly JobKind[];
    ttlMs: number;
    slots?: number | undefined;
    info?: string | undefined;
  };
  /** A sign of life, noted at most every half of its time to live. */
  "worker.seen": { name: string };
  "worker.draining": { name: string };
  /** It was silent for too long; its leases end behind this event. */
  "worker.died": { name: string };
  /** It left by its own will; its leases are given back behind this event. */
  "worker.left": { name: string };
  "worker.removed": { name: string };

  "operation.started": {
    id: string;
    seq: number;
    kind: OperationKind;
    states: readonly JobState[];
    seqMax: number;
    /** Of a release: leases of later grants are not touched. */
    grantMax?: number;
    /** Of a purge: it goes through blocked jobs from the last one on. Those of before this rule began with the first. */
    fromBack?: true;
    total: number;
    label?: string;
    key?: string;
    error?: string;
    endedAfter?: number;
    endedBefore?: number;
  };
  /** A step was done; `state` and `after` say where the next one begins, none of them that it is done. `left`: of those named, from there on. */
  "operation.advanced": {
    seq: number;
    changed: number;
    examined: number;
    state?: JobState;
    after?: readonly (string | number)[];
    left?: readonly string[];
  };
}

export type EventType = keyof EventFacts;
/** The event of one type. */
export type EventOf<T extends EventType> = { readonly type: T; readonly v: 1 } & Readonly<
  EventFacts[T]
>;
export type Event = { [T in EventType]: EventOf<T> }[EventType];

/** Fields that are raw texts: in an entry they stand unescaped, outside the events' JSON. */
export const eventTexts = {
  "action.submitted": ["inputs"],
  "hash.set": ["values"],
  "job.enqueued": ["payload"],
  "job.replaced": ["payload"],
  "job.completed": ["result"],
  "job.progressed": ["progress"],
  "list.inserted": ["value"],
  "list.pushed": ["values"],
  "list.set": ["value"],
  "plan.submitted": ["body"],
  "string.patched": ["value"],
  "string.set": ["value"],
  "task.reported": ["stdout", "stderr"],
} as const satisfies Partial<Record<EventType, readonly string[]>>;
