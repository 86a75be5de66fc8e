/**
 * Readers of the feed on sockets: what they are sent, at whose pace, and what they are told when they cannot go on.
 * Invariant: a reader is told of every event once and in order, or why not.
 */
import { describe, expect, test } from "vitest";
import { ACK, NOW } from "../../src/contract/feed.ts";
import { limits } from "../../src/contract/limits.ts";
import { openEngine } from "../engine-harness.ts";
import { forgetOld, readAll } from "./feed-rig.ts";
import { busyQueue, exported, imported } from "./snapshot-rig.ts";

describe("a reader on a socket", () => {
  test("is sent what there is, then every event as it happens", async () => {
    const queue = await openEngine({ config: {} });
    const reader = await queue.follow();
    expect(reader.events).toEqual(await readAll(queue));
    await queue.tell(reader, ACK);
    await queue.enqueue({ id: "a" });
    await queue.tell(reader, ACK);
    await queue.claimOne();
    expect(reader.events).toEqual(await readAll(queue));
  });

  test("that begins now is told where that is, to go on there if it hears nothing else", async () => {
    const queue = await openEngine({ config: {} });
    const reader = await queue.follow({ after: NOW });
    const { cursor } = await queue.run("feed.read", { after: NOW });
    expect(reader.frames).toEqual([{ now: queue.now, events: [], cursor, more: false }]);
  });

  test("is sent no more than it says that it has, and finds the rest in the log", async () => {
    const queue = await openEngine({ config: {} });
    const reader = await queue.follow({ after: NOW, limit: 5 });
    for (let i = 0; i < 40; i += 1) await queue.enqueue({ id: `job-${i}` });
    expect(reader.sent).toHaveLength(limits.feedFramesMax);
    while (reader.events.length < 40) await queue.tell(reader, ACK);
    expect(reader.events.map((event) => "id" in event && event.id)).toEqual(
      Array.from({ length: 40 }, (_, i) => `job-${i}`),
    );
    expect(reader.frames.at(-1)).toMatchObject({ more: false });
    expect(reader.frames.at(-2)).toMatchObject({ more: true });
  });

  test("that is so slow that the log has gone on without it is told, and its socket is closed", async () => {
    const queue = await openEngine({ config: {} });
    for (let i = 0; i < 5; i += 1) await queue.enqueue();
    const reader = await queue.follow({ limit: 1 });
    expect(reader.frames.at(-1)).toMatchObject({ more: true });
    await forgetOld(queue);
    expect(reader.problem).toMatchObject({ code: "feed_gone", status: 410 });
    expect(reader.closed).toEqual({ code: 4410, reason: "feed_gone" });
  });

  test("is told that its history was undone, or that its queue was deleted", async () => {
    const file = await exported(await busyQueue());
    const queue = await openEngine({ config: {} });
    const reader = await queue.follow({ after: NOW });
    await imported(queue, file, true);
    expect(reader.problem).toMatchObject({ code: "feed_diverged", status: 409 });
    expect(reader.closed).toEqual({ code: 4409, reason: "feed_diverged" });
    const next = await queue.follow({ after: NOW });
    await queue.run("queue.delete", { force: "true" });
    await queue.settled();
    expect(next.problem).toMatchObject({ code: "queue_unknown" });
    expect(next.closed).toEqual({ code: 4404, reason: "queue_unknown" });
  });

  test("goes on where it was on a new instance", async () => {
    const queue = await openEngine({ config: {} });
    const reader = await queue.follow({ after: NOW, types: ["job.enqueued"] });
    await queue.enqueue({ id: "a" });
    await queue.reopen();
    await queue.enqueue({ id: "b" });
    await queue.reopen();
    await queue.tell(reader, ACK);
    await queue.tell(reader, ACK);
    await queue.enqueue({ id: "c" });
    expect(reader.events.map((event) => "id" in event && event.id)).toEqual(["a", "b", "c"]);
  });

  test("that wants little is told now and then how far it is", async () => {
    const queue = await openEngine({ config: {} });
    const reader = await queue.follow({ after: NOW, types: ["queue.paused"] });
    for (let i = 0; i <= limits.feedSilentEntries; i += 1) {
      await queue.run(i % 2 === 0 ? "queue.resume" : "queue.configure", { leaseMs: 1000 + i });
      if (i % 2 === 0) await queue.enqueue();
    }
    expect(reader.frames).toMatchObject([{ events: [] }, { events: [] }]);
    await queue.tell(reader, ACK);
    await queue.run("queue.pause", {});
    expect(reader.events).toMatchObject([{ type: "queue.paused" }]);
  });

  test("that wants little of a long log is told so piece by piece, and holds nobody up", async () => {
    const queue = await openEngine({ config: {} });
    const label = (i: number) => ({ l: `${i}`.padEnd(250, "x") });
    for (let n = 0; n < 4; n += 1) {
      await queue.run("job.enqueue", {
        jobs: Array.from({ length: 1000 }, (_, i) => ({ payload: "1", labels: label(i) })),
      });
    }
    await queue.run("queue.pause", {});
    const reader = await queue.follow({ types: ["queue.paused"] });
    expect(reader.frames).toHaveLength(limits.feedFramesMax);
    for (const frame of reader.frames) expect(frame).toMatchObject({ events: [], more: true });
    for (let n = 0; n < 4; n += 1) await queue.tell(reader, ACK);
    expect(reader.events).toMatchObject([{ type: "queue.paused" }]);
  });

  test("that says anything else is told so", async () => {
    const queue = await openEngine({ config: {} });
    const reader = await queue.follow({ after: NOW });
    await queue.tell(reader, '{"kind":"jobs"}');
    expect(reader.problem).toMatchObject({ code: "input_invalid" });
    expect(reader.closed).toEqual({ code: 4422, reason: "input_invalid" });
  });

  test("is sent server-sent events where it asked for these", async () => {
    const queue = await openEngine({ config: {} });
    const reader = await queue.follow({ after: NOW, include: "payload" }, "sse");
    await queue.enqueue({ id: "a", payload: '{\r\n"n": 1\n}' });
    const { index } = queue.store.last;
    const cursor = `q0000000.1.${index}.1`;
    const fields = `{"cursor":"${cursor}","at":${queue.now},"type":"job.enqueued","id":"a","payloadBytes":11`;
    expect(reader.sent).toEqual([
      `id: q0000000.1.${index - 1}.1\n\n`,
      `id: ${cursor}\nevent: job.enqueued\ndata: ${fields},"payload":{\ndata: "n": 1\ndata: }}\n\n`,
    ]);
  });
});
