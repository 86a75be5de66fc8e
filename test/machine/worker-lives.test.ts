/**
 * However signs of life, crashes and alarms fall: a registered worker dies between once and one and a half times its time to
 * live behind its last sign, and its leases end with it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Harness, openEngine } from "../engine-harness.ts";

const TTL = 10_000;

type Sign = (q: Harness, token: string) => Promise<unknown>;
const signs: Record<string, Sign> = {
  heartbeat: (q) => q.run("worker.heartbeat", { id: "w" }),
  claim: (q) => q.claim({ worker: "w", kinds: ["plan"] }),
  extend: (q, token) => q.settle({ op: "extend", id: "a", token }),
  progress: (q, token) => q.settle({ op: "progress", id: "a", token, progress: "1" }),
  register: (q) => q.run("worker.register", { id: "w", ttlMs: TTL }),
};
/** What says nothing of the worker's life. */
const others: Record<string, Sign> = {
  reopen: (q) => q.reopen(),
  checkpoint: (q) => q.run("queue.checkpoint", {}),
  alarm: (q) => q.alarm(),
  "other claim": (q) => q.claim({ worker: "v" }),
  "stale extend": (q) => q.settle({ op: "extend", id: "a", token: "stale" }),
  drain: (q) => q.run("worker.drain", { id: "w" }),
  read: (q) => q.run("worker.get", { id: "w" }),
};
const all = { ...signs, ...others };

const step = fc.record({
  what: fc.constantFrom(...Object.keys(all)),
  /** How long before it; with it, whether alarms fire on the way. */
  ms: fc.constantFrom(0, 1, 1000, TTL / 2 - 1, TTL / 2, TTL - 1, TTL),
  isAsleep: fc.boolean(),
});

test("a worker dies between 1 and 1.5 ttl behind its last sign of life, and its lease with it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const q = await openEngine({ config: { leaseMs: 3_600_000 } });
      await q.run("worker.register", { id: "w", ttlMs: TTL });
      await q.enqueue({ id: "a" });
      const { token } = await q.claimOne({ worker: "w" });
      let seen = q.now;
      for (const { what, ms, isAsleep } of steps) {
        // Past this there is no more to say of this life.
        if (q.now + ms - seen >= TTL) break;
        if (isAsleep) q.now += ms;
        else await q.advance(ms);
        await all[what]?.(q, token);
        if (Object.hasOwn(signs, what)) seen = q.now;
        expect(await q.job("a")).toMatchObject({ state: "running" });
      }
      // Nothing is heard of it any more.
      await q.advance(Math.max(0, seen + TTL - 1 - q.now));
      expect(await q.job("a")).toMatchObject({ state: "running" });
      await q.advance(Math.max(0, seen + 1.5 * TTL - q.now));
      const { worker } = await q.run("worker.get", { id: "w" });
      expect(worker).toMatchObject({ state: "dead", running: 0 });
      const diedAfter = (worker.diedAt ?? 0) - seen;
      expect(diedAfter).toBeGreaterThan(TTL);
      expect(diedAfter).toBeLessThanOrEqual(1.5 * TTL);
      expect(await q.job("a")).toMatchObject({ state: "ready", reason: "worker_died", attempt: 2 });
    }),
    { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 150) },
  );
});
