/**
 * Faults thrown into a group from everywhere: only the guilty command pays, and nothing stops the queue.
 * Invariant: after every fault, what the store shows is what a new instance recovers.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { decisions } from "../../src/machine/index.ts";
import { writers } from "../../src/store/schema.ts";
import { claim, codeOf, command, enqueue, idsOf, jobsOf, only, replyOf } from "./commands.ts";
import { CommitRig, dump, failOnce, recovered, turns } from "./rig.ts";

afterEach(() => vi.restoreAllMocks());

const poison = (): never => {
  throw new Error("poison");
};

/** Holds the queue with one group in flight, so that what is submitted next becomes one group. */
async function rigHolding(first = enqueue([{ id: "first" }])): Promise<CommitRig> {
  const rig = new CommitRig();
  rig.sql.isHeld = true;
  void rig.committer.submit(first);
  await turns();
  return rig;
}

/** Lets everything through. */
async function letThrough(rig: CommitRig): Promise<void> {
  rig.sql.isHeld = false;
  while (rig.sql.waiting > 0) await rig.sql.settle();
}

describe("a command that throws in its decision", () => {
  test("is answered `internal` alone, and its group-mates before and behind it are done", async () => {
    const rig = await rigHolding();
    vi.spyOn(decisions, "job.cancel").mockImplementation(poison);
    const answers = Promise.all([
      rig.committer.submit(enqueue([{ id: "before" }])),
      rig.committer.submit(command("job.cancel", { id: "first" })),
      rig.committer.submit(enqueue([{ id: "behind" }])),
    ]);
    await letThrough(rig);
    expect((await answers).map(codeOf)).toEqual([undefined, "internal", undefined]);
    expect(rig.store.last.index).toBe(2);
    expect(rig.faults.map(({ what }) => what)).toEqual(["job.cancel"]);
    for (const id of ["first", "before", "behind"]) {
      expect(rig.store.tables.jobs.get([id])?.state).toBe("ready");
    }
    expect(rig.isFaithful).toBe(true);
  });

  test("leaves nothing of what it had already emitted, kept or counted", async () => {
    const rig = await rigHolding();
    await letThrough(rig);
    const before = dump(rig.store);
    const decide = decisions["job.enqueue"];
    vi.spyOn(decisions, "job.enqueue").mockImplementationOnce((tx, input) => {
      decide(tx, input);
      return poison();
    });
    const request = enqueue([{ id: "a", idempotencyKey: "k" }, { id: "b" }], { key: "all" });
    expect(codeOf(await rig.committer.submit(request))).toBe("internal");
    expect(dump(rig.store)).toBe(before);
    expect(rig.store.last.index).toBe(1);

    const again = replyOf("job.enqueue", await rig.committer.submit(request));
    expect(again.results).toEqual([{ id: "a" }, { id: "b" }]);
    expect(rig.isFaithful).toBe(true);
  });

  test("leaves the queue uncreated when it would have created it", async () => {
    const rig = new CommitRig();
    vi.spyOn(decisions, "job.enqueue").mockImplementationOnce(poison);
    expect(codeOf(await rig.committer.submit(enqueue([{}])))).toBe("internal");
    expect(rig.sql.rows("SELECT name FROM sqlite_master")).toEqual([]);
    expect(codeOf(await rig.committer.submit(enqueue([{}])))).toBeUndefined();
  });
});

test("a command that takes nothing creates nothing", async () => {
  const rig = new CommitRig();
  vi.spyOn(decisions, "job.enqueue").mockImplementationOnce((tx) => ({
    now: tx.at,
    results: [],
    refused: 1,
  }));
  expect(replyOf("job.enqueue", await rig.committer.submit(enqueue([{}]))).refused).toBe(1);
  expect(rig.sql.rows("SELECT name FROM sqlite_master")).toEqual([]);
  expect(rig.store.tables.queue.get([0])).toBeUndefined();
});

describe("a writer that throws", () => {
  test("undoes exactly its command, half of whose events are in the tables", async () => {
    const rig = await rigHolding();
    await letThrough(rig);
    const before = dump(rig.store);
    const enqueued = writers["job.enqueued"];
    vi.spyOn(writers, "job.enqueued").mockImplementation((tables, event, at) => {
      enqueued(tables, event, at);
      if (event.id === "bad") poison();
    });
    const batch = enqueue([{ id: "good" }, { id: "bad" }]);
    expect(codeOf(await rig.committer.submit(batch))).toBe("internal");
    expect(dump(rig.store)).toBe(before);

    vi.restoreAllMocks();
    expect(idsOf(await rig.committer.submit(batch))).toEqual(["good", "bad"]);
    expect(rig.isFaithful).toBe(true);
  });

  test("that throws in the sweep does not keep the commands from being done", async () => {
    const rig = await rigHolding(enqueue([{ id: "late", delayMs: 1000 }]));
    await letThrough(rig);
    rig.now += 1000;
    vi.spyOn(writers, "job.promoted").mockImplementation(poison);
    expect(idsOf(await rig.committer.submit(enqueue([{ id: "now" }])))).toEqual(["now"]);
    expect(rig.faults.map(({ what }) => what)).toEqual(["sweep"]);
    vi.restoreAllMocks();
    expect(jobsOf(await rig.committer.submit(claim(9))).map(({ id }) => id)).toEqual([
      "late",
      "now",
    ]);
    expect(rig.isFaithful).toBe(true);
  });
});

describe("an entry that cannot be written", () => {
  test("is undone as a whole, answered `append_failed`, and done once by the retry", async () => {
    const rig = await rigHolding();
    const before = dump(rig.store);
    failOnce(rig.sql, /^INSERT INTO raft_log_/);
    const a = enqueue([{}], { key: "a" });
    const b = enqueue([{}], { key: "b" });
    const answers = Promise.all([rig.committer.submit(a), rig.committer.submit(b)]);
    await letThrough(rig);
    expect((await answers).map(codeOf)).toEqual(["append_failed", "append_failed"]);
    expect(dump(rig.store)).toBe(before);
    expect(recovered(rig.sql)).toBe(before);
    expect(rig.faults.map(({ what }) => what)).toEqual(["append"]);

    const first = idsOf(await rig.committer.submit(a));
    expect(idsOf(await rig.committer.submit(a))).toEqual(first);
    expect(only(idsOf(await rig.committer.submit(b)))).not.toBe(only(first));
    expect(rig.store.tables.counters.get([0])?.ready).toBe(3);
    expect(rig.isFaithful).toBe(true);
  });

  test.each([/^CREATE TABLE raft_state/, /^CREATE TABLE raft_log_/, /^INSERT INTO raft_log_/])(
    "when it is the first of a queue leaves no table behind (%s)",
    async (statement) => {
      const rig = new CommitRig();
      failOnce(rig.sql, statement);
      expect(codeOf(await rig.committer.submit(enqueue([{}])))).toBe("append_failed");
      expect(rig.sql.rows("SELECT name FROM sqlite_master")).toEqual([]);
      expect(idsOf(await rig.committer.submit(enqueue([{}])))).toHaveLength(1);
      expect(rig.isFaithful).toBe(true);
    },
  );

  test("refuses upkeep, which can be done again", async () => {
    const rig = await rigHolding(enqueue([{ id: "late", delayMs: 1000 }]));
    await letThrough(rig);
    rig.now += 1000;
    const before = dump(rig.store);
    failOnce(rig.sql, /^INSERT INTO raft_log_/);
    await expect(rig.committer.upkeep((group) => group.sweep(true))).rejects.toThrow("written");
    expect(dump(rig.store)).toBe(before);
    expect(await rig.committer.upkeep((group) => group.sweep(true))).toBe(1);
    expect(rig.isFaithful).toBe(true);
  });
});

describe("upkeep that throws", () => {
  test("leaves nothing behind, and the next group is whole", async () => {
    const rig = await rigHolding();
    await letThrough(rig);
    const before = dump(rig.store);
    const work = rig.committer.upkeep((group) => {
      group.record("job.cancelled", { id: "first" });
      poison();
    });
    await expect(work).rejects.toThrow("poison");
    expect(dump(rig.store)).toBe(before);
    expect(idsOf(await rig.committer.submit(enqueue([{}])))).toHaveLength(1);
    expect(rig.aborts).toEqual([]);
    expect(rig.isFaithful).toBe(true);
  });
});

describe("what comes behind an entry", () => {
  test("may throw: the entry stands, the fault is reported, and the next one tries again", async () => {
    const rig = new CommitRig();
    let tries = 0;
    rig.afterAppend = () => {
      tries += 1;
      if (tries === 1) poison();
    };
    expect(idsOf(await rig.committer.submit(enqueue([{}])))).toHaveLength(1);
    expect(rig.faults.map(({ what }) => what)).toEqual(["upkeep"]);
    expect(idsOf(await rig.committer.submit(enqueue([{}])))).toHaveLength(1);
    expect(tries).toBe(2);
    expect(rig.isFaithful).toBe(true);
  });

  test("a checkpoint that fails half way leaves the old one, and the next one is whole", async () => {
    const rig = new CommitRig();
    await rig.committer.submit(enqueue([{ id: "a" }, { id: "b", delayMs: 1 }]));
    const before = dump(rig.store);
    for (const statement of [/pending_jobs/, /pending_ready/, /raft_state/]) {
      failOnce(rig.sql, statement);
      expect(() => rig.store.checkpoint()).toThrow("no room");
      expect(rig.store.checkpointed.index).toBe(0);
      expect(dump(rig.store)).toBe(before);
      expect(recovered(rig.sql)).toBe(before);
    }
    rig.store.checkpoint();
    expect(rig.store.checkpointed.index).toBe(1);
    expect(rig.isFaithful).toBe(true);
  });
});

describe("when memory or storage cannot be trusted any more", () => {
  test("a failed sync rejects every waiter and aborts the object; nothing more is accepted", async () => {
    const rig = await rigHolding();
    const inFlight = rig.committer.submit(enqueue([{}]));
    await rig.sql.settle();
    const waiting = rig.committer.submit(enqueue([{}]));
    const alone = rig.committer.alone(() => rig.store.checkpoint());
    const settled = Promise.allSettled([inFlight, waiting, alone]);
    await rig.sql.settle(new Error("the disk is gone"));
    expect((await settled).map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
    expect(rig.aborts).toEqual([new Error("the disk is gone")]);
    await expect(rig.committer.submit(enqueue([{}]))).rejects.toThrow("the disk is gone");
    await expect(rig.committer.upkeep((group) => group.sweep(true))).rejects.toThrow("the disk");
  });

  test("a failed sync of upkeep aborts the object too", async () => {
    const rig = await rigHolding();
    await letThrough(rig);
    rig.sql.isHeld = true;
    const work = rig.committer.upkeep((group) => group.record("queue.registered", {}));
    const outcome = expect(work).rejects.toThrow("the disk is gone");
    await rig.sql.settle(new Error("the disk is gone"));
    await outcome;
    expect(rig.aborts).toHaveLength(1);
  });

  test("an undo that fails rejects the whole group, taken or waiting, and aborts the object", async () => {
    const rig = await rigHolding();
    const taken = rig.committer.submit(enqueue([{ id: "taken" }]));
    const guilty = rig.committer.submit(command("job.cancel", { id: "first" }));
    const waiting = rig.committer.submit(enqueue([{ id: "waiting" }]));
    vi.spyOn(decisions, "job.cancel").mockImplementation(poison);
    vi.spyOn(rig.store, "undo").mockImplementation(() => {
      throw new Error("undo failed");
    });
    const settled = Promise.allSettled([taken, guilty, waiting]);
    await rig.sql.settle();
    expect((await settled).map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
    expect(rig.aborts).toEqual([new Error("undo failed")]);
    expect(rig.store.last.index).toBe(1);
  });

  test("an undo that fails after a failed append rejects the whole group", async () => {
    const rig = await rigHolding();
    const waiting = rig.committer.submit(enqueue([{}]));
    failOnce(rig.sql, /^INSERT INTO raft_log_/);
    vi.spyOn(rig.store, "undo").mockImplementation(() => {
      throw new Error("undo failed");
    });
    const outcome = expect(waiting).rejects.toThrow("undo failed");
    await rig.sql.settle();
    await outcome;
    expect(rig.aborts).toHaveLength(1);
  });

  test("the next instance recovers all that was answered", async () => {
    const rig = await rigHolding();
    const answered = rig.committer.submit(enqueue([{ id: "answered" }]));
    await rig.sql.settle();
    await rig.sql.settle();
    await answered;
    const lost = rig.committer.submit(enqueue([{ id: "unknown" }]));
    const outcome = expect(lost).rejects.toThrow();
    await rig.sql.settle(new Error("the disk is gone"));
    await outcome;
    expect(recovered(rig.sql)).toContain('"answered"');
  });
});
