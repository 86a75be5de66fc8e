/**
 * The refusals of the commands about keys, unique keys and flows, for `refusals.test.ts`.
 */
import { limits } from "../../src/contract/limits.ts";
import type { Harness } from "../engine-harness.ts";
import { type Case, refuses } from "./schedule-cases.ts";

const key = "idempotency_key_reused" as const;
const nothing = () => Promise.resolve();
const aQueue = (q: Harness) => q.run("queue.configure", {});
const k = { key: "k" };
const aKeyed = (q: Harness) => q.enqueue({ id: "a", ...k });
const unique = { key: "u", onConflict: "reject" } as const;
const b = { id: "b", payload: "1", fingerprint: "two" };
const all = { ...b, ...k, unique, plan: "p", after: [{ id: "none" }], requires: ["new"] };
const { plan: _, ...noPlan } = all;
const circle = { jobs: [{ ...all, after: [{ id: "b" }] }] };
const aHolder = (q: Harness) => q.enqueue({ id: "a", payload: "1", fingerprint: "one", unique });
const lanes = async (q: Harness) => {
  const jobs = Array.from({ length: limits.lanesMax }, (__, i) => ({
    payload: "1",
    requires: [`r${i}`],
  }));
  await q.run("job.enqueue", { jobs: jobs.slice(0, 1000) });
  await q.run("job.enqueue", { jobs: jobs.slice(1000) });
};
const full = (q: Harness) => q.run("queue.configure", { maxJobs: 1, keys: { maxBacklog: 0 } });
const manyKeys = async (q: Harness) => {
  await aKeyed(q);
  await q.run("queue.checkpoint", {});
  q.sql.run(`UPDATE counters SET value = json_set(value, '$.keys_set', ${limits.keysMax})`);
  await q.crash();
};
/** An ended job `a` whose unique key another one has by now. */
const aLoser = async (q: Harness) => {
  await q.enqueue({ id: "a", unique, requires: ["own"] });
  await q.run("job.cancel", { id: "a" });
  await q.enqueue({ id: "c", unique });
};

export const flowCases: readonly Case[] = [
  refuses("job.enqueue", [key, "flow_cycle"], circle, aQueue, true),
  refuses("job.enqueue", ["flow_cycle", "job_exists", "unique_conflict"], circle, async (q) => {
    await aHolder(q);
    await q.enqueue({ id: "b" });
  }),
  refuses(
    "job.enqueue",
    ["job_exists", "unique_conflict", "plan_unknown"],
    { jobs: [{ ...all, id: "a" }] },
    aHolder,
  ),
  refuses("job.enqueue", ["unique_conflict", "plan_unknown"], { jobs: [all] }, aHolder),
  refuses("job.enqueue", ["plan_unknown", "parent_unknown"], { jobs: [all] }, aQueue),
  refuses(
    "job.enqueue",
    ["parent_unknown", "key_full", "queue_full", "requires_limit"],
    { jobs: [noPlan] },
    async (q) => {
      await lanes(q);
      await full(q);
    },
  ),
  refuses(
    "job.enqueue",
    ["key_full", "queue_full", "requires_limit"],
    { jobs: [{ ...b, ...k, requires: ["new"] }] },
    async (q) => {
      await lanes(q);
      await full(q);
    },
  ),
  refuses("job.parents", ["queue_unknown", "job_unknown"], { id: "a" }, nothing),
  refuses("job.parents", ["job_unknown"], { id: "a" }, aQueue),
  refuses("job.parents", ["cursor_invalid"], { id: "a", cursor: "x" }, aKeyed),
  refuses("job.discard", [key], {}, aQueue, true),
  refuses("job.retry", ["unique_conflict", "requires_limit"], { id: "a" }, async (q) => {
    await aLoser(q);
    await lanes(q);
  }),
  refuses("key.list", ["queue_unknown", "cursor_invalid"], { cursor: "x" }, nothing),
  refuses("key.list", ["cursor_invalid"], { cursor: "x" }, aQueue),
  refuses("key.get", ["queue_unknown"], k, nothing),
  refuses("key.put", [key, "key_in_use"], { ...k, order: "fifo" }, aKeyed, true),
  refuses("key.put", ["key_in_use", "keys_limit"], { ...k, order: "fifo" }, manyKeys),
  refuses("key.put", ["keys_limit"], { ...k, weight: 2 }, manyKeys),
  refuses("key.remove", [key], k, aQueue, true),
  refuses("key.remove", ["key_in_use"], k, async (q) => {
    await q.run("key.put", { ...k, order: "fifo" });
    await aKeyed(q);
  }),
];
