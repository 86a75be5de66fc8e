/**
 * Workers' channels on an engine: who is sent what, and what becomes of it.
 * Invariant: whatever happens in whatever order, no more is sent than credit allows, and no job is lost or held by nobody.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { complete, secretOf, TestChannel } from "./channel-rig.ts";

describe("a channel", () => {
  test("is sent a job in the entry that makes it ready, as a lease of its worker", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { worker: "w", credit: 5 });
    expect(channel.sent("welcome")).toMatchObject([{ now: q.now, resumed: [] }]);
    const { index } = q.store.last;
    const id = await q.enqueue();
    expect(channel.ids).toEqual([id]);
    expect(q.store.last.index).toBe(index + 1);
    expect(await q.job(id)).toMatchObject({ state: "running", worker: "w" });
  });

  test("settles, and is sent more, in one entry", async () => {
    const q = await openEngine({ config: {} });
    const first = await q.enqueue();
    const channel = await TestChannel.hello(q, "a", { credit: 1 });
    const second = await q.enqueue();
    const [job] = channel.sent("jobs")[0]?.jobs ?? [];
    const { index } = q.store.last;
    const items = complete(job ? [job] : []);
    await channel.say({ type: "settle", frame: 1, items, ack: 1, credit: 1 });
    expect(channel.ids).toEqual([first, second]);
    expect(channel.sent("settled")).toMatchObject([{ frame: 1, items: [{ id: first, ok: true }] }]);
    expect(q.store.last.index).toBe(index + 1);
  });

  test("is served when the queue's rate lets a job go, also where its credit came with settlements that changed nothing", async () => {
    const q = await openEngine({ config: { rate: { limit: 1, perMs: 10_000 } } });
    await q.enqueue();
    await q.claimOne({ leaseMs: 3_600_000 });
    const id = await q.enqueue();
    const channel = await TestChannel.hello(q, "a");
    const items = complete([{ id: "none", token: "none" }]);
    await channel.say({ type: "settle", frame: 1, items, credit: 1 });
    expect(channel.ids).toEqual([]);
    await q.advance(10_000);
    await q.settled();
    expect(channel.ids).toEqual([id]);
  });

  test("takes turns with others that take the same", async () => {
    const q = await openEngine({ config: {} });
    const one = await TestChannel.hello(q, "one", { credit: 5 });
    const two = await TestChannel.hello(q, "two", { credit: 5 });
    const waiter = await q.waitForJobs();
    const ids = [await q.enqueue(), await q.enqueue(), await q.enqueue(), await q.enqueue()];
    expect([one.ids, two.ids, waiter.jobs]).toEqual([[ids[0], ids[3]], [ids[1]], [ids[2]]]);
  });

  test("keeps its turn while the object sleeps", async () => {
    const q = await openEngine({ config: {} });
    const one = await TestChannel.hello(q, "one", { credit: 5 });
    const two = await TestChannel.hello(q, "two", { credit: 5 });
    const first = await q.enqueue();
    await q.reopen();
    const second = await q.enqueue();
    expect([one.ids, two.ids]).toEqual([[first], [second]]);
  });

  test("that closes before the entry of its jobs is durable gives them back", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { credit: 5 });
    const enqueued = q.enqueue({ id: "a" });
    await channel.hangUp();
    await enqueued;
    await q.settled();
    expect(channel.ids).toEqual([]);
    expect(await q.job("a")).toMatchObject({ state: "ready", attempt: 1 });
  });

  test("is passed over by what its worker cannot do, and while its worker drains", async () => {
    const q = await openEngine({ config: {} });
    await q.run("worker.register", { id: "w", capabilities: ["gpu"] });
    const channel = await TestChannel.hello(q, "a", { worker: "w", credit: 5 });
    await q.enqueue({ requires: ["tpu"] });
    const able = await q.enqueue({ requires: ["gpu"] });
    expect(channel.ids).toEqual([able]);
    await q.run("worker.drain", { id: "w" });
    await q.enqueue();
    expect(channel.ids).toEqual([able]);
    expect(channel.socket.isClosed).toBe(false);
  });

  test("is sent no more than its socket can keep, until it says that it has it", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { credit: 1000 });
    for (let i = 0; i <= limits.deliveriesMax; i += 1) await q.enqueue();
    expect(channel.sent("jobs")).toHaveLength(limits.deliveriesMax);
    await channel.take(900);
    expect(channel.ids).toHaveLength(limits.deliveriesMax + 1);
  });

  test("is sent many jobs in deliveries of a hundred", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { credit: 1000 });
    const jobs = Array.from({ length: 250 }, () => ({ payload: "1" }));
    await q.run("job.enqueue", { jobs });
    await q.settled();
    expect(channel.sent("jobs").map((sent) => sent.jobs?.length)).toEqual([100, 100, 50]);
  });

  test("counts what is on its way against the credit that was given without knowing of it", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { credit: 2 });
    await q.run("job.enqueue", { jobs: Array.from({ length: 9 }, () => ({ payload: "1" })) });
    await channel.say({ type: "credit", credit: 3 });
    expect(channel.ids).toHaveLength(3);
    await channel.say({ type: "credit", ack: 1, credit: 3 });
    expect(channel.ids).toHaveLength(5);
    await channel.say({ type: "credit", ack: 3, credit: 0 });
    await q.enqueue();
    expect(channel.ids).toHaveLength(5);
  });

  test("is sent what was handed out before it said that less may come, and nothing beyond", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { credit: 2 });
    const enqueued = q.run("job.enqueue", {
      jobs: Array.from({ length: 9 }, () => ({ payload: "1" })),
    });
    // The entry of two jobs is written, and not durable: they are on their way.
    await q.say(channel.socket, JSON.stringify({ type: "credit", ack: 0, credit: 1 }));
    await enqueued;
    await q.settled();
    expect(channel.ids).toHaveLength(2);
    await channel.take(1);
    expect(channel.ids).toHaveLength(3);
  });

  test("keeps its registered worker alive while it pings, and no longer", async () => {
    const q = await openEngine({ config: {} });
    await q.run("worker.register", { id: "w", ttlMs: 10_000 });
    const channel = await TestChannel.hello(q, "a", { worker: "w" });
    for (let i = 0; i < 20; i += 1) {
      await q.advance(10_000);
      channel.socket.pinged = q.now;
    }
    expect((await q.run("worker.get", { id: "w" })).worker.state).toBe("alive");
    await q.advance(limits.channelSilentMsMax + 20_000);
    expect((await q.run("worker.get", { id: "w" })).worker.state).toBe("dead");
  });

  test("of which nothing was heard for too long is closed, and its jobs go to others", async () => {
    const q = await openEngine({ config: {} });
    const silent = await TestChannel.hello(q, "silent", { credit: 5, leaseMs: 3_600_000 });
    const first = await q.enqueue();
    expect(silent.ids).toEqual([first]);
    await q.advance(limits.channelSilentMsMax + 1);
    const other = await TestChannel.hello(q, "other", { credit: 5 });
    const second = await q.enqueue();
    expect(silent.socket.closed).toEqual({ code: 4408, reason: "channel_silent" });
    expect(silent.ids).toEqual([first]);
    expect([...other.ids].sort()).toEqual([first, second].sort());
  });

  test("that was closed from here asks for no jobs any more, though its socket is not gone yet", async () => {
    const q = await openEngine({ config: {} });
    await TestChannel.hello(q, "able", { credit: 5, capabilities: ["gpu"] });
    await q.advance(limits.channelSilentMsMax + 1);
    await q.enqueue({ requires: ["gpu"] });
    const { unclaimable } = await q.run("queue.stats", {});
    expect(unclaimable).toMatchObject([{ requires: ["gpu"], ready: 1 }]);
  });

  test("may not name more capabilities than its socket keeps", async () => {
    const q = await openEngine({ config: {} });
    const capabilities = Array.from({ length: 40 }, (_, i) => `${i}`.padStart(256, "x"));
    const channel = await TestChannel.hello(q, "a", { capabilities });
    expect(channel.sent("problem")).toMatchObject([{ problem: { code: "wait_too_large" } }]);
    expect(channel.socket.closed).toEqual({ code: 4413, reason: "wait_too_large" });
  });

  test("shows its secret nowhere", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { credit: 5 });
    await q.enqueue();
    expect(channel.ids).toHaveLength(1);
    const raw = await q.answer("queue.raw", {} as never);
    expect(JSON.stringify([q.dump(), raw, channel.socket.kept()])).not.toContain(secretOf("a"));
  });

  test("whose jobs' entry was never written is sent them later", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { credit: 1 });
    failNextEntry(q);
    await expect(q.enqueue({ id: "a" })).rejects.toThrow();
    q.faults.length = 0;
    expect(channel.ids).toEqual([]);
    await q.enqueue({ id: "b" });
    expect(channel.ids).toEqual(["b"]);
  });

  test("whose jobs' entry was never written is sent them soon, also where the alarm for that is lost", async () => {
    const q = await openEngine({ config: {} });
    await q.enqueue({ id: "a" });
    const channel = await TestChannel.hello(q, "a");
    failNextEntry(q);
    await expect(channel.say({ type: "credit", credit: 1 })).rejects.toThrow();
    q.faults.length = 0;
    q.armedAt = null;
    q.now += 20_000;
    await channel.say({ type: "credit", credit: 1 });
    await q.advance(5000);
    expect(channel.ids).toEqual(["a"]);
  });
});

/** The next entry cannot be written. */
function failNextEntry(q: Harness): void {
  const run = q.sql.run.bind(q.sql);
  q.sql.run = (query, ...bindings) => {
    if (!query.startsWith("INSERT INTO raft_log")) {
      run(query, ...bindings);
      return;
    }
    q.sql.run = run;
    throw new Error("no room");
  };
}

/** What a world does with its channels, step by step. */
type Step =
  | { readonly kind: "enqueue"; readonly jobs: number }
  | {
      readonly kind: "credit";
      readonly who: number;
      readonly credit: number;
      readonly acks: boolean;
    }
  | { readonly kind: "settle"; readonly who: number; readonly credit: number }
  | {
      readonly kind: "again";
      readonly who: number;
      readonly resume: boolean;
      readonly credit: number;
    }
  | { readonly kind: "hang up"; readonly who: number }
  | { readonly kind: "sleep" }
  | { readonly kind: "pass"; readonly ms: number };

const who = fc.nat(1);
const credit = fc.nat(6);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("enqueue" as const), jobs: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant("credit" as const), who, credit, acks: fc.boolean() }),
    fc.record({ kind: fc.constant("settle" as const), who, credit }),
    fc.record({ kind: fc.constant("again" as const), who, resume: fc.boolean(), credit }),
    fc.record({ kind: fc.constant("hang up" as const), who }),
    fc.record({ kind: fc.constant("sleep" as const) }),
    fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(1_000, 20_000) }),
  ),
  { minLength: 1, maxLength: 30 },
);

/** Two sessions and their channels. */
class World {
  readonly q: Harness;
  readonly #channels: (TestChannel | undefined)[] = [undefined, undefined];

  constructor(q: Harness) {
    this.q = q;
  }

  async take(step: Step): Promise<void> {
    const { q } = this;
    if (step.kind === "enqueue") {
      await q.run("job.enqueue", {
        jobs: Array.from({ length: step.jobs }, () => ({ payload: "1" })),
      });
      await q.settled();
    } else if (step.kind === "sleep") await q.reopen();
    else if (step.kind === "pass") await q.advance(step.ms);
    else if (step.kind === "again") await this.#again(step);
    else await this.#say(step);
    await q.settled();
    for (const channel of this.#channels) channel?.look();
  }

  async #again({
    who: name,
    resume,
    credit: more,
  }: Extract<Step, { kind: "again" }>): Promise<void> {
    const said = { credit: more, ...(resume && { resume }) };
    this.#channels[name] = await TestChannel.hello(this.q, `${name}`, said);
  }

  async #say(
    step: Extract<Step, { readonly kind: "credit" | "settle" | "hang up" }>,
  ): Promise<void> {
    const channel = this.#channels[step.who];
    if (channel === undefined || channel.socket.isClosed) return;
    if (step.kind === "hang up") {
      this.#channels[step.who] = undefined;
      await channel.hangUp();
    } else if (step.kind === "credit" && !step.acks) {
      await channel.say({ type: "credit", credit: step.credit });
    } else {
      const jobs = await channel.take(step.credit);
      if (step.kind === "credit" || jobs.length === 0) return;
      await channel.say({ type: "settle", frame: 1, items: complete(jobs) });
    }
  }

  /** Lets every lease end and every job be done: none was lost. */
  async finish(): Promise<void> {
    const { q } = this;
    for (const channel of this.#channels)
      if (channel?.socket.isClosed === false) await channel.hangUp();
    await q.advance(60_000);
    for (;;) {
      const jobs = await q.claim({ max: 1000 });
      if (jobs.length === 0) break;
      await q.run("lease.settle", { items: complete(jobs) as never });
    }
  }
}

test("whatever happens, no channel is sent more than its credit, and no job is lost", async () => {
  const property = fc.asyncProperty(steps, async (all) => {
    const q = await openEngine({ config: { maxAttempts: 32 } });
    const world = new World(q);
    let enqueued = 0;
    for (const step of all) {
      await world.take(step);
      if (step.kind === "enqueue") enqueued += step.jobs;
    }
    await world.finish();
    expect(await q.ids("completed")).toHaveLength(enqueued);
  });
  await fc.assert(property, { numRuns: 60 });
});
