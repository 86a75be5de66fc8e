/**
 * The part of the history in which jobs have keys, unique keys and parents.
 * Invariant: nobody else of the history can do what its jobs require, so that they stay as they are left.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Change, claim, type QueueHand, run, settle, type Tokens } from "./queue-hand.ts";

type Job = CommandInputs["job.enqueue"]["jobs"][number];

const requires = ["flow"];
const job = (id: string, said: Partial<Job> = {}): Job => ({
  ...{ id, fingerprint: id, payload: `"${id}"`, requires, priority: -100 },
  ...said,
});

const enqueue = (queue: QueueHand, ...jobs: readonly Job[]) => run(queue, "job.enqueue", { jobs });
/** Claims for longer than the history lasts. */
const take = (queue: QueueHand, tokens: Tokens, max: number) =>
  claim(queue, tokens, { capabilities: requires, max, leaseMs: 3_600_000 });

async function limitKeys(queue: QueueHand): Promise<void> {
  await run(queue, "key.put", { key: "é one", concurrency: 1, weight: 2 });
  await run(queue, "key.put", { key: "rated", rate: { limit: 1, perMs: 2_000 }, maxBacklog: 9 });
  await run(queue, "key.put", { key: "strict", order: "fifo", onFail: "park" });
  await run(queue, "key.put", { key: "\u{1F600}", paused: true, reason: "ünpaid" });
  await run(queue, "key.put", { key: "\u{1F600}", paused: false });
}

/** One job of each key is handed out; then the rate lets another one go. */
async function takeTurns(queue: QueueHand, tokens: Tokens): Promise<void> {
  const keys = { one: "é one", rated: "rated", strict: "strict", open: "\u{1F600}" };
  for (const [name, key] of Object.entries(keys)) {
    await enqueue(queue, job(`${name}-1`, { key }), job(`${name}-2`, { key, priority: -99 }));
  }
  await take(queue, tokens, 4);
  await queue.advance(3_000);
  await settle(queue, tokens, "strict-1", { op: "fail", error: "no", retryable: false });
}

/** What is cancelled in a worker's hands keeps its slot, until its worker has heard of it or its lease ends. */
async function leaveSlots(queue: QueueHand, tokens: Tokens): Promise<void> {
  for (const id of ["one-1", "open-1"]) await run(queue, "job.cancel", { id });
  const item = { op: "complete", id: "open-1", token: tokens.get("open-1") ?? "" } as const;
  await run(queue, "lease.settle", { items: [item] });
  await queue.advance(6_000);
}

async function meetUniques(queue: QueueHand): Promise<void> {
  await enqueue(
    queue,
    job("only", { unique: { key: "ünique" }, requires: ["nobody"] }),
    job("windowed", { unique: { key: "window", until: { ms: 2_000 } }, requires: ["nobody"] }),
  );
  const unique = { key: "ünique", onConflict: "replace" } as const;
  await enqueue(queue, { payload: '"newer"', unique, requires: ["nobody"] });
  await queue.advance(3_000);
}

async function waitForOthers(queue: QueueHand, tokens: Tokens): Promise<void> {
  await enqueue(
    queue,
    job("parent", { priority: -200 }),
    job("child", { after: [{ id: "parent" }] }),
    job("grandchild", { after: [{ id: "child", onFail: "continue" }, { id: "only" }] }),
  );
  await take(queue, tokens, 1);
  await settle(queue, tokens, "parent", { op: "complete", result: '"é"' });
}

/** So many that their child counts them beside its row. */
const many = Array.from({ length: 17 }, (_, i) => `many-${i}`);

async function waitForMany(queue: QueueHand, tokens: Tokens): Promise<void> {
  await enqueue(
    queue,
    ...many.map((id) => job(id, { priority: -300 })),
    job("fan", { after: many.map((id) => ({ id })) }),
  );
  await take(queue, tokens, 1);
  await settle(queue, tokens, "many-0", { op: "complete" });
}

/** A text that stands apart from the row of its job. */
const longText = (of: string): string => JSON.stringify(of.repeat(limits.textInRowMax));

async function haveLongTexts(queue: QueueHand, tokens: Tokens): Promise<void> {
  await enqueue(
    queue,
    job("long", { payload: longText("é"), priority: -400 }),
    job("longer", { payload: longText("\u{10000}"), requires: ["nobody"] }),
  );
  await take(queue, tokens, 1);
  await settle(queue, tokens, "long", { op: "complete", result: longText("x") });
}

export const flowChanges: readonly Change[] = [
  { name: "keys are limited, paused and resumed", take: limitKeys, changes: {} },
  {
    name: "keys take turns, and one of them is parked",
    take: takeTurns,
    changes: {
      "one-1": "running",
      "one-2": "ready",
      "rated-1": "running",
      "rated-2": "ready",
      "strict-1": "failed",
      "strict-2": "ready",
      "open-1": "running",
      "open-2": "ready",
    },
  },
  {
    name: "jobs are cancelled in the hands of workers, and forgotten",
    take: leaveSlots,
    changes: { "one-1": null, "open-1": null },
  },
  {
    name: "a unique key is met again, and another one comes free",
    take: meetUniques,
    changes: { only: "ready", windowed: "ready" },
  },
  {
    name: "jobs wait for others",
    take: waitForOthers,
    changes: { parent: "completed", child: "ready", grandchild: "blocked" },
  },
  {
    name: "a job waits for many others",
    take: waitForMany,
    changes: {
      ...Object.fromEntries(many.map((id) => [id, "ready" as const])),
      "many-0": "completed",
      fan: "blocked",
    },
  },
  {
    name: "jobs have long payloads and results",
    take: haveLongTexts,
    changes: { long: "completed", longer: "ready" },
  },
];
