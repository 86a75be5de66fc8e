/**
 * The feed of an engine: pages, cursors, and what becomes of cursors that the log does not have.
 * Invariant: from any cursor on the stream is the same, whoever reads it and however it is cut.
 */
import { describe, expect, test } from "vitest";
import { NOW } from "../../src/contract/feed.ts";
import { openEngine } from "../engine-harness.ts";
import { planOf } from "../machine/plan-rig.ts";
import { cursorsOf, forgetOld, readAll } from "./feed-rig.ts";
import { busyQueue, exported, imported } from "./snapshot-rig.ts";

describe("a page of the feed", () => {
  test("shows every event in the order of the log, with its time and its cursor", async () => {
    const queue = await openEngine({ config: {} });
    const { cursor } = await queue.run("feed.read", { after: NOW });
    await queue.run("job.enqueue", {
      jobs: [
        { id: "a", payload: '{"n":12345678901234567890}', labels: { to: "ada" } },
        { id: "b", payload: "2" },
      ],
    });
    const [, job] = [await queue.claim({ worker: "w" }), await queue.claimOne({ worker: "w" })];
    await queue.settle({ op: "complete", id: job.id, token: job.token, result: "7" });
    const index = queue.store.last.index;
    const at = queue.now;
    expect(await queue.run("feed.read", { after: cursor })).toEqual({
      now: at,
      events: [
        {
          cursor: `q0000000.1.${index - 3}.1`,
          at,
          type: "job.enqueued",
          id: "a",
          labels: { to: "ada" },
          payloadBytes: 26,
        },
        { cursor: `q0000000.1.${index - 3}.2`, at, type: "job.enqueued", id: "b", payloadBytes: 1 },
        {
          cursor: `q0000000.1.${index - 2}.1`,
          at,
          type: "job.claimed",
          id: "a",
          leaseUntil: at + 30_000,
          worker: "w",
        },
        {
          cursor: `q0000000.1.${index - 1}.1`,
          at,
          type: "job.claimed",
          id: "b",
          leaseUntil: at + 30_000,
          worker: "w",
        },
        { cursor: `q0000000.1.${index}.1`, at, type: "job.completed", id: "b" },
      ],
      cursor: `q0000000.1.${index}.1`,
      more: false,
    });
  });

  test("has what users wrote only where it is asked for, and then as it was written", async () => {
    const queue = await openEngine({ config: {} });
    const { cursor: after } = await queue.run("feed.read", { after: NOW });
    await queue.enqueue({ id: "a", payload: '{"n":12345678901234567890}' });
    const { id, token } = await queue.claimOne();
    await queue.settle({ op: "progress", id, token, progress: '"half"' });
    await queue.settle({ op: "complete", id, token, result: "7" });
    const without = await queue.answer("feed.read", { after });
    expect(JSON.stringify(without)).not.toMatch(/12345678901234567890|half|"result"/);
    const withTexts = await queue.answer("feed.read", { after, include: "payload" });
    const reply = "reply" in withTexts ? withTexts.reply : "";
    expect(reply).toContain('"payload":{"n":12345678901234567890}');
    expect(reply).toContain('"progress":"half"');
    expect(reply).toContain('"result":7');
  });

  test("never shows what a lease is held by, nor how the queue keeps its books", async () => {
    const queue = await busyQueue();
    const held = await queue.claim({ max: 5, capabilities: ["gpu"] });
    expect(held).not.toEqual([]);
    const all = JSON.stringify(await readAll(queue, { include: "payload" }));
    for (const { token } of held) expect(all).not.toContain(token);
    expect(all).not.toMatch(/"(?:grant|grantMax|seq|seqMax|lane|set|fingerprint)"/);
  });

  test("of some types passes over the others, and its cursor is behind them", async () => {
    const queue = await openEngine({ config: {} });
    for (const id of ["a", "b", "c"]) await queue.enqueue({ id });
    await queue.run("queue.pause", {});
    const page = await queue.run("feed.read", { types: ["queue.paused"] });
    expect(page.events).toMatchObject([{ type: "queue.paused" }]);
    expect(page.more).toBe(false);
    await queue.enqueue({ id: "d" });
    const next = await queue.run("feed.read", { types: ["queue.paused"], after: page.cursor });
    expect(next).toMatchObject({ events: [], more: false });
    expect(next.cursor).not.toBe(page.cursor);
    expect(await readAll(queue, { after: next.cursor })).toEqual([]);
  });

  test("shows an action with the ids of its jobs, and their inputs where they are asked for", async () => {
    const queue = await openEngine({ config: {} });
    await queue.run("plan.submit", planOf("p"));
    const { cursor: after } = await queue.run("feed.read", { after: NOW });
    await queue.run("action.submit", { id: "p", inputs: ["1", '"zwei"'], key: "k" });
    const { jobs } = await queue.run("job.list", {});
    const [shown] = (await readAll(queue, { after, include: "payload" })) as unknown[];
    expect(shown).toMatchObject({
      type: "action.submitted",
      plan: "p",
      key: "k",
      jobs: jobs.map(({ id }) => id),
      inputs: [1, "zwei"],
    });
    expect((await readAll(queue, { after }))[0]).not.toHaveProperty("inputs");
  });

  test("is refused for a queue that is not there", async () => {
    const queue = await openEngine();
    expect(await queue.refused("feed.read", {})).toMatchObject({ refusalCode: "queue_unknown" });
  });
});

describe("a cursor", () => {
  test("gives the same stream from wherever it is resumed, however the pages are cut", async () => {
    const queue = await busyQueue();
    await queue.run("queue.purge", {});
    const all = await readAll(queue);
    expect(all.length).toBeGreaterThan(60);
    const cursors = cursorsOf(all);
    expect(new Set(cursors).size).toBe(all.length);
    for (const [i, after] of cursors.entries()) {
      const limit = 1 + (i % 7);
      expect(await readAll(queue, { after, limit })).toEqual(all.slice(i + 1));
    }
  });

  test("goes on within an entry of many events, also on a new instance", async () => {
    const queue = await openEngine({ config: {} });
    await queue.run("job.enqueue", {
      jobs: Array.from({ length: 1000 }, (_, i) => ({ id: `job-${i}`, payload: `${i}` })),
    });
    const all = await readAll(queue);
    const after = cursorsOf(all).at(-400);
    await queue.reopen();
    const rest = await readAll(queue, after === undefined ? {} : { after, limit: 33 });
    expect(rest).toEqual(all.slice(-399));
  });

  test.each(["x", "now1", "q0000000.1.2", "q0000000.1.2.9999", "q0000000.1.02.1"])(
    "that the feed has not given is refused: %s",
    async (after) => {
      const queue = await openEngine({ config: {} });
      expect(await queue.refused("feed.read", { after })).toMatchObject({
        refusalCode: "cursor_invalid",
      });
    },
  );

  test("that the log does not go back to any more is gone, and the first that is there is told", async () => {
    const queue = await openEngine({ config: {} });
    await queue.enqueue({ id: "old" });
    const [old] = cursorsOf(await readAll(queue));
    await forgetOld(queue);
    expect(queue.store.purged.index).toBeGreaterThan(0);
    const refusal = await queue.refused("feed.read", { after: old ?? "" });
    expect(refusal).toMatchObject({
      refusalCode: "feed_gone",
      facts: { firstIndex: queue.store.purged.index + 1 },
    });
    const first = String(refusal.facts?.["first"]);
    expect(await readAll(queue, { after: first })).toEqual(await readAll(queue));
  });

  test("of a history that an import undid is refused, and where the new one begins is told", async () => {
    const source = await busyQueue();
    const file = await exported(source);
    const target = await openEngine({ config: {} });
    await target.enqueue({ id: "undone" });
    const before = cursorsOf(await readAll(target));
    const { cursor: ofSource } = await source.run("feed.read", { after: NOW });
    await imported(target, file, true);
    for (const after of [...before, ofSource]) {
      const refusal = await target.refused("feed.read", { after });
      expect(refusal).toMatchObject({
        refusalCode: "feed_diverged",
        facts: { divergedAt: target.store.purged.index + 1 },
      });
      const first = String(refusal.facts?.["first"]);
      const [event] = await readAll(target, { after: first });
      expect(event).toMatchObject({ type: "queue.imported" });
    }
  });

  test("of a queue that was deleted is not of the next one of its name", async () => {
    const queue = await openEngine({ config: {} });
    await queue.enqueue();
    const { cursor } = await queue.run("feed.read", { after: NOW });
    await queue.run("queue.delete", { force: "true" });
    // The next one has an entry of that number and term, too.
    for (let i = 0; i < 5; i += 1) await queue.enqueue();
    expect(await queue.refused("feed.read", { after: cursor })).toMatchObject({
      refusalCode: "feed_diverged",
    });
  });

  test("behind the end of the log is of entries that were lost", async () => {
    const queue = await openEngine({ config: {} });
    const { index } = queue.store.last;
    const after = `q0000000.1.${index + 1}.1`;
    expect(await queue.refused("feed.read", { after })).toMatchObject({
      refusalCode: "feed_diverged",
      facts: { divergedAt: index + 1 },
    });
  });
});
