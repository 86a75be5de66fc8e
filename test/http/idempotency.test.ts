/**
 * How a repeat is told from a new request: keys of requests, fingerprints of jobs.
 * Invariant: equal means repeated, different never does.
 */
import { describe, expect, test } from "vitest";
import type { EnqueueInput } from "../../src/contract/jobs.ts";
import { problemIn, Recorder } from "./recorder.ts";

const q = "/v1/queues/mail";

async function keyOf(method: string, path: string, body: unknown, key = "k-1") {
  const gate = new Recorder();
  await gate.send(method, path, body, { "idempotency-key": key });
  return gate.calls[0]?.request.key;
}

async function fingerprintOf(job: unknown) {
  const gate = new Recorder();
  await gate.send("POST", `${q}/jobs`, job);
  return (gate.input as EnqueueInput).jobs[0]?.fingerprint;
}

describe("an Idempotency-Key", () => {
  test("passes with the scope of the token and a hash of the request", async () => {
    expect(await keyOf("POST", `${q}/jobs`, { payload: 1 })).toEqual({
      key: "t:k-1",
      bodyHash: expect.stringMatching(/^[0-9a-z]{22}$/),
    });
  });

  test("of equal requests comes with equal hashes", async () => {
    const first = await keyOf("POST", `${q}/jobs`, { payload: 1 });
    expect(await keyOf("POST", `${q}/jobs`, { payload: 1 })).toEqual(first);
  });

  test("of different requests comes with different hashes", async () => {
    const keys = await Promise.all([
      keyOf("POST", `${q}/jobs`, { payload: 1 }),
      keyOf("POST", `${q}/jobs`, '{"payload": 1}'),
      keyOf("POST", `${q}/pause`, {}),
      keyOf("POST", `${q}/resume`, {}),
      keyOf("PUT", q, {}),
      keyOf("PUT", q, undefined),
      keyOf("DELETE", q, undefined),
      keyOf("DELETE", `${q}?force=true`, undefined),
    ]);
    expect(new Set(keys.map((key) => key?.bodyHash)).size).toBe(keys.length);
  });

  test("may have 255 printable characters", async () => {
    expect((await keyOf("POST", `${q}/resume`, "", "~".repeat(255)))?.key).toHaveLength(257);
  });

  test.each(["", "x".repeat(256), "caf\u00e9", "a\tb"])("%j is refused", async (key) => {
    const gate = new Recorder();
    const response = await gate.send("POST", `${q}/resume`, "", { "idempotency-key": key });
    expect(response.status).toBe(400);
    expect((await problemIn(response)).code).toBe("idempotency_key_invalid");
    expect(gate.calls).toEqual([]);
  });

  test("says nothing about a read", async () => {
    const gate = new Recorder();
    await gate.send("GET", q, undefined, { "idempotency-key": "x".repeat(256) });
    expect(gate.calls.map(({ request }) => request.key)).toEqual([undefined]);
  });
});

describe("a job's fingerprint", () => {
  const job = { id: "a", payload: { n: 1 }, labels: { a: "1", b: "2" }, requires: ["x", "y"] };

  test("is made for a chosen id or a key only", async () => {
    expect(await fingerprintOf({ payload: 1 })).toBeUndefined();
    expect(await fingerprintOf({ payload: 1, id: "a" })).toMatch(/^[0-9a-z]{22}$/);
    expect(await fingerprintOf({ payload: 1, idempotencyKey: "a" })).toMatch(/^[0-9a-z]{22}$/);
  });

  test("is the same for the same content in another order or under another key", async () => {
    const again = { requires: ["y", "x"], idempotencyKey: "k", labels: { b: "2", a: "1" } };
    expect(await fingerprintOf({ ...again, payload: job.payload, id: "a" })).toBe(
      await fingerprintOf(job),
    );
  });

  test.each([{ payload: { n: 2 } }, { priority: 1 }, { labels: { a: "1" } }, { id: "b" }])(
    "is another with %j",
    async (change) => {
      expect(await fingerprintOf({ ...job, ...change })).not.toBe(await fingerprintOf(job));
    },
  );
});
