/**
 * The second half of the history: the queue is imported over itself, and lives with plans, actions, workers and schedules.
 * Invariant: whatever can be open, waiting, held or kept is so in the end; nothing is due at a time that the wall clock decides.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import type { JobState } from "../../src/contract/fields.ts";
import { planOf, planWith } from "../machine/plan-rig.ts";
import { deliveryChanges } from "./queue-deliveries.ts";
import { flowChanges } from "./queue-flow.ts";
import {
  type Change,
  claim,
  type QueueHand,
  type QueueStep,
  run,
  settle,
  type Tokens,
} from "./queue-hand.ts";
import { leavings, nameChanges } from "./queue-names.ts";

/** Takes a queue's state out of it and puts it back, as an export and an import do: another term begins. */
async function importOverItself(queue: QueueHand): Promise<void> {
  await run(queue, "plan.submit", planOf("p", ["{{input.n}}"]));
  await run(queue, "snapshot.build", {});
  await queue.advance(0);
  const { current: manifest } = await run(queue, "snapshot.get", {});
  if (manifest === null) throw new Error("the build has not ended");
  const { digest } = manifest;
  const texts: string[] = [];
  for (let chunk = 1; chunk <= manifest.chunks; chunk += 1) {
    const answer = await queue.answer("snapshot.read", { chunk, digest });
    if (!("reply" in answer)) throw new Error(answer.refusal.detail);
    texts.push(answer.reply);
  }
  // The import takes it back, but not its number.
  await run(queue, "plan.submit", planOf("p", ["forgotten"]));
  const upload = "itself";
  await run(queue, "snapshot.import", { upload, manifest, over: true });
  for (const [i, text] of texts.entries()) {
    await run(queue, "snapshot.import", { upload, chunk: i + 1, text });
  }
  const { imported } = await run(queue, "snapshot.import", { upload, finish: true });
  if (imported === undefined) throw new Error("a state so small is imported in one call");
}

const tasks = [
  { task_number: 1, command: "curl", args: ["{{input.n}}", "é"] },
  { task_number: 2, command: "sort", input_from_task: 1 },
];

async function submitPlans(queue: QueueHand): Promise<void> {
  await run(queue, "plan.submit", planWith("p", tasks, "the third version"));
  await run(queue, "plan.submit", planOf("unused"));
  await run(queue, "plan.remove", { id: "unused" });
  await run(queue, "plan.submit", planOf("used"));
  await run(queue, "job.enqueue", { jobs: [{ id: "of-used", plan: "used", payload: "null" }] });
  await run(queue, "job.cancel", { id: "of-used" });
  // Its ended job keeps the number of its versions.
  await run(queue, "plan.remove", { id: "used" });
}

const runner = { worker: "runner" };

/** Submits an action of plan `p` under a chosen id. */
const act = (
  queue: QueueHand,
  action: string,
  inputs: number,
  options: { priority?: number; labels?: Record<string, string> } = {},
) =>
  run(queue, "action.submit", {
    id: "p",
    action,
    fingerprint: action,
    inputs: Array.from({ length: inputs }, (_, n) => `{"n":${n}}`),
    ...options,
  });

/** Claims one job as the runner does; its id. */
async function take(queue: QueueHand, tokens: Tokens): Promise<string> {
  const [id] = await claim(queue, tokens, runner);
  if (id === undefined) throw new Error("there was no job for the runner");
  return id;
}

async function runAction(queue: QueueHand, tokens: Tokens): Promise<void> {
  const able = { kinds: ["plan" as const], capabilities: ["curl", "sort"] };
  const about = { slots: 2, info: '{"host":"é"}' };
  await run(queue, "worker.register", { id: "runner", ...able, ...about, ttlMs: 120_000 });
  await act(queue, "ends", 1, { labels: { team: "a" } });
  const id = await take(queue, tokens);
  const outcome = { exitCode: 0, stdout: "é\n", stdoutBytes: 3, durationMs: 5 };
  await settle(queue, tokens, id, { op: "task", task: 1, ...outcome });
  const killed = { signal: "SIGKILL", timedOut: true, stderr: "no", stderrTruncated: true };
  await settle(queue, tokens, id, { op: "task", task: 2, ...killed });
  await settle(queue, tokens, id, { op: "progress", progress: '{"tasks":2}' });
  await settle(queue, tokens, id, { op: "extend", leaseMs: 40_000 });
  await settle(queue, tokens, id, { op: "complete", result: "null" });
}

async function tryAction(queue: QueueHand, tokens: Tokens): Promise<void> {
  await act(queue, "tried", 1);
  const id = await take(queue, tokens);
  await settle(queue, tokens, id, { op: "fail", error: "no", retryable: false });
  await run(queue, "action.retry", { id: "tried" });
  await run(queue, "action.cancel", { id: "tried", reason: "enough" });
}

async function endWorkers(queue: QueueHand, tokens: Tokens): Promise<void> {
  await run(queue, "worker.register", { id: "drained", ttlMs: 3_600_000 });
  await run(queue, "worker.drain", { id: "drained" });
  await run(queue, "worker.register", { id: "leaving" });
  await claim(queue, tokens, { worker: "leaving" });
  await run(queue, "worker.remove", { id: "leaving" });
  await run(queue, "worker.register", { id: "frail", ttlMs: 10_000 });
  await claim(queue, tokens, { worker: "frail", leaseMs: 60_000 });
  await queue.advance(20_000);
}

const beat = { payload: "1", requires: ["nobody"] };
const once = { catchUp: "one", overlap: "allow" } as const;

async function putSchedules(queue: QueueHand): Promise<void> {
  const put = (id: string, definition: CommandInputs["schedule.put"]["definition"]) =>
    run(queue, "schedule.put", { id, definition });
  const { now } = await run(queue, "queue.get", {});
  const action = { plan: "p", inputs: ['{"n":9}'] };
  const hourly = { timing: { everyMs: 3_600_000 }, ...once, job: beat };
  await put("beat", { timing: { everyMs: 20_000 }, catchUp: "all", overlap: "skip", job: beat });
  await put("cron", {
    timing: { cron: "* * * * *", timeZone: "Europe/Berlin" },
    catchUp: "one",
    overlap: "replace",
    action,
  });
  await put("once", { timing: { at: now + 30_000 }, ...once, job: beat });
  await run(queue, "plan.submit", planOf("changed"));
  await put("refused", {
    timing: { everyMs: 50_000, startAt: now + 50_000 },
    ...once,
    endAt: now + 3_600_000,
    action: { plan: "changed", inputs: ["{}"] },
  });
  // Its next version takes no such input.
  await run(queue, "plan.submit", planOf("changed", ["{{input.n}}"]));
  for (const id of ["paused", "resumed", "gone"]) await put(id, hourly);
  await run(queue, "schedule.pause", { id: "paused" });
  await run(queue, "schedule.pause", { id: "resumed" });
  await run(queue, "schedule.resume", { id: "resumed" });
  await run(queue, "schedule.run", { id: "resumed" });
  await run(queue, "schedule.remove", { id: "gone" });
  // A minute has one slot of every minute, wherever it begins.
  await queue.advance(60_000);
}

async function leaveOpen(queue: QueueHand, tokens: Tokens): Promise<void> {
  await run(queue, "worker.heartbeat", { id: "runner" });
  await act(queue, "runs", 3, { priority: -1 });
  const [first, second] = [await take(queue, tokens), await take(queue, tokens)];
  await settle(queue, tokens, first, { op: "task", task: 1, exitCode: 1, stdout: "x" });
  await settle(queue, tokens, first, { op: "progress", progress: '"half"' });
  await settle(queue, tokens, second, { op: "release" });
  const jobs = [
    { id: "dated", payload: "1", delayMs: 600_000, expiresAt: 253_402_300_799_999 },
    { id: "timed", payload: "1", ttlMs: 900_000, requires: ["nobody"] },
  ];
  await run(queue, "job.enqueue", { jobs });
  await run(queue, "job.update", { id: "timed", priority: 3 });
  await run(queue, "job.remove", { id: "mortal" });
}

const changes: readonly Change[] = [
  {
    name: "its state is imported over itself",
    take: importOverItself,
    changes: { picky: "ready" },
  },
  {
    name: "plans are submitted, one in another version, and two of them removed",
    take: submitPlans,
    changes: { "of-used": "cancelled" },
  },
  {
    name: "a worker runs an action, and reports its tasks",
    take: runAction,
    changes: { "ends/0": "completed" },
  },
  {
    name: "another action fails, is tried again, and cancelled",
    take: tryAction,
    changes: { "tried/0": "cancelled" },
  },
  {
    name: "what was cancelled is forgotten",
    take: async (queue) => {
      await run(queue, "queue.configure", { retention: { cancelled: { ageMs: 5_000 } } });
      await queue.advance(10_000);
    },
    changes: { later: null, "of-used": null, "tried/0": null },
  },
  {
    name: "a worker drains, one leaves and one dies",
    take: endWorkers,
    changes: {},
  },
  ...flowChanges,
  ...deliveryChanges,
  ...nameChanges,
  {
    name: "schedules fire, skip, are refused, paused and removed",
    take: putSchedules,
    changes: { "beat/0": "ready", "cron/0": "ready", "once/0": "ready", "resumed/0": "ready" },
  },
  {
    name: "an action is under way",
    take: leaveOpen,
    changes: {
      "runs/0": "running",
      "runs/1": "ready",
      "runs/2": "ready",
      dated: "scheduled",
      timed: "ready",
      mortal: null,
    },
  },
  leavings,
];

/** The steps behind those of which the last left these states. */
export function planSteps(before: QueueStep["states"]): QueueStep[] {
  let states = before;
  return changes.map(({ changes: own, ...step }) => {
    const all = Object.entries({ ...states, ...own });
    const kept = all.filter((each): each is [string, JobState] => each[1] !== null);
    states = Object.fromEntries(kept);
    return { ...step, states };
  });
}
