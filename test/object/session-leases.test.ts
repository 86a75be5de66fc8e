/**
 * Leases of sessions: who is told of those that end, and how they are found.
 * Invariant: a lease is its session's, whatever becomes of channels and instances, until it ends.
 */
import { describe, expect, test, vi } from "vitest";
import { sessionOf } from "../../src/object/channels.ts";
import { SessionLeases } from "../../src/object/session-leases.ts";
import { openEngine } from "../engine-harness.ts";
import { complete, secretOf, TestChannel } from "./channel-rig.ts";

describe("a lease of a session", () => {
  test("that ends without its worker is told to it, and one that it settled itself is not", async () => {
    const q = await openEngine({ config: {} });
    const ids = ["cancelled", "expired", "late", "done"];
    const channel = await TestChannel.hello(q, "a", { credit: 5, leaseMs: 20_000 });
    await q.enqueue({ id: "cancelled" });
    await q.enqueue({ id: "expired", expiresAt: q.now + 10_000 });
    await q.enqueue({ id: "late" });
    await q.enqueue({ id: "done" });
    expect(channel.ids).toEqual(ids);
    const jobs = await channel.take(0);
    await channel.say({ type: "settle", frame: 1, items: complete(jobs.slice(3)) });
    await q.run("job.cancel", { id: "cancelled" });
    await q.advance(30_000);
    await q.settled();
    const told = channel.sent("cancel").flatMap(({ items = [] }) => items);
    expect(told.map(({ id, problem }) => [id, problem?.code])).toEqual([
      ["cancelled", "job_cancelled"],
      ["expired", "already_settled"],
      ["late", "lease_stale"],
    ]);
  });

  test("that is taken back with its worker's registration is told to it, and one that it released is not", async () => {
    const q = await openEngine({ config: {} });
    await q.run("worker.register", { id: "w" });
    const channel = await TestChannel.hello(q, "a", { worker: "w", credit: 2 });
    const ids = [await q.enqueue(), await q.enqueue()];
    const [first, second] = await channel.take(0);
    if (first === undefined) throw new Error("it was sent no job");
    const { id, token } = first;
    await channel.say({ type: "settle", frame: 1, items: [{ op: "release", id, token }] });
    expect(channel.sent("cancel")).toEqual([]);
    await q.run("worker.remove", { id: "w" });
    expect(channel.sent("cancel")).toMatchObject([
      { items: [{ id: ids[1], token: second?.token, problem: { code: "lease_stale" } }] },
    ]);
  });

  test("is not told to another session, nor to a worker without a channel", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { worker: "w" });
    const id = await q.enqueue();
    await q.claimOne({ worker: "w" });
    await q.run("job.cancel", { id });
    expect(channel.sent("cancel")).toEqual([]);
  });

  test("is resumed, and not given back, when its entry was not durable as the next channel began", async () => {
    const q = await openEngine({ config: {} });
    await TestChannel.hello(q, "a", { credit: 1 });
    const enqueued = q.enqueue({ id: "job" });
    const again = await TestChannel.hello(q, "a", { resume: true });
    await enqueued;
    await q.settled();
    expect(again.sent("welcome")).toMatchObject([{ resumed: [{ id: "job" }] }]);
    expect(await q.job("job")).toMatchObject({ state: "running" });
  });

  test("that begins in the entry in which the job's lease before ended is resumed", async () => {
    const q = await openEngine({ config: { maxAttempts: 9 } });
    const id = await q.enqueue();
    await q.claimOne({ leaseMs: 1_000 });
    const first = await TestChannel.hello(q, "a", { resume: true });
    await first.say({ type: "credit", credit: 1 });
    // The alarm is late: the entry of the next command ends the lease, and hands the job out.
    q.now += 5_000;
    await q.run("worker.register", { id: "w" });
    await q.settled();
    expect(first.ids).toEqual([id]);
    const again = await TestChannel.hello(q, "a", { resume: true });
    expect(again.sent("welcome")).toMatchObject([{ resumed: [{ id }] }]);
  });

  test("is the session's after a restart that took all sockets along", async () => {
    const q = await openEngine({ config: {} });
    const channel = await TestChannel.hello(q, "a", { credit: 1, worker: "w" });
    const id = await q.enqueue();
    expect(channel.ids).toEqual([id]);
    q.sockets.length = 0;
    await q.reopen();
    const other = await TestChannel.hello(q, "b", { worker: "w", resume: true });
    expect(other.sent("welcome")).toMatchObject([{ resumed: [] }]);
    const again = await TestChannel.hello(q, "a", { worker: "w", resume: true });
    expect(again.sent("welcome")).toMatchObject([{ resumed: [{ id }] }]);
  });
});

test("what sessions hold is found by one look at all leases, whatever is handed out and ends behind it", async () => {
  const q = await openEngine({ config: {} });
  const channel = await TestChannel.hello(q, "a", { credit: 9 });
  const ids = [await q.enqueue(), await q.enqueue(), await q.enqueue()];
  const { tables, hard } = q.store;
  if (hard === undefined) throw new Error("there is no queue");
  const view = { tables, at: q.now, identity: hard };
  const session = sessionOf(secretOf("a"));
  const held = new SessionLeases();
  expect(held.of(view, session).map(({ id }) => id)).toEqual(ids);
  await channel.take(9);
  const [one = "", two = "", three = ""] = ids;
  await q.run("job.cancel", { id: one });
  const four = await q.enqueue();
  const told = {
    types: [],
    endOf: () => undefined,
    lost: [],
    ended: [two],
    handed: [{ id: four, session }],
  };
  const scan = vi.spyOn(tables.leases, "scan");
  held.note({ told });
  // The second is open still, but was told to have ended; the first has, and was not.
  expect(held.of(view, session).map(({ id }) => id)).toEqual([three, four]);
  expect(held.of(view, "another")).toEqual([]);
  expect(scan).not.toHaveBeenCalled();
});
