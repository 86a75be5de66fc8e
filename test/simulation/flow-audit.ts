/**
 * The rules of flow control, judged from the events of the log alone: order, limits, rates, turns, unique keys and flows.
 * Invariant: it shares nothing with the model but where an import begins; limits are those in force when a job is handed out.
 */
import { type Event, eventTexts } from "../../src/contract/events.ts";
import { EventCodec } from "../../src/store/entry.ts";
import { FlowLife, type Life } from "./flow-life.ts";
import type { State } from "./model/state.ts";
import { type Place, TurnAudit } from "./turn-audit.ts";
import { demand } from "./violation.ts";

const codec = new EventCodec<Event>(eventTexts);

/** Where a key stands in its round, since when, and the turns that others had there since it was served. */
interface Waiting {
  readonly round: string;
  /** Events that there had been. */
  readonly since: number;
  readonly passedBy: Readonly<Record<string, number>>;
}

/** Events by which keys may gain or lose turns that they do not name. */
const movesOthers: ReadonlySet<string> = new Set([
  ...["action.submitted", "job.parent_ended", "job.removed", "lingering.ended"],
]);

/** Stands for the jobs without a key where they pass one that waits: no key has this name. */
const PLAIN = "";

/** The weight that a key had, and the rounds in which another key was served since: turns that began with it are over there. */
interface Begun {
  readonly weight: number;
  readonly overIn: ReadonlySet<string>;
}

/** Who waits, in a round. */
function placeOf(told: string): Place {
  const [set, priority, ...key] = told.split(" ");
  return [Number(set), Number(priority), key.join(" ")];
}

export class FlowAudit {
  #life = new FlowLife();
  #waiting = new Map<string, Waiting>();
  /** By rounds in which jobs without a key wait: the turns that keys had there since one of those was handed out. */
  #plain = new Map<string, Readonly<Record<string, number>>>();
  /** By keys whose weight was changed: a turn that has begun is finished by the weight with which it began. */
  #begun = new Map<string, Begun>();
  #turns = new TurnAudit();
  #events = 0;
  /** By keys with open jobs: how many events there had been when they came to have any. */
  #came = new Map<string, number>();

  copy(): FlowAudit {
    const copy = new FlowAudit();
    copy.#life = this.#life.copy();
    copy.#waiting = new Map(this.#waiting);
    copy.#plain = new Map(this.#plain);
    copy.#begun = new Map(this.#begun);
    copy.#turns = this.#turns.copy();
    copy.#events = this.#events;
    copy.#came = new Map(this.#came);
    return copy;
  }

  /** What an import brought is where it goes on from. */
  static of(state: State): FlowAudit {
    const audit = new FlowAudit();
    audit.#life = FlowLife.of(state);
    for (const { set, kind, requires } of state.jobs.values()) {
      audit.#turns.learn(set, kind, requires);
    }
    return audit;
  }

  /** Judges the events of an entry, as it is written; those of an import begin with what it brought. Returns who goes on. */
  judge(bindings: readonly unknown[], at: number, imported: () => State): FlowAudit {
    const [events = "", texts = ""] = bindings.slice(-2) as string[];
    let audit: FlowAudit = this;
    for (const event of codec.decode({ events, texts })) {
      if (event.type === "queue.imported") audit = FlowAudit.of(imported());
      audit.#take(event, at);
    }
    return audit;
  }

  #take(event: Event, at: number): void {
    const life = this.#life;
    if (event.type === "job.removed") this.#checkRemoved(event.id);
    if (event.type === "key.put") this.#noteBegun([event.key]);
    if (event.type === "queue.configured") this.#noteBegun(life.keyNames);
    const before = event.type === "job.claimed" ? life.jobs.get(event.id) : undefined;
    if (before !== undefined && event.type === "job.claimed") this.#checkOrder(event.id, before);
    life.take(event, at);
    if (before !== undefined && event.type === "job.claimed") {
      this.#checkLimits(event.id, before, at);
      this.#checkTurns(event.id, before);
      this.#checkPlain(event.id, before);
    }
    // By these a job comes to where no other one of its unique key may be.
    if (event.type === "job.enqueued") {
      this.#checkUnique(event.id);
      const { key, lane, set = 1, kind, requires } = event;
      this.#turns.learn(key === undefined ? lane : set, kind, requires);
    }
    if (event.type === "job.retried" || event.type === "job.claimed") this.#checkUnique(event.id);
    if (event.type === "queue.configured") this.#waiting.clear();
    this.#follow(event, at);
  }

  /** I5: in strict order one that is tried again is handed out before all others, whether or not it is due; else the first by place. */
  #checkOrder(id: string, job: Life): void {
    demand(job.stage === "ready", "I1", `job ${id} is handed out`, job);
    demand(job.waits.length === 0, "flow", `job ${id} starts before its parents ended`, job);
    if (job.key === undefined || !job.isOrdered || job.isHolding) return;
    const open = this.#life.openOf(job.key);
    const { readyAt: at = 0 } = job;
    for (const [other, each] of open) {
      demand(!each.isHolding, "I5", `job ${id} passes ${other}, which holds the key`, job, each);
      const { readyAt = 0, seq } = each;
      const isBehind = readyAt > at || (readyAt === at && seq >= job.seq);
      demand(each.stage !== "ready" || isBehind, "I5", `job ${id} passes ${other}`, job, each);
    }
  }

  /** I6: the limits of the queue and of the key hold, with this job and with slots that linger. */
  #checkLimits(id: string, { key, isOrdered }: Life, at: number): void {
    const life = this.#life;
    const { concurrency } = life.config ?? {};
    const told = `job ${id} is handed out past`;
    demand(life.taken() <= (concurrency ?? Infinity), "I6", `${told} the queue's limit`);
    this.#checkRate("", at);
    if (key === undefined) return;
    const most = isOrdered ? 1 : (life.limitsOf(key).concurrency ?? Infinity);
    const rule = isOrdered ? "I5" : "I6";
    demand(life.taken(key) <= most, rule, `${told} the limit of ${key}`, life.taken(key));
    const { isPaused, heldUntil } = life.keyOf(key);
    demand(!isPaused, "I6", `${told} the pause of ${key}`);
    demand(heldUntil <= at, "I6", `${told} the time for which ${key} is held`, heldUntil, at);
    this.#checkRate(key, at);
  }

  /** In any span of time there are at most so many hand-outs, less those that were taken back. */
  #checkRate(name: string, at: number): void {
    const { rate, steps = [] } = this.#life.flows.get(name) ?? {};
    if (!rate) return;
    const { limit, perMs, burst = limit } = rate;
    let sum = 0;
    for (const [then, change] of steps.toReversed()) {
      sum += change;
      const most = burst + ((at - then) * limit) / perMs;
      demand(sum <= most + 1e-6, "I6", `the rate of ${name || "the queue"}`, sum, then, at, rate);
    }
  }

  /** The weights of keys may be about to change. */
  #noteBegun(keys: Iterable<string>): void {
    for (const key of keys) {
      const weight = Math.max(this.#life.limitsOf(key).weight, this.#begun.get(key)?.weight ?? 0);
      this.#begun.set(key, { weight, overIn: new Set() });
      for (const [name, { passedBy, ...rest }] of this.#waiting) {
        this.#waiting.set(name, { ...rest, passedBy: { ...passedBy, [key]: 0 } });
      }
    }
  }

  /** The most that a key may be given in one turn of a round, which goes on with it. */
  #weightIn(round: string, key: string): number {
    for (const [name, { weight, overIn }] of this.#begun) {
      if (name !== key) this.#begun.set(name, { weight, overIn: new Set([...overIn, round]) });
    }
    const begun = this.#begun.get(key);
    const { weight } = this.#life.limitsOf(key);
    return begun === undefined || begun.overIn.has(round) ? weight : Math.max(weight, begun.weight);
  }

  /** A key that waits and is open is served before another has had its turn twice, and before any that came since. */
  #checkTurns(id: string, { key, set, priority }: Life): void {
    if (key === undefined) return;
    const round = `${set} ${priority}`;
    const weight = this.#weightIn(round, key);
    this.#passPlain(id, round, key, 1 / weight);
    this.#turns.serve(id, [set, priority, key], 1 / weight);
    for (const [name, other] of this.#waiting) {
      if (name === key || other.round !== round) continue;
      const cutsIn = (this.#came.get(key) ?? 0) > other.since;
      demand(!cutsIn, "I6", `key ${name} waits, and job ${id} comes before it`, other.since);
      const passed = (other.passedBy[key] ?? 0) + 1;
      this.#waiting.set(name, { ...other, passedBy: { ...other.passedBy, [key]: passed } });
      demand(passed <= 2 * weight, "I6", `key ${name} waits, and job ${id} passes it`, passed);
    }
  }

  /** So is one before the jobs without a key have had three turns, of which there is one between them, whichever was handed out. */
  #checkPlain(id: string, { key, set, priority }: Life): void {
    if (key !== undefined) return;
    this.#turns.serve(id, [set, priority, PLAIN], 1);
    this.#plain.clear();
    for (const [name, other] of this.#waiting) {
      if (other.round !== `${set} ${priority}`) continue;
      const passed = (other.passedBy[PLAIN] ?? 0) + 1;
      this.#waiting.set(name, { ...other, passedBy: { ...other.passedBy, [PLAIN]: passed } });
      demand(passed <= 2, "I6", `key ${name} waits, and job ${id} passes it`, passed);
    }
  }

  /** Those without a key that wait are served before a key has had three turns, and what was left of one in which they came. */
  #passPlain(id: string, round: string, key: string, turn: number): void {
    this.#forgetPlain(round);
    const passedBy = this.#plain.get(round);
    if (passedBy === undefined) return;
    const passed = (passedBy[key] ?? 0) + turn;
    this.#plain.set(round, { ...passedBy, [key]: passed });
    demand(passed < 4 - 1e-6, "I6", `jobs without a key wait, and job ${id} passes them`, passed);
  }

  /** Where other rounds went on, or keys came or left, who was behind may be so again: but for a round it begins anew. */
  #forgetPlain(round?: string): void {
    for (const [name, { passedBy, ...rest }] of this.#waiting) {
      if (rest.round !== round && passedBy[PLAIN]) {
        this.#waiting.set(name, { ...rest, passedBy: { ...passedBy, [PLAIN]: 0 } });
      }
    }
    for (const name of this.#plain.keys()) if (name !== round) this.#plain.set(name, {});
  }

  /** I7: of the open jobs that have a unique key until they are done, one at most is not blocked: the other one follows it. */
  #checkUnique(id: string): void {
    const { unique } = this.#life.jobs.get(id) ?? {};
    if (unique === undefined) return;
    const isOf = (job: Life) =>
      job.stage !== "ended" &&
      job.unique?.key === unique.key &&
      (job.unique.until ?? "done") === "done";
    const open = [...this.#life.jobs.values()].filter(isOf);
    const free = open.filter(({ stage }) => stage !== "blocked");
    const isAlone = open.length <= 2 && free.length <= 1;
    demand(isAlone, "I7", `jobs of the unique key ${unique.key}`, open, id);
  }

  /** A job that open ones name is kept. */
  #checkRemoved(id: string): void {
    for (const [child, { stage, after }] of this.#life.jobs) {
      const isNamed = stage !== "ended" && after.some((parent) => parent.id === id);
      demand(!isNamed || child === id, "flow", `job ${id} is removed before ${child} ended`);
    }
  }

  /** Notes which keys wait and are open: one that time opens is so once an event says something of it. */
  #follow(event: Event, at: number): void {
    const { key, id = "" } = event as { readonly key?: string; readonly id?: string };
    const touched = event.type.startsWith("key.") ? key : this.#life.jobs.get(id)?.key;
    this.#events += 1;
    const since = this.#events;
    let isSteady = !movesOthers.has(event.type);
    for (const name of new Set([...this.#life.keyNames, ...this.#waiting.keys()])) {
      const open = this.#life.openOf(name).map(([, job]) => job);
      if (open.length === 0) this.#came.delete(name);
      else if (!this.#came.has(name)) this.#came.set(name, since);
      const round = this.#roundOf(name, open, at);
      const isSame = this.#waiting.get(name)?.round === round;
      isSteady &&= isSame && (name !== touched || round !== undefined);
      // What waits behind a key's first job changes nothing; all else that is its own begins anew.
      const isAnew = name === touched && !(isSame && event.type === "job.enqueued");
      if (isAnew && round !== undefined) this.#waiting.set(name, { round, since, passedBy: {} });
      else if (!isSame || round === undefined) this.#waiting.delete(name);
    }
    if (!isSteady) this.#forgetPlain();
    this.#followPlain();
    const keys = [...this.#waiting].map(([name, { round }]) => `${round} ${name}`);
    const all = [...keys, ...[...this.#plain.keys()].map((round) => `${round} ${PLAIN}`)];
    this.#turns.follow(all.map(placeOf));
  }

  /** Notes in which rounds jobs without a key wait. */
  #followPlain(): void {
    const ready = [...this.#life.jobs.values()].filter(
      ({ key, stage }) => key === undefined && stage === "ready",
    );
    const rounds = ready.map(({ set, priority }) => `${set} ${priority}`);
    this.#plain = new Map(rounds.map((round) => [round, this.#plain.get(round) ?? {}]));
  }

  /** Where the first ready job of a key stands, if the key is open and all its jobs are of one set. */
  #roundOf(key: string, open: readonly Life[], at: number): string | undefined {
    const life = this.#life;
    const ready = open.filter((job) => job.stage === "ready");
    const [first] = ready.toSorted((a, b) => a.priority - b.priority);
    const isMixed = ready.some(({ set, isOrdered }) => set !== first?.set || isOrdered);
    if (first === undefined || isMixed) return undefined;
    const { isPaused, heldUntil } = life.keyOf(key);
    const { concurrency, rate } = life.limitsOf(key);
    const isShut = isPaused || heldUntil > at || rate !== null;
    if (isShut || life.taken(key) >= (concurrency ?? Infinity)) return undefined;
    return `${first.set} ${first.priority}`;
  }
}
