/**
 * Registered workers and their channels: whoever is heard over one lives, and is not taken for dead for a fault or a sleep.
 * Invariant: time passes by hand; what a worker holds is its own for as long as it lives.
 */
import { describe, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { writers } from "../../src/store/schema.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { TestChannel } from "./channel-rig.ts";

const TTL = 10_000;
/** When a worker of which nothing was heard since it registered is dead. */
const DEATH = 1.5 * TTL;

const stateOf = async (q: Harness) => (await q.run("worker.get", { id: "w" })).worker.state;

/** A worker that has registered. */
async function withWorker(): Promise<Harness> {
  const q = await openEngine({ config: { leaseMs: 3_600_000 } });
  await q.run("worker.register", { id: "w", ttlMs: TTL });
  return q;
}

/** One that is dead. */
async function withDead(): Promise<Harness> {
  const q = await withWorker();
  await q.advance(DEATH);
  expect(await stateOf(q)).toBe("dead");
  return q;
}

/** One with a channel and a job, which pinged just now: its time is over, and nobody has looked yet. */
async function withOneThere() {
  const q = await withWorker();
  const channel = await TestChannel.hello(q, "a", { worker: "w", credit: 1 });
  const id = await q.enqueue();
  q.now += DEATH;
  channel.socket.pinged = q.now;
  return { q, id, token: channel.sent("jobs")[0]?.jobs?.[0]?.token ?? "" };
}

/** The next note that the worker lives fails. */
function failNote(): void {
  const writer = vi.spyOn(writers, "worker.seen").mockImplementationOnce(() => {
    writer.mockRestore();
    throw new Error("poison");
  });
}

describe("a worker with a channel whose note of life fails", () => {
  test("does not die of that, and is noted to live by the next alarm", async () => {
    const { q, id } = await withOneThere();
    failNote();
    await q.fire();
    expect(q.faults.splice(0)).toHaveLength(1);
    expect(q.store.tables.workers.get(["w"])).not.toHaveProperty("diedAt");
    await q.advance(5000);
    expect(await stateOf(q)).toBe("alive");
    expect(await q.job(id)).toMatchObject({ state: "running", attempt: 1, worker: "w" });
  });

  test("keeps the lease that a command of the same group looks at", async () => {
    const { q, id, token } = await withOneThere();
    failNote();
    const input = { items: [{ op: "extend", id, token }] };
    const answer = await q.engine.submit({ v: 1, name: "lease.settle", input, bytes: 0 } as never);
    expect(q.faults.splice(0)).toHaveLength(1);
    expect(answer).toHaveProperty("reply", expect.stringContaining('"state":"running"'));
    expect(await stateOf(q)).toBe("alive");
  });

  test("keeps what it holds when it registers again in the same group", async () => {
    const { q, id } = await withOneThere();
    failNote();
    const input = { id: "w", ttlMs: TTL };
    await q.engine.submit({ v: 1, name: "worker.register", input, bytes: 0 });
    expect(q.faults.splice(0)).toHaveLength(1);
    expect(await q.job(id)).toMatchObject({ state: "running", attempt: 1 });
  });
});

test("a worker that was heard before the object slept lives on behind its sleep", async () => {
  const q = await openEngine({ config: {} });
  await q.run("worker.register", { id: "w", ttlMs: 60_000 });
  const channel = await TestChannel.hello(q, "a", { worker: "w" });
  await q.advance(50_000);
  const items = [{ op: "complete", id: "gone", token: "none" }];
  await channel.say({ type: "settle", frame: 1, items });
  await q.reopen();
  await q.advance(40_000);
  expect(await stateOf(q)).toBe("alive");
});

test("a worker that says what it takes is not passed over behind one of its name that leaves that to its registration", async () => {
  const q = await openEngine({ config: {} });
  await q.run("worker.register", { id: "w", kinds: ["plan"] });
  const registered = await TestChannel.hello(q, "a", { worker: "w", credit: 1 });
  const saying = await TestChannel.hello(q, "b", { worker: "w", kinds: ["payload"], credit: 1 });
  const id = await q.enqueue();
  expect([registered.ids, saying.ids]).toEqual([[], [id]]);
});

describe("a dead worker", () => {
  test("that says hello lives, in the one entry that its hello makes", async () => {
    const q = await withDead();
    const { index } = q.store.last;
    const channel = await TestChannel.hello(q, "a", { worker: "w" });
    expect(await stateOf(q)).toBe("alive");
    expect(q.store.last.index).toBe(index + 1);
    expect(channel.sent("welcome")).toHaveLength(1);
  });

  test("is sent the jobs that it may have in that entry too", async () => {
    const q = await withDead();
    const id = await q.enqueue();
    const { index } = q.store.last;
    const channel = await TestChannel.hello(q, "a", { worker: "w", credit: 1 });
    expect(channel.ids).toEqual([id]);
    expect(await stateOf(q)).toBe("alive");
    expect(q.store.last.index).toBe(index + 1);
  });

  test("that was silent lives with the next frame that is heard of it", async () => {
    const q = await withWorker();
    const channel = await TestChannel.hello(q, "a", { worker: "w" });
    await q.advance(limits.channelSilentMsMax + DEATH);
    expect(await stateOf(q)).toBe("dead");
    await channel.say({ type: "credit", credit: 0 });
    expect(await stateOf(q)).toBe("alive");
  });

  test("that was silent, and pings again, is not forgotten", async () => {
    const q = await withWorker();
    const channel = await TestChannel.hello(q, "a", { worker: "w" });
    await q.advance(limits.channelSilentMsMax + DEATH);
    const { diedAt = 0 } = (await q.run("worker.get", { id: "w" })).worker;
    await q.advance(diedAt + limits.deadWorkerKeptMs - 1 - q.now);
    channel.socket.pinged = q.now;
    await q.advance(1);
    expect(await stateOf(q)).toBe("alive");
  });
});

describe("a worker whose channel ends", () => {
  test("lives on for its time to live, however long ago it was noted to live", async () => {
    const q = await withWorker();
    const channel = await TestChannel.hello(q, "a", { worker: "w", credit: 1 });
    const id = await q.enqueue();
    await channel.take(0);
    await q.advance(DEATH - 1);
    await channel.hangUp();
    await q.advance(TTL - 1);
    expect(await stateOf(q)).toBe("alive");
    expect(await q.job(id)).toMatchObject({ state: "running", attempt: 1 });
    await q.advance(DEATH);
    expect(await stateOf(q)).toBe("dead");
  });

  test("gives back uncounted what it did not acknowledge, also where it would be dead by now", async () => {
    const { q, id } = await withOneThere();
    const [socket] = q.sockets;
    if (socket !== undefined) await q.hangUp(socket);
    expect(await q.job(id)).toMatchObject({ state: "ready", attempt: 1 });
    expect(await stateOf(q)).toBe("alive");
  });

  test("is not thought to have been there where it was silent for too long", async () => {
    const q = await withWorker();
    const channel = await TestChannel.hello(q, "a", { worker: "w" });
    q.now += limits.channelSilentMsMax + 1;
    await channel.hangUp();
    await q.advance(0);
    expect(await stateOf(q)).toBe("dead");
  });
});

test("a hello makes no entry where its worker lives, or is not registered", async () => {
  const q = await withWorker();
  const { index } = q.store.last;
  await TestChannel.hello(q, "a", { worker: "w" });
  await TestChannel.hello(q, "b", { worker: "nobody" });
  expect(q.store.last.index).toBe(index);
});
