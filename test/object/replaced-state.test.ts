/**
 * What those are told who hold or wait for something of a queue whose state is replaced: by an import, or since it is deleted.
 * Invariant: nobody goes on with a lease, or waits for an end, that was of the state before.
 */
import { expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";
import { AgqRig } from "./agq-rig.ts";
import { TestChannel } from "./channel-rig.ts";
import { exported, imported } from "./snapshot-rig.ts";

test("an import ends the leases of channels, and says so over them", async () => {
  const file = await exported(await openEngine({ config: {} }));
  const q = await openEngine({ config: {} });
  const channel = await TestChannel.hello(q, "a", { credit: 5 });
  const id = await q.enqueue();
  const idle = await TestChannel.hello(q, "b", { credit: 0 });
  await imported(q, file, true);
  expect(channel.sent("cancel")).toMatchObject([
    { items: [{ id, ok: false, problem: { code: "lease_stale" } }] },
  ]);
  expect(idle.sent("cancel")).toEqual([]);
});

test("a lease whose time is over, without an entry that says so, is told of too", async () => {
  const file = await exported(await openEngine({ config: {} }));
  const q = await openEngine({ config: {} });
  const channel = await TestChannel.hello(q, "a", { credit: 5, leaseMs: 1000 });
  const id = await q.enqueue();
  q.now += 2000;
  await imported(q, file, true);
  expect(channel.sent("cancel")).toMatchObject([{ items: [{ id }] }]);
});

test("a channel is sent jobs of the state that was imported", async () => {
  const source = await openEngine({ config: {} });
  await source.enqueue({ id: "there" });
  const file = await exported(source);
  const q = await openEngine({ config: {} });
  const channel = await TestChannel.hello(q, "a", { credit: 5 });
  await q.enqueue({ id: "before" });
  await imported(q, file, true);
  expect(channel.ids).toEqual(["before", "there"]);
  await q.run("job.cancel", { id: "there" });
  expect(channel.sent("cancel").map(({ items = [] }) => items.map(({ id }) => id))).toEqual([
    ["before"],
    ["there"],
  ]);
});

test("a queue that is deleted ends the leases of channels, and says so over them", async () => {
  const q = await openEngine({ config: {} });
  const channel = await TestChannel.hello(q, "a", { credit: 5 });
  const id = await q.enqueue();
  await q.run("queue.delete", { force: "true" });
  expect(channel.sent("cancel")).toMatchObject([
    { items: [{ id, ok: false, problem: { code: "queue_unknown" } }] },
  ]);
});

test("a deletion is told also of leases that are over, and of which nobody was told yet", async () => {
  const q = await openEngine({ config: {} });
  const channel = await TestChannel.hello(q, "a", { credit: 1, leaseMs: 1000 });
  const id = await q.enqueue();
  q.now += 10_000;
  await q.run("queue.delete", { force: "true" });
  await q.settled();
  expect(channel.sent("cancel")).toMatchObject([{ items: [{ id }] }]);
});

test("a deletion that is refused ends nothing", async () => {
  const q = await openEngine({ config: {} });
  const channel = await TestChannel.hello(q, "a", { credit: 5 });
  await q.enqueue();
  await q.refused("queue.delete", {});
  expect(channel.sent("cancel")).toEqual([]);
});

test("who waits for the end of a job is answered when that is not there any more, or has ended there", async () => {
  const source = await openEngine({ config: {} });
  await source.enqueue({ id: "ended" });
  await source.run("job.cancel", { id: "ended" });
  await source.enqueue({ id: "open" });
  const file = await exported(source);
  const q = await openEngine({ config: {} });
  const waits = new Map(
    await Promise.all(
      ["ended", "open", "gone"].map(async (id) => {
        await q.enqueue({ id });
        return [id, await q.wait({ kind: "job", id })] as const;
      }),
    ),
  );
  await imported(q, file, true);
  const answers = [...waits].map(([id, socket]) => [id, socket.answer]);
  expect(answers).toMatchObject([
    ["ended", { job: { state: "cancelled" } }],
    ["open", undefined],
    ["gone", { refused: "job_unknown" }],
  ]);
  await q.run("queue.delete", { force: "true" });
  expect(waits.get("open")?.answer).toEqual({ refused: "queue_unknown" });
});

test("a Redis client that waits for a name is served from the state that was imported, and waits on behind a deletion", async () => {
  const source = await openEngine({ config: {} });
  const writer = new AgqRig(source);
  writer.connect("w", "redis");
  await writer.ask("w", ["RPUSH", "l", "there"]);
  const file = await exported(source);
  const q = await openEngine({ config: {} });
  const rig = new AgqRig(q);
  for (const name of ["a", "b"]) rig.connect(name, "redis");
  for (const name of ["a", "b"]) expect(await rig.ask(name, ["BLPOP", "l", "0"])).toBe("");
  await imported(q, file, true);
  await q.settled();
  expect([rig.take("a"), rig.take("b")]).toEqual(["*2\r\n$1\r\nl\r\n$5\r\nthere\r\n", ""]);
  await q.run("queue.delete", { force: "true" });
  await q.settled();
  rig.connect("c", "redis");
  expect(await rig.ask("c", ["RPUSH", "l", "new"])).toBe(":1\r\n");
  expect(rig.take("b")).toBe("*2\r\n$1\r\nl\r\n$3\r\nnew\r\n");
});
