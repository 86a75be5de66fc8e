/**
 * AGQ's jobs and workers: who may finish a job, how long it is kept, and who is given one.
 */
import { describe, expect, test } from "vitest";
import type { Harness } from "../engine-harness.ts";
import type { AgqRig } from "./agq-rig.ts";
import { AT, bulk, error, expectAll, job, list, met, PLAN, TAKE, withAction } from "./agq-talk.ts";

describe("a job", () => {
  test("is read, cancelled and run again", async () => {
    const { say } = await withAction('[{"n":1.0}]');
    const shown = (status: string) =>
      bulk(
        `{"created_at":${AT},"input":{"n":1.0},"input_index":0,"job_id":"${job(1)}","plan_id":"p","status":"${status}"}`,
      );
    await expectAll(say, [
      ["JOB.GET", error("JOB.GET requires exactly one argument (job_id)")],
      ["JOB.GET none", error("Job not found: none")],
      [`JOB.GET ${job(1)}`, shown("pending")],
      [`GET job:${job(1)}`, shown("pending")],
      [`JOB.RETRY ${job(1)}`, error("Job not in failed status")],
      ["JOB.LIST a", list(job(1))],
      ["JOB.LIST a failed", "*0\r\n"],
      [
        "JOB.LIST a lost",
        error("status must be one of: pending, running, completed, failed, cancelled"),
      ],
      [`JOB.CANCEL ${job(1)}`, "+OK\r\n"],
      [`JOB.GET ${job(1)}`, shown("cancelled")],
      [`GET job:${job(1)}:status`, bulk("cancelled")],
    ]);
  });

  test("is finished by its worker alone, by SET or by JOB.UPDATE", async () => {
    const { say } = await withAction("[1,2]");
    const worker = (line: string) => say(line, "w");
    const update = (id: string, json: string) => `JOB.UPDATE ${id} '${json}'`;
    await expectAll(worker, [
      [`SET job:${job(1)}:status completed`, error("lease lost")],
      [TAKE, bulk(job(1))],
      [`SET job:${job(1)}:status running`, error("SET job:<id>:status takes completed or failed")],
    ]);
    await expectAll(say, [
      [`SET job:${job(1)}:stdout mine`, error("lease lost")],
      [`SET job:${job(1)}:status completed`, error("lease lost")],
      [update(job(1), '{"status":"completed"}'), error("lease lost")],
      [
        update(job(2), '{"status":"completed"}'),
        error("Invalid status transition: pending -> completed"),
      ],
    ]);
    await expectAll(worker, [
      [`SET job:${job(1)}:stdout out`, "+OK\r\n"],
      [`SET job:${job(1)}:status completed`, "+OK\r\n"],
      [`SET job:${job(1)}:status completed`, "+OK\r\n"],
      [`SET job:${job(1)}:status failed`, error("lease lost")],
      [`LREM queue:processing 1 ${job(1)}`, ":1\r\n"],
      [`GET job:${job(1)}:stdout`, bulk("out")],
      [TAKE, bulk(job(2))],
      [update(job(2), '{"status":"running"}'), "+OK\r\n"],
      [update(job(2), '{"status":"failed","stderr":"no room"}'), "+OK\r\n"],
      [`GET job:${job(2)}:stderr`, bulk("no room")],
      [`GET job:${job(2)}:status`, bulk("failed")],
      [
        update(job(2), '{"status":"completed"}'),
        error("Invalid status transition: failed -> completed"),
      ],
    ]);
    expect(await say(`JOB.RETRY ${job(2)}`)).toBe("+OK job re-queued\r\n");
  });

  test("keeps as much of its output as a task does, and says that it was cut", async () => {
    const { q, rig, say } = await withAction("[1]");
    await say(TAKE, "w");
    const long = "\u00e2\u0082\u00ac".repeat(30_000);
    expect(await rig.ask("w", ["SET", `job:${job(1)}:stdout`, long])).toBe("+OK\r\n");
    const { tasks } = await q.run("job.tasks", { id: job(1) });
    expect(tasks[0]).toMatchObject({ stdoutBytes: 90_000, stdoutTruncated: true });
    expect(tasks[0]?.stdout).toMatch(/^€{21845}$/);
  });

  test("says that its output was cut also where that grew as a text", async () => {
    const { q, rig, say } = await withAction("[1]");
    await say(TAKE, "w");
    await rig.ask("w", ["SET", `job:${job(1)}:stderr`, "\xff".repeat(30_000)]);
    const { tasks } = await q.run("job.tasks", { id: job(1) });
    expect(tasks[0]).toMatchObject({ stderrBytes: 30_000, stderrTruncated: true });
  });

  test("is taken off its list by the worker that ended it also where the queue keeps none that are completed", async () => {
    const { q, rig, say } = await withAction("[1]");
    await q.run("queue.configure", { retention: { completed: { count: 0 } } });
    await say(TAKE, "w");
    await say(`SET job:${job(1)}:status completed`, "w");
    await rig.advance(1000);
    const removal = `LREM queue:processing 1 ${job(1)}`;
    await expectAll(say, [
      [`JOB.GET ${job(1)}`, error(`Job not found: ${job(1)}`)],
      [removal, ":0\r\n"],
    ]);
    expect(await say(removal, "w")).toBe(":1\r\n");
  });

  test("that has ended is taken off its list for its worker, and has left it for everybody else", async () => {
    const { rig, say } = await withAction("[1]");
    await say(TAKE, "w");
    const removal = `LREM queue:processing 1 ${job(1)}`;
    expect(await say(removal)).toBe(error("lease lost"));
    await say(`SET job:${job(1)}:status completed`, "w");
    rig.connect("other", "agq-g2");
    await say("PING w2", "other");
    rig.connect("again", "agq-g2");
    await say("PING w1", "again");
    for (const [name, reply] of [
      ["c", ":0\r\n"],
      ["other", ":0\r\n"],
      ["w", ":1\r\n"],
      ["again", ":1\r\n"],
    ] as const) {
      expect(`${name}: ${await say(removal, name)}`).toBe(`${name}: ${reply}`);
    }
  });

  test("is taken off its list by no worker that lost it", async () => {
    const { rig, say } = await withAction("[1]");
    await say(TAKE, "w");
    await rig.advance(91_000);
    rig.connect("other", "agq-g2");
    await say("PING w2", "other");
    await say(TAKE, "other");
    await say(`SET job:${job(1)}:status completed`, "other");
    const removal = `LREM queue:processing 1 ${job(1)}`;
    expect(await say(removal, "w")).toBe(":0\r\n");
    expect(await say(removal, "other")).toBe(":1\r\n");
  });

  test("is completed late as long as nobody else was handed it, and says nothing more of its output", async () => {
    const { q, rig, say } = await withAction("[1]");
    await say(TAKE, "w");
    await rig.advance(91_000);
    expect(await say(`SET job:${job(1)}:stdout out`, "w")).toBe(error("lease lost"));
    expect(await say(`SET job:${job(1)}:status failed`, "w")).toBe(error("lease lost"));
    expect(await say(`SET job:${job(1)}:status completed`, "w")).toBe("+OK\r\n");
    expect(await q.job(job(1))).toMatchObject({ state: "completed", late: true });
  });

  test("that was cancelled is not finished any more", async () => {
    const { say } = await withAction("[1]");
    await say(TAKE, "w");
    await say(`JOB.CANCEL ${job(1)}`);
    expect(await say(`SET job:${job(1)}:status completed`, "w")).toBe(error("lease lost"));
    expect(await say(`LREM queue:processing 1 ${job(1)}`, "w")).toBe(":1\r\n");
  });

  test("whose lease ends three times has failed", async () => {
    const { q, rig, say } = await withAction("[1]");
    for (let turn = 0; turn < 3; turn += 1) {
      rig.connect(`w${turn}`, "agq-g2");
      expect(await say(TAKE, `w${turn}`)).toBe(bulk(job(1)));
      await rig.advance(91_000);
    }
    expect(await q.job(job(1))).toMatchObject({ state: "failed", reason: "lease_expired" });
  });
});

describe("a worker", () => {
  test("registers, tells what it can do, and leaves", async () => {
    const { say } = await met();
    await expectAll(say, [
      ["SET worker:w1:tools sort,grep", "+OK\r\n"],
      ["PING w1", bulk("w1")],
      ["GET worker:w1:tools", bulk("grep,sort")],
      [
        "WORKERS.LIST",
        list(`{"last_seen":${AT},"status":"active","tools":"grep,sort","worker_id":"w1"}`),
      ],
      ['WORKER.REGISTER \'{"worker_id":"w1"}\'', error("Worker ID already registered")],
      [
        'WORKER.REGISTER \'{"worker_id":"w2","capabilities":["sort"]}\'',
        "+OK worker_id=w2 heartbeat_interval=30\r\n",
      ],
      ["WORKER.HEARTBEAT w2", "+OK\r\n"],
      ["WORKER.HEARTBEAT w3", error("Worker not registered: w3")],
      ["WORKER.UNREGISTER w2", "+OK\r\n"],
      ["WORKER.UNREGISTER w2", error("Worker not registered: w2")],
    ]);
    expect(await say("SET worker:w1:tools 'a b'")).toMatch(/^-ERR Invalid capabilities: /);
  });

  test("may name as many tools as AGW takes, and is told of more", async () => {
    const { rig, say } = await met();
    const tools = Array.from({ length: 100 }, (_, i) => `tool-${i}-`.padEnd(64, "x")).sort();
    const set = (names: readonly string[]) =>
      rig.ask("c", ["SET", "worker:w1:tools", names.join(",")]);
    expect(await set(tools)).toBe("+OK\r\n");
    expect(await say("GET worker:w1:tools")).toBe(bulk(tools.join(",")));
    expect(await set([...tools, ...tools.map((name) => `${name}y`)])).toMatch(
      /^-ERR Invalid capabilities: .* at most 256 of them; the names may have 10240 bytes together, with 24 more for each\r\n$/,
    );
  });

  test("without tools takes any plan's job, with tools only what it can do, and none that is no plan's", async () => {
    const { q, rig, say } = await withAction("[1]");
    await q.enqueue({ payload: "5" });
    rig.connect("able", "agq-g2");
    await say("SET worker:able:tools sort", "able");
    await say("PING able", "able");
    expect(await say("RPOPLPUSH queue:ready queue:processing", "able")).toBe("$-1\r\n");
    const plans = [{ kind: "plan", requires: ["true"], ready: 1 }];
    expect((await q.run("queue.stats", {})).unclaimable).toEqual(plans);
    // One who asks for anything covers all plans.
    await q.run("queue.pause", {});
    await say("RPOPLPUSH queue:ready queue:processing", "w");
    expect((await q.run("queue.stats", {})).unclaimable).toEqual([]);
    await q.run("queue.resume", {});
    expect(await say(TAKE, "w")).toBe(bulk(job(1)));
    expect(await say("RPOPLPUSH queue:ready queue:processing")).toBe("$-1\r\n");
    expect((await q.run("queue.stats", {})).counts.ready).toBe(1);
  });

  test("that waits is served as soon as there is a job, in the order of asking", async () => {
    const { q, rig, say } = await withAction("[1]");
    await say(TAKE, "w");
    for (const name of ["x", "y"]) {
      rig.connect(name, "agq-g2");
      expect(await say(TAKE, name)).toBe("");
    }
    const taken = await taking(q, rig, say);
    expect(taken).toEqual([
      ["x", job(2)],
      ["y", job(3)],
    ]);
  });

  test("that hangs up while it waits takes no job with it", async () => {
    const { rig, say } = await withAction("[1]");
    await say(TAKE, "w");
    rig.connect("x", "agq-g2");
    const call = TAKE.split(" ");
    // The second one would wait for nobody.
    expect(await rig.ask("x", call, call)).toBe("");
    rig.hangUp("x");
    await say(`ACTION.SUBMIT '{"action_id":"b","plan_id":"p","inputs":[2]}'`);
    expect(await say("LLEN queue:ready")).toBe(":1\r\n");
  });

  test("that drains waits out its time, and is given nothing", async () => {
    const { q, rig, say } = await withAction("[1]");
    await q.run("worker.drain", { id: "w1" });
    expect(await say(TAKE, "w")).toBe("");
    await rig.advance(5_000);
    expect(rig.take("w")).toBe("$-1\r\n");
  });

  test("keeps its job by its heartbeats for as long as it likes", async () => {
    const { q, rig, say } = await withAction("[1]");
    await say(TAKE, "w");
    for (let minute = 0; minute < 10; minute += 1) {
      await rig.advance(60_000);
      expect(await say("PING w1", "w")).toBe(bulk("w1"));
    }
    expect(await say(`SET job:${job(1)}:stdout out`, "w")).toBe("+OK\r\n");
    expect(await say(`SET job:${job(1)}:status completed`, "w")).toBe("+OK\r\n");
    expect(await q.job(job(1))).toMatchObject({ state: "completed", deliveries: 1 });
  });

  test("is handed the plan in the version that its job is of", async () => {
    const { say } = await withAction("[1]");
    await say(`PLAN.SUBMIT '${PLAN.replace("true", "false")}'`);
    expect(await say("GET plan:p", "w")).toContain('"command":"false"');
    await say(TAKE, "w");
    expect(await say("GET plan:p", "w")).toContain('"command":"true"');
  });
});

/** What two that wait are handed of an action of two. */
async function taking(
  q: Harness,
  rig: AgqRig,
  say: (line: string) => Promise<string>,
): Promise<(readonly [string, string])[]> {
  await say(`ACTION.SUBMIT '{"action_id":"b","plan_id":"p","inputs":[2,3]}'`);
  await q.settled();
  return ["x", "y"].map((name) => [name, rig.take(name).split("\r\n")[1] ?? ""] as const);
}
