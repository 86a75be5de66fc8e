/**
 * The alarm of an engine: what it does when it fires, when it is armed for, and what it survives.
 * Invariant: after every command the armed time is not later than the next thing that time does.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { writers } from "../../src/store/schema.ts";
import {
  claim,
  codeOf,
  command,
  complete,
  enqueue,
  idsOf,
  jobsOf,
  replyOf,
  settle,
} from "./commands.ts";
import { EngineRig, failOnce } from "./rig.ts";

afterEach(() => vi.restoreAllMocks());

describe("the alarm is armed", () => {
  test("at once by the first entry, to register the queue; then only for deadlines", async () => {
    const rig = new EngineRig();
    await rig.engine.submit(enqueue([{}]));
    expect(rig.armed).toBe(rig.now);
    await rig.fire();
    expect(rig.directory.queues.get("q")).toBe("queue1");
    expect(rig.armed).toBe(null);
  });

  test("no later than the next deadline after every command, and is moved only earlier", async () => {
    const rig = await EngineRig.registered();
    const { alarmsSet } = rig;
    const start = rig.now;
    await rig.engine.submit(enqueue([{ delayMs: 60_000 }]));
    expect(rig.armed).toBe(start + 60_000);
    await rig.engine.submit(enqueue([{ delayMs: 90_000 }]));
    await rig.engine.submit(enqueue([{ delayMs: 60_000 }]));
    expect([rig.armed, rig.alarmsSet - alarmsSet]).toEqual([start + 60_000, 1]);
    await rig.engine.submit(enqueue([{ delayMs: 10_000, id: "soon" }]));
    expect([rig.armed, rig.alarmsSet - alarmsSet]).toEqual([start + 10_000, 2]);
    await rig.engine.submit(command("job.cancel", { id: "soon" }));
    expect([rig.armed, rig.alarmsSet - alarmsSet]).toEqual([start + 10_000, 2]);
    // It fires for nothing, and is armed for what is next.
    await rig.fire();
    expect([rig.armed, rig.alarmsSet - alarmsSet]).toEqual([start + 60_000, 3]);
  });

  test("not at all by a poll, a read or a refusal", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ delayMs: 60_000 }]));
    const { alarmsSet } = rig;
    await rig.engine.submit(claim());
    await rig.stats();
    await rig.engine.submit(command("job.cancel", { id: "unknown" }));
    expect(rig.alarmsSet).toBe(alarmsSet);
  });

  test("still knows what is armed after a wake, and does not set it again", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ delayMs: 60_000 }]));
    const { alarmsSet } = rig;
    await rig.evict();
    await rig.engine.submit(enqueue([{ delayMs: 70_000 }]));
    expect(rig.alarmsSet).toBe(alarmsSet);
    await rig.engine.submit(enqueue([{ delayMs: 50_000 }]));
    expect(rig.alarmsSet).toBe(alarmsSet + 1);
  });

  test("within a year, and again then, where the next deadline is farther than the platform takes", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ runAt: limits.instantMax }]));
    const { alarmsSet } = rig;
    expect(rig.armed).toBe(rig.now + limits.alarmAheadMsMax);
    rig.now += 1000;
    await rig.engine.submit(enqueue([{ runAt: limits.instantMax }]));
    expect(rig.alarmsSet).toBe(alarmsSet);
    await rig.fire();
    expect(rig.armed).toBe(rig.now + limits.alarmAheadMsMax);
    expect(rig.faults).toEqual([]);
  });

  test("for a removal that is overdue at once, never for a time before the epoch", async () => {
    const rig = await EngineRig.registered();
    const retention = { completed: { count: 2 } };
    await rig.engine.submit(command("queue.configure", { retention }));
    await rig.engine.submit(enqueue(Array(5).fill({})));
    const jobs = jobsOf(await rig.engine.submit(claim(5)));
    await rig.engine.submit(settle(jobs.map(complete)));
    expect(rig.faults).toEqual([]);
    expect(rig.armed).toBe(rig.now);
    await rig.fire();
    expect((await rig.stats()).counts.completed).toBe(2);
  });
});

describe("an alarm that was lost", () => {
  test("is armed anew by the first request of an instance, for what is next or at once for what is overdue", async () => {
    const rig = await EngineRig.registered();
    const dueAt = rig.now + 60_000;
    await rig.engine.submit(enqueue([{ id: "a", delayMs: 60_000 }]));
    rig.armed = null;
    await rig.evict();
    await rig.stats();
    expect(rig.armed).toBe(dueAt);
    rig.armed = null;
    rig.now = dueAt + 1;
    await rig.evict();
    await rig.stats();
    expect(rig.armed).toBe(rig.now);
    await rig.fire();
    expect(await rig.stateOf("a")).toBe("ready");
  });

  test("though storage still shows it, is armed anew by a wake and by a command, once", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ delayMs: 1_000 }]));
    rig.now += 10_000;
    await rig.engine.submit(enqueue([{ delayMs: 70_000 }]));
    expect(rig.armed).toBe(rig.now + 70_000);
    rig.now += 80_000;
    const { alarmsSet } = rig;
    await rig.evict();
    await rig.stats();
    await rig.evict();
    await rig.stats();
    expect([rig.armed, rig.alarmsSet]).toEqual([rig.now, alarmsSet + 1]);
  });

  test("though the queue woke in time to see it, is armed anew by the first request that finds it late", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ delayMs: 1_000 }]));
    await rig.evict();
    const { alarmsSet } = rig;
    for (const ms of [0, 1_500, 1_500, 0]) {
      rig.now += ms;
      await rig.stats();
    }
    expect([rig.armed, rig.alarmsSet]).toEqual([rig.now, alarmsSet + 1]);
  });

  test("is not taken for lost when it wakes the queue itself, and the platform shows none", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ delayMs: 1_000 }]));
    const { alarmsSet } = rig;
    rig.now += 1_000;
    rig.armed = null;
    await rig.evict();
    await rig.engine.alarm();
    await rig.stats();
    expect([rig.armed, rig.alarmsSet]).toEqual([null, alarmsSet]);
  });

  test("is not taken for lost when it is a moment late", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ delayMs: 1_000 }]));
    const { alarmsSet } = rig;
    rig.now += 1_500;
    await rig.evict();
    await rig.stats();
    expect(rig.alarmsSet).toBe(alarmsSet);
  });

  test("still tells the directory of a queue that was deleted", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(command("queue.delete", {}));
    rig.armed = null;
    await rig.evict();
    expect(codeOf(await rig.engine.read(command("queue.get", {})))).toBe("queue_unknown");
    await rig.fire();
    expect([...rig.directory.queues.keys()]).toEqual([]);
  });

  test("is not looked for where nothing is due: a wake writes nothing", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{}]));
    const { alarmsSet, sql } = rig;
    const { rowsWritten } = sql.counts;
    await rig.evict();
    await rig.stats();
    expect([rig.armed, rig.alarmsSet, sql.counts.rowsWritten]).toEqual([
      null,
      alarmsSet,
      rowsWritten,
    ]);
  });
});

describe("when the alarm fires", () => {
  test("a lease that has ended is given back, a delay that has passed promotes, a life that is over ends", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ id: "leased" }]));
    await rig.engine.submit(claim(1, 5_000));
    await rig.engine.submit(
      enqueue([
        { id: "delayed", delayMs: 6_000 },
        { id: "mortal", ttlMs: 7_000 },
        { id: "deadly", expiresAt: rig.now + 8_000, delayMs: 60_000 },
      ]),
    );
    const states = async () =>
      Promise.all(["leased", "delayed", "mortal", "deadly"].map((id) => rig.stateOf(id)));
    expect(await states()).toEqual(["running", "scheduled", "ready", "scheduled"]);
    await rig.fire();
    expect(await states()).toEqual(["ready", "scheduled", "ready", "scheduled"]);
    await rig.fire();
    expect(await states()).toEqual(["ready", "ready", "ready", "scheduled"]);
    await rig.fire();
    expect(await states()).toEqual(["ready", "ready", "expired", "scheduled"]);
    await rig.fire();
    expect(await states()).toEqual(["ready", "ready", "expired", "expired"]);
  });

  test("records whose retention is over are removed, and nothing is armed any more", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ id: "a" }]));
    await rig.engine.submit(command("job.cancel", { id: "a" }));
    const { armed } = rig;
    expect(armed).toBeGreaterThan(rig.now);
    await rig.fire();
    expect(codeOf(await rig.engine.read(command("job.get", { id: "a" })))).toBe("job_unknown");
    expect(rig.armed).toBe(null);
  });

  test("more is due than one entry takes: it goes on until nothing is", async () => {
    const rig = await EngineRig.registered();
    for (let i = 0; i < 3; i++)
      await rig.engine.submit(enqueue(Array(1000).fill({ delayMs: 1000 })));
    const { lastIndex } = (await rig.stats()).log;
    await rig.fire();
    expect(await rig.stats()).toMatchObject({
      counts: { ready: 3000, scheduled: 0 },
      log: { lastIndex: lastIndex + 3000 / limits.sweepMax },
    });
  });

  test("an operation goes on, step by step, to its end", async () => {
    const rig = await EngineRig.registered();
    for (let i = 0; i < 3; i++) await rig.engine.submit(enqueue(Array(1000).fill({})));
    const purge = replyOf(
      "queue.purge",
      await rig.engine.submit(command("queue.purge", { states: ["ready"] })),
    );
    expect(purge.operation).toMatchObject({ status: "running", changed: 1000, total: 3000 });
    await rig.evict();
    await rig.fire();
    const { id } = purge.operation;
    const after = replyOf("operation.get", await rig.engine.read(command("operation.get", { id })));
    expect(after.operation).toMatchObject({ status: "done", changed: 3000 });
    expect((await rig.stats()).counts.ready).toBe(0);
    expect(rig.armed).toBe(null);
  });

  test("log that is older than its retention goes, but for the last entry", async () => {
    const rig = await EngineRig.registered();
    const jobs = Array(4).fill({ payload: `"${"x".repeat(250_000)}"` });
    for (let i = 0; i < 20; i++) await rig.engine.submit(enqueue(jobs));
    await rig.engine.submit(enqueue([{ delayMs: limits.logAgeMsMax + 1000 }]));
    // The alarm comes for the log alone, though nothing else is due.
    await rig.fire();
    const { log } = await rig.stats();
    expect(log.firstIndex).toBeGreaterThan(1);
    expect(log.lastIndex).toBeGreaterThanOrEqual(log.firstIndex);
    await rig.fire();
    await rig.evict();
    expect((await rig.stats()).counts.ready).toBe(81);
  });
});

describe("upkeep that fails", () => {
  test("never makes the alarm throw, is reported, and is tried again after a while", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ id: "a", delayMs: 1000 }]));
    failOnce(rig.sql, /^INSERT INTO raft_log_/);
    await rig.fire();
    expect(rig.faults).not.toEqual([]);
    expect(rig.armed).toBe(rig.now + 5_000);
    await rig.fire();
    expect(await rig.stateOf("a")).toBe("ready");
    expect(rig.armed).toBe(null);
  });

  test("in a sweep is not tried again at once for ever", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ id: "a", delayMs: 1000 }]));
    vi.spyOn(writers, "job.promoted").mockImplementation(() => {
      throw new Error("poison");
    });
    await rig.fire();
    expect(rig.armed).toBe(rig.now + 5_000);
    await rig.engine.submit(enqueue([{}]));
    expect(rig.armed).toBe(rig.now + 5_000);
    vi.restoreAllMocks();
    await rig.fire();
    expect(await rig.stateOf("a")).toBe("ready");
  });

  test("in an operation neither turns for ever nor keeps deadlines from being met", async () => {
    const rig = await EngineRig.registered();
    for (let i = 0; i < 2; i++) await rig.engine.submit(enqueue(Array(1000).fill({})));
    await rig.engine.submit(command("queue.purge", { states: ["ready"] }));
    await rig.engine.submit(enqueue([{ id: "late", delayMs: 1000 }]));
    vi.spyOn(writers, "operation.advanced").mockImplementation(() => {
      throw new Error("poison");
    });
    await rig.fire();
    expect(rig.faults).toHaveLength(1);
    expect(rig.armed).toBe(rig.now + 1_000);
    await rig.fire();
    expect(await rig.stateOf("late")).toBe("ready");
    expect(rig.armed).toBe(rig.now + 5_000);
    vi.restoreAllMocks();
    await rig.fire();
    expect((await rig.stats()).counts.ready).toBe(1);
    expect(rig.armed).toBe(null);
  });

  test("when the alarm cannot be set the command stands, and the next one arms it", async () => {
    const rig = await EngineRig.registered();
    rig.beforeSet = () => {
      rig.beforeSet = () => undefined;
      throw new Error("no alarm");
    };
    expect(idsOf(await rig.engine.submit(enqueue([{ id: "a", delayMs: 1000 }])))).toEqual(["a"]);
    expect([rig.armed, rig.faults.map(({ what }) => what)]).toEqual([null, ["upkeep"]]);
    await rig.engine.submit(enqueue([{}]));
    expect(rig.armed).toBe(rig.now + 1000);
  });

  test("a checkpoint that fails does not keep the alarm from being armed", async () => {
    const rig = await EngineRig.registered();
    rig.sql.fault = (query) => (/UPDATE raft_segments/.test(query) ? new Error("full") : undefined);
    const jobs = Array(4).fill({ payload: `"${"x".repeat(250_000)}"`, delayMs: 1000 });
    for (let i = 0; i < 9; i++)
      expect(codeOf(await rig.engine.submit(enqueue(jobs)))).toBeUndefined();
    expect(rig.faults.length).toBeGreaterThan(0);
    expect(rig.armed).toBe(rig.now + 1000);
    rig.sql.fault = () => undefined;
    await rig.engine.submit(enqueue([{}]));
    const { log } = await rig.stats();
    expect(log.checkpointedIndex).toBe(log.lastIndex);
  });
});
