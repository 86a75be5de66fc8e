/**
 * The lives of jobs, keys and slots, told from the events of the log alone, as far as the rules of flow control ask for them.
 * Invariant: it knows nothing of turns and rounds; a record is replaced, never changed, so that a copy is cheap.
 */
import type { Event, EventOf, EventType } from "../../src/contract/events.ts";
import type { KeySettings, Rate } from "../../src/contract/keys.ts";
import type { QueueConfig } from "../../src/contract/queue.ts";
import { ownParents } from "./model/kin.ts";
import type { State } from "./model/state.ts";

export type Stage = "blocked" | "scheduled" | "ready" | "running" | "ended";
type After = NonNullable<EventOf<"job.enqueued">["after"]>;

export interface Life {
  readonly stage: Stage;
  readonly seq: number;
  readonly priority: number;
  /** Of kind and requirements, by number. */
  readonly set: number;
  readonly key?: string | undefined;
  readonly isOrdered?: boolean;
  /** It is tried again, and goes before the others of its key until it has ended. */
  readonly isHolding?: boolean;
  /** The rates that its hand-out took from: of the queue, which has no name, and of its key. */
  readonly rated?: readonly string[];
  readonly runAt?: number | undefined;
  readonly readyAt?: number | undefined;
  readonly grant?: number | undefined;
  readonly unique?: EventOf<"job.enqueued">["unique"];
  readonly after: After;
  /** Of these, those that have not ended well enough for it yet. */
  readonly waits: readonly string[];
  /** Of these, those of whose end it has not heard. */
  readonly unheard: readonly string[];
  /** How it ended: it completed, or not. */
  readonly isGood?: boolean;
}

export interface KeyLife {
  readonly settings: KeySettings;
  readonly isPaused: boolean;
  readonly heldUntil: number;
}
const plainKey: KeyLife = { settings: {}, isPaused: false, heldUntil: 0 };

/** Hand-outs (1) and what was taken back (-1), since the rate they are bounded by was set. */
export interface Flow {
  readonly rate: Rate | null;
  readonly steps: readonly (readonly [at: number, change: 1 | -1])[];
}

export class FlowLife {
  config: QueueConfig | undefined;
  jobs = new Map<string, Life>();
  keys = new Map<string, KeyLife>();
  /** By grant and job: the key. */
  slots = new Map<string, string | undefined>();
  /** By key; the queue's own has the empty name. */
  flows = new Map<string, Flow>();

  copy(): FlowLife {
    const copy = new FlowLife();
    copy.config = this.config;
    for (const name of ["jobs", "keys", "slots", "flows"] as const) {
      copy[name] = new Map(this[name] as Map<string, never>) as never;
    }
    return copy;
  }

  /** What an import brought: where the lives go on from. */
  static of({ queue, jobs, keys, slots }: State): FlowLife {
    const life = new FlowLife();
    life.config = queue?.config as QueueConfig | undefined;
    for (const [id, job] of jobs) {
      const isOpen = ["blocked", "scheduled", "ready", "running"].includes(job.state);
      const { seq, priority, set, key, runAt, readyAt, grant, unique } = job;
      const after = ownParents({ jobs }, job);
      life.jobs.set(id, {
        ...{ seq, priority, set, key, runAt, readyAt, grant, unique, after },
        stage: isOpen ? (job.state as Stage) : "ended",
        isGood: job.state === "completed",
        isOrdered: job.ordered === true,
        isHolding: job.head === true,
        rated: [
          ...(job.queueCost === undefined ? [] : [""]),
          ...(job.keyCost === undefined || key === undefined ? [] : [key]),
        ],
        unheard: job.waits ?? [],
        waits: (job.waits ?? []).filter((parent) => {
          const isGood = jobs.get(parent)?.state === "completed";
          const said = after.find((each) => each.id === parent);
          const isOver = jobs.get(parent)?.endedAt !== undefined;
          return !(isGood || (isOver && said?.onFail === "continue"));
        }),
      });
    }
    for (const [key, { settings = {}, paused, heldUntil = 0 }] of keys) {
      life.keys.set(key, { settings, isPaused: paused !== undefined, heldUntil });
    }
    for (const { grant, id, key } of slots) life.slots.set(`${grant} ${id}`, key);
    return life;
  }

  limitsOf(key: string) {
    if (this.config === undefined) throw new Error("a job without a queue");
    return { ...this.config.keys, ...this.keys.get(key)?.settings };
  }

  /** Keys of which anything is known. */
  get keyNames(): ReadonlySet<string> {
    const named = [...this.jobs.values()].flatMap(({ key }) => (key === undefined ? [] : [key]));
    return new Set([...this.keys.keys(), ...named]);
  }

  keyOf(key: string): KeyLife {
    return this.keys.get(key) ?? plainKey;
  }

  openOf(key: string): [string, Life][] {
    return [...this.jobs].filter(([, job]) => job.key === key && job.stage !== "ended");
  }

  /** Slots that are taken, of a key or of all. */
  taken(key?: string): number {
    const isOf = (own: string | undefined) => key === undefined || own === key;
    const running = [...this.jobs.values()].filter(
      (job) => job.stage === "running" && isOf(job.key),
    );
    return running.length + [...this.slots.values()].filter(isOf).length;
  }

  #put(id: string, changes: Partial<Life>): void {
    const job = this.jobs.get(id);
    if (job !== undefined) this.jobs.set(id, { ...job, ...changes });
  }

  #setKey(key: string, changes: Partial<KeyLife>): void {
    this.keys.set(key, { ...this.keyOf(key), ...changes });
  }

  #enter(id: string, said: Omit<EventOf<"job.enqueued">, "type" | "v" | "id">, at: number): void {
    const { seq, lane, set, key, priority = 0, runAt, unique, after = [] } = said;
    // Those that named one of this id before meant another job.
    for (const [other, { after: named }] of this.jobs) {
      const rest = named.filter((parent) => parent.id !== id);
      if (rest.length < named.length) this.#put(other, { after: rest });
    }
    const waits = after.filter(({ id: parent, onFail }) => {
      const job = this.jobs.get(parent);
      return job?.stage !== "ended" || !(job.isGood || onFail === "continue");
    });
    const stage = waits.length > 0 ? "blocked" : runAt === undefined ? "ready" : "scheduled";
    const isOrdered = key !== undefined && this.#isStrict(key);
    this.jobs.set(id, {
      ...{ stage, seq, priority, key, runAt, unique, after, isOrdered },
      set: key === undefined ? lane : (set ?? 1),
      waits: waits.map((parent) => parent.id),
      unheard: waits.map((parent) => parent.id),
      ...(stage === "ready" && { readyAt: at }),
    });
  }

  #isStrict(key: string): boolean {
    const [open] = this.openOf(key);
    return open === undefined ? this.limitsOf(key).order === "fifo" : open[1].isOrdered === true;
  }

  #end(id: string, isGood: boolean, isHeard: boolean): void {
    const job = this.jobs.get(id);
    if (job === undefined) return;
    if (job.stage === "running" && !isHeard) this.slots.set(`${job.grant} ${id}`, job.key);
    const over = { runAt: undefined, isHolding: false, waits: [], unheard: [] };
    this.jobs.set(id, { ...job, ...over, stage: "ended", isGood });
    for (const [child, { waits, after }] of this.jobs) {
      const said = after.find((parent) => parent.id === id);
      const isEnough = isGood || said?.onFail === "continue";
      if (waits.includes(id) && isEnough) {
        this.#put(child, { waits: waits.filter((parent) => parent !== id) });
      }
    }
  }

  /** What was handed out, or taken back, of the queue, which has no name, and of a key. */
  #flow(names: readonly string[], at: number, change: 1 | -1): void {
    for (const name of names) {
      const steps = this.flows.get(name)?.steps ?? [];
      this.flows.set(name, { rate: this.#rateOf(name), steps: [...steps, [at, change]] });
    }
  }

  #rateOf(name: string): Rate | null {
    return name === "" ? (this.config?.rate ?? null) : this.limitsOf(name).rate;
  }

  /** Rates may have changed: what was handed out before counts for a rate no more, also when that one comes back. */
  #changeRates(): void {
    for (const [name, before] of this.flows) {
      const rate = this.#rateOf(name);
      const isSame = JSON.stringify(before.rate) === JSON.stringify(rate);
      if (!isSame) this.flows.set(name, { rate, steps: [] });
    }
  }

  /** Whether the place of a job that waits to be tried again is kept. */
  #keepsPlace({ key, isOrdered }: Life): boolean {
    return key !== undefined && isOrdered === true && this.limitsOf(key).onRetry === "block";
  }

  take(event: Event, at: number): void {
    const write = this.#writers[event.type] as ((event: Event, at: number) => void) | undefined;
    write?.(event, at);
  }

  readonly #writers: { readonly [T in EventType]?: (event: EventOf<T>, at: number) => void } = {
    "queue.created": ({ config }) => {
      this.config = config;
    },
    "queue.configured": ({ config }) => {
      this.config = config;
      this.#changeRates();
    },
    "key.put": ({ key, settings }) => {
      this.#setKey(key, { settings });
      this.#changeRates();
    },
    "key.paused": ({ key }) => this.#setKey(key, { isPaused: true }),
    "key.resumed": ({ key, lifted }) =>
      this.#setKey(key, { isPaused: false, ...(lifted && { heldUntil: 0 }) }),
    "job.enqueued": ({ id, ...said }, at) => this.#enter(id, said, at),
    "action.submitted": ({ jobIds, firstSeq, lengths, options }, at) => {
      const [queueId, term] = jobIds;
      const pad = (value: number, width: number) => value.toString(36).padStart(width, "0");
      for (let i = 0; i < lengths.length; i++) {
        const id = `${queueId}-${pad(term, 3)}-${pad(firstSeq + i, 9)}`;
        this.#enter(id, { ...options, seq: firstSeq + i, payload: "", payloadBytes: 0 }, at);
      }
    },
    "job.replaced": ({ id, runAt }, at) => {
      const job = this.jobs.get(id);
      if (job === undefined || job.stage === "blocked") this.#put(id, { runAt });
      else if (runAt !== undefined) {
        const readyAt = job.isHolding ? job.readyAt : undefined;
        this.#put(id, { stage: "scheduled", runAt, readyAt });
      } else if (job.stage === "scheduled") this.#ready(id, job.readyAt ?? at);
    },
    "job.promoted": ({ id }, at) => {
      const { readyAt, runAt } = this.jobs.get(id) ?? {};
      this.#ready(id, readyAt ?? runAt ?? at);
    },
    "job.claimed": ({ id, grant }, at) => {
      const key = this.jobs.get(id)?.key;
      const rated = ["", ...(key === undefined ? [] : [key])].filter((name) => this.#rateOf(name));
      this.#put(id, { stage: "running", grant, rated });
      this.#flow(rated, at, 1);
    },
    "job.completed": ({ id }) => this.#end(id, true, true),
    "job.cancelled": ({ id }) => this.#end(id, false, false),
    "job.expired": ({ id }) => this.#end(id, false, false),
    "job.failed": ({ id, runAt }) => {
      const job = this.jobs.get(id);
      if (runAt === undefined || job === undefined) return this.#end(id, false, true);
      const isHolding = this.#keepsPlace(job);
      const readyAt = isHolding ? job.readyAt : undefined;
      this.#put(id, { stage: "scheduled", runAt, isHolding, readyAt });
    },
    "job.lease_expired": ({ id, failed }) => {
      if (failed) this.#end(id, false, true);
      else this.#put(id, { stage: "ready" });
    },
    "job.released": ({ id, runAt, holdKeyUntil = 0 }, at) => {
      const job = this.jobs.get(id);
      if (job === undefined) return;
      this.#flow(job.rated ?? [], at, -1);
      const stage = runAt === undefined ? "ready" : "scheduled";
      const isHolding = runAt === undefined ? job.isHolding === true : this.#keepsPlace(job);
      this.#put(id, { stage, runAt, isHolding });
      if (job.key === undefined || holdKeyUntil === 0) return;
      const { heldUntil } = this.keyOf(job.key);
      this.#setKey(job.key, { heldUntil: Math.max(heldUntil, holdKeyUntil) });
    },
    "job.retried": ({ id, seq, set, lane }, at) => {
      const job = this.jobs.get(id);
      if (job === undefined) return;
      const { key } = job;
      const after = job.after.filter(({ id: parent }) => this.jobs.has(parent));
      const open = after.filter(({ id: parent }) => this.jobs.get(parent)?.stage !== "ended");
      const isBlocked = open.length > 0;
      this.#put(id, {
        ...{ seq, stage: isBlocked ? "blocked" : "ready", readyAt: isBlocked ? undefined : at },
        isOrdered: key !== undefined && this.#isStrict(key),
        set: key === undefined ? lane : (set ?? 1),
        after,
        waits: open.map((parent) => parent.id),
        unheard: open.map((parent) => parent.id),
      });
    },
    "job.updated": ({ id, priority, runAt }, at) => {
      const job = this.jobs.get(id);
      if (job === undefined) return;
      this.#put(id, { priority: priority ?? job.priority });
      const readyAt = job.isHolding ? job.readyAt : undefined;
      if (runAt === null) this.#ready(id, readyAt ?? at);
      else if (runAt !== undefined) this.#put(id, { stage: "scheduled", runAt, readyAt });
    },
    "job.parent_ended": ({ id: parent, children }, at) => {
      // They hear of it in the order of their ids, so many at a time.
      const all = [...this.jobs].filter(([, { unheard }]) => unheard.includes(parent));
      const next = all.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, children);
      for (const [id, { unheard, runAt = 0 }] of next) {
        const rest = unheard.filter((each) => each !== parent);
        this.#put(id, { unheard: rest });
        if (rest.length > 0) continue;
        if (runAt > at) this.#put(id, { stage: "scheduled" });
        else this.#ready(id, at);
      }
    },
    "job.removed": ({ id }) => {
      const job = this.jobs.get(id);
      if (job?.stage === "running") this.slots.set(`${job.grant} ${id}`, job.key);
      this.jobs.delete(id);
    },
    "lingering.ended": ({ id, grant }) => {
      this.slots.delete(`${grant} ${id}`);
    },
  };

  #ready(id: string, readyAt: number): void {
    this.#put(id, { stage: "ready", readyAt, runAt: undefined });
  }
}
