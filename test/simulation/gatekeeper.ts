/**
 * A client who limits, orders and pauses keys, enqueues graphs, and does in a row what makes names and keys meet: a job of a unique
 * key ends, another has it, and the first is to run again; a running job is cancelled, and its worker hears of it late.
 * Invariant: it mostly goes on with what it began; the other clients come in between.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import type { Wish } from "./clients.ts";
import {
  flowKeys,
  someDelivery,
  someFamily,
  someGraph,
  someKey,
  somePut,
  someUnique,
} from "./keys-drawn.ts";
import { defined } from "./model/state.ts";
import { maybe } from "./plans-drawn.ts";
import type { Random } from "./random.ts";

type Draw = (random: Random, now: number) => Wish;
type Item = CommandInputs["lease.settle"]["items"][number];
type Jobs = CommandInputs["job.enqueue"]["jobs"];
interface Lease {
  readonly id: string;
  readonly token: string;
}
const leasesMax = 8;
interface Told {
  readonly jobs?: readonly {
    readonly id?: string;
    readonly token?: string;
    readonly key?: string;
  }[];
}

/** A key that few others use, so that its order can change. */
const STRICT = "m";

const enqueue = (...jobs: Jobs): Wish => ({ name: "job.enqueue", input: { jobs } });

/** So long is a key held by a release. */
export const holdOf = (random: Random): { readonly holdKeyMs?: number } =>
  random.chance(0.3) ? { holdKeyMs: random.pick([0, 1000, 3000]) } : {};

/** Which ended jobs are run again, or forgotten. */
export function someFilter(random: Random, now: number, isAny: boolean): object {
  const all = ["failed", "cancelled", "expired", ...(isAny ? ["completed"] : [])];
  const states = all.filter(() => random.chance(0.6));
  return defined({
    states: states.length > 0 ? states : undefined,
    label: maybe(random, 0.2, () => random.pick(["team", "team:red", "none"])),
    key: someKey(random, 0.2),
    error: maybe(random, 0.2, () =>
      random.pick(["no", "job ", "other", "lease_", "parent_failed"]),
    ),
    endedAfter: maybe(random, 0.2, () => now - 5000),
    endedBefore: maybe(random, 0.2, () => now - 1000),
  });
}

export class Gatekeeper {
  readonly #id: (random: Random) => string;
  /** What was claimed, the newest last. */
  readonly #leases: Lease[] = [];
  /** Of a job of a key in strict order. */
  #strictLease: Lease | undefined;
  #next: Draw[] = [];

  readonly draws: readonly (readonly [number, Draw])[];

  constructor(id: (random: Random) => string) {
    this.#id = id;
    this.draws = [[1, (random, now) => this.#wish(random, now)]];
  }

  readonly #begins: readonly (readonly [number, Draw])[] = [
    [6, (random) => ({ name: "key.put", input: somePut(random) })],
    [1, (random) => ({ name: "key.remove", input: { key: random.pick(flowKeys) } })],
    [3, (random) => ({ name: "key.get", input: { key: random.pick(flowKeys) } })],
    [2, (random) => this.#list(random)],
    [2, (random) => this.#parents(random)],
    [5, (random) => enqueue(...someGraph(random))],
    [5, (random) => this.#unique(random)],
    [1, () => this.#meet()],
    [3, () => this.#vanish()],
    [3, (random) => this.#revive(random)],
    [4, (random) => this.#strict(random)],
    [3, (random) => this.#linger(random)],
    [5, (random) => this.#fill(random)],
    [3, (random) => this.#comeBack(random)],
    [9, (random) => this.#take(random)],
    [12, (random) => this.#settle(random)],
    [1, (random) => this.#discard(random)],
    [7, (random) => someDelivery(random)],
  ];

  told({ name }: Wish, { jobs = [] }: Told): void {
    if (name !== "lease.claim") return;
    for (const { id, token, key } of jobs) {
      if (id === undefined || token === undefined) continue;
      this.#leases.push({ id, token });
      if (this.#leases.length > leasesMax) this.#leases.shift();
      if (key === STRICT) this.#strictLease = { id, token };
    }
  }

  #wish(random: Random, now: number): Wish {
    const next = random.chance(0.9) ? this.#next.shift() : undefined;
    return next?.(random, now) ?? random.weighted(this.#begins)(random, now);
  }

  #list(random: Random): Wish {
    const input = {
      state: maybe(random, 0.5, () => random.pick(["limited", "paused"] as const)),
      limit: maybe(random, 0.7, () => random.between(1, 2)),
      cursor: maybe(random, 0.1, () => "bm9uc2Vuc2U"),
    };
    return { name: "key.list", input: defined(input) };
  }

  #parents(random: Random): Wish {
    const id = random.chance(0.7) ? random.pick(["x2", "x3", "y2", "y3", "z2", "z4"]) : undefined;
    const limit = maybe(random, 0.7, () => random.between(1, 2));
    const cursor = maybe(random, 0.3, () => "bm9uc2Vuc2U");
    return { name: "job.parents", input: defined({ id: id ?? this.#id(random), limit, cursor }) };
  }

  /** A job cannot run again while another has its unique key. */
  #meet(): Wish {
    const unique = { key: "w" };
    const id = "first";
    this.#next = [
      () => ({ name: "job.cancel", input: { id } }),
      () => enqueue({ payload: "2", unique }),
      () => ({ name: "job.retry", input: { id } }),
    ];
    return enqueue({ payload: "1", id, fingerprint: id, unique, delayMs: 60_000 });
  }

  /** A job runs again, is changed and is gone: a repeat of its retry, or of the change, has nothing to show. */
  #vanish(): Wish {
    const id = "again";
    const cancel: Draw = () => ({ name: "job.cancel", input: { id } });
    const retry: Draw = () => ({ name: "job.retry", input: { id } });
    const update: Draw = () => ({ name: "job.update", input: { id, priority: 1 } });
    this.#next = [cancel, retry, update, cancel, () => ({ name: "job.remove", input: { id } })];
    return enqueue({ payload: "1", id, fingerprint: id });
  }

  /** A job ends, and with it those that wait for it; it is to run again with them, or before all of them have heard. */
  #revive(random: Random): Wish {
    const jobs = someFamily(random);
    const ids = jobs.flatMap(({ id }) => id ?? []);
    const root: Draw = () => ({ name: "job.cancel", input: { id: ids[0] ?? "" } });
    const retry: Draw = () => ({ name: "job.retry", input: { id: ids[0] ?? "" } });
    const again: Draw = (then) => ({
      name: "job.redrive",
      input: then.chance(0.5)
        ? { ids: then.chance(0.5) ? ids : ids.toReversed() }
        : { states: then.chance(0.5) ? ["failed", "cancelled"] : ["cancelled", "failed"] },
    });
    // From its end on, the last of a chain is the first to have ended.
    const apart: Draw[] = ids
      .toReversed()
      .map((id) => () => ({ name: "job.cancel", input: { id } }));
    this.#next = random.chance(0.4)
      ? [...apart, again]
      : [root, random.chance(0.5) ? retry : again];
    return enqueue(...jobs);
  }

  /** In strict order: the first job fails, or is released, and holds the others back, or does not. */
  #strict(random: Random): Wish {
    const jobs = Array.from({ length: 3 }, () => ({ payload: "1", key: STRICT, maxAttempts: 2 }));
    const claim: Draw = (then) => this.#take(then);
    const settle: Draw = (then) => {
      const lease = this.#strictLease;
      if (lease === undefined) return this.#take(then);
      const delayMs = then.pick([0, 1000, 3000]);
      const retryable = then.chance(0.7);
      const failed = { op: "fail" as const, ...lease, error: "no", retryable, delayMs };
      const items = [then.chance(0.7) ? failed : { op: "release" as const, ...lease, delayMs }];
      return { name: "lease.settle", input: { items } };
    };
    this.#next = [() => enqueue(...jobs), claim, settle, claim, settle, claim];
    const onRetry = random.pick(["block", "block", "rejoin"] as const);
    const onFail = random.pick(["next", "park"] as const);
    return {
      name: "key.put",
      input: { key: STRICT, order: "fifo", onRetry, onFail, paused: false, maxBacklog: null },
    };
  }

  /** Some of what was claimed comes to an end, mostly a good one. */
  #settle(random: Random): Wish {
    const leases = this.#leases.splice(0, random.between(1, 4));
    if (leases.length === 0) return this.#take(random);
    const items = leases.map((lease): Item => {
      const delayMs = random.pick([0, 1000, 3000]);
      const op = random.weighted([
        [6, "complete"],
        [3, "fail"],
        [3, "release"],
      ] as const);
      if (op === "complete") return { op, ...lease };
      if (op === "release") return { op, ...lease, delayMs, ...holdOf(random) };
      return { op, ...lease, error: "no", delayMs, retryable: random.chance(0.7) };
    });
    return { name: "lease.settle", input: { items } };
  }

  /** Jobs that are to be the only ones of their names. */
  #unique(random: Random): Wish {
    const jobs = Array.from({ length: random.between(1, 2) }, () =>
      defined({
        payload: random.pick(["1", "22"]),
        unique: someUnique(random),
        key: someKey(random, 0.3),
        delayMs: maybe(random, 0.3, () => random.pick([1000, 3000])),
      }),
    );
    return enqueue(...(jobs as unknown as Jobs));
  }

  #discard(random: Random): Wish {
    const key = random.pick(flowKeys);
    return { name: random.pick(["job.discard", "job.redrive"] as const), input: { key } };
  }

  /** Jobs without a key come, of which there were none for some rounds of keys that go on. All are urgent, so that no others come between. */
  #comeBack(random: Random): Wish {
    const urgent = { payload: "1", priority: -3 };
    const keys = ["n", "o"].slice(0, random.between(1, 2));
    const many = (each: object) => Array.from({ length: 5 }, () => ({ ...urgent, ...each }));
    const claim: Draw = (then) => this.#take(then);
    this.#next = [claim, () => enqueue(...many({})), claim, claim];
    return enqueue(...keys.flatMap((key) => many({ key })));
  }

  /** Its worker hears of a cancelled job when it settles it. */
  #linger(random: Random): Wish {
    const lease = this.#leases.pop();
    if (lease === undefined) return this.#take(random);
    const { id, token } = lease;
    const isClaiming = random.chance(0.5);
    const settle: Draw = () => ({
      name: "lease.settle",
      input: { items: [{ op: random.pick(["extend", "complete"] as const), id, token }] },
    });
    this.#next = isClaiming ? [(then) => this.#take(then), settle] : [settle];
    return { name: "job.cancel", input: { id } };
  }

  #take(random: Random): Wish {
    const kinds = ["payload", "plan"];
    const capabilities = ["arm", "cp", "gpu", "ssd", "tar"];
    return { name: "lease.claim", input: { max: random.between(1, 6), kinds, capabilities } };
  }

  /** More jobs of a few keys, so that they take turns. */
  #fill(random: Random): Wish {
    const jobs = Array.from({ length: random.between(3, 7) }, () =>
      defined({
        payload: "1",
        key: someKey(random, 0.9),
        priority: maybe(random, 0.2, () => random.between(-1, 1)),
        requires: maybe(random, 0.2, () => ["gpu"]),
      }),
    );
    return enqueue(...(jobs as unknown as Jobs));
  }
}
