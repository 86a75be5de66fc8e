/**
 * Plans, actions, tasks and workers under random commands, with crashes, checkpoints and late alarms: nothing fails inside, every
 * invariant holds after every step (the harness checks them), and what a command answers is what the state then shows.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { CommandInputs, CommandName } from "../../src/contract/commands.ts";
import { hash52 } from "../../src/contract/hash.ts";
import { leaseToken } from "../../src/contract/ids.ts";
import type { Settlement } from "../../src/contract/leases.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { act, planOf } from "./plan-rig.ts";

/** One step, by whose text a counterexample is told. */
class Step {
  readonly run: (q: Harness) => Promise<unknown>;
  readonly #text: string;
  constructor(text: string, run: (q: Harness) => Promise<unknown>) {
    this.run = run;
    this.#text = text;
  }
  [fc.toStringMethod](): string {
    return this.#text;
  }
}

/** What may be refused, and by no other code. */
const refusable = new Set([
  "action_exists",
  "action_unknown",
  "answer_gone",
  "idempotency_key_reused",
  "input_mismatch",
  "job_state",
  "job_unknown",
  "plan_in_use",
  "plan_unknown",
  "queue_full",
  "worker_unknown",
]);

/** A command that is answered, or refused by the state. */
function say<N extends CommandName>(name: N, input: CommandInputs[N], key?: string): Step {
  const used = key === undefined ? undefined : { key, bodyHash: JSON.stringify([name, input]) };
  return new Step(`${name} ${JSON.stringify(input)} ${key ?? ""}`, async (q) => {
    const answer = await q.answer(name, input, used);
    if ("refusal" in answer) expect(refusable).toContain(answer.refusal.refusalCode);
  });
}

const plan = fc.constantFrom("p", "r");
const action = fc.constantFrom("a", "b", "c");
const worker = fc.constantFrom("w", "v");
const ms = fc.constantFrom(0, 1, 500, 2000, 2999, 3000, 5000, 15_000);
/** Which of the kept jobs is meant, by its place. */
const nth = fc.nat({ max: 11 });

const submitPlan = fc
  .tuple(plan, fc.constantFrom("x", "{{input.n}}", "{{input.m}}"), fc.option(fc.constant("k1")))
  .map(([id, arg, key]) => say("plan.submit", planOf(id, [arg], ["y"]), key ?? undefined));

const submitAction = fc
  .record({
    id: plan,
    action,
    inputs: fc.array(fc.constantFrom('{"n":1}', '{"n":2,"m":3}', "null"), { maxLength: 3 }),
    options: fc.record(
      {
        delayMs: ms,
        ttlMs: fc.constantFrom(500, 3000, 20_000),
        maxAttempts: fc.constantFrom(1, 2),
        priority: fc.constantFrom(-1, 0, 1),
        requires: fc.constantFrom<string[]>(["g"], ["curl"]),
        version: fc.constantFrom(1, 2, 3),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ options, inputs, ...of }) => {
    const text = JSON.stringify([of, inputs, options]);
    const whole = { ...of, inputs, ...options, fingerprint: String(hash52(text)) };
    return say("action.submit", JSON.parse(JSON.stringify(whole)) as typeof whole);
  });

let fresh = 0;
const enqueue = fc.tuple(plan, ms, fc.boolean()).map(
  ([id, delayMs, isPlain]) =>
    new Step(`enqueue of ${isPlain ? "no plan" : id} ${delayMs}`, async (q) => {
      const of = isPlain ? {} : { plan: id };
      const job = { id: `j${fresh++}`, payload: '{"n":1}', fingerprint: "f", delayMs, ...of };
      await q.run("job.enqueue", { jobs: [job] });
    }),
);

const claim = fc
  .tuple(fc.option(worker), fc.constantFrom(1, 2, 5), fc.option(fc.constantFrom("k2", "k3")))
  .map(([name, max, key]) => {
    const said = { kinds: ["payload" as const, "plan" as const], capabilities: ["curl", "g"], max };
    return say("lease.claim", name === null ? said : { ...said, worker: name }, key ?? undefined);
  });

/** The id of the job at a place, and the text of a token of it that is `age` grants old. */
async function pick(q: Harness, place: number, age = 0): Promise<{ id: string; token: string }> {
  const ids = await q.ids();
  const id = ids[place % Math.max(1, ids.length)] ?? "none";
  const grant = Math.max(1, (q.store.tables.jobs.get([id])?.grant ?? 1) - age);
  return { id, token: leaseToken({ queueId: "q0000000", term: 1 }, grant) };
}

const settle = fc
  .tuple(
    fc.constantFrom<Settlement["op"]>("complete", "fail", "release", "extend", "progress", "task"),
    nth,
    fc.constantFrom(0, 0, 0, 1),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(
    ([op, place, age, task]) =>
      new Step(`${op} ${place} ${age} ${task}`, async (q) => {
        const held = await pick(q, place, age);
        const more = {
          complete: { result: "1" },
          fail: { error: "no" },
          release: {},
          extend: {},
          progress: { progress: "1" },
          task: { task, exitCode: 0, stdout: "é" },
        }[op];
        const answer = await q.settle({ op, ...held, ...more } as Settlement);
        if (!("state" in answer) || op === "extend") return;
        const { state } = await q.job(held.id);
        expect(state).toBe(answer.state);
      }),
  );

const onJob = fc.tuple(fc.constantFrom("job.cancel", "job.retry", "job.remove"), nth).map(
  ([name, place]) =>
    new Step(`${name} ${place}`, async (q) => {
      const { id } = await pick(q, place);
      await say(name as "job.cancel", { id }).run(q);
    }),
);

const onAction = fc.tuple(fc.constantFrom("action.cancel", "action.retry"), action).map(
  ([name, id]) =>
    new Step(`${name} ${id}`, async (q) => {
      const answer = await q.answer(name as "action.retry", { id });
      if ("refusal" in answer) {
        expect(["action_unknown", "plan_unknown"]).toContain(answer.refusal.refusalCode);
        return;
      }
      const { counts, status } = JSON.parse(answer.reply).action;
      const open = counts.scheduled + counts.ready + counts.running;
      if (name === "action.cancel") expect(open).toBe(0);
      else expect(status === "running").toBe(open > 0);
    }),
);

const onWorker = fc
  .tuple(fc.constantFrom("heartbeat", "drain", "remove", "register", "register"), worker)
  .map(([verb, id]) =>
    verb === "register"
      ? say("worker.register", { id, ttlMs: 2000 })
      : say(`worker.${verb}` as "worker.drain", { id }),
  );

const many = fc.oneof(
  fc
    .subarray(["scheduled", "ready", "running", "completed", "failed", "cancelled"] as const, {
      minLength: 1,
    })
    .map((states) => say("queue.purge", { states })),
  fc.constant(say("job.redrive", { states: ["failed", "cancelled", "expired"] })),
  plan.map((id) => say("plan.remove", { id })),
);

const pass = ms.map((time) => new Step(`pass ${time}`, (q) => q.advance(time)));
/** Time passes, but no alarm fires: the next command must judge by itself. */
const sleep = ms.map(
  (time) =>
    new Step(`sleep ${time}`, async (q) => {
      q.now += time;
    }),
);
const upkeep = fc.constantFrom(
  new Step("reopen", (q) => q.reopen()),
  new Step("checkpoint", (q) => q.run("queue.checkpoint", {})),
  new Step("alarm", (q) => q.alarm()),
);

const step = fc.oneof(
  { weight: 2, arbitrary: submitPlan },
  { weight: 4, arbitrary: submitAction },
  { weight: 2, arbitrary: enqueue },
  { weight: 6, arbitrary: claim },
  { weight: 8, arbitrary: settle },
  { weight: 3, arbitrary: onJob },
  { weight: 3, arbitrary: onAction },
  { weight: 3, arbitrary: onWorker },
  { weight: 2, arbitrary: many },
  { weight: 4, arbitrary: pass },
  { weight: 2, arbitrary: sleep },
  { weight: 3, arbitrary: upkeep },
);

const config = {
  leaseMs: 5000,
  planMaxAttempts: 2,
  maxDeliveries: 4,
  backoff: { kind: "fixed", delayMs: 500, jitter: "none" },
  retention: {
    completed: { ageMs: 15_000, count: 3 },
    failed: { ageMs: 20_000, count: 4 },
    cancelled: { ageMs: 3000 },
    expired: { ageMs: 0 },
  },
} as const;

test("plans, actions, tasks and workers hold their invariants, over crashes and checkpoints", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      const q = await openEngine({ config });
      await q.run("plan.submit", planOf("p", ["{{input.n}}"]));
      await q.run("worker.register", { id: "w", ttlMs: 2000 });
      await act(q, ['{"n":1}', '{"n":2}'], { action: "a", maxAttempts: 2 });
      for (const each of steps) await each.run(q);
      await q.reopen();
      // Whatever it was, time ends it: the last worker is forgotten, and the last record.
      await q.run("queue.purge", { states: ["scheduled", "ready", "running"] });
      await q.advance(3 * 86_400_000);
      expect(await q.ids()).toEqual([]);
      expect((await q.run("action.list", {})).actions).toEqual([]);
      expect((await q.run("worker.list", {})).workers).toEqual([]);
      for (const table of ["tasks", "held", "worker_due", "ended_actions", "finished"] as const) {
        expect([table, ...q.store.tables[table].scan({})]).toEqual([table]);
      }
    }),
    { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 100) },
  );
});
