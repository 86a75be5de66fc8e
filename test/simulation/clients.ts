/**
 * The clients: producers, workers, an operator, a keeper of snapshots and a reader, and what each remembers of the answers it was given.
 * Invariant: a client knows only what it was told; between them they use every command with every option.
 */
import type { CommandInputs, CommandName } from "../../src/contract/commands.ts";
import type { CommandAnswer } from "../../src/contract/rpc.ts";
import { Caller } from "./caller.ts";
import { Crew } from "./crew.ts";
import { FeedReader } from "./feed-reader.ts";
import { Gatekeeper, holdOf, someFilter } from "./gatekeeper.ts";
import { Importer } from "./importer.ts";
import { someConfig, someJob, someMs, somePause, somePurge } from "./jobs-drawn.ts";
import { someKey } from "./keys-drawn.ts";
import { allStates, defined } from "./model/state.ts";
import { Planner, type ToldOfPlans } from "./planner.ts";
import { someCapabilities, someReport } from "./plans-drawn.ts";
import type { Random } from "./random.ts";

type Item = CommandInputs["lease.settle"]["items"][number];

/** A command that a client wants done. */
export interface Wish {
  readonly name: CommandName;
  readonly input: object;
}

const memoryMax = 12;
function remember<T>(all: T[], ...more: readonly T[]): void {
  all.push(...more);
  if (all.length > memoryMax) all.splice(0, all.length - memoryMax);
}

interface Lease {
  readonly id: string;
  readonly token: string;
}

interface Shown {
  readonly id: string;
  readonly state?: string;
  readonly token?: string;
  readonly ok?: boolean;
}

interface Told extends ToldOfPlans {
  readonly results?: readonly { readonly id?: string }[];
  readonly jobs?: readonly Shown[];
  readonly items?: readonly Shown[];
  readonly operation?: { readonly id: string };
  readonly cursor?: string;
}

export const roles = [
  ...(["producer", "producer", "worker", "worker", "worker"] as const),
  ...(["operator", "keeper", "keeper", "keeper", "reader", "planner"] as const),
  ...(["runner", "runner", "fleet", "crew", "crew", "clock", "clock"] as const),
  ...(["gatekeeper", "gatekeeper", "caller", "caller", "follower"] as const),
] as const;
/** Of a refusal: how many chunks of an import have come. */
type Facts = { readonly chunks?: unknown } | undefined;
type Role = (typeof roles)[number];

type Draw = (random: Random, now: number) => Wish;
const build: Wish = { name: "snapshot.build", input: {} };

/** What all clients of a run know together: they talk to one another. */
export class Clients {
  readonly #ids: string[] = ["a", "zz"];
  /** Jobs that were seen to have ended badly. */
  readonly #ended: string[] = [];
  /** Jobs of whose tasks something was reported. */
  readonly #reported: string[] = [];
  readonly #held: Lease[] = [];
  readonly #dropped: Lease[] = [];
  readonly #importer = new Importer();
  /** Where a verification of the current snapshot goes on. */
  #verifyCursor: string | undefined;
  readonly #operations: string[] = ["nothing"];
  readonly #cursors: (Wish & { readonly cursor: string })[] = [];
  readonly #planner = new Planner();
  readonly #crew = new Crew();
  readonly #caller = new Caller();
  readonly #feed = new FeedReader();
  readonly #gatekeeper = new Gatekeeper((random) => this.#id(random));

  readonly #draws: Record<Role, readonly (readonly [number, Draw])[]> = {
    producer: [
      [12, (random, now) => this.#enqueue(random, now)],
      [2, (random, now) => this.#update(random, now)],
      [2, (random) => this.#cancel(random)],
    ],
    worker: [
      [7, (random) => ({ name: "lease.claim", input: this.#claim(random) })],
      [10, (random) => this.#settle(random)],
    ],
    operator: [
      [4, (random) => ({ name: "queue.configure", input: someConfig(random) })],
      [7, (random) => ({ name: "queue.pause", input: somePause(random) })],
      [3, () => ({ name: "queue.resume", input: {} })],
      [3, (random) => ({ name: "queue.purge", input: somePurge(random) })],
      [8, (random, now) => this.#redrive(random, now)],
      [4, (random) => this.#cancel(random)],
      [7, (random) => ({ name: "job.retry", input: { id: this.#endedId(random) } })],
      [4, (random) => ({ name: "job.remove", input: { id: this.#endedId(random) } })],
      [3, (random, now) => this.#update(random, now)],
      [4, () => ({ name: "queue.checkpoint", input: {} })],
      [2, (random) => this.#delete(random)],
      [3, () => build],
      [2, () => ({ name: "snapshot.remove", input: {} })],
    ],
    keeper: [[1, (random) => this.#importer.wish(random)]],
    planner: this.#planner.plans,
    runner: this.#planner.actions,
    fleet: this.#planner.workers,
    crew: this.#crew.draws,
    clock: this.#planner.schedules,
    gatekeeper: this.#gatekeeper.draws,
    caller: [[1, (random) => this.#caller.wish(random)]],
    follower: [[1, (random) => this.#feed.wish(random)]],
    reader: [
      [4, (random) => ({ name: "job.get", input: { id: this.#id(random) } })],
      [8, (random) => this.#list(random)],
      [6, (random) => this.#page(random)],
      [8, (random) => this.#tasks(random)],
      [3, () => ({ name: "queue.stats", input: {} })],
      [2, () => ({ name: "queue.get", input: {} })],
      [3, (random) => this.#operation(random)],
      [3, () => ({ name: "snapshot.get", input: {} })],
      [3, (random) => this.#importer.read(random)],
      [3, (random) => this.#verify(random)],
      [2, () => ({ name: "queue.raw", input: {} })],
    ],
  };

  /** What a client does next. */
  wish(client: number, random: Random, now: number): Wish {
    return random.weighted(this.#draws[roles[client] ?? "producer"])(random, now);
  }

  /** Something that makes a queue small again. */
  relief(random: Random): Wish {
    if (random.chance(0.5)) return { name: "queue.configure", input: someConfig(random) };
    return { name: "queue.purge", input: { states: allStates } };
  }

  /** What a database at its bound has no room for; undefined while no client has a file. */
  tooMuch(random: Random): Wish | undefined {
    return random.chance(0.4)
      ? { name: "snapshot.build", input: {} }
      : this.#importer.begin(random);
  }

  /** What a client was answered is known to all. */
  told(wish: Wish, answer: CommandAnswer): void {
    if (wish.name.startsWith("snapshot.")) this.#toldOfSnapshot(wish, answer);
    if ("refusal" in answer || wish.name === "snapshot.read" || wish.name === "queue.raw") return;
    const told = JSON.parse(answer.reply) as Told;
    const { results = [], jobs = [], items = [], operation, cursor } = told;
    const own = [...results, ...jobs].flatMap((each) =>
      typeof each === "string" ? each : (each.id ?? []),
    );
    remember(this.#ids, ...own);
    this.#planner.told(wish, told);
    this.#crew.told(wish, told as object);
    this.#gatekeeper.told(wish, told as object);
    this.#caller.told(wish, told as object);
    this.#feed.told(wish, told as object);
    const asked = (wish.input as { readonly items?: readonly Item[] }).items ?? [];
    const isReport = (_: unknown, i: number) => items[i]?.ok === true && asked[i]?.op === "task";
    remember(this.#reported, ...asked.filter(isReport).map(({ id }) => id));
    const all = [...jobs, ...items];
    const isOver = (state = "") => ["failed", "cancelled", "expired"].includes(state);
    remember(this.#ended, ...all.flatMap(({ id, state }) => (isOver(state) ? id : [])));
    const leases = jobs.flatMap(({ id, token }) => (token === undefined ? [] : [{ id, token }]));
    remember(this.#held, ...leases);
    if (operation !== undefined) remember(this.#operations, operation.id);
    if (wish.name === "queue.verify") this.#verifyCursor = cursor;
    else if (cursor !== undefined && wish.name !== "feed.read")
      remember(this.#cursors, { ...wish, cursor });
  }

  #toldOfSnapshot(wish: Wish, answer: CommandAnswer): void {
    if ("reply" in answer) this.#importer.told(wish, answer.reply);
    else if (wish.name === "snapshot.import") {
      const { refusalCode, facts } = answer.refusal;
      this.#importer.refused(wish, refusalCode, (facts as Facts)?.chunks);
    }
  }

  #id(random: Random): string {
    return random.pickFrom(this.#ids) ?? "a";
  }

  #endedId(random: Random): string {
    return (random.chance(0.8) ? random.pickFrom(this.#ended) : undefined) ?? this.#id(random);
  }

  #enqueue(random: Random, now: number): Wish {
    // An id like one that a queue made: it may be chosen once the state is in another queue.
    if (random.chance(0.02)) {
      const id = `${this.#id(random)}x`;
      return { name: "job.enqueue", input: { jobs: [{ payload: "1", id, fingerprint: "x" }] } };
    }
    const count = random.chance(0.6) ? 1 : random.between(2, 7);
    const jobs = Array.from({ length: count }, () => someJob(random, now));
    return { name: "job.enqueue", input: { jobs } };
  }

  #update(random: Random, now: number): Wish {
    const change = random.weighted([
      [2, { priority: random.between(-2, 2) }],
      [3, { delayMs: someMs(random) }],
      [1, { runAt: now + random.between(-1000, 5000) }],
      [1, { priority: 1, delayMs: someMs(random) }],
    ]);
    return { name: "job.update", input: { id: this.#id(random), ...change } };
  }

  #cancel(random: Random): Wish {
    const reason = random.chance(0.5) ? { reason: "enough" } : {};
    return { name: "job.cancel", input: { id: this.#id(random), ...reason } };
  }

  #claim(random: Random): CommandInputs["lease.claim"] {
    return defined({
      worker: random.chance(0.7) ? random.pick(["ann", "bob", "cat", "a b"]) : undefined,
      max: random.chance(0.6) ? random.between(1, 5) : undefined,
      leaseMs: random.chance(0.3) ? random.pick([1000, 4000]) : undefined,
      capabilities: random.chance(0.7) ? someCapabilities(random) : undefined,
      kinds: random.chance(0.7) ? random.pick([["plan"], ["payload", "plan"]] as const) : undefined,
    }) as CommandInputs["lease.claim"];
  }

  #settle(random: Random): Wish {
    const count = random.chance(0.6) ? 1 : random.between(2, 4);
    const items = Array.from({ length: count }, () => this.#item(random));
    const isClaiming = random.chance(0.3);
    return {
      name: "lease.settle",
      input: isClaiming ? { items, claim: this.#claim(random) } : { items },
    };
  }

  #item(random: Random): Item {
    const lease = this.#lease(random);
    const delayMs = random.chance(0.5) ? { delayMs: someMs(random) } : {};
    const op = random.weighted([
      [8, "complete"],
      [5, "fail"],
      [3, "release"],
      [5, "extend"],
      [3, "progress"],
      [7, "task"],
    ] as const);
    if (op === "task") return { op, ...lease, ...someReport(random) };
    if (op === "complete")
      return random.chance(0.5) ? { op, ...lease } : { op, ...lease, result: "[1]" };
    if (op === "fail") {
      const retryable = random.chance(0.2) ? { retryable: random.chance(0.5) } : {};
      return { op, ...lease, error: "no", ...retryable, ...(random.chance(0.5) ? delayMs : {}) };
    }
    if (op === "release") return { op, ...lease, ...delayMs, ...holdOf(random) };
    if (op === "extend")
      return random.chance(0.5) ? { op, ...lease } : { op, ...lease, leaseMs: 2000 };
    return { op, ...lease, progress: random.pick(["50", '"half"', '{"p":1}']) };
  }

  /** A lease that was given: mostly one that is used for the first time. */
  #lease(random: Random): Lease {
    const held = this.#held.length > 0 && random.chance(0.8);
    if (held) {
      const i = random.below(this.#held.length);
      const lease = this.#held[i];
      // Progress and extensions use a lease again, repeats and liars too.
      if (random.chance(0.6)) remember(this.#dropped, ...this.#held.splice(i, 1));
      if (lease !== undefined) return lease;
    }
    const old = random.pickFrom(this.#dropped);
    if (old !== undefined && random.chance(0.8)) return old;
    return {
      id: this.#id(random),
      token: random.pick(["foreign", old?.token ?? "x-001-000000001"]),
    };
  }

  #redrive(random: Random, now: number): Wish {
    const name = random.chance(0.5) ? "job.redrive" : "job.discard";
    if (random.chance(0.3)) {
      // More than one step takes, now and then.
      const ids = Array.from({ length: random.between(1, 9) }, () => this.#endedId(random));
      return { name, input: { ids } };
    }
    return { name, input: someFilter(random, now, name === "job.discard") };
  }

  #delete(random: Random): Wish {
    const force = random.weighted([
      [5, {}],
      [1, { force: "false" }],
      [3, { force: "true" }],
    ]);
    return { name: "queue.delete", input: force };
  }

  /** The next page of a list; sometimes with a cursor of another. */
  #page(random: Random): Wish {
    const page = random.pickFrom(this.#cursors);
    if (page === undefined) return this.#list(random);
    const { name, input, cursor } = page;
    const other = random.chance(0.2) ? random.pickFrom(this.#cursors) : undefined;
    return { name, input: { ...input, cursor: other?.cursor ?? cursor } };
  }

  #tasks(random: Random): Wish {
    const task = random.chance(0.3) ? { task: random.between(1, 3) } : {};
    const reported = random.chance(0.7) ? random.pickFrom(this.#reported) : undefined;
    return { name: "job.tasks", input: { id: reported ?? this.#id(random), ...task } };
  }

  #list(random: Random): Wish {
    const input = defined({
      action: random.chance(0.2) ? this.#planner.action(random) : undefined,
      plan: random.chance(0.1) ? random.pick(["p1", "p2"]) : undefined,
      state: random.chance(0.7) ? random.pickFrom(allStates) : undefined,
      label: random.chance(0.3) ? random.pick(["team", "team:blue", "a.b:1"]) : undefined,
      key: someKey(random, 0.2),
      error: random.chance(0.1) ? random.pick(["no", "job ", "expired"]) : undefined,
      include: random.chance(0.3) ? ("payload" as const) : undefined,
      limit: random.chance(0.6) ? random.between(1, 5) : undefined,
      cursor: random.chance(0.05) ? "bm9uc2Vuc2U" : undefined,
    });
    return { name: "job.list", input };
  }

  #verify(random: Random): Wish {
    const cursor = random.pick([this.#verifyCursor, this.#verifyCursor, undefined, "bm9uc2Vuc2U"]);
    return { name: "queue.verify", input: defined({ cursor }) };
  }

  #operation(random: Random): Wish {
    return { name: "operation.get", input: { id: random.pickFrom(this.#operations) ?? "nothing" } };
  }
}
