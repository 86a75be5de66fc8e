/**
 * `sluice watch` against a real server: what it prints, and how it ends.
 * Invariant: one line for each event, in order.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Queue } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";
import { outOf, run } from "./run.ts";

let server: TestServer;
let queues = 0;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** A queue with a job that failed. */
async function aFailure(): Promise<Queue> {
  const queue = new Queue({ name: `w${++queues}`, url: server.url, token: server.token });
  await queue.enqueue({ to: "ada" }, { id: "a", maxAttempts: 1 });
  const { jobs } = await queue.claim({ worker: "w" });
  const token = jobs[0]?.token ?? "";
  await queue.settle([{ op: "fail", id: "a", token, error: "no such address" }]);
  return queue;
}

test("shows each event on a line, from the first one on", async () => {
  const { name } = await aFailure();
  const types = "job.enqueued,job.claimed,job.failed";
  const words = ["watch", name, "--after", "first", "--types", types, "--count", "3"];
  const lines = (await outOf(run(server, words))).split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}job\.enqueued {2}a {2}maxAttempts=1/,
  );
  expect(lines[2]).toMatch(/job\.failed {2}a {2}error="no such address"$/);
});

test("gives lines of JSON, with payloads where they are asked for, and goes on behind a cursor", async () => {
  const { name } = await aFailure();
  const words = ["watch", name, "--json", "--payloads", "--count", "1"];
  const first = await outOf(run(server, [...words, "--after", "first", "--types", "job.enqueued"]));
  expect(JSON.parse(first)).toMatchObject({ type: "job.enqueued", payload: { to: "ada" } });
  const after = (JSON.parse(first) as { cursor: string }).cursor;
  const next = await outOf(run(server, [...words, "--after", after]));
  expect(JSON.parse(next)).toMatchObject({ type: "job.claimed", worker: "w" });
});

test.each([
  [["--types", "job.nothing"], 1, /\/types\/0/],
  [["--after", "nonsense"], 1, /No feed has given this cursor/],
  [["--after", "zzzzzzzz.1.1.1"], 1, /was undone/],
  [["--count", "x"], 2, /whole number/],
])("ends with a sentence for %j", async (words, code, sentence) => {
  const { name } = await aFailure();
  const ran = await run(server, ["watch", name, ...words]);
  expect(ran.code).toBe(code);
  expect(ran.err).toMatch(sentence);
});
