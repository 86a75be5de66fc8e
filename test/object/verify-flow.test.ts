/**
 * Verifying flow keys, their turns, timers, unique keys and jobs that wait for others: damage to their tables is found, and is not
 * let in.
 */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { able, act, planOf } from "../machine/plan-rig.ts";
import { expectFound, expectSound, problemsOf, set, unset } from "./verify-rig.ts";

/** A queue with keys that are open, paused, full, rated, held by a retry and only set; with slots, unique keys and flows. */
async function flowQueue(): Promise<Harness> {
  const queue = await openEngine({
    config: { backoff: { kind: "fixed", delayMs: 60_000, jitter: "none" } },
  });
  await queue.run("key.put", { key: "full", concurrency: 1 });
  await queue.run("key.put", { key: "rated", rate: { limit: 1, perMs: 60_000 } });
  await queue.run("key.put", { key: "strict", order: "fifo" });
  await queue.run("key.put", { key: "set", weight: 2 });
  await queue.run("key.put", { key: "日本", weight: 2 });
  for (const key of ["full", "rated", "strict"]) {
    for (const n of [1, 2]) await queue.enqueue({ id: `${key}-${n}`, key });
  }
  const leases = await queue.claim({ max: 3 });
  const strict = leases.find((lease) => lease.id === "strict-1");
  await queue.settle({ op: "fail", id: "strict-1", token: strict?.token ?? "", error: "no" });
  await queue.enqueue({ id: "gone", key: "slot" });
  await queue.claim();
  await queue.run("job.cancel", { id: "gone" });
  await queue.enqueue({ id: "only", unique: { key: "u" } });
  await queue.enqueue({ id: "window", unique: { key: "w", until: { ms: 90_000 } } });
  for (const name of ["done", "done-2"]) {
    await queue.enqueue({ id: name });
    await queue.run("job.cancel", { id: name });
  }
  await queue.run("job.enqueue", {
    jobs: [
      { id: "child", payload: "1", after: [{ id: "only" }, { id: "window", onFail: "continue" }] },
      {
        id: "other",
        payload: "1",
        after: ["done", "done-2"].map((name) => ({ id: name, onFail: "continue" as const })),
        key: "paused",
      },
    ],
  });
  await queue.run("key.put", { key: "paused", paused: true });
  for (const n of [1, 2]) await queue.enqueue({ id: `open-${n}`, key: "open", priority: n });
  await queue.enqueue({ id: "apart", key: "open", requires: ["x"] });
  await queue.run("plan.submit", planOf("p"));
  await queue.run("worker.register", { id: "w", ...able });
  const [parent = ""] = await act(queue, ["1"], { action: "acts" });
  await queue.enqueue({ id: "of-action", after: [{ id: parent }] });
  return queue;
}

const id = (name: string) => `id = '${name}'`;
const key = (name: string) => `key = '${name}'`;

describe("a verification of keys and flows", () => {
  it("finds rows by keys that UTF-16 would order otherwise", async () => {
    const queue = await openEngine({ config: {} });
    const keys = ["z", "\uE000", "\uFFFD", "\u{10000}", "\u{1F600}", "\u{10FFFF}"];
    for (const [i, name] of keys.entries()) {
      await queue.enqueue({ id: `job-${i}`, key: name, unique: { key: name } });
    }
    await expectSound(queue);
  });

  it("finds nothing wrong with a sound queue, in however many steps", async () => {
    const queue = await flowQueue();
    await expectSound(queue);
    await queue.run("queue.configure", { keys: { concurrency: 1 } });
    await expectSound(queue);
    await queue.advance(61_000);
    await queue.run("action.cancel", { id: "acts" });
    await expectSound(queue);
  });

  it.each([
    ["a lost key", [`DELETE FROM keys WHERE ${key("open")}`], "I11", "keys:"],
    [
      "a key that nothing needs",
      [unset("keys", "settings", key("set"))],
      "I11",
      "nothing needs it",
    ],
    ["a wrong count", [set("keys", "ready", 7, key("open"))], "I11", "keys:"],
    ["a slot not counted", [set("keys", "lingering", 0, key("slot"))], "I11", "keys"],
    ["a lane of another number", [set("keys", "lanes.1.lane", 99, key("full"))], "I11", "lanes of"],
    [
      "another order",
      [unset("keys", "order", key("strict"))],
      "I5",
      "it is held, and not in strict",
    ],
    ["another holder", [set("keys", "holder", "only", key("strict"))], "I5", "is held by job only"],
    ["no holder", [unset("keys", "holder", key("strict"))], "I6", "it is open, and has no turn"],
    ["no pause", [unset("keys", "paused", key("paused"))], "I6", "it is open, and has no turn"],
    [
      "a pause that took no turns",
      [set("keys", "paused", { at: 1 }, key("open"))],
      "I6",
      "it is shut",
    ],
    ["a limit", [set("keys", "settings.concurrency", 0, key("open"))], "I6", "it is shut"],
    ["a key without a timer", [unset("keys", "dueAt", key("rated"))], "I9", "its timer is at none"],
    [
      "a pause of the future",
      [set("keys", "paused.at", 9e12, key("paused"))],
      "I15",
      "its paused.at 9000000000000 is behind the last entry",
    ],
    [
      "a wrong round",
      [set("keys", "lanes.1.round", [1, 7], key("open"))],
      "I6",
      "turns in round 1,7",
    ],
    ["a wrong best priority", [set("keys", "lanes.1.top", 7, key("open"))], "I6", "of priority 7"],
    ["a lost turn", ["DELETE FROM turns WHERE set_number = 1"], "I11", "turns:"],
    ["a turn of another key", [set("turns", "key", "none")], "I11", "turns:"],
    ["a lost round", ["DELETE FROM rounds WHERE set_number = 1"], "I11", "rounds:"],
    ["a wrong count of lanes", [set("rounds", "lanes", 9)], "I11", "rounds:"],
    [
      "a round that is ahead",
      [set("rounds", "passed", 99)],
      "I6",
      "it is at 99, more than one past",
    ],
    ["a turn that is to come", [set("rounds", "plain", 9e9)], "I6", "its turns are not in order"],
    ["a round that never began", [set("rounds", "used", 1)], "I6", "it began with turn undefined"],
    ["a round of nobody", [set("rounds", "lanes", 0)], "I11", "it is of 0 lanes"],
    ["too many jobs left in a turn", [set("rounds", "left", -1)], "I6", "-1 jobs are left"],
    ["plain jobs ahead", [set("counters", "plain_passed", 99)], "I6", "it is at 99, more than"],
    [
      "a wrong counter",
      [set("counters", "parent_cancelled", 1)],
      "I11",
      "counter parent_cancelled is 1;",
    ],
    ...["key", "unique"].map(
      (kind) =>
        [
          `a lost timer: ${kind}`,
          [`DELETE FROM timers WHERE kind = '${kind}'`],
          "I11",
          "timers:",
        ] as const,
    ),
    ["a lost slot", ["DELETE FROM timers WHERE kind = 'lingering'"], "I11", "which has no timer"],
    [
      "a slot of no job",
      ["UPDATE timers SET name = 'x' WHERE kind = 'lingering'"],
      "I11",
      "of no job's slot",
    ],
    ["a timer of no kind", ["UPDATE timers SET kind = 'zzz' WHERE kind = 'key'"], "I11", "timers:"],
    ["a lost unique key", ["DELETE FROM uniques WHERE unique_key = 'u'"], "I7", "which nobody has"],
    [
      "a unique key of an ended job",
      [set("uniques", "id", "done", "unique_key = 'u'")],
      "I7",
      "done has it",
    ],
    [
      "a follow-up that ended",
      [set("uniques", "follow", "done", "unique_key = 'u'")],
      "I7",
      "have it next",
    ],
    [
      "a follow-up that is to have no such key",
      [set("uniques", "follow", "child", "unique_key = 'u'")],
      "I7",
      "have it next",
    ],
    ["a lost edge", ["DELETE FROM edges WHERE parent = 'only'"], "I11", "edges:"],
    [
      "an edge that says something else",
      [unset("edges", "onFail")],
      "I11",
      "job child does not wait for window so",
    ],
    [
      "an edge of no job",
      ["UPDATE edges SET child = 'open-1' WHERE parent = 'only'"],
      "I11",
      "job open-1 does not wait",
    ],
    ["a lost blocked row", ["UPDATE blocked SET seq = seq + 1000"], "I11", "blocked:"],
    ["a job that waits for fewer", [set("jobs", "pending", 1, id("child"))], "I11", "edges:"],
    [
      "a blocked job that waits for none",
      [unset("jobs", "pending", id("child"))],
      "I11",
      "it is blocked, and waits for 0",
    ],
    ["a parent kept for nobody", [set("jobs", "dependents", 0, id("only"))], "I11", "dependents:"],
    ["a parent that is gone", [`DELETE FROM jobs WHERE ${id("only")}`], "I11", "dependents:"],
    [
      "an ended parent on the wrong shelf",
      ["UPDATE finished SET state = 'cancelled' WHERE id = 'done'"],
      "I11",
      "finished:",
    ],
    ["a wrong count of parents", [set("actions", "parents", 3)], "I11", "parents of actions:"],
    ["another key of a job", [set("jobs", "key", "set", id("open-1"))], "I11", "keys:"],
    [
      "a job of no key in a lane of one",
      [unset("jobs", "key", id("strict-2"))],
      "I5",
      "it is of no key",
    ],
    ["a job out of its order", [unset("jobs", "ordered", id("strict-2"))], "I11", "keys:"],
    [
      "a retention begun in the future",
      [set("jobs", "shelvedAt", 9e12, id("done"))],
      "I15",
      "its shelvedAt",
    ],
    [
      "a retention of an open job",
      [set("jobs", "shelvedAt", 1, id("only"))],
      "I1",
      "its retention began at 1",
    ],
    [
      "a slot of a job that completed",
      [set("jobs", "lingersUntil", 1, id("only"))],
      "I11",
      "has left a slot",
    ],
    ...["keys", "keys_set", "lingering", "turns", "limited"].map(
      (name) =>
        [
          `a wrong counter ${name}`,
          [set("counters", name, 77)],
          "I11",
          `The counter ${name} is 77`,
        ] as const,
    ),
  ] as const)("finds %s", async (_, damages, invariant, told) => {
    await expectFound(await flowQueue(), damages, invariant, told);
  });

  it.each([
    ["a lost count of those that a job waits for", ["DELETE FROM waits"], "edges:"],
    ["a wrong count of them", [set("waits", "left", 9, "child = 'fan'")], "edges:"],
    ["a count of too many", [set("waits", "left", 18, "child = 'fan'")], "it waits for 18 of 17"],
    ["a count of no job", ["UPDATE waits SET child = 'p1'"], "waits:"],
    ["an edge that is counted elsewhere", [unset("edges", "apart", "parent = 'p1'")], "edges:"],
  ] as const)("finds %s", async (_, damages, told) => {
    const queue = await openEngine();
    const parents = Array.from({ length: 17 }, (__, i) => ({ id: `p${i}` }));
    for (const each of parents) await queue.enqueue(each);
    await queue.enqueue({ id: "fan", after: parents });
    await expectSound(queue);
    await expectFound(queue, damages, "I11", told);
  });

  it("finds a lost timer of a parent that has ended, and has not told all of its children", async () => {
    const changing = limits as { -readonly [L in keyof typeof limits]: number };
    const { releasedMax } = limits;
    const queue = await flowQueue();
    await queue.enqueue({ id: "done-3" });
    for (const name of ["told", "untold"]) {
      await queue.enqueue({ id: name, after: [{ id: "done-3" }] });
    }
    changing.releasedMax = 1;
    try {
      await queue.run("job.cancel", { id: "done-3" });
    } finally {
      changing.releasedMax = releasedMax;
    }
    await expectFound(queue, ["DELETE FROM timers WHERE kind = 'parent'"], "I11", "timers:");
  });

  it("takes times that lie ahead where they may", async () => {
    const queue = await flowQueue();
    const jobs = await queue.claim({ max: 1 });
    const [{ id: held = "", token = "" } = {}] = jobs;
    await queue.settle({ op: "release", id: held, token, holdKeyMs: 3_600_000 });
    expect(await problemsOf(queue)).toEqual([]);
  });
});
