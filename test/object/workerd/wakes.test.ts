/**
 * Evictions, aborts and damaged storage: what a new instance finds, and what it refuses.
 * Invariant: an instance is replaceable between any two commands without anybody noticing.
 */
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CommandAnswer, CommandRequest } from "../../../src/contract/rpc.ts";
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
} from "../commands.ts";
import { EPOCH, passes, Queue, stopClock } from "./queues.ts";

beforeEach(stopClock);
afterEach(() => vi.restoreAllMocks());

describe("an eviction between any two commands", () => {
  /** What a queue says in the course of a life, less its name and its random id. */
  async function life(evicting: boolean): Promise<string[]> {
    const queue = new Queue();
    const said: string[] = [];
    const say = async (request: CommandRequest): Promise<CommandAnswer> => {
      passes(250);
      const answer = await queue.submit(request);
      said.push(JSON.stringify(answer), `armed ${await queue.armed()}`);
      if (evicting) await queue.evict();
      return answer;
    };
    const fire = async () => {
      passes(20_000);
      said.push(`fired ${await queue.fire()}`, `armed ${await queue.armed()}`);
      if (evicting) await queue.evict();
    };
    const keyed = enqueue([{ payload: '{"n":12345678901234567890}' }, { delayMs: 9000 }], {
      key: "k",
    });
    await say(keyed);
    await say(
      enqueue([
        { id: "ttl", ttlMs: 15_000, priority: -1 },
        { id: "b", priority: 5 },
      ]),
    );
    await fire();
    await say(keyed);
    const [first, ...rest] = jobsOf(await say(claim(3, 10_000)));
    if (first === undefined) throw new Error("nothing was claimed");
    await say(command("queue.checkpoint", {}));
    await say(settle([complete(first)], { key: "s" }));
    await say(settle([complete(first)], { key: "s" }));
    await say(settle([complete(first)]));
    await say(command("queue.pause", { reason: "lunch" }));
    await say(claim());
    await fire();
    await say(settle(rest.map(({ id, token }) => ({ op: "fail", id, token, error: "late" }))));
    await say(command("queue.resume", {}));
    await say(claim(9));
    await say(command("queue.purge", { states: ["ready", "running", "completed"] }));
    await say(enqueue([{ id: "last" }]));
    const stats = await queue.stats();
    const list = await queue.read("job.list", { include: "payload" });
    const { queueId } = (await queue.read("queue.get", {})).queue;
    const { storage: _, perMinute: __, ...lasting } = stats;
    said.push(JSON.stringify(lasting), JSON.stringify(list));
    return said.map((each) => each.replaceAll(queueId, "ID").replaceAll(queue.name, "NAME"));
  }

  test("changes nothing that the queue says, nor when its alarm is armed", async () => {
    const undisturbed = await life(false);
    vi.setSystemTime(EPOCH);
    const evicted = await life(true);
    expect(evicted).toEqual(undisturbed);
    expect(undisturbed.join()).toContain("12345678901234567890");
  });
});

describe("an abort while commands are under way", () => {
  test.each([1, 10, 40])(
    "loses nothing that was answered and leaves nothing half done (after %i answers)",
    async (after) => {
      const queue = new Queue();
      await queue.submit(enqueue([{ id: "first" }]));
      const answered = new Set<number>();
      const { promise: enough, resolve } = Promise.withResolvers<void>();
      const settled = Promise.allSettled(
        Array.from({ length: 60 }, async (_, i) => {
          const jobs = [0, 1, 2].map((n) => ({ id: `${i}-${n}` }));
          idsOf(await queue.submit(enqueue(jobs, { key: `k${i}` })));
          answered.add(i);
          if (answered.size >= after) resolve();
        }),
      );
      await enough;
      await abortAllDurableObjects();
      await settled;

      const { jobs } = await queue.read("job.list", { limit: 1000 });
      const present = new Set(jobs.map(({ id }) => id));
      for (let i = 0; i < 60; i++) {
        const found = [0, 1, 2].filter((n) => present.has(`${i}-${n}`)).length;
        expect(found, `batch ${i}`).toBeOneOf(answered.has(i) ? [3] : [0, 3]);
      }
      // A retry with the same key makes up for what was lost, and doubles nothing.
      await Promise.all(
        Array.from({ length: 60 }, (_, i) => {
          const again = [0, 1, 2].map((n) => ({ id: `${i}-${n}` }));
          return queue.submit(enqueue(again, { key: `k${i}` }));
        }),
      );
      expect((await queue.stats()).counts.ready).toBe(181);
    },
  );
});

describe("storage that fails", () => {
  test("while the first entry is written leaves no table behind, and a retry creates the queue", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const queue = new Queue();
    await runInDurableObject(queue.stub, (_, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      vi.spyOn(storage.sql, "exec").mockImplementation((query, ...bindings) => {
        if (query.startsWith("INSERT INTO raft_log_")) throw new Error("SQLITE_FULL");
        return exec(query, ...bindings);
      });
    });
    const request = enqueue([{ id: "a" }], { key: "k" });
    expect(codeOf(await queue.submit(request))).toBe("append_failed");
    expect(await queue.database()).toBe("[]");
    expect(await queue.armed()).toBe(null);
    vi.restoreAllMocks();
    expect(idsOf(await queue.submit(request))).toEqual(["a"]);
  });

  test("to say whether an entry is durable ends the instance; the next one has what was durable", async () => {
    const report = vi.spyOn(console, "error").mockReturnValue();
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "before" }]));
    await runInDurableObject(queue.stub, (_, { storage }) => {
      vi.spyOn(storage, "sync").mockRejectedValue(new Error("the disk is gone"));
    });
    const request = enqueue([{ id: "a" }], { key: "k" });
    const both = [queue.submit(request), queue.submit(request)];
    const outcomes = await Promise.allSettled(both);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(report).toHaveBeenCalledOnce();
    expect(idsOf(await queue.submit(request))).toEqual(["a"]);
    const { jobs } = await queue.read("job.list", {});
    expect(jobs.map(({ id }) => id)).toEqual(["a", "before"]);
  });
});

describe("storage that contradicts itself", () => {
  /** A queue with a checkpoint and a tail, registered, with an alarm ahead. */
  async function damaged(...statements: string[]): Promise<Queue> {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a", payload: '"checkpointed"' }]));
    await queue.fire();
    await queue.submit(command("queue.checkpoint", {}));
    await queue.submit(enqueue([{ id: "b", payload: '"tail"' }]));
    await queue.submit(enqueue([{ id: "c", delayMs: 60_000 }]));
    for (const statement of statements) await queue.sql(statement);
    await queue.evict();
    return queue;
  }

  const damage: [string, string][] = [
    ["a byte of an entry's texts", "UPDATE raft_log_1 SET texts = replace(texts, 'tail', 'tall')"],
    [
      "a byte of an entry's events",
      "UPDATE raft_log_1 SET events = replace(events, '\"c\"', '\"d\"')",
    ],
    [
      "a byte of an entry's hash",
      "UPDATE raft_log_1 SET hash = 'x' || substr(hash, 2) WHERE log_index = 4",
    ],
    ["a lost entry in the middle", "DELETE FROM raft_log_1 WHERE log_index = 3"],
    ["a lost checkpointed entry", "DELETE FROM raft_log_1 WHERE log_index = 2"],
    ["a checkpointed entry of another term", "UPDATE raft_log_1 SET term = 9 WHERE log_index = 1"],
    ["keys that are no JSON", "UPDATE raft_log_1 SET keys = 'x' WHERE log_index = 4"],
    ["a committed place of no form", "UPDATE raft_state SET committed = '{}'"],
    ["a vote of no form", "UPDATE raft_state SET vote = '5'"],
    ["a format before the first", "UPDATE raft_state SET format = 0"],
    [
      "another hash of what was purged",
      "UPDATE raft_state SET purged = json_set(purged, '$.hash', 'zz')",
    ],
    ["a segment's row that counts others", "UPDATE raft_segments SET key_count = 7"],
    ["a log without a column", "ALTER TABLE raft_log_1 DROP COLUMN texts"],
    ["a hard state without a column", "ALTER TABLE raft_state DROP COLUMN role"],
    ["jobs without payloads", "ALTER TABLE jobs DROP COLUMN payload"],
    ["a lost log table", "DROP TABLE raft_log_1"],
    ["a lost list of segments", "DROP TABLE raft_segments"],
    ["a lost hard state", "DROP TABLE raft_state"],
    ["an emptied hard state", "DELETE FROM raft_state"],
    ["a lost row of the queue", "DELETE FROM queue"],
    ["lost counters", "DELETE FROM counters"],
    ["a lost table of jobs", "DROP TABLE jobs"],
    ["an emptied index of ready jobs", "DELETE FROM ready"],
    ["jobs that no counter counts", "UPDATE counters SET value = json_set(value, '$.ready', 0)"],
    ["a strange log table", "CREATE TABLE raft_log_7 (log_index INTEGER PRIMARY KEY)"],
  ];

  test.each(damage)(
    "%s: every write is refused, reads tell of it, and storage is not touched",
    async (_, statement) => {
      vi.spyOn(console, "error").mockReturnValue();
      const queue = await damaged(statement);
      const before = await queue.database();
      for (const request of [enqueue([{}]), claim(), command("queue.delete", {})]) {
        expect(codeOf(await queue.submit(request))).toBe("store_corrupt");
      }
      expect(codeOf(await queue.submit(command("queue.checkpoint", {})))).toBe("store_corrupt");
      const stats = await queue.stub.read(command("queue.stats", {}));
      const told = codeOf(stats) ?? replyOf("queue.stats", stats).damage?.code;
      expect(told).toBe("store_corrupt");
      await queue.fire();
      expect(await queue.armed()).toBe(null);
      expect(await queue.database()).toBe(before);
      expect(codeOf(await queue.submit(claim()))).toBe("store_corrupt");
    },
  );

  test("in one row is told to whoever asks for it, and to nobody else", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a" }, { id: "b" }, { id: "c" }]));
    await queue.submit(command("queue.checkpoint", {}));
    await queue.sql("UPDATE jobs SET value = '{' WHERE id = 'b'");
    await queue.evict();
    expect(codeOf(await queue.stub.read(command("job.get", { id: "b" })))).toBe("store_corrupt");
    expect(codeOf(await queue.submit(command("job.cancel", { id: "b" })))).toBe("store_corrupt");
    expect(await queue.stateOf("c")).toBe("ready");
    expect(codeOf(await queue.submit(command("job.cancel", { id: "c" })))).toBeUndefined();
    await queue.sql("UPDATE jobs SET value = '{}', version = 2 WHERE id = 'b'");
    await queue.evict();
    expect(codeOf(await queue.stub.read(command("job.get", { id: "b" })))).toBe("store_newer");
  });

  test("written by newer code is read, and not written", async () => {
    const queue = await damaged("UPDATE raft_state SET format = format + 1");
    const before = await queue.database();
    expect(await queue.stateOf("b")).toBe("ready");
    expect(codeOf(await queue.submit(enqueue([{}])))).toBe("store_newer");
    expect(codeOf(await queue.submit(command("queue.checkpoint", {})))).toBe("store_newer");
    expect(codeOf(await queue.submit(command("queue.delete", {})))).toBe("store_newer");
    await queue.fire();
    expect(await queue.database()).toBe(before);
  });

  test("written by much newer code is neither read nor written", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const queue = await damaged("UPDATE raft_state SET format = format + 2");
    const before = await queue.database();
    expect(codeOf(await queue.stub.read(command("job.get", { id: "b" })))).toBe("store_newer");
    expect(codeOf(await queue.submit(claim()))).toBe("store_newer");
    expect(await queue.database()).toBe(before);
  });

  test("of one queue leaves another as it was", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const sound = new Queue();
    await sound.submit(enqueue([{}]));
    await damaged("DROP TABLE raft_log_1");
    expect(jobsOf(await sound.submit(claim()))).toHaveLength(1);
  });
});

test("a queue that was put back into order is used again, with all it had", async () => {
  vi.spyOn(console, "error").mockReturnValue();
  const queue = new Queue();
  await queue.submit(enqueue([{ id: "a", payload: '"tail"' }]));
  await queue.sql("UPDATE raft_log_1 SET texts = replace(texts, 'tail', 'tall')");
  await queue.evict();
  expect(codeOf(await queue.submit(claim()))).toBe("store_corrupt");
  await queue.sql("UPDATE raft_log_1 SET texts = replace(texts, 'tall', 'tail')");
  await queue.evict();
  const reply = replyOf("lease.claim", await queue.submit(claim()));
  expect(reply.jobs.map(({ payload }) => payload)).toEqual(["tail"]);
});
