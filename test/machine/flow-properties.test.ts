/**
 * Whatever is asked of keys, unique keys and jobs that wait for others, in whatever order, with crashes and checkpoints anywhere:
 * the invariants hold.
 * Invariant: the harness checks them after every step, and that a new engine sees the same; nothing is expected here.
 */
import fc from "fast-check";
import { afterEach, test } from "vitest";
import type { CommandName } from "../../src/contract/commands.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";

/** Commands, as data, by which a counterexample is told. */
type Step =
  | readonly [CommandName, object]
  | readonly ["settle", op: string, which: number]
  | readonly ["pass" | "sleep", ms: number]
  | readonly ["reopen"];

const id = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h");
const flowKey = fc.constantFrom("k", "l", "é");
const ms = fc.constantFrom(0, 1, 500, 1000, 2999, 3000, 5000, 10_000, 30_000);
const able = fc.constantFrom<string[]>([], ["x"], ["x", "y"]);
const rate = fc.constantFrom(
  { limit: 1, perMs: 1000 },
  { limit: 3, perMs: 1000, burst: 1 },
  { limit: 2, perMs: 7000 },
  null,
);
const concurrency = fc.constantFrom(1, 2, null);
const unique = fc.record(
  {
    key: fc.constantFrom("u", "v"),
    until: fc.constantFrom("started" as const, "done" as const, { ms: 4000 }),
    onConflict: fc.constantFrom("return", "replace", "reject"),
  },
  { requiredKeys: ["key"] },
);
const parent = fc.record(
  { id, onFail: fc.constantFrom("fail", "continue", "cancel") },
  { requiredKeys: ["id"] },
);
const parents = fc.uniqueArray(parent, {
  selector: (each) => each.id,
  minLength: 1,
  maxLength: 3,
});
const job = fc.record(
  {
    id,
    key: flowKey,
    unique: fc.option(unique, { freq: 1, nil: undefined }),
    after: fc.option(parents, { freq: 1, nil: undefined }),
    delayMs: fc.option(ms, { freq: 1, nil: undefined }),
    ttlMs: fc.option(ms, { freq: 1, nil: undefined }),
    priority: fc.integer({ min: -1, max: 1 }),
    requires: able,
    maxAttempts: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ["key"] },
);
const perKey = {
  concurrency,
  rate,
  weight: fc.integer({ min: 1, max: 3 }),
  maxBacklog: fc.constantFrom(2, null),
  order: fc.constantFrom("fifo", "priority"),
  onRetry: fc.constantFrom("block", "rejoin"),
  onFail: fc.constantFrom("next", "park"),
};

let fresh = 0;
const enqueue = fc.array(job, { minLength: 1, maxLength: 4 }).map(
  (jobs): Step => [
    "job.enqueue",
    {
      jobs: jobs.map((each) =>
        JSON.parse(JSON.stringify({ ...each, payload: `"${fresh++}"`, fingerprint: `${fresh}` })),
      ),
    },
  ],
);
const claim = fc
  .record({ max: fc.integer({ min: 1, max: 5 }), capabilities: able })
  .map((input): Step => ["lease.claim", input]);
const settle = fc
  .tuple(
    fc.constantFrom("complete", "fail", "fail now", "release", "hold", "extend"),
    fc.integer({ min: 0, max: 20 }),
  )
  .map(([op, which]): Step => ["settle", op, which]);
const putKey = fc
  .record({ key: flowKey, ...perKey, paused: fc.boolean() }, { requiredKeys: ["key"] })
  .map((input): Step => ["key.put", input]);
const configure = fc
  .record(
    { concurrency, rate, keys: fc.record(perKey, { requiredKeys: [] }) },
    { requiredKeys: [] },
  )
  .map((input): Step => ["queue.configure", input]);
const change = fc
  .tuple(fc.constantFrom("job.cancel", "job.retry", "job.remove"), id)
  .map(([verb, name]): Step => [verb as CommandName, { id: name }]);
const update = fc
  .record({ id, priority: fc.integer({ min: -1, max: 1 }), delayMs: ms }, { requiredKeys: ["id"] })
  .map((input): Step => ["job.update", input]);
const many = fc.constantFrom<Step>(
  ["queue.purge", {}],
  ["queue.purge", { states: ["running", "failed"] }],
  ["job.redrive", { states: ["failed", "cancelled", "expired"] }],
  ["job.discard", { states: ["failed", "completed"] }],
  ["key.remove", { key: "k" }],
  ["queue.checkpoint", {}],
);
const time = fc.tuple(fc.constantFrom("pass" as const, "sleep" as const), ms);

const step = fc.oneof(
  { weight: 7, arbitrary: enqueue },
  { weight: 6, arbitrary: claim },
  { weight: 8, arbitrary: settle },
  { weight: 3, arbitrary: putKey },
  { weight: 1, arbitrary: configure },
  { weight: 3, arbitrary: change },
  { weight: 2, arbitrary: update },
  { weight: 1, arbitrary: many },
  { weight: 5, arbitrary: time },
  { weight: 2, arbitrary: fc.constant<Step>(["reopen"]) },
);

/** The items of a settlement by each name that a step gives it. */
const items: Record<string, object> = {
  complete: { op: "complete" },
  fail: { op: "fail", error: "no" },
  "fail now": { op: "fail", error: "no", retryable: false },
  release: { op: "release", delayMs: 2000 },
  hold: { op: "release", holdKeyMs: 3000 },
  extend: { op: "extend" },
};

/** Leases that were given, also those that are over. */
type Held = { readonly id: string; readonly token: string }[];

async function take(q: Harness, held: Held, each: Step): Promise<void> {
  if (each[0] === "reopen") return q.reopen();
  if (each[0] === "pass") return q.advance(each[1]);
  if (each[0] === "sleep") {
    q.now += each[1];
    return;
  }
  if (each[0] === "settle") {
    const lease = held.at(-1 - (each[2] % (held.length || 1)));
    const item = { ...items[each[1]], ...lease };
    if (lease !== undefined) await q.answer("lease.settle", { items: [item] } as never);
    return;
  }
  const answer = await q.answer(each[0], each[1] as never);
  if (each[0] === "lease.claim" && "reply" in answer) {
    held.push(...(JSON.parse(answer.reply) as { jobs: Held }).jobs);
  }
}

const config = {
  leaseMs: 5000,
  backoff: { kind: "fixed", delayMs: 3000, jitter: "none" },
  retention: { completed: { ageMs: 20_000 } },
} as const;

const changing = limits as { -readonly [L in keyof typeof limits]: number };
const { parentsCountedInRowMax } = limits;
afterEach(() => {
  changing.parentsCountedInRowMax = parentsCountedInRowMax;
});

const runs = Number(process.env["SLUICE_PROPERTY_RUNS"] ?? 150);

test("keys, turns, slots, unique keys and flows stay what the jobs imply, over crashes and checkpoints", async () => {
  const steps = fc.array(step, { minLength: 1, maxLength: 60, size: "max" });
  // With how many parents a row still counts them itself: so few that jobs have both fewer and more.
  const inRow = fc.constantFrom(0, 1, 2, parentsCountedInRowMax);
  await fc.assert(
    fc.asyncProperty(inRow, steps, async (most, all) => {
      changing.parentsCountedInRowMax = most;
      const q = await openEngine({ config });
      const held: Held = [];
      for (const each of all) await take(q, held, each);
    }),
    { numRuns: runs },
  );
});
