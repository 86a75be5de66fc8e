/**
 * A short history without fault, and what planting a fault in it takes.
 * Invariant: every exchange is a millisecond long and answered at the server's time that its reply says, so that all is certain.
 */
import { check } from "./checker.ts";
import type { Ask, Claimed, Exchange, Final, FinalJob, Item, JobAsk, Reply } from "./history.ts";

type Mutable<T> = T extends (infer E)[] | readonly (infer E)[]
  ? Mutable<E>[]
  : T extends object
    ? { -readonly [F in keyof T]: Mutable<T[F]> }
    : T;

/** A history as it is made up. */
export class Tale {
  readonly history: Mutable<Exchange>[] = [];
  readonly jobs: Mutable<FinalJob>[] = [];
  /** What the statistics count more or less than there is. */
  drift = 0;
  #requests = 0;

  /** An exchange that was answered at `at`; returned to be changed. */
  say(at: number, ask: Ask, reply: Omit<Reply, "now">): Mutable<Exchange> {
    this.#requests += 1;
    const exchange = {
      round: 1,
      actor: "a",
      request: `r${this.#requests}`,
      ask,
      sentAt: at - 0.4,
      endedAt: at + 0.4,
      outcome: { kind: "answered", reply: { now: at, ...reply } },
    };
    this.history.push(exchange as Mutable<Exchange>);
    return exchange as Mutable<Exchange>;
  }

  enqueue(at: number, jobs: readonly (JobAsk & { as: string })[]): Mutable<Exchange> {
    const asks = jobs.map(({ as: _, ...job }) => job);
    const results = jobs.map(({ as: id }) => ({ id }));
    for (const { mark, as: id, priority = 0 } of jobs) {
      const counts = { attempt: 1, maxAttempts: 3, deliveries: 0, priority, createdAt: at };
      this.jobs.push({ id, state: "ready", payload: { mark }, ...counts });
    }
    return this.say(at, { kind: "enqueue", jobs: asks }, { results });
  }

  /** Hands out jobs; the lease lasts a second, to the end of that second. */
  claim(at: number, token: string, jobs: readonly Partial<Claimed>[], max = 1): Mutable<Exchange> {
    const claim = { worker: "w", max, leaseMs: 1000 };
    return this.say(at, { kind: "claim", claim }, { jobs: jobs.map(claimed) });

    function claimed(job: Partial<Claimed>): Claimed {
      const leaseUntil = Math.ceil((at + 1000) / 1000) * 1000;
      const counts = { attempt: 1, maxAttempts: 3, deliveries: 1, priority: 0, createdAt: 1000 };
      return { id: "a", token, leaseUntil, ...counts, ...job };
    }
  }

  settle(at: number, item: Item, settled: object): Mutable<Exchange> {
    const items = [{ id: item.id, ok: true, state: "ready", ...settled }] as Reply["items"];
    return this.say(at, { kind: "settle", items: [item] }, { ...(items && { items }) });
  }

  complete(at: number, id: string, token: string, by = "x"): Mutable<Exchange> {
    const job = this.job(id);
    Object.assign(job, { state: "completed", result: { by } });
    return this.settle(at, { op: "complete", id, token, result: { by } }, { state: "completed" });
  }

  job(id: string): Mutable<FinalJob> {
    const job = this.jobs.find((each) => each.id === id);
    if (job === undefined) throw new Error(`there is no job ${id}`);
    return job;
  }

  /** The rules that the checker finds broken. */
  broken(): string[] {
    const rules = check(this.history as Exchange[], this.#final()).map(({ rule }) => rule);
    return [...new Set(rules)];
  }

  #final(): Final {
    const byState = Map.groupBy(this.jobs, ({ state }) => state);
    const idsByState: Record<string, string[]> = {};
    const counts: Record<string, number> = {};
    for (const [state, jobs] of byState) {
      idsByState[state] = jobs.map(({ id }) => id);
      counts[state] = jobs.length + this.drift;
    }
    return { jobs: this.jobs as FinalJob[], idsByState, counts, jobBytes: 0, listedBytes: 0 };
  }
}

/** Nobody was told what became of it. */
export function lost(exchange: Mutable<Exchange>): void {
  exchange.outcome = { kind: "unknown", why: "the connection broke" };
}

/** The job as an answer shows it, to be changed. */
export function handed(exchange: Mutable<Exchange>): Mutable<Claimed> {
  const { outcome } = exchange;
  const job = outcome.kind === "answered" ? outcome.reply.jobs?.[0] : undefined;
  if (job === undefined) throw new Error("nothing was handed out");
  return job;
}

/**
 * Two jobs: `a` is completed at once; `b` fails, is extended until its lease ends, is released, and is then completed.
 */
export function wholeLife() {
  const tale = new Tale();
  const enqueue = tale.enqueue(1000, [
    { mark: 1, as: "a" },
    { mark: 2, as: "b" },
  ]);
  const first = tale.claim(1010, "t1", [{ id: "a" }, { id: "b" }], 2);
  const completeA = tale.complete(1020, "a", "t1", "by-a");
  const fail = tale.settle(
    1030,
    { op: "fail", id: "b", token: "t1", error: "e1", delayMs: 100 },
    { state: "scheduled", runAt: 1130 },
  );
  const second = tale.claim(1140, "t2", [{ id: "b", attempt: 2, deliveries: 2 }]);
  const extend = tale.settle(
    1150,
    { op: "extend", id: "b", token: "t2", leaseMs: 2000 },
    { state: "running", leaseUntil: 4000 },
  );
  const third = tale.claim(4010, "t3", [{ id: "b", attempt: 3, deliveries: 3 }]);
  const release = tale.settle(4020, { op: "release", id: "b", token: "t3" }, {});
  const fourth = tale.claim(4030, "t4", [{ id: "b", attempt: 3, deliveries: 4 }]);
  const completeB = tale.complete(4040, "b", "t4", "by-b");
  Object.assign(tale.job("a"), { deliveries: 1 });
  const attempts = [{ outcome: "failed", error: "e1" }, { outcome: "lease_expired" }];
  Object.assign(tale.job("b"), { deliveries: 4, attempt: 3, attempts });
  return {
    ...{ tale, enqueue, first, completeA, fail, second, extend, third, release, fourth },
    completeB,
  };
}
