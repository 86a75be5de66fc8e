/**
 * What AGQ's workers have that is handed to another one: a job, or a connection.
 * Invariant: only who was handed a job last says what it came to, and is told that it took it off the list.
 */
import { expect, test } from "vitest";
import { bulk, error, job, TAKE, withAction } from "./agq-talk.ts";

const OK = "+OK\r\n";
const status = (said: string) => `SET job:${job(1)}:status ${said}`;
const LET_GO = `LREM queue:processing 1 ${job(1)}`;

test("a worker without a name that has lost its job takes it off the list no more, once another one has ended it", async () => {
  const { rig, say } = await withAction("[1]");
  rig.connect("nameless", "agq-g2");
  expect(await say(TAKE, "nameless")).toBe(bulk(job(1)));
  await rig.advance(95_000);
  expect(await say(TAKE, "w")).toBe(bulk(job(1)));
  expect(await say(status("completed"), "w")).toBe(OK);
  expect(await say(status("completed"), "nameless")).toBe(error("lease lost"));
  expect(await say(LET_GO, "nameless")).toBe(":0\r\n");
  expect(await say(LET_GO, "w")).toBe(":1\r\n");
});

test("nor does one that has ended an earlier run of it", async () => {
  const { rig, say } = await withAction("[1]");
  await say(TAKE, "w");
  expect(await say(status("failed"), "w")).toBe(OK);
  await say(`JOB.RETRY ${job(1)}`);
  rig.connect("x", "agq-g2");
  await say("PING w2", "x");
  expect(await say(TAKE, "x")).toBe(bulk(job(1)));
  expect(await say(status("completed"), "x")).toBe(OK);
  expect(await say(LET_GO, "w")).toBe(":0\r\n");
  expect(await say(LET_GO, "x")).toBe(":1\r\n");
});

test("a connection that becomes another worker's leaves its job to the worker before", async () => {
  const { q, rig, say } = await withAction("[1,2]");
  expect(await say(TAKE, "w")).toBe(bulk(job(1)));
  rig.connect("x", "agq-g2");
  await say("PING w1", "x");
  await say("PING w2", "w");
  expect(await say(status("completed"), "w")).toBe(error("lease lost"));
  expect(await say(TAKE, "w")).toBe(bulk(job(2)));
  expect(await q.job(job(1))).toMatchObject({ state: "running", worker: "w1", deliveries: 1 });
  expect(await say(status("completed"), "x")).toBe(OK);
});
