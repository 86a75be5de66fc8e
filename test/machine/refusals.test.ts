/** The order of refusals: of those that would apply at once, the one that stands first in the command table is given. */
import { expect, test } from "vitest";
import { commands } from "../../src/contract/commands.ts";
import { limits } from "../../src/contract/limits.ts";
import { type RefusalCode, refusals } from "../../src/contract/refusals.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { deliveryCases } from "./delivery-cases.ts";
import { flowCases } from "./flow-cases.ts";
import { planOf } from "./plan-rig.ts";
import { type Case, refuses, scheduleCases } from "./schedule-cases.ts";

const nothing = () => Promise.resolve();
const aQueue = (q: Harness) => q.run("queue.configure", {});
const aRunning = async (q: Harness) => {
  await q.enqueue({ id: "a", fingerprint: "one" });
  await q.claimOne();
};
const aCompleted = async (q: Harness) => {
  await aRunning(q);
  await q.settle({ op: "complete", id: "a", token: latest });
};
const aFull = async (q: Harness) => {
  await aRunning(q);
  await q.run("queue.configure", { maxJobs: 1 });
};
const lanes = async (q: Harness) => {
  const jobs = Array.from({ length: limits.lanesMax }, (_, i) => ({
    payload: "1",
    requires: [`r${i}`],
  }));
  await q.run("job.enqueue", { jobs: jobs.slice(0, 1000) });
  await q.run("job.enqueue", { jobs: jobs.slice(1000) });
};
const latest = "q0000000-001-000000001";
const a = { id: "a" };
const other = { id: "a", payload: "2", fingerprint: "two", requires: ["new"] };
const settle = (op: "complete" | "extend", token = "stale") => ({ items: [{ op, ...a, token }] });
const extendOnly = { items: [{ op: "extend" as const, ...a, token: latest }] };

const key = "idempotency_key_reused" as const;
const queueUnknown = "queue_unknown" as const;
const aPlan = (q: Harness) => q.run("plan.submit", planOf("a", ["{{input.n}}"]));
const ofPlan = { id: "b", plan: "a", payload: "1", fingerprint: "two" };
const asAction = { id: "a", action: "x", inputs: ["1"], fingerprint: "two" };
const anAction = async (q: Harness) => {
  await aPlan(q);
  await q.run("action.submit", { ...asAction, action: "a", inputs: ['{"n":1}'] });
};
/** An action of a plan that is gone. */
const ofGonePlan = async (q: Harness) => {
  await anAction(q);
  await q.run("action.cancel", a);
  await q.run("plan.remove", a);
};
/** A plan's job `a` that failed, and a plan that is gone. */
const aGoneJob = async (q: Harness) => {
  await aPlan(q);
  await q.enqueue({ ...ofPlan, ...a, payload: '{"n":1}' });
  await q.run("job.cancel", a);
  await q.run("plan.remove", a);
};
const onlyRoomFor = (bytes: number) => (q: Harness) =>
  q.run("queue.configure", { maxBytes: bytes });
const inTurn =
  (...sets: Case["set"][]) =>
  async (q: Harness) => {
    for (const set of sets) await set(q);
  };
/** What only ten thousand commands would lead to is written into the storage. */
const written = (command: Case["set"], damage: string) => async (q: Harness) => {
  await command(q);
  await q.run("queue.checkpoint", {});
  q.sql.run(damage);
  await q.crash();
};
const manyVersions = written(
  aPlan,
  `UPDATE plans SET value = json_set(value, '$.latest', ${limits.planVersionsMax})`,
);
const manyWorkers = written(
  (q) => q.run("worker.register", { id: "w" }),
  `UPDATE counters SET value = json_set(value, '$.workers', ${limits.workersMax})`,
);

const planCases: readonly Case[] = [
  refuses("job.enqueue", ["job_exists", "plan_unknown"], { jobs: [{ ...ofPlan, ...a }] }, aRunning),
  refuses("job.enqueue", ["plan_unknown", "queue_full"], { jobs: [ofPlan] }, aFull),
  refuses(
    "job.enqueue",
    ["input_mismatch", "queue_full", "requires_limit"],
    { jobs: [ofPlan] },
    inTurn(lanes, aPlan, aFull),
  ),
  refuses("job.retry", ["job_state", "plan_unknown"], a, async (q) => {
    await aPlan(q);
    await q.enqueue({ ...ofPlan, ...a, payload: '{"n":1}', expiresAt: START + 1 });
    await q.advance(1);
    await q.run("plan.remove", a);
  }),
  refuses("job.retry", ["plan_unknown", "requires_limit"], a, inTurn(aGoneJob, lanes)),
  refuses("job.tasks", [queueUnknown, "job_unknown"], a, nothing),
  refuses("job.tasks", ["job_unknown"], a, aQueue),
  refuses("job.tasks", ["plan_unknown"], a, aGoneJob),
  refuses(
    "lease.settle",
    ["lease_stale", "task_unknown"],
    { items: [{ op: "task", ...a, token: "stale", task: 9 }] },
    aRunning,
  ),
  refuses(
    "lease.settle",
    ["task_unknown"],
    { items: [{ op: "task", ...a, token: latest, task: 9 }] },
    aRunning,
  ),
  refuses("plan.submit", ["plan_limit", "queue_full"], planOf("a"), async (q) => {
    await manyVersions(q);
    await onlyRoomFor(1)(q);
  }),
  refuses("plan.submit", ["queue_full"], planOf("a"), inTurn(aQueue, onlyRoomFor(1))),
  refuses("plan.submit", [key, "queue_full"], planOf("a"), inTurn(aQueue, onlyRoomFor(1)), true),
  refuses("plan.get", [queueUnknown, "plan_unknown"], a, nothing),
  refuses("plan.get", ["plan_unknown"], a, aQueue),
  refuses("plan.list", [queueUnknown, "cursor_invalid"], { cursor: "x" }, nothing),
  refuses("plan.list", ["cursor_invalid"], { cursor: "x" }, aQueue),
  refuses("plan.remove", [key, "plan_unknown"], a, aQueue, true),
  refuses("plan.remove", [queueUnknown, "plan_unknown"], a, nothing),
  refuses("plan.remove", ["plan_unknown"], a, aQueue),
  refuses("plan.remove", ["plan_in_use"], a, anAction),
  refuses("action.submit", [queueUnknown, "plan_unknown"], asAction, nothing),
  refuses("action.submit", [key, "plan_unknown"], asAction, aQueue, true),
  refuses(
    "action.submit",
    ["action_exists", "plan_unknown", "queue_full"],
    { ...asAction, action: "a", fingerprint: "other" },
    inTurn(ofGonePlan, onlyRoomFor(1)),
  ),
  refuses(
    "action.submit",
    ["plan_unknown", "queue_full"],
    asAction,
    inTurn(aQueue, onlyRoomFor(1)),
  ),
  refuses(
    "action.submit",
    ["input_mismatch", "queue_full", "requires_limit"],
    asAction,
    inTurn(aPlan, lanes, onlyRoomFor(1)),
  ),
  refuses(
    "action.submit",
    ["key_full", "queue_full", "requires_limit"],
    { ...asAction, inputs: ['{"n":1}'], key: "k" },
    inTurn(aPlan, lanes, onlyRoomFor(1), (q) =>
      q.run("queue.configure", { keys: { maxBacklog: 0 } }),
    ),
  ),
  refuses(
    "action.submit",
    ["queue_full", "requires_limit"],
    { ...asAction, inputs: ['{"n":1}'] },
    inTurn(aPlan, lanes, onlyRoomFor(1)),
  ),
  refuses(
    "action.submit",
    ["requires_limit"],
    { ...asAction, inputs: ['{"n":1}'] },
    inTurn(aPlan, lanes),
  ),
  refuses("action.get", [queueUnknown, "action_unknown"], a, nothing),
  refuses("action.get", ["action_unknown"], a, aQueue),
  refuses("action.list", [queueUnknown, "cursor_invalid"], { cursor: "x" }, nothing),
  refuses("action.list", ["cursor_invalid"], { cursor: "x" }, aQueue),
  ...(["action.cancel", "action.retry"] as const).flatMap((command) => [
    refuses(command, [key, "action_unknown"], a, aQueue, true),
    refuses(command, [queueUnknown, "action_unknown"], a, nothing),
    refuses(command, ["action_unknown"], a, aQueue),
  ]),
  refuses("action.retry", ["plan_unknown", "requires_limit"], a, inTurn(ofGonePlan, lanes)),
  refuses("action.retry", ["requires_limit"], a, async (q) => {
    await aPlan(q);
    const inputs = ['{"n":1}'];
    await q.run("action.submit", {
      ...asAction,
      action: "a",
      inputs,
      expiresAt: START + 10,
      ttlMs: 1,
    });
    await q.advance(1);
    await lanes(q);
  }),
  refuses("worker.register", [key, "workers_limit"], a, manyWorkers, true),
  refuses("worker.register", ["workers_limit"], a, manyWorkers),
  refuses("worker.list", [queueUnknown], {}, nothing),
  ...(["worker.get", "worker.heartbeat", "worker.drain", "worker.remove"] as const).flatMap(
    (command) => [
      refuses(command, [queueUnknown, "worker_unknown"], a, nothing),
      refuses(command, ["worker_unknown"], a, aQueue),
    ],
  ),
  ...(["worker.drain", "worker.remove"] as const).map((command) =>
    refuses(command, [key, "worker_unknown"], a, aQueue, true),
  ),
];

const cases: readonly Case[] = [
  ...scheduleCases,
  ...flowCases,
  ...deliveryCases,
  refuses("job.enqueue", [key, "job_exists", "queue_full"], { jobs: [other] }, aFull, true),
  refuses("job.enqueue", ["job_exists", "queue_full"], { jobs: [other] }, aFull),
  refuses(
    "job.enqueue",
    ["queue_full", "requires_limit"],
    { jobs: [{ ...other, id: "b" }] },
    async (q) => {
      await lanes(q);
      await q.run("queue.configure", { maxJobs: 1 });
    },
  ),
  refuses("job.enqueue", ["requires_limit"], { jobs: [{ ...other, id: "b" }] }, lanes),
  refuses("job.get", ["queue_unknown", "job_unknown"], a, nothing),
  refuses("job.get", ["job_unknown"], a, aQueue),
  refuses("job.list", ["queue_unknown", "cursor_invalid"], { cursor: "x" }, nothing),
  refuses("job.list", ["cursor_invalid"], { cursor: "x" }, aQueue),
  refuses("lease.claim", [key, "answer_gone"], {}, aQueue, true),
  refuses("lease.settle", [key, "job_unknown"], settle("complete"), aQueue, true),
  refuses("lease.settle", ["queue_unknown", "job_unknown"], settle("complete"), nothing),
  refuses("lease.settle", ["job_unknown", "lease_stale"], settle("complete"), aQueue),
  refuses(
    "lease.settle",
    ["job_cancelled", "already_settled", "lease_stale"],
    settle("complete"),
    async (q) => {
      await aRunning(q);
      await q.run("job.cancel", a);
    },
  ),
  refuses("lease.settle", ["already_settled", "lease_stale"], settle("extend"), aCompleted),
  refuses("lease.settle", ["lease_stale", "max_run_reached"], settle("extend"), async (q) => {
    await q.enqueue({ ...a, maxRunMs: 1000 });
    await q.claimOne();
  }),
  refuses("lease.settle", ["max_run_reached"], extendOnly, async (q) => {
    await q.enqueue({ ...a, maxRunMs: 1000 });
    await q.claimOne();
  }),
  refuses("queue.configure", [key], { maxJobs: 2 }, aQueue, true),
  refuses("queue.pause", [key], {}, aQueue, true),
  refuses("queue.resume", [key], {}, aQueue, true),
  refuses("queue.purge", [key], {}, aQueue, true),
  refuses("job.redrive", [key], {}, aQueue, true),
  refuses("queue.delete", ["queue_not_empty"], {}, aRunning),
  refuses("operation.get", ["queue_unknown", "operation_unknown"], a, nothing),
  refuses("operation.get", ["operation_unknown"], a, aQueue),
  refuses("job.retry", ["job_state", "requires_limit"], a, async (q) => {
    await q.enqueue({ ...a, requires: ["own"], expiresAt: START + 1 });
    await q.run("job.cancel", a);
    await q.advance(1);
    await lanes(q);
  }),
  refuses("job.retry", ["requires_limit"], a, async (q) => {
    await q.enqueue({ ...a, requires: ["own"] });
    await q.run("job.cancel", a);
    await lanes(q);
  }),
  ...planCases,
  ...(["job.update", "job.cancel", "job.retry", "job.remove"] as const).flatMap((command) => {
    const input = { ...a, priority: 5 };
    const wrong = command === "job.update" || command === "job.cancel" ? aCompleted : aRunning;
    return [
      refuses(command, [key, "job_unknown"], input, aQueue, true),
      refuses(command, ["queue_unknown", "job_unknown"], input, nothing),
      refuses(command, ["job_unknown"], input, aQueue),
      refuses(command, ["job_state"], input, wrong),
    ];
  }),
];

/** The code of the refusal, or of the one item that was refused. */
async function given(q: Harness, { command, input, isKeyUsed }: Case): Promise<string> {
  const used = { key: "k", bodyHash: "first" };
  // Whatever the first use of the key did, this is another body.
  if (isKeyUsed) await q.run("queue.pause", { reason: "key" }, used);
  const answer = await q.answer(command, input, isKeyUsed && { key: "k", bodyHash: "second" });
  if ("refusal" in answer) return answer.refusal.refusalCode;
  const reply = JSON.parse(answer.reply) as Record<string, { problem?: { code: string } }[]>;
  return (reply["results"] ?? reply["items"])?.[0]?.problem?.code ?? "none";
}

test.each(cases.map((each) => [each.command, each.codes.join(" before "), each] as const))(
  "%s refuses with %s",
  async (_, __, each) => {
    const q = await openEngine();
    await each.set(q);
    expect(await given(q, each)).toBe(each.codes[0]);
  },
);

test("the command table lists every refusal that is tried, in this order", () => {
  for (const { command, codes } of cases) {
    const listed: readonly RefusalCode[] = commands[command].refusals;
    expect([command, listed.filter((code) => codes.includes(code))]).toEqual([command, codes]);
  }
});

test("every refusal of every command is one of the table of refusals, and tried in a case above", () => {
  const tried = new Set(
    cases.flatMap(({ command, codes }) => codes.map((code) => `${command} ${code}`)),
  );
  tried.add("snapshot.import queue_not_empty");
  const elsewhere = new Set([
    // Behind another key than the one that was reused; see the tests of idempotency and of queues.
    "answer_gone",
    "queue_unknown",
    // Of the log rather than of the state; see the tests of the feed.
    "feed_diverged",
    "feed_gone",
    // Of files rather than of the state; see the tests of snapshots.
    "cursor_invalid",
    "import_unknown",
    "snapshot_invalid",
    "snapshot_newer",
    "snapshot_no_room",
    "snapshot_unknown",
    // Of a limit that is lowered for it; see the tests of schedules.
    "schedules_limit",
  ]);
  for (const [command, { refusals: listed }] of Object.entries(commands)) {
    for (const code of listed) {
      expect(refusals).toHaveProperty(code);
      expect(tried.has(`${command} ${code}`) || elsewhere.has(code), `${command} ${code}`).toBe(
        true,
      );
    }
  }
});
