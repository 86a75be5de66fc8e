/**
 * A committer and an engine on SQLite in memory, whose storage fails and becomes durable when a test says so.
 * Invariant: time, ids and faults come from the test, so that a run is the same every time.
 */
import type { JobState } from "../../src/contract/fields.ts";
import type { QueueListing, QueueStats } from "../../src/contract/queue.ts";
import { BlockedClients } from "../../src/object/blocked.ts";
import { Committer } from "../../src/object/commit.ts";
import { QueueEngine } from "../../src/object/engine.ts";
import type { Feed } from "../../src/object/feed.ts";
import type { Group } from "../../src/object/group.ts";
import { Line } from "../../src/object/line.ts";
import { openStore, type SluiceStore } from "../../src/store/schema.ts";
import type { Sql, SqlCounts, SqlRow, SqlValue } from "../../src/store/sql.ts";
import { NodeSql } from "../../src/store/sql-node.ts";
import type { StoreLimits } from "../../src/store/store.ts";
import { command, replyOf } from "./commands.ts";

interface Waiting {
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

/** SQLite in memory; a statement fails when `fault` says so, and writes become durable when the test lets them. */
export class FaultySql implements Sql {
  readonly #sql = new NodeSql();
  readonly #syncs: Waiting[] = [];
  /** Asked before each statement that changes something; what it returns is thrown instead. */
  fault: (query: string) => Error | undefined = () => undefined;
  /** Whether `sync` waits for `settle`. */
  isHeld = false;

  rows<R extends SqlRow>(query: string, ...bindings: readonly SqlValue[]): R[] {
    return this.#sql.rows(query, ...bindings);
  }

  run(query: string, ...bindings: readonly SqlValue[]): void {
    const fault = this.fault(query);
    if (fault !== undefined) throw fault;
    this.#sql.run(query, ...bindings);
  }

  transaction<T>(work: () => T): T {
    return this.#sql.transaction(work);
  }

  sync(): Promise<void> {
    if (!this.isHeld) return Promise.resolve();
    return new Promise((done, fail) => this.#syncs.push({ done, fail }));
  }

  /** How many wait for their writes to become durable. */
  get waiting(): number {
    return this.#syncs.length;
  }

  /** Makes the oldest writes durable, or fails them; then everything that this sets off has happened. */
  async settle(error?: Error): Promise<void> {
    const oldest = this.#syncs.shift();
    if (oldest === undefined) throw new Error("nothing waits for its writes");
    if (error === undefined) oldest.done();
    else oldest.fail(error);
    await turns();
  }

  get bytes(): number {
    return this.#sql.bytes;
  }

  get counts(): SqlCounts {
    return this.#sql.counts;
  }
}

/** Fails the first statement that matches. */
export function failOnce(sql: FaultySql, pattern: RegExp): void {
  sql.fault = (query) => {
    if (!pattern.test(query)) return undefined;
    sql.fault = () => undefined;
    return new Error(`no room for: ${query.slice(0, 20)}`);
  };
}

/** One turn of the event loop. */
const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Lets every promise that can go on go on, also behind a pause or two. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await turn();
}

/** Every row of every table, in order: two stores with the same dump are the same. */
export function dump({ tables }: SluiceStore): string {
  const rows = Object.entries(tables).map(([name, table]) => {
    const scan = (table as { scan(bounds: object): Iterable<unknown> }).scan({});
    return [name, [...scan]];
  });
  return JSON.stringify(rows, inOrder, 1);
}

/** Fields in the order of their names: a row means the same in any. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The dump of what a new instance would recover. */
export const recovered = (sql: Sql): string => dump(openStore(sql));

/** What a rig was told of faults and aborts. */
abstract class Told {
  now = 1_700_000_000_000;
  readonly sql = new FaultySql();
  readonly faults: { readonly what: string; readonly error: unknown }[] = [];
  readonly aborts: unknown[] = [];

  readonly report = (error: unknown, what: string): void => {
    this.faults.push({ what, error });
  };

  readonly abort = (error: unknown): void => {
    this.aborts.push(error);
  };
}

/** A committer, and the store behind it. */
export class CommitRig extends Told {
  readonly store: SluiceStore;
  readonly committer: Committer;
  readonly line: Line;
  readonly blocked = new BlockedClients({
    now: () => this.now,
    serve: () => this.committer.pump(),
    later: () => undefined,
  });
  /** Who reads the feed: nobody, unless a test says so. */
  feed: Pick<Feed, "appended"> = { appended: () => [] };
  /** Called behind each entry. */
  afterAppend: (group: Group) => void = () => undefined;

  constructor(limits?: Partial<StoreLimits>) {
    super();
    this.store = openStore(this.sql, limits);
    this.committer = new Committer({
      sql: this.sql,
      store: () => this.store,
      closed: () => undefined,
      name: "q",
      autoCreate: true,
      now: () => this.now,
      newQueueId: () => "aaaaaaaa",
      pause: turn,
      isAlarmAtWork: () => false,
      afterAppend: (group) => this.afterAppend(group),
      callers: () => ({
        ...{ line: this.line, blocked: this.blocked },
        ...{
          isThere: () => false,
          isAwaited: () => false,
          ended: () => [],
          refuse: () => undefined,
        },
      }),
      feed: () => this.feed,
      abort: this.abort,
      report: this.report,
    });
    this.line = new Line(() => {
      throw new Error("nothing of those who wait fails in these tests");
    });
  }

  /** Whether what a new instance would recover is what this one shows. */
  get isFaithful(): boolean {
    return recovered(this.sql) === dump(this.store);
  }
}

/** The directory as a queue meets it. */
export class FakeDirectory {
  readonly calls: string[] = [];
  readonly queues = new Map<string, string>();
  /** Called before each answer: a fault or a delay of the directory. */
  meanwhile: () => void | Promise<void> = () => undefined;

  async register({ name, queueId }: QueueListing): Promise<void> {
    this.calls.push(`register ${queueId}`);
    await this.meanwhile();
    this.queues.set(name, queueId);
  }

  async forget(name: string, queueId: string | undefined): Promise<void> {
    this.calls.push(`forget ${queueId}`);
    await this.meanwhile();
    if (queueId === undefined || this.queues.get(name) === queueId) this.queues.delete(name);
  }
}

/** An engine with its alarm, its directory and its wakes. */
export class EngineRig extends Told {
  readonly directory = new FakeDirectory();
  /** When the alarm is armed for, and how often it was set. */
  armed: number | null = null;
  alarmsSet = 0;
  /** Called before the alarm is set. */
  beforeSet: () => void = () => undefined;
  /** What happens while long work lets others have their turn. */
  meanwhile: () => Promise<void> = () => Promise.resolve();
  engine: QueueEngine;
  #queues = 0;

  constructor() {
    super();
    this.engine = this.#wake();
  }

  /** A rig whose queue exists and is registered, with no alarm armed. */
  static async registered(): Promise<EngineRig> {
    const rig = new EngineRig();
    await rig.engine.submit(command("queue.configure", { leaseMs: 30_000 }));
    await rig.fire();
    if (rig.armed !== null) throw new Error("an alarm is armed for nothing");
    return rig;
  }

  async stats(): Promise<QueueStats> {
    return replyOf("queue.stats", await this.engine.read(command("queue.stats", {})));
  }

  async stateOf(id: string): Promise<JobState> {
    return replyOf("job.get", await this.engine.read(command("job.get", { id }))).job.state;
  }

  /** A new instance on the same storage. */
  async evict(): Promise<void> {
    this.engine = this.#wake();
    await this.engine.recoverAlarm();
  }

  /** Fires the alarm, as the platform does when its time has come. */
  async fire(): Promise<void> {
    if (this.armed === null) throw new Error("no alarm is armed");
    this.now = Math.max(this.now, this.armed);
    this.armed = null;
    await this.engine.alarm();
  }

  #wake(): QueueEngine {
    return new QueueEngine({
      sql: this.sql,
      objectId: "object",
      name: "q",
      sockets: () => [],
      feeds: () => [],
      autoCreate: true,
      deliversHere: false,
      post: () => Promise.reject(new Error("nothing is pushed here")),
      alarm: {
        get: () => Promise.resolve(this.armed),
        set: (at) => this.#set(at),
      },
      now: () => this.now,
      newQueueId: () => `queue${++this.#queues}`,
      directory: () => this.directory,
      pause: () => this.meanwhile(),
      abort: this.abort,
      report: this.report,
    });
  }

  #set(at: number): void {
    this.beforeSet();
    if (at <= 0) throw new TypeError("setAlarm() cannot be called with an alarm time <= 0");
    if (at >= Date.UTC(2189)) throw new TypeError("This API doesn't support dates after 2189.");
    this.armed = at;
    this.alarmsSet += 1;
  }
}
