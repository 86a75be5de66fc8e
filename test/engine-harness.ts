/**
 * A whole queue engine for tests: storage in memory, time by hand, the alarm fired as the platform would fire it.
 * Invariant: after every command and alarm the invariants of `invariants.ts` hold, or the step throws.
 */
import { vi } from "vitest";
import {
  type CommandInputs,
  type CommandName,
  type CommandReplies,
  commands,
} from "../src/contract/commands.ts";
import type { FeedForm, FeedInput } from "../src/contract/feed.ts";
import type { ClaimedJob, ClaimInput, Settlement } from "../src/contract/leases.ts";
import type { QueueConfigChange } from "../src/contract/queue.ts";
import { isRefusal, type Refusal } from "../src/contract/refusals.ts";
import type { CommandAnswer, CommandRequest, IdempotencyKey } from "../src/contract/rpc.ts";
import type { Wait } from "../src/contract/waits.ts";
import { QueueEngine } from "../src/object/engine.ts";
import type { PostAnswer, PostRequest } from "../src/object/post.ts";
import type { WaitSocket } from "../src/object/waiters.ts";
import { openStore, type SluiceStore } from "../src/store/schema.ts";
import { NodeSql } from "../src/store/sql-node.ts";
import { Store } from "../src/store/store.ts";
import { checkRecovery, dumpOf, Watch } from "./invariants.ts";
import { FeedTestSocket } from "./object/feed-socket.ts";
import { TestSocket } from "./object/wait-socket.ts";

/** When every test begins, epoch ms: on a whole second, so that leases end at round distances. */
export const START = 1_795_000_000_000;

/** The stores that engines have opened, by their database: an engine does not show its own. */
const stores = new WeakMap<object, SluiceStore>();
const open = Store.open.bind(Store);
vi.spyOn(Store, "open").mockImplementation((sql, config) => {
  const store = open(sql, config);
  stores.set(sql, store as unknown as SluiceStore);
  return store;
});

/** Storage in memory of which each wait for durability takes `syncMs` of the clock. */
class SlowSql extends NodeSql {
  onSync = (): void => undefined;
  override async sync(): Promise<void> {
    this.onSync();
  }
}

/** What a target answers. */
export const answerOf = (
  status: number,
  text = "",
  more: Partial<PostAnswer> = {},
): PostAnswer => ({
  ...{ status, text, isWhole: true, contentType: "text/plain", retryAfter: null },
  ...more,
});

export interface HarnessOptions {
  /** Given to the queue before the test begins; without it the queue does not exist yet. */
  readonly config?: QueueConfigChange;
  readonly autoCreate?: boolean;
}

export class Harness {
  now = START;
  readonly isSingle = true;
  /** How long a wait for durability takes, ms of the manual clock. */
  syncMs = 0;
  armedAt: number | null = null;
  /** What the engine reported; a test that expects faults empties it. */
  readonly faults: unknown[] = [];
  readonly sql = new SlowSql(":memory:");
  /** What was pushed, and how the target answers. */
  readonly posts: PostRequest[] = [];
  target = (_: PostRequest): Promise<PostAnswer> => Promise.resolve(answerOf(204));
  /** Sockets that outlive an instance. */
  readonly sockets: TestSocket[] = [];
  /** More of them, which stand with those of Redis connections. */
  claims: () => readonly WaitSocket[] = () => [];
  /** Is called once a new instance is there, before it does anything. */
  started: () => void = () => undefined;
  /** Those of readers of the feed. */
  readonly feeds: FeedTestSocket[] = [];
  readonly #autoCreate: boolean;
  readonly #watch = new Watch();
  #engine: QueueEngine;
  #queues = 0;
  #isDamaged = false;

  constructor(autoCreate: boolean) {
    this.#autoCreate = autoCreate;
    this.sql.onSync = () => {
      this.now += this.syncMs;
    };
    this.#engine = this.#start();
  }

  /** Runs a command or a read and gives its reply, parsed; throws what it was refused with. */
  async run<N extends CommandName>(
    name: N,
    input: CommandInputs[N],
    key?: IdempotencyKey,
  ): Promise<CommandReplies[N]> {
    const answer = await this.answer(name, input, key);
    if ("reply" in answer) return JSON.parse(answer.reply) as CommandReplies[N];
    throw new Error(`${name} was refused: ${JSON.stringify(answer.refusal)}`);
  }

  /** Gives the refusal of a command or read; throws when it was not refused. */
  async refused<N extends CommandName>(
    name: N,
    input: CommandInputs[N],
    key?: IdempotencyKey,
  ): Promise<Refusal> {
    const answer = await this.answer(name, input, key);
    if ("refusal" in answer) return answer.refusal;
    throw new Error(`${name} was not refused: ${answer.reply}`);
  }

  async answer<N extends CommandName>(
    name: N,
    input: CommandInputs[N],
    key?: IdempotencyKey,
  ): Promise<CommandAnswer> {
    const request = { v: 1, name, input, bytes: 100, ...(key && { key }) } as CommandRequest;
    const isRead = commands[name].access === "read";
    const answer = await (isRead ? this.#engine.read(request) : this.#engine.submit(request));
    this.check();
    return answer;
  }

  /** Submits commands so that they form one group: behind one that goes alone, and finds nothing to resume. */
  async together(requests: readonly (readonly [CommandName, object])[]): Promise<CommandAnswer[]> {
    const all = [["queue.resume", {}] as const, ...requests];
    const answers = await Promise.all(
      all.map(([name, input]) =>
        this.#engine.submit({ v: 1, name, input, bytes: 100 } as CommandRequest),
      ),
    );
    this.check();
    return answers.slice(1);
  }

  /** Lets time pass; the alarm fires whenever it is due. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    for (let fired = 0; this.armedAt !== null && this.armedAt <= until; fired++) {
      if (fired > 10_000) throw new Error(`the alarm fires for ever, at ${this.armedAt}`);
      this.now = Math.max(this.now, this.armedAt);
      await this.alarm();
    }
    this.now = Math.max(this.now, until);
    this.check();
  }

  /** Fires the alarm now. */
  async alarm(): Promise<void> {
    this.armedAt = null;
    await this.#engine.alarm();
    this.check();
  }

  /** A new engine over storage that a test has damaged: nothing is checked from now on, and faults are expected. */
  async crash(): Promise<void> {
    this.#isDamaged = true;
    this.#engine = this.#start();
    this.started();
    await this.#engine.recoverAlarm();
  }

  /** Fires the alarm without looking what became of it. */
  async fire(): Promise<void> {
    this.armedAt = null;
    await this.#engine.alarm();
  }

  /** What a crash leaves: a new engine over the same storage. */
  async reopen(): Promise<void> {
    checkRecovery(this);
    this.#engine = this.#start();
    this.started();
    await this.#engine.recoverAlarm();
    this.check();
  }

  get store(): SluiceStore {
    const store = stores.get(this.sql);
    if (store === undefined) throw new Error("the engine has opened no store");
    return store;
  }

  /** Every row of every table, as the engine sees it. */
  dump(): Record<string, unknown> {
    return dumpOf(this.store.tables);
  }

  /** Every row of every table, as a new engine would see it. */
  dumpRecovered(): Record<string, unknown> {
    const engine = this.store;
    const recovered = openStore(this.sql);
    stores.set(this.sql, engine);
    return dumpOf(recovered.tables);
  }

  /** Throws when an invariant does not hold. */
  check(): void {
    if (this.#isDamaged) return;
    if (this.faults.length > 0) throw this.faults[0];
    this.#watch.check(this);
  }

  #start(): QueueEngine {
    return new QueueEngine({
      sql: this.sql,
      objectId: "object",
      name: "mail",
      sockets: () => [...this.sockets, ...this.claims()],
      feeds: () => this.feeds,
      autoCreate: this.#autoCreate,
      deliversHere: false,
      post: (request) => {
        this.posts.push(request);
        return this.target(request);
      },
      now: () => this.now,
      newQueueId: () => `q${(this.#queues++).toString().padStart(7, "0")}`,
      alarm: {
        get: () => Promise.resolve(this.armedAt),
        set: (at) => {
          this.armedAt = at;
        },
      },
      directory: () => ({ register: () => Promise.resolve(), forget: () => Promise.resolve() }),
      pause: () => Promise.resolve(),
      abort: (error) => this.faults.push(error),
      report: (error) => this.faults.push(error),
    });
  }

  /** Somebody waits on a socket. Resolves once the wait was taken, or refused. */
  async wait(wait: Wait): Promise<TestSocket> {
    const socket = new TestSocket();
    this.sockets.push(socket);
    await this.#engine.hear(socket, JSON.stringify(wait));
    await this.settled();
    return socket;
  }

  /** Somebody reads the feed on a socket. Resolves once it was sent what there is; throws what it was refused with. */
  async follow(input: FeedInput = {}, form: FeedForm = "json"): Promise<FeedTestSocket> {
    const reader = await this.#engine.readers.begin({ input, form });
    if (isRefusal(reader)) throw new Error(JSON.stringify(reader));
    const socket = new FeedTestSocket();
    this.feeds.push(socket);
    await this.#engine.readers.follow(socket, reader);
    await this.settled();
    return socket;
  }

  /** A reader of the feed says something. */
  async tell(socket: FeedTestSocket, text: string): Promise<void> {
    await this.#engine.readers.hear(socket, text);
    await this.settled();
  }

  /** The instance that is there. */
  get engine(): QueueEngine {
    return this.#engine;
  }

  /** Somebody waits for jobs. */
  waitForJobs(input: ClaimInput = {}, key?: IdempotencyKey): Promise<TestSocket> {
    const request = { v: 1, name: "lease.claim", input, bytes: 0, ...(key && { key }) } as const;
    return this.wait({ kind: "jobs", request });
  }

  /** A caller says something on its socket. */
  async say(socket: TestSocket, text: string): Promise<void> {
    await this.#engine.hear(socket, text);
    await this.settled();
  }

  /** A caller hangs up. */
  async hangUp(socket: TestSocket): Promise<void> {
    this.sockets.splice(this.sockets.indexOf(socket), 1);
    this.#engine.leave(socket);
    await this.settled();
  }

  /** Lets all that is in flight come to its end. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    this.check();
  }

  // What tests say again and again.

  /** Enqueues one job; its id. */
  async enqueue(job: Partial<CommandInputs["job.enqueue"]["jobs"][number]> = {}): Promise<string> {
    const { results } = await this.run("job.enqueue", { jobs: [{ payload: "null", ...job }] });
    const result = results[0];
    if (result && "id" in result) return result.id;
    throw new Error(`the job was not enqueued: ${JSON.stringify(result)}`);
  }

  /** Claims; the jobs. */
  async claim(input: ClaimInput = {}): Promise<readonly ClaimedJob[]> {
    return (await this.run("lease.claim", input)).jobs;
  }

  /** Claims one job, which must be there. */
  async claimOne(input: ClaimInput = {}): Promise<ClaimedJob> {
    const [job] = await this.claim({ ...input, max: 1 });
    if (job === undefined) throw new Error("there was no job to claim");
    return job;
  }

  /** Settles one item: what it came to, or the problem's code. */
  async settle(item: Settlement) {
    const { items } = await this.run("lease.settle", { items: [item] });
    const [settled] = items;
    if (settled === undefined) throw new Error("the settlement has no answer");
    return settled.ok ? settled : { id: settled.id, ok: false, code: settled.problem.code };
  }

  async job(id: string) {
    return (await this.run("job.get", { id })).job;
  }

  /** The ids of a state, as listed. */
  async ids(state?: CommandInputs["job.list"]["state"]): Promise<string[]> {
    const { jobs } = await this.run("job.list", { limit: 1000, ...(state && { state }) });
    return jobs.map((job) => job.id);
  }
}

/** A queue to test: with `config` it exists already, and the directory knows it. */
export async function openEngine(options: HarnessOptions = {}): Promise<Harness> {
  const harness = new Harness(options.autoCreate ?? true);
  if (options.config !== undefined) {
    await harness.run("queue.configure", options.config);
    await harness.advance(0);
  }
  return harness;
}
