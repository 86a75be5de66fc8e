/**
 * How commands become groups: what joins, what waits, where an entry closes, and when anybody is answered.
 * Invariant: nobody is told of what is not durable.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import { decisions } from "../../src/machine/index.ts";
import { claim, codeOf, command, enqueue, idsOf, jobsOf, only, replyOf } from "./commands.ts";
import { CommitRig, turns } from "./rig.ts";

afterEach(() => vi.restoreAllMocks());

const KiB = 1024;
const payload = (bytes: number): string => `"${"x".repeat(bytes - 2)}"`;

/** A rig with writes held back, and the first group in flight. */
function holding(): CommitRig {
  const rig = new CommitRig();
  rig.sql.isHeld = true;
  void rig.committer.submit(enqueue([{ id: "first" }]));
  return rig;
}

/** Submits commands, and tells which were answered so far. */
function submitAll(rig: CommitRig, requests: readonly CommandRequest[]) {
  const answered: number[] = [];
  const answers = requests.map(async (request, i) => {
    const answer = await rig.committer.submit(request);
    answered.push(i);
    return answer;
  });
  return { answered, answers: Promise.all(answers) };
}

describe("commands that arrive while a group becomes durable", () => {
  test("form the next group: one entry for all of them, in the order of arrival", async () => {
    const rig = holding();
    const { answers } = submitAll(
      rig,
      ["a", "b", "c"].map((id) => enqueue([{ id }])),
    );
    await rig.sql.settle();
    expect(rig.store.last.index).toBe(2);
    expect(rig.sql.waiting).toBe(1);
    await rig.sql.settle();
    expect((await answers).map(idsOf)).toEqual([["a"], ["b"], ["c"]]);
    expect(rig.store.tables.ready.range({ limit: 9 }).map(([, { id }]) => id)).toEqual([
      "first",
      "a",
      "b",
      "c",
    ]);
    expect(rig.isFaithful).toBe(true);
  });

  test("see what the ones before them in their group did", async () => {
    const rig = holding();
    const { answers } = submitAll(rig, [
      enqueue([{ id: "a" }]),
      command("job.cancel", { id: "a" }),
      command("job.remove", { id: "a" }),
      command("job.remove", { id: "a" }),
    ]);
    await rig.sql.settle();
    await rig.sql.settle();
    expect((await answers).map(codeOf)).toEqual([undefined, undefined, undefined, "job_unknown"]);
    expect(rig.store.last.index).toBe(2);
  });

  test("are answered only once their own group is durable", async () => {
    const rig = holding();
    const { answered } = submitAll(rig, [enqueue([{}]), claim(), enqueue([{}])]);
    await turns();
    expect(answered).toEqual([]);
    await rig.sql.settle();
    expect(answered).toEqual([]);
    await rig.sql.settle();
    expect(answered).toEqual([0, 1, 2]);
  });

  test("wait for the one group in flight, and up to four go at once when the oldest is slow", async () => {
    const rig = holding();
    for (let i = 0; i < 3; i++) void rig.committer.submit(enqueue([{}]));
    expect(rig.sql.waiting).toBe(1);
    rig.now += 5;
    void rig.committer.submit(enqueue([{}]));
    expect(rig.sql.waiting).toBe(1);
    rig.now += 1;
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) void rig.committer.submit(enqueue([{}]));
      await turns();
    }
    expect(rig.sql.waiting).toBe(4);
    expect(rig.store.last.index).toBe(4);
    while (rig.sql.waiting > 0) await rig.sql.settle();
    expect(rig.store.tables.counters.get([0])?.ready).toBe(14);
    expect(rig.isFaithful).toBe(true);
  });

  test("are refused with `busy` beyond the bound on their number", async () => {
    const rig = holding();
    const { answers } = submitAll(rig, Array(limits.pendingCommandsMax).fill(claim()));
    expect(codeOf(await rig.committer.submit(claim()))).toBe("busy");
    rig.sql.isHeld = false;
    await rig.sql.settle();
    expect((await answers).map(codeOf)).toEqual(Array(limits.pendingCommandsMax).fill(undefined));
    expect(codeOf(await rig.committer.submit(claim()))).toBeUndefined();
  });

  test("are refused with `busy` beyond the bound on their bytes, until some were taken", async () => {
    const rig = holding();
    const bytes = limits.bodyBytesMax;
    const most = limits.pendingBytesMax / bytes;
    const large = enqueue([{}], { bytes });
    const { answers } = submitAll(rig, Array(most).fill(large));
    expect(codeOf(await rig.committer.submit(enqueue([{}], { bytes: 1 })))).toBe("busy");
    await rig.sql.settle();
    const late = rig.committer.submit(enqueue([{}], { bytes: 1 }));
    while (rig.sql.waiting > 0) await rig.sql.settle();
    expect((await answers).map(codeOf)).toEqual(Array(most).fill(undefined));
    expect(codeOf(await late)).toBeUndefined();
  });
});

describe("a group without events", () => {
  test("appends nothing and writes no row, and its commands are answered", async () => {
    const rig = new CommitRig();
    await rig.committer.submit(enqueue([{ id: "a" }]));
    await rig.committer.submit(claim());
    const { rowsWritten } = rig.sql.counts;
    for (let i = 0; i < 5; i++) {
      expect(jobsOf(await rig.committer.submit(claim()))).toEqual([]);
    }
    expect(codeOf(await rig.committer.submit(command("job.cancel", { id: "b" })))).toBe(
      "job_unknown",
    );
    expect(rig.store.last.index).toBe(2);
    expect(rig.sql.counts.rowsWritten).toBe(rowsWritten);
  });

  test("one row is written for a group, whatever its number of commands and jobs", async () => {
    const rig = holding();
    const { rowsWritten } = rig.sql.counts;
    void submitAll(rig, Array(20).fill(enqueue(Array(50).fill({}))));
    await rig.sql.settle();
    expect(rig.sql.counts.rowsWritten - rowsWritten).toBe(1);
    expect(rig.store.tables.counters.get([0])?.ready).toBe(1001);
  });
});

test("a clock that goes back does not: no entry is older than the one before", async () => {
  const rig = new CommitRig();
  await rig.committer.submit(enqueue([{}]));
  const { at } = rig.store.last;
  rig.now -= 60_000;
  expect(replyOf("job.enqueue", await rig.committer.submit(enqueue([{}]))).now).toBe(at);
  expect(rig.store.last).toMatchObject({ index: 2, at });
  expect(rig.isFaithful).toBe(true);
});

describe("repeats inside one group", () => {
  test("the same id twice in one batch is one job; other content under it is refused", async () => {
    const rig = new CommitRig();
    const jobs = [{ id: "a" }, { id: "a" }, { id: "a", payload: "1" }];
    const reply = replyOf("job.enqueue", await rig.committer.submit(enqueue(jobs)));
    expect(reply.results).toMatchObject([
      { id: "a" },
      { id: "a", deduplicated: true },
      { problem: { code: "job_exists" } },
    ]);
    expect(reply.refused).toBe(1);
    expect(rig.store.tables.counters.get([0])?.ready).toBe(1);
    expect(rig.isFaithful).toBe(true);
  });

  test("the same Idempotency-Key twice is done once, with one answer for both", async () => {
    const rig = holding();
    const request = enqueue([{}, {}], { key: "k" });
    const other = enqueue([{}], { key: "k", body: "other" });
    const { answers } = submitAll(rig, [request, request, other]);
    await rig.sql.settle();
    await rig.sql.settle();
    const [first, second, third] = await answers;
    expect(second).toEqual(first);
    expect(third && codeOf(third)).toBe("idempotency_key_reused");
    expect(rig.store.tables.counters.get([0])?.ready).toBe(3);
    rig.sql.isHeld = false;
    expect(await rig.committer.submit(request)).toEqual(first);
  });

  test("a key that was undone with its command can be used again in the same group", async () => {
    const rig = holding();
    const request = enqueue([{ id: "a" }], { key: "k" });
    const decide = decisions["job.enqueue"];
    vi.spyOn(decisions, "job.enqueue").mockImplementationOnce((tx, input) => {
      decide(tx, input);
      tx.keep("k", "", "");
      throw new Error("poison");
    });
    const { answers } = submitAll(rig, [request, request]);
    await rig.sql.settle();
    await rig.sql.settle();
    expect((await answers).map(codeOf)).toEqual(["internal", undefined]);
    expect(rig.isFaithful).toBe(true);
  });
});

describe("the bound of an entry", () => {
  /** The size of the largest entry. */
  const largest = (rig: CommitRig): number =>
    only(
      rig.sql.rows<[bytes: number]>(
        "SELECT max(octet_length(keys) + octet_length(events) + octet_length(texts)) FROM raft_log_1",
      ),
    )[0];

  test("splits groups before the command that would pass it", async () => {
    const rig = holding();
    const decide = vi.spyOn(decisions, "job.enqueue");
    const jobs = [{ payload: payload(250 * KiB) }];
    const { answers } = submitAll(rig, Array(14).fill(enqueue(jobs)));
    while (rig.sql.waiting > 0) await rig.sql.settle();
    expect((await answers).map(codeOf)).toEqual(Array(14).fill(undefined));
    // 1.5 MiB takes six of 250 KiB, so fourteen take three entries behind the first.
    expect(rig.store.last.index).toBe(4);
    expect(decide).toHaveBeenCalledTimes(14);
    expect(largest(rig)).toBeLessThanOrEqual(limits.entryBytesMax);
    expect(rig.isFaithful).toBe(true);
  });

  test("closes before a command whose events turn out to be larger than its request", async () => {
    const rig = holding();
    const jobs = Array(4).fill({ payload: payload(250 * KiB) });
    const { answers } = submitAll(rig, Array(2).fill(enqueue(jobs, { bytes: 10 })));
    while (rig.sql.waiting > 0) await rig.sql.settle();
    expect((await answers).map(codeOf)).toEqual([undefined, undefined]);
    expect(rig.store.last.index).toBe(3);
    expect(largest(rig)).toBeLessThanOrEqual(limits.entryBytesMax);
    expect(rig.isFaithful).toBe(true);
  });

  test("refuses a command that no entry takes, alone, and does nothing of it", async () => {
    const rig = holding();
    const jobs = Array(7).fill({ payload: payload(250 * KiB) });
    const { answers } = submitAll(rig, [
      enqueue([{ id: "before" }]),
      enqueue(jobs, { bytes: 10 }),
      enqueue([{ id: "behind" }]),
    ]);
    while (rig.sql.waiting > 0) await rig.sql.settle();
    expect((await answers).map(codeOf)).toEqual([undefined, "entry_too_large", undefined]);
    expect(rig.store.tables.counters.get([0])?.ready).toBe(3);
    expect(rig.isFaithful).toBe(true);
  });

  test("refuses a command whose request alone is over it, instead of turning for ever", async () => {
    const rig = new CommitRig();
    const jobs = Array(7).fill({ payload: payload(250 * KiB) });
    expect(codeOf(await rig.committer.submit(enqueue(jobs)))).toBe("entry_too_large");
    expect(rig.sql.rows("SELECT name FROM sqlite_master")).toEqual([]);
  });

  test("a thousand jobs in one command are one entry", async () => {
    const rig = new CommitRig();
    const jobs = Array(1000).fill({ payload: payload(1000) });
    expect(idsOf(await rig.committer.submit(enqueue(jobs)))).toHaveLength(1000);
    expect(rig.store.last.index).toBe(1);
    expect(jobsOf(await rig.committer.submit(claim(1000)))).toHaveLength(1000);
    expect(rig.isFaithful).toBe(true);
  });
});

describe("what stands beside groups", () => {
  test("work that must be alone waits for the groups in flight, and commands wait for it", async () => {
    const rig = holding();
    const order: string[] = [];
    void rig.committer.submit(enqueue([{}])).then(() => order.push("before"));
    const alone = rig.committer.alone(() => order.push("alone"));
    void rig.committer.submit(enqueue([{}])).then(() => order.push("behind"));
    rig.now += 10;
    void rig.committer.submit(enqueue([{}]));
    await turns();
    expect([order, rig.sql.waiting]).toEqual([[], 1]);
    rig.sql.isHeld = false;
    await rig.sql.settle();
    await alone;
    await turns();
    expect(order[0]).toBe("alone");
    expect(rig.store.last.index).toBe(2);
  });

  test("work that fails lets the commands behind it go on", async () => {
    const rig = holding();
    const alone = rig.committer.alone(() => {
      throw new Error("no room");
    });
    const outcome = expect(alone).rejects.toThrow("no room");
    const behind = rig.committer.submit(enqueue([{}]));
    rig.sql.isHeld = false;
    await rig.sql.settle();
    await outcome;
    expect(idsOf(await behind)).toHaveLength(1);
    expect(rig.aborts).toEqual([]);
  });

  test("upkeep and commands take turns, each its own entry", async () => {
    const rig = new CommitRig();
    await rig.committer.submit(enqueue([{ id: "late", delayMs: 1000 }]));
    rig.now += 2000;
    const both = await Promise.all([
      rig.committer.upkeep((group) => group.sweep(true)),
      rig.committer.submit(claim(9)),
      rig.committer.upkeep((group) => group.sweep(true)),
    ]);
    expect(both[0]).toBe(1);
    expect(jobsOf(both[1] as CommandAnswer).map(({ id }) => id)).toEqual(["late"]);
    expect(both[2]).toBe(0);
    expect(rig.isFaithful).toBe(true);
  });
});
