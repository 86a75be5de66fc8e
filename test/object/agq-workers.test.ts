/**
 * AGQ's workers as such, whichever connection they speak over: what they hold, what they have announced, and what is left of it.
 * Invariant: a worker has one job, keeps it by any of its connections, and is never handed what it cannot do.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { bulk, error, expectAll, job, met, PLAN, TAKE, withAction } from "./agq-talk.ts";

const TAKE_NOW = "RPOPLPUSH queue:ready queue:processing";
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

/** A job that needs `rm`, and a worker `w1` that can only sort and grep. */
async function choosy(tools = "sort,grep") {
  const all = await met();
  await all.say(`PLAN.SUBMIT '${PLAN.replace("true", "rm")}'`);
  await all.say(`ACTION.SUBMIT '{"action_id":"a","plan_id":"p","inputs":[1]}'`);
  all.rig.connect("w", "agq-g2");
  expect(await all.say(`SET worker:w1:tools ${tools}`, "w")).toBe("+OK\r\n");
  await all.say("PING w1", "w");
  return all;
}

describe("a worker that announced tools, and is registered no more,", () => {
  test.each([
    ["since it was removed", (all: Awaited<ReturnType<typeof choosy>>) => removed(all)],
    [
      "since it slept for a weekend",
      ({ rig }: Awaited<ReturnType<typeof choosy>>) => rig.advance(61 * 3_600_000),
    ],
  ])(
    "%s, is registered with them by its PING, and handed nothing that it cannot do",
    async (_, forget) => {
      const all = await choosy();
      await forget(all);
      const { rig, say } = all;
      // Connections outlive their instance.
      await rig.reopen();
      await expectAll(
        (line) => say(line, "w"),
        [
          ["GET worker:w1:tools", "$-1\r\n"],
          [TAKE_NOW, "$-1\r\n"],
          ["PING w1", bulk("w1")],
          [TAKE_NOW, "$-1\r\n"],
          ["GET worker:w1:tools", bulk("grep,sort")],
        ],
      );
    },
  );

  test("is registered so by a connection too that only knew them from its PING, and not under another name", async () => {
    const all = await choosy();
    const { rig, say } = all;
    rig.connect("x", "agq-g2");
    await say("PING w1", "x");
    await removed(all);
    await say("PING w1", "x");
    expect(await say("GET worker:w1:tools")).toBe(bulk("grep,sort"));
    await say("PING w2", "x");
    expect(await say("GET worker:w2:tools")).toBe("$-1\r\n");
    expect(await say(TAKE_NOW, "x")).toBe(bulk(job(1)));
  });

  test("is as one without tools once it has taken them back, or left", async () => {
    const all = await choosy();
    const { say } = all;
    await say(`SET worker:w1:tools ""`, "w");
    await removed(all);
    await say("PING w1", "w");
    await say("SET worker:w1:tools sort", "w");
    await say("WORKER.UNREGISTER w1", "w");
    await say("PING w1", "w");
    expect(await say(TAKE_NOW, "w")).toBe(bulk(job(1)));
  });

  test("is told to say them anew where they are too long to be kept with its socket", async () => {
    const names = Array.from({ length: 39 }, (_, i) => `${i}`.padEnd(99, "x"));
    const tools = (chars: number) => [...names, "last".padEnd(chars - 3900, "x")].join(",");
    const all = await choosy(tools(limits.agqToolsCharsMax));
    const { rig, say } = all;
    await removed(all);
    expect(await say("PING w1", "w")).toBe(bulk("w1"));
    // Even with a call that waits it keeps no object awake.
    await say(TAKE, "w");
    expect(JSON.parse(rig.kept("w"))).toMatchObject({ isHeld: false, blocked: { order: 1 } });
    await rig.advance(5_000);
    rig.take("w");
    await say(`SET worker:w1:tools ${tools(limits.agqToolsCharsMax + 1)}`, "w");
    await removed(all);
    await expectAll(
      (line) => say(line, "w"),
      [
        [TAKE_NOW, "$-1\r\n"],
        ["PING w1", error("Worker not registered: w1: say by SET worker:w1:tools what it can do")],
        ["SET worker:w1:tools sort", "+OK\r\n"],
        ["PING w1", bulk("w1")],
        [TAKE_NOW, "$-1\r\n"],
      ],
    );
  });
});

const removed = ({ q }: Awaited<ReturnType<typeof choosy>>) => q.run("worker.remove", { id: "w1" });

describe("SET worker:<id>:tools with NX", () => {
  test("says what a worker can do of which that is not known", async () => {
    const { say } = await met();
    await say("PING w1");
    await expectAll(say, [
      ["SET worker:w1:tools sort NX", "+OK\r\n"],
      ["SET worker:w1:tools grep nx", "$-1\r\n"],
      ["GET worker:w1:tools", bulk("sort")],
      ["SET worker:w2:tools grep NX", "+OK\r\n"],
      ["GET worker:w2:tools", bulk("grep")],
      ["SET worker:w1:tools sort XX", error("SET worker:w1:tools takes no options")],
      ["SET job:1:status completed NX", error("SET job:1:status takes no options")],
    ]);
  });

  test("has no worker work again that drains, as it does without", async () => {
    const { q, say } = await met();
    await say("SET worker:w1:tools sort");
    await say("PING w1");
    await q.run("worker.drain", { id: "w1" });
    const state = async () => (await q.run("worker.get", { id: "w1" })).worker.state;
    expect(await say("SET worker:w1:tools sort NX")).toBe("$-1\r\n");
    expect(await state()).toBe("draining");
    expect(await say("SET worker:w1:tools sort")).toBe("+OK\r\n");
    expect(await state()).toBe("alive");
  });
});
