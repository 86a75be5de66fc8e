/**
 * One instance of the object: a real engine on simulated ports, which may die at any of them.
 * Invariant: an instance that is over reaches neither storage nor the alarm, and whatever it still says is not heard.
 */
import type { QueueListing } from "../../src/contract/queue.ts";
import { QueueEngine } from "../../src/object/engine.ts";
import type { PostAnswer, PostRequest } from "../../src/object/post.ts";
import type { WaitSocket } from "../../src/object/waiters.ts";
import type { SluiceStore } from "../../src/store/schema.ts";
import type { Sql, SqlCounts, SqlRow, SqlValue } from "../../src/store/sql.ts";
import { checkBindings, checkSynchronous } from "../../src/store/sql.ts";
import type { Disk } from "./disk.ts";
import { type Injector, undisturbed } from "./injector.ts";
import { QUEUE } from "./model/model.ts";
import { type Observer, speak, syncs } from "./observer.ts";

/** The world as an instance meets it. */
export interface Surroundings {
  readonly disk: Disk;
  readonly injector: Injector;
  readonly autoCreate: boolean;
  /** Of those who wait, as they were before this instance. */
  readonly waitingSockets: readonly WaitSocket[];
  now(): number;
  newQueueId(): string;
  /** Resolves when others have had their turn. */
  pause(): Promise<void>;
  /** A call to the directory: resolves when the scheduler lets it. */
  tellDirectory(call: DirectoryCall): Promise<void>;
  /** The instance died, of itself or of a fault. */
  died(instance: Instance): void;
  /** Somebody out there is sent a job by an instance. */
  push(instance: Instance, request: PostRequest): Promise<PostAnswer>;
  reported(instance: Instance, error: unknown, what: string): void;
  aborted(instance: Instance, error: unknown): void;
}

export type DirectoryCall =
  | { readonly register: QueueListing }
  | { readonly forget: { readonly name: string; readonly queueId: string | undefined } };

/** A wait for durability. */
interface Waiting {
  readonly position: number;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

class Over extends Error {
  override readonly name = "Over";
}

/** The stores that engines opened, by their SQL port. */
export const storesOf = new WeakMap<object, SluiceStore>();

const isChange = /^\s*(?:insert|update|delete|replace|create|drop|alter)\b/i;

class SimulatedSql implements Sql {
  readonly #instance: Instance;
  readonly #world: Surroundings;
  readonly #waiting: Waiting[] = [];
  #rowsRead = 0;
  readonly #rowsBefore: number;

  constructor(instance: Instance, world: Surroundings) {
    this.#instance = instance;
    this.#world = world;
    this.#rowsBefore = world.disk.rowsWritten;
  }

  rows<R extends SqlRow>(query: string, ...bindings: readonly SqlValue[]): R[] {
    this.#enter();
    checkBindings(bindings);
    if (isChange.test(query)) throw new Error(`a read that writes: ${query}`);
    const rows = this.#world.disk.rows<R>(query, bindings);
    this.#rowsRead += rows.length;
    return rows;
  }

  run(query: string, ...bindings: readonly SqlValue[]): void {
    this.#enter();
    checkBindings(bindings);
    const { disk, injector } = this.#world;
    const fault = injector.atWrite(query);
    if (fault === "throw in append") throw new Error("the statement failed");
    if (fault === "crash before a write") this.#die();
    disk.run(query, bindings);
    if (fault === "crash after a write") this.#die();
  }

  transaction<T>(work: () => T): T {
    this.#enter();
    return this.#world.disk.transaction(() => checkSynchronous(work()));
  }

  sync(): Promise<void> {
    const { disk, injector } = this.#world;
    if (this.#instance.isOver) return Promise.reject(new Over("superseded"));
    syncs();
    disk.beginTurn();
    if (injector.diesAtAwait()) this.#instance.die();
    if (injector.failsSync()) return Promise.reject(new Error("the disk is gone"));
    if (this.acknowledgesEarly) return Promise.resolve();
    return new Promise((done, fail) => {
      this.#waiting.push({ position: disk.written, done, fail });
    });
  }

  /** A defect that tests plant: it says that writes are durable when they are not. */
  acknowledgesEarly = false;

  /** How many wait for their writes to become durable. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets those go on whose writes are durable. */
  letGo(): void {
    while ((this.#waiting[0]?.position ?? Infinity) <= this.#world.disk.durable) {
      this.#waiting.shift()?.done();
    }
  }

  /** Fails all that wait: the instance was superseded. */
  failAll(): void {
    for (const { fail } of this.#waiting.splice(0)) fail(new Over("superseded"));
  }

  get bytes(): number {
    return this.#world.disk.bytes;
  }

  get counts(): SqlCounts {
    const rowsWritten = this.#world.disk.rowsWritten - this.#rowsBefore;
    return { rowsRead: this.#rowsRead, rowsWritten };
  }

  #enter(): void {
    if (this.#instance.isOver) throw new Over("superseded");
  }

  #die(): never {
    this.#instance.die(true);
    throw new Over("crashed");
  }
}

export class Instance {
  readonly sql: SimulatedSql;
  readonly engine: QueueEngine;
  readonly #world: Surroundings;
  readonly #observer: Observer | undefined;
  /** No longer the one that storage belongs to. */
  isOver = false;
  /** Its process is gone too, and with it everything it would say. */
  isDead = false;
  diedInTurn = false;
  alarmsSet = 0;
  /** As its entries say; undefined before the first of a queue. */
  incarnation: number | undefined;
  /** Whether the alarm handler is at work. */
  isInAlarm = false;
  /** Whether a request came, or an alarm: from then on the alarm is sure. */
  isAwake = false;
  /** Reports that are still to be expected: of upkeep that learns late that its entry was not written. */
  reportsDue = 0;
  /** Who asked it for jobs, by what they take, and when they did last. */
  readonly claimers = new Map<string, number>();
  /** The id for a queue that is created. */
  lastQueueId = "";

  constructor(world: Surroundings, observer: Observer | undefined) {
    this.#world = world;
    this.#observer = observer;
    this.sql = new SimulatedSql(this, world);
    this.engine = undisturbed(() => this.#start());
  }

  /** Nobody observes an instance that is over. */
  get observer(): Observer | undefined {
    return this.isOver ? undefined : this.#observer;
  }

  get store(): SluiceStore | undefined {
    return storesOf.get(this.sql);
  }

  /** The process ends here and now; in the middle of a turn all that the turn wrote is lost. */
  die(isInTurn = false): void {
    if (this.isDead) return;
    this.isOver = true;
    this.isDead = true;
    this.diedInTurn = isInTurn;
    this.#world.died(this);
  }

  #start(): QueueEngine {
    const world = this.#world;
    return new QueueEngine({
      sql: this.sql,
      objectId: "object",
      name: QUEUE,
      sockets: () => world.waitingSockets,
      feeds: () => [],
      autoCreate: world.autoCreate,
      deliversHere: false,
      post: (request) => world.push(this, request),
      now: () => {
        speak(this.observer);
        return world.now();
      },
      newQueueId: () => {
        this.lastQueueId = world.newQueueId();
        return this.lastQueueId;
      },
      alarm: {
        get: () => Promise.resolve(world.disk.alarm),
        set: (at) => this.#setAlarm(at),
      },
      directory: () => ({
        register: (register) => this.#tell({ register }),
        forget: (name, queueId) => this.#tell({ forget: { name, queueId } }),
      }),
      pause: () => world.pause(),
      abort: (error) => {
        world.aborted(this, error);
        this.die();
      },
      report: (error, what) => world.reported(this, error, what),
    });
  }

  #setAlarm(at: number): void {
    if (this.isOver) throw new Over("superseded");
    if (at <= 0 || at >= Date.UTC(2189))
      throw new TypeError(`the platform takes no alarm at ${at}`);
    this.#world.disk.setAlarm(at);
    this.alarmsSet += 1;
  }

  #tell(call: DirectoryCall): Promise<void> {
    if (this.#world.injector.diesAtAwait()) this.die();
    return this.#world.tellDirectory(call);
  }
}
