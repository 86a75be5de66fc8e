/**
 * The typed client of one queue: a method for each thing that the API can do.
 * Invariant: every write takes effect at most once, however often its request had to be sent.
 */
import type { ParentListInput } from "../contract/flows.ts";
import type { JobReply } from "../contract/jobs.ts";
import type { limits } from "../contract/limits.ts";
import type {
  CheckpointReply,
  OperationReply,
  QueueListReply,
  QueueReply,
} from "../contract/queue.ts";
import type { TasksReply } from "../contract/tasks.ts";
import { Actions } from "./actions.ts";
import { withTasks } from "./claimed.ts";
import { Deliveries } from "./deliveries.ts";
import { Enqueuer } from "./enqueuer.ts";
import { JobNotCompletedError } from "./errors.ts";
import { type FeedEvent, type FeedEventType, Watch, type WatchOptions } from "./feed.ts";
import { Keys } from "./keys.ts";
import { Plans } from "./plans.ts";
import { Schedules } from "./schedules.ts";
import { Snapshots } from "./snapshots.ts";
import {
  type ConnectOptions,
  type RequestOptions,
  segment,
  Transport,
  type WaitOptions,
  type WriteMethod,
} from "./transport.ts";
import type * as t from "./types.ts";
import { Workers } from "./workers.ts";

/** The longest wait of one request. */
const WAIT_MS: typeof limits.waitMsMax = 60_000;

export interface QueueOptions extends ConnectOptions {
  /** The queue's name. It need not exist: the first job or configuration creates it. */
  readonly name: string;
}

/**
 * One queue. All methods reject with a `SluiceError` when refused, and an `UnreachableError`
 * without an answer.
 * In Workers, make one for each request: its batches belong to the request that began them.
 * @example
 * const mail = new Queue<{ to: string }>({ name: "mail", url: "https://sluice.example.com", token
 * });
 * const { id } = await mail.enqueue({ to: "ada@example.com" }, { delayMs: 60_000 });
 */
export class Queue<Payload = unknown, Result = unknown> {
  readonly name: string;
  /**
   * Sends one request, also one that this class has no method for; `path` is the queue's address.
   */
  readonly transport: Transport;
  readonly path: string;
  /** Export, import and verification of the whole queue. */
  readonly snapshots: Snapshots;
  /** What jobs of plans run. */
  readonly plans: Plans;
  /** Plans on many inputs. */
  readonly actions: Actions;
  /** Where jobs are pushed to, instead of being claimed. */
  readonly delivery: Deliveries;
  /** Limits, order and pause of the jobs of a key. */
  readonly keys: Keys;
  /** The workers that are registered. */
  readonly workers: Workers;
  /** What enqueues jobs and submits actions by itself. */
  readonly schedules: Schedules<Payload>;
  readonly #enqueuer: Enqueuer;

  constructor(options: QueueOptions) {
    this.name = options.name;
    this.transport = new Transport(options);
    this.path = `/v1/queues/${segment(options.name)}`;
    this.snapshots = new Snapshots(this.transport, this.path);
    this.plans = new Plans(this.transport, this.path);
    this.actions = new Actions(this.transport, this.path);
    this.delivery = new Deliveries(this.transport, this.path);
    this.keys = new Keys(this.transport, this.path);
    this.workers = new Workers(this.transport, this.path);
    this.schedules = new Schedules(this.transport, this.path);
    this.#enqueuer = new Enqueuer(this.transport, `${this.path}/jobs`);
  }

  /**
   * Enqueues a job. Calls made together share a request, and each has an outcome of its own.
   * @returns The job's id; `deduplicated` when the same job, or the one of its unique key, was there
   * already, and `replaced` when that one now has this payload.
   */
  async enqueue(payload: Payload, options: t.EnqueueOptions = {}): Promise<t.EnqueueResult> {
    return this.#enqueuer.enqueue(JSON.stringify({ payload, ...options }), options.id);
  }

  /**
   * Enqueues many jobs, in as many requests as they need, those first that others wait for (`after`). Never rejects for one job: see each
   * outcome. While a job is tried again, those that wait for it are too, behind it. Where some wait for one another in a circle none is
   * enqueued, and each outcome is the error `flow_cycle`.
   */
  enqueueMany(jobs: readonly t.JobInput<Payload>[]): Promise<t.EnqueueOutcome[]> {
    return this.#enqueuer.enqueueMany(jobs);
  }

  /**
   * Takes up to `max` (default 1) jobs to work on. With `waitMs` (up to 60,000) it waits for one where
   * there is none.
   * @example const { jobs } = await queue.claim({ max: 10, waitMs: 30_000 });
   */
  async claim(claim: t.ClaimOptions = {}, options?: RequestOptions): Promise<t.Claimed<Payload>> {
    const waiting = { ...options, waitMs: claim.waitMs };
    return withTasks(await this.#write<t.Claimed<Payload>>("POST", "/claim", claim, waiting));
  }

  /**
   * Settles claimed jobs, and claims the next ones in the same request. Refusals are answers of the
   * items.
   */
  async settle(
    items: readonly t.Settlement[],
    claim?: t.ClaimOptions,
    options?: RequestOptions,
  ): Promise<t.SettleOutcome<Payload>> {
    const body = { items, claim };
    const waiting = { ...options, waitMs: claim?.waitMs };
    return withTasks(await this.#write<t.SettleOutcome<Payload>>("POST", "/settle", body, waiting));
  }

  /** A job as it is now; with `waitMs` (up to 60,000), once it has ended, or after that time. */
  async get(id: string, { waitMs }: WaitOptions = {}): Promise<t.Job<Payload, Result>> {
    const path = `${this.path}/jobs/${segment(id)}`;
    return this.#job(await this.transport.read<JobReply>(path, { waitMs }, { waitMs }));
  }

  /**
   * The result of a completed job, null where it has none. It waits for the job's end for `waitMs`, as
   * long as that may be: undefined where the job has not ended by then, at once where nothing is said.
   * Rejects with a `JobNotCompletedError` when the job ended otherwise.
   * @example const report = await queue.result(id, { waitMs: 600_000 });
   */
  async result(id: string, { waitMs = 0 }: WaitOptions = {}): Promise<Result | null | undefined> {
    const { clock } = this.transport;
    const until = clock.now() + waitMs;
    for (;;) {
      const left = Math.min(Math.max(0, Math.ceil(until - clock.now())), WAIT_MS);
      const { state, reason, error, result = null } = await this.get(id, { waitMs: left });
      if (state === "completed") return result;
      if (state === "failed" || state === "cancelled" || state === "expired") {
        throw new JobNotCompletedError({ id, state, reason, error });
      }
      if (clock.now() >= until) return undefined;
    }
  }

  /**
   * The jobs that a job waits for or waited for, with their results, in the order in which it names
   * them; `limit` is the size of a page. They are kept for as long as the job is open.
   * @example for await (const { id, result } of queue.parents(job.id)) console.log(id, result);
   */
  async *parents<ParentResult = unknown>(
    id: string,
    { limit }: Pick<ParentListInput, "limit"> = {},
  ): AsyncGenerator<t.Job<unknown, ParentResult>, void, undefined> {
    let cursor: string | undefined;
    do {
      const path = `/jobs/${segment(id)}/parents`;
      const page: t.JobPage<unknown, ParentResult> = await this.#read(path, { limit, cursor });
      yield* page.jobs;
      ({ cursor } = page);
    } while (cursor !== undefined);
  }

  /** What the tasks of a job of a plan came to, also while it runs: what each ran, and its outputs. */
  async tasks(id: string): Promise<t.JobTasks> {
    const { now: _, ...tasks } = await this.#read<TasksReply>(`/jobs/${segment(id)}/tasks`);
    return tasks;
  }

  /** One page of jobs. A page may be short, even empty, and still have a cursor. */
  list(filter: t.JobFilter & { cursor?: string } = {}): Promise<t.JobPage<Payload, Result>> {
    return this.#read("/jobs", filter);
  }

  /**
   * All jobs that pass a filter, page by page; `limit` is the size of a page.
   * @example for await (const job of queue.jobs({ state: "failed" })) console.log(job.id, job.error);
   */
  async *jobs(filter: t.JobFilter = {}): AsyncGenerator<t.Job<Payload, Result>, void, undefined> {
    let page = await this.list(filter);
    yield* page.jobs;
    while (page.cursor !== undefined) {
      page = await this.list({ ...filter, cursor: page.cursor });
      yield* page.jobs;
    }
  }

  /**
   * Every event of the queue in order, as it happens. A lost connection is made anew where it was; keep the `cursor` of an event
   * to go on behind it later, in another program too. Rejects with `feed_gone` where the log does not go back to the cursor any
   * more, and with `feed_diverged` where its history was undone; `facts.first` is then where to go on.
   * @example
   * for await (const event of queue.watch({ types: ["job.failed"], after: "now" })) {
   *   console.log(event.id, event.error);
   * }
   */
  watch<T extends FeedEventType = FeedEventType>(
    options: WatchOptions<T> = {},
  ): AsyncGenerator<FeedEvent<T>, void, undefined> {
    const watch = new Watch(this.transport, this.path, options);
    return watch.events() as AsyncGenerator<FeedEvent<T>, void, undefined>;
  }

  /** Cancels a job that has not ended; one that runs is cancelled at once, and its worker told. */
  async cancel(id: string, reason?: string): Promise<t.Job<Payload, Result>> {
    return this.#job(await this.#write("POST", `/jobs/${segment(id)}/cancel`, { reason }));
  }

  /** Runs an ended job again, with all its attempts. */
  async retry(id: string): Promise<t.Job<Payload, Result>> {
    return this.#job(await this.#write("POST", `/jobs/${segment(id)}/retry`));
  }

  /** Changes a waiting job's priority or due time. */
  async update(id: string, change: t.JobChange): Promise<t.Job<Payload, Result>> {
    return this.#job(await this.#write("PATCH", `/jobs/${segment(id)}`, change));
  }

  /** Removes an ended job's record. */
  async remove(id: string): Promise<void> {
    await this.#write("DELETE", `/jobs/${segment(id)}`);
  }

  /**
   * Runs many ended jobs again: the named ones, or those that pass a filter (by default all that
   * failed).
   */
  async redrive(input: t.RedriveInput = {}): Promise<t.OperationRecord> {
    return (await this.#write<OperationReply>("POST", "/redrive", input)).operation;
  }

  /**
   * Removes the records of many ended jobs: the named ones, or those that pass a filter (by default
   * all that failed).
   */
  async discard(input: t.DiscardInput = {}): Promise<t.OperationRecord> {
    return (await this.#write<OperationReply>("POST", "/discard", input)).operation;
  }

  /** Removes jobs of some states, by default all that wait. */
  async purge(input: t.PurgeInput = {}): Promise<t.OperationRecord> {
    return (await this.#write<OperationReply>("POST", "/purge", input)).operation;
  }

  /** The progress of a redrive, a discard or a purge. */
  async operation(id: string): Promise<t.OperationRecord> {
    return (await this.#read<OperationReply>(`/operations/${segment(id)}`)).operation;
  }

  async info(): Promise<t.QueueRecord> {
    return (await this.#read<QueueReply>("")).queue;
  }

  /**
   * Changes the queue's configuration, and creates the queue if need be. What is left out keeps its
   * value.
   */
  async configure(change: t.QueueConfigChange = {}): Promise<t.QueueRecord> {
    return (await this.#write<QueueReply>("PUT", "", change)).queue;
  }

  /** Hands out no more jobs; everything else goes on. */
  async pause(reason?: string): Promise<t.QueueRecord> {
    return (await this.#write<QueueReply>("POST", "/pause", { reason })).queue;
  }

  async resume(): Promise<t.QueueRecord> {
    return (await this.#write<QueueReply>("POST", "/resume")).queue;
  }

  stats(): Promise<t.QueueStats> {
    return this.#read("/stats");
  }

  /** Writes the queue's tables now. Resolves with the place in the log up to which they stand. */
  async checkpoint(): Promise<CheckpointReply["checkpointed"]> {
    return (await this.#write<CheckpointReply>("POST", "/checkpoint")).checkpointed;
  }

  /**
   * Deletes the queue; one that still has jobs only with `force`.
   * Never tried again: its repeat could meet a new queue of the same name.
   */
  async delete({ force = false }: { force?: boolean } = {}): Promise<void> {
    await this.transport.writeOnce("DELETE", `${this.path}${force ? "?force=true" : ""}`);
  }

  #read<T>(path: string, query?: Readonly<Record<string, string | number | undefined>>) {
    return this.transport.read<T>(this.path + path, query);
  }

  #write<T>(method: WriteMethod, path: string, body?: object, options?: RequestOptions) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return this.transport.write<T>(method, this.path + path, text, options);
  }

  /** The wire's job has JSON values where the contract has their texts. */
  #job({ job }: JobReply): t.Job<Payload, Result> {
    return job as unknown as t.Job<Payload, Result>;
  }
}

/**
 * All queues, by name. The list may be a little behind.
 * @example for await (const { name } of queues({ token })) console.log(name);
 */
export async function* queues(
  options: ConnectOptions,
): AsyncGenerator<t.QueueListing, void, undefined> {
  const transport = new Transport(options);
  let page = await transport.read<QueueListReply>("/v1/queues");
  yield* page.queues;
  while (page.cursor !== undefined) {
    page = await transport.read("/v1/queues", { cursor: page.cursor });
    yield* page.queues;
  }
}
