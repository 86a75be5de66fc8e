/**
 * AGQ's workers as such, whichever connection they speak over, and what they hold.
 * Invariant: a worker has one job, and keeps it by any of its connections.
 */
import { describe, expect, test } from "vitest";
import { bulk, error, job, PLAN, TAKE, withAction } from "./agq-talk.ts";

const TAKE_EVER = "BRPOPLPUSH queue:ready queue:processing 0";
const submit = (inputs: string) =>
  `ACTION.SUBMIT '{"action_id":"b","plan_id":"p","inputs":${inputs}}'`;

/** An action of so many jobs, and a worker `w1` with two connections, `w` and `x`. */
async function twice(inputs: string) {
  const all = await withAction(inputs);
  all.rig.connect("x", "agq-g2");
  await all.say("PING w1", "x");
  return all;
}

describe("a worker with two connections", () => {
  test("keeps its job by the PING of either, also of one that knew an earlier job of it", async () => {
    const { q, rig, say } = await twice("[1,2]");
    await say(TAKE, "w");
    await say("PING w1", "x");
    await say(`SET job:${job(1)}:status completed`, "w");
    expect(await say(TAKE, "w")).toBe(bulk(job(2)));
    for (let turn = 0; turn < 8; turn += 1) {
      await rig.advance(30_000);
      expect(await say("PING w1", "x")).toBe(bulk("w1"));
    }
    expect(await q.job(job(2))).toMatchObject({ state: "running", deliveries: 1 });
  });

  test("gives back what it has by one of them when it asks by the other", async () => {
    const { q, say } = await twice("[1,2,3]");
    await say(TAKE, "w");
    await say(`SET job:${job(1)}:status completed`, "w");
    expect(await say(TAKE, "x")).toBe(bulk(job(2)));
    expect(await say(TAKE, "w")).toBe(bulk(job(2)));
    expect(await say("LLEN queue:processing")).toBe(":1\r\n");
    expect(await q.job(job(2))).toMatchObject({ attempt: 1, deliveries: 2 });
    // It is the same job, and still its worker's.
    expect(await say(`SET job:${job(2)}:status completed`, "x")).toBe("+OK\r\n");
  });

  test("tells by either what its job came to, in whichever run", async () => {
    const { say } = await twice("[1]");
    await say(TAKE, "x");
    await say(`SET job:${job(1)}:status failed`, "x");
    await say(`JOB.RETRY ${job(1)}`);
    await say(TAKE, "w");
    expect(await say(`SET job:${job(1)}:stdout out`, "x")).toBe("+OK\r\n");
    expect(await say(`SET job:${job(1)}:status completed`, "x")).toBe("+OK\r\n");
  });

  test("reads by either its job's version of the plan", async () => {
    const { say } = await twice("[1]");
    const version = (command: string) => say(`PLAN.SUBMIT '${PLAN.replace("true", command)}'`);
    await say(TAKE, "x");
    await say(`SET job:${job(1)}:status completed`, "x");
    await version("second");
    await say(submit("[2]"));
    await version("third");
    await say(TAKE, "w");
    expect(await say("GET plan:p", "x")).toContain('"command":"second"');
  });

  test("completes its job late by one that knows of it from a PING alone", async () => {
    const { q, rig, say } = await twice("[1]");
    await say(TAKE, "w");
    await say("PING w1", "x");
    await rig.advance(91_000);
    expect(await say(`SET job:${job(1)}:status completed`, "x")).toBe("+OK\r\n");
    expect(await q.job(job(1))).toMatchObject({ state: "completed", late: true });
  });

  test("of which nobody has noticed that one is gone, has back what that was handed", async () => {
    const { rig, say } = await twice("[]");
    await say(`JOB.CANCEL ${job(1)}`);
    await say(TAKE_EVER, "w");
    await say(TAKE, "x");
    await say(submit("[1]"));
    expect(rig.take("w")).toBe(bulk(job(2)));
    await rig.advance(5_000);
    expect(rig.take("x")).toBe("$-1\r\n");
    expect(await say("PING w1", "x")).toBe(bulk("w1"));
    expect(await say(TAKE, "x")).toBe(bulk(job(2)));
  });

  test("and two calls that wait is left the job that it is handed last", async () => {
    const { q, rig, say } = await twice("[]");
    await say(`JOB.CANCEL ${job(1)}`);
    await say(TAKE_EVER, "w");
    await say(TAKE_EVER, "x");
    await say(submit("[1,2]"));
    await q.settled();
    expect([rig.take("w"), rig.take("x")]).toEqual([bulk(job(2)), bulk(job(3))]);
    expect(await say("QUEUE.PEEK queue:ready")).toContain(job(2));
    expect(await say(`SET job:${job(2)}:status completed`, "w")).toBe(error("lease lost"));
    expect(await say(`SET job:${job(3)}:status completed`, "w")).toBe("+OK\r\n");
  });

  test("leaves alone the job of another worker that one of them was handed in the other's name", async () => {
    const { q, rig, say } = await twice("[1,2]");
    await say(TAKE, "w");
    rig.connect("y", "agq-g2");
    await say("PING w2", "y");
    await say(TAKE, "y");
    await say("PING w2", "x");
    // It is w2 from now on.
    expect(await say(TAKE, "x")).toBe(bulk(job(2)));
    expect(await q.job(job(1))).toMatchObject({ state: "running", worker: "w1" });
  });
});

test("a connection that says who it is keeps the job that it was handed before, whatever that worker has by another one", async () => {
  const { rig, say } = await withAction("[1,2]");
  await say(TAKE, "w");
  rig.connect("x", "agq-g2");
  await say(TAKE, "x");
  for (let turn = 0; turn < 4; turn += 1) {
    await say("PING w1", "x");
    await rig.advance(30_000);
  }
  expect(await say(`SET job:${job(2)}:status completed`, "x")).toBe("+OK\r\n");
  expect(await say(`SET job:${job(1)}:status completed`, "x")).toBe("+OK\r\n");
});
