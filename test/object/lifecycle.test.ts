/**
 * The life of a queue beside its jobs: known to the directory, checkpointed, deleted, created again.
 * Invariant: the directory is told of everything in the end, and never stands in the way of a command.
 */
import { describe, expect, test, vi } from "vitest";
import { writers } from "../../src/store/schema.ts";
import { openEngine } from "../engine-harness.ts";
import { claim, codeOf, command, enqueue, idsOf, jobsOf, replyOf } from "./commands.ts";
import { EngineRig, failOnce, turns } from "./rig.ts";
import { exported } from "./snapshot-rig.ts";

describe("the directory", () => {
  const away = () => {
    throw new Error("the directory is away");
  };

  test("that is away is asked again, and keeps nothing that is due from being done", async () => {
    const rig = new EngineRig();
    rig.directory.meanwhile = away;
    await rig.engine.submit(enqueue([{ id: "late", delayMs: 1000 }]));
    await rig.fire();
    expect(rig.armed).toBe(rig.now + 1000);
    await rig.fire();
    expect(await rig.stateOf("late")).toBe("ready");
    expect(rig.armed).toBe(rig.now + 5_000);
    rig.directory.meanwhile = () => undefined;
    await rig.fire();
    expect(rig.directory.queues.get("q")).toBe("queue1");
    expect(rig.armed).toBe(null);
  });

  test("that is away is not asked by every command", async () => {
    const rig = new EngineRig();
    rig.directory.meanwhile = away;
    await rig.engine.submit(enqueue([{}]));
    await rig.fire();
    const { alarmsSet } = rig;
    for (let i = 0; i < 5; i++) await rig.engine.submit(enqueue([{}]));
    expect(rig.alarmsSet).toBe(alarmsSet);
  });

  test("is told once, also when the queue is woken again", async () => {
    const rig = await EngineRig.registered();
    await rig.evict();
    await rig.engine.submit(enqueue([{ delayMs: 1000 }]));
    await rig.fire();
    expect(rig.directory.calls).toEqual(["register queue1"]);
  });

  test("is told again when the entry that remembers it could not be written", async () => {
    const rig = new EngineRig();
    await rig.engine.submit(enqueue([{}]));
    failOnce(rig.sql, /^INSERT INTO raft_log_/);
    await rig.fire();
    await rig.fire();
    expect(rig.directory.calls).toEqual(["register queue1", "register queue1"]);
    expect(rig.armed).toBe(null);
  });

  test("forgets a queue that was deleted", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(command("queue.delete", {}));
    expect(rig.armed).toBe(rig.now);
    await rig.evict();
    await rig.fire();
    expect([...rig.directory.queues.keys()]).toEqual([]);
    expect(rig.sql.rows("SELECT name FROM sqlite_master")).toEqual([]);
    expect(rig.armed).toBe(null);
  });

  test("that is away when a queue is deleted is told later", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(command("queue.delete", {}));
    rig.directory.meanwhile = away;
    await rig.fire();
    expect(rig.armed).toBe(rig.now + 5_000);
    rig.directory.meanwhile = () => undefined;
    await rig.fire();
    expect([...rig.directory.queues.keys()]).toEqual([]);
    expect(rig.armed).toBe(null);
  });

  test("forgets a queue that was deleted, also when an import begins that waits for long", async () => {
    const source = await openEngine({ config: {} });
    const { manifest } = await exported(source);
    const rig = await EngineRig.registered();
    await rig.engine.submit(command("queue.delete", {}));
    rig.now = source.now;
    await rig.engine.submit(command("snapshot.import", { upload: "u", manifest, over: false }));
    expect(rig.armed).toBe(rig.now);
    await rig.fire();
    expect([...rig.directory.queues.keys()]).toEqual([]);
  });

  test("keeps the new queue when one was deleted and created again", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(command("queue.delete", {}));
    await rig.engine.submit(enqueue([{}]));
    await rig.fire();
    expect([...rig.directory.queues]).toEqual([["q", "queue2"]]);
  });

  test("learns of the new queue when it came while the old one was being registered", async () => {
    const rig = new EngineRig();
    await rig.engine.submit(enqueue([{}]));
    rig.directory.meanwhile = async () => {
      rig.directory.meanwhile = () => undefined;
      await rig.engine.submit(command("queue.delete", { force: "true" }));
      await rig.engine.submit(enqueue([{}]));
    };
    await rig.fire();
    while (rig.armed !== null) await rig.fire();
    expect([...rig.directory.queues]).toEqual([["q", "queue2"]]);
  });

  test("hears of a queue that was deleted while it was told of another", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(command("queue.delete", {}));
    rig.directory.meanwhile = async () => {
      rig.directory.meanwhile = () => undefined;
      await rig.engine.submit(enqueue([{}]));
      await rig.engine.submit(command("queue.delete", { force: "true" }));
    };
    await rig.fire();
    while (rig.armed !== null) await rig.fire();
    expect(rig.directory.calls).toEqual(["register queue1", "forget queue1", "forget queue2"]);
    expect(rig.sql.rows("SELECT name FROM sqlite_master")).toEqual([]);
  });
});

const everyMinute = {
  timing: { everyMs: 60_000 },
  catchUp: "one",
  overlap: "allow",
  job: { payload: "1" },
} as const;

describe("a queue that is deleted", () => {
  test("leaves the commands that wait behind to the new, empty queue of its name", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ id: "a" }]));
    rig.sql.isHeld = true;
    const before = rig.engine.submit(enqueue([{ id: "b" }]));
    const deletion = rig.engine.submit(command("queue.delete", { force: "true" }));
    const after = rig.engine.submit(enqueue([{ id: "a", payload: "2" }]));
    const cancel = rig.engine.submit(command("job.cancel", { id: "b" }));
    rig.sql.isHeld = false;
    while (rig.sql.waiting > 0) await rig.sql.settle();
    expect(idsOf(await before)).toEqual(["b"]);
    expect(codeOf(await deletion)).toBeUndefined();
    expect(idsOf(await after)).toEqual(["a"]);
    expect(codeOf(await cancel)).toBe("job_unknown");
    await turns();
    expect((await rig.stats()).counts.ready).toBe(1);
  });

  test("is refused while it keeps jobs, and unknown once it is gone", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{}]));
    expect(codeOf(await rig.engine.submit(command("queue.delete", {})))).toBe("queue_not_empty");
    const forced = command("queue.delete", { force: "true" });
    const both = await Promise.all([rig.engine.submit(forced), rig.engine.submit(forced)]);
    expect(both.map(codeOf)).toEqual([undefined, "queue_unknown"]);
    expect(codeOf(await rig.engine.read(command("queue.get", {})))).toBe("queue_unknown");
  });

  test("is refused also while it keeps nothing but a plan or a schedule", async () => {
    for (const [name, input, facts] of [
      ["plan.submit", { id: "p", body: "{}", tasks: 1, commands: ["a"], fields: [] }, { plans: 1 }],
      ["schedule.put", { id: "s", definition: everyMinute }, { schedules: 1 }],
    ] as const) {
      const rig = await EngineRig.registered();
      await rig.engine.submit(command(name, input));
      const refused = await rig.engine.submit(command("queue.delete", {}));
      expect(refused).toMatchObject({ refusal: { refusalCode: "queue_not_empty", facts } });
    }
  });

  test("whose tables cannot be dropped goes on as if nothing had been asked", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ id: "a" }]));
    failOnce(rig.sql, /^INSERT OR REPLACE INTO farewells/);
    const deletion = rig.engine.submit(command("queue.delete", { force: "true" }));
    await expect(deletion).rejects.toThrow("no room");
    expect(jobsOf(await rig.engine.submit(claim())).map(({ id }) => id)).toEqual(["a"]);
  });
});

test("every instance that writes is told from the ones before it", async () => {
  const rig = await EngineRig.registered();
  for (let i = 0; i < 2; i++) {
    await rig.evict();
    await rig.engine.submit(enqueue([{}]));
    await rig.engine.submit(enqueue([{}]));
  }
  const rows = rig.sql.rows("SELECT incarnation FROM raft_log_1 ORDER BY log_index");
  expect(rows.flat()).toEqual([1, 1, 2, 2, 3, 3]);
});

describe("the tally of the last minute", () => {
  test("counts what happened, and nothing that was undone", async () => {
    const rig = await EngineRig.registered();
    rig.sql.isHeld = true;
    void rig.engine.submit(enqueue([{}]));
    const enqueued = writers["job.enqueued"];
    vi.spyOn(writers, "job.enqueued").mockImplementation((tables, event, at) => {
      enqueued(tables, event, at);
      if (event.id === "bad") throw new Error("poison");
    });
    void rig.engine.submit(enqueue([{}, {}, { id: "bad" }]));
    void rig.engine.submit(enqueue([{}, {}]));
    rig.sql.isHeld = false;
    await rig.sql.settle();
    vi.restoreAllMocks();
    await rig.engine.submit(claim(2));
    expect((await rig.stats()).perMinute).toEqual({
      enqueued: 3,
      claimed: 2,
      completed: 0,
      failed: 0,
    });
    rig.now += 61_000;
    expect((await rig.stats()).perMinute.enqueued).toBe(0);
  });
});

describe("a checkpoint", () => {
  test("is answered with its place, and the tail behind it is empty", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ id: "a" }]));
    const reply = replyOf(
      "queue.checkpoint",
      await rig.engine.submit(command("queue.checkpoint", {})),
    );
    const { log } = await rig.stats();
    expect(reply.checkpointed).toEqual({ term: 1, index: log.lastIndex });
    await rig.evict();
    expect(jobsOf(await rig.engine.submit(claim())).map(({ id }) => id)).toEqual(["a"]);
  });

  test("of a queue that does not exist is refused, and writes nothing", async () => {
    const rig = new EngineRig();
    expect(codeOf(await rig.engine.submit(command("queue.checkpoint", {})))).toBe("queue_unknown");
    expect(rig.sql.rows("SELECT name FROM sqlite_master")).toEqual([]);
  });
});

test("a command that no group decides is answered `internal`, not lost", async () => {
  const rig = await EngineRig.registered();
  expect(codeOf(await rig.engine.submit(command("queue.stats", {})))).toBe("internal");
});
