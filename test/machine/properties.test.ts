/**
 * Whatever is asked of a queue, in whatever order, with crashes and checkpoints anywhere: it does what the model does.
 * Invariant: the harness checks the invariants after every step; here only what the model says is compared.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { leaseToken } from "../../src/contract/ids.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { BACKOFF_MS, DELIVERIES_MAX, LEASE_MS, Model, type NewJob } from "./model.ts";

type Run = (q: Harness, model: Model) => Promise<void>;

/** One step, by whose text a counterexample is told. */
class Step {
  readonly run: Run;
  readonly #text: string;
  constructor(text: string, run: Run) {
    this.run = run;
    this.#text = text;
  }
  [fc.toStringMethod](): string {
    return this.#text;
  }
}

const newId = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h");
const key = fc.constantFrom("k1", "k2");
const id = fc.oneof({ weight: 4, arbitrary: newId }, { weight: 1, arbitrary: key });
const ms = fc.constantFrom(0, 1, 500, 1000, 2999, 3000, 5000, 9999, 10_000, 20_000);
const able = fc.constantFrom<string[]>([], ["x"], ["x", "y"]);
const spec = fc.record(
  {
    id: newId,
    delayMs: ms,
    priority: fc.integer({ min: -2, max: 2 }),
    requires: able,
    ttlMs: ms,
    expiresInMs: fc.constantFrom(5000, 30_000, 60_000),
    maxAttempts: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ["id"] },
);

const named = (text: string, ...facts: unknown[]): string =>
  `${text} ${facts.map((fact) => JSON.stringify(fact)).join(" ")}`;

/** A command's answer as the model says it: a state, or a refusal's code. */
async function said(
  q: Harness,
  name: "job.cancel" | "job.retry" | "job.remove" | "job.update",
  input: object,
) {
  const answer = await q.answer(name, input as never);
  if ("refusal" in answer) return answer.refusal.refusalCode;
  const reply = JSON.parse(answer.reply) as { job?: { state: string }; removed?: true };
  return reply.removed ? "removed" : reply.job?.state;
}

/** No enqueue of these tests repeats another one. */
let fresh = 0;

const enqueue = spec.map(
  ({ expiresInMs, ...job }: NewJob): Step =>
    new Step(named("enqueue", job, expiresInMs), async (q, model) => {
      const isNew = model.enqueue({ ...job, expiresInMs });
      const expiresAt = expiresInMs === undefined ? undefined : q.now + expiresInMs;
      const whole = { ...job, payload: `"${job.id}"`, fingerprint: `${fresh++}`, expiresAt };
      const { refused } = await q.run("job.enqueue", { jobs: [JSON.parse(JSON.stringify(whole))] });
      expect(refused === 0).toBe(isNew);
    }),
);

/** One enqueue sent again and again with its key: it is done once, whatever becomes of the job. */
const keyed = key.map(
  (name) =>
    new Step(named("keyed", name), async (q, model) => {
      const jobs = [{ id: name, payload: "1", fingerprint: name }];
      const answer = await q.answer("job.enqueue", { jobs }, { key: name, bodyHash: name });
      if (model.kept.has(name)) expect(answer).toEqual(model.kept.get(name));
      else expect([model.enqueue({ id: name }), "reply" in answer]).toEqual([true, true]);
      model.kept.set(name, answer);
    }),
);

const claim = fc.tuple(fc.integer({ min: 1, max: 4 }), able).map(
  ([max, capabilities]): Step =>
    new Step(named("claim", max, capabilities), async (q, model) => {
      const expected = model.claim(max, capabilities);
      const jobs = await q.claim({ max, capabilities });
      expect(
        jobs.map((job) => [job.id, job.run, job.attempt, job.deliveries, job.leaseUntil]),
      ).toEqual(
        expected.map((job) => [job.id, job.run, job.failures + 1, job.deliveries, job.leaseUntil]),
      );
    }),
);

const settle = fc
  .tuple(
    fc.constantFrom("complete", "fail", "release", "extend"),
    id,
    fc.integer({ min: 0, max: 3 }),
  )
  .map(
    ([op, job, age]): Step =>
      new Step(named(op, job, age), async (q, model) => {
        // Mostly the latest token, sometimes an older one or one of the future.
        const token = Math.max(1, (model.find(job)?.token ?? 1) - age + (age === 3 ? 4 : 0));
        const expected = model.settle(op, job, token);
        const text = leaseToken({ queueId: "q0000000", term: 1 }, token);
        const item = { op, id: job, token: text, ...(op === "fail" && { error: "no" }) };
        const answer = await q.settle(item as never);
        const marks =
          "state" in answer
            ? [answer.state, answer.repeated && "repeated", answer.late && "late"]
            : [];
        const actual = "code" in answer ? answer.code : marks.filter(Boolean).join(" ");
        expect(actual).toBe(expected);
      }),
  );

const change = fc
  .tuple(fc.constantFrom("cancel", "retry", "remove"), id)
  .map(
    ([verb, job]): Step =>
      new Step(named(verb, job), async (q, model) =>
        expect(await said(q, `job.${verb}`, { id: job })).toBe(model[verb](job)),
      ),
  );

const update = fc
  .tuple(
    id,
    fc.record({ priority: fc.integer({ min: -2, max: 2 }), delayMs: ms }, { requiredKeys: [] }),
  )
  .map(
    ([job, changes]): Step =>
      new Step(named("update", job, changes), async (q, model) =>
        expect(await said(q, "job.update", { id: job, ...changes })).toBe(
          model.update(job, changes),
        ),
      ),
  );

const pass = ms.map(
  (time): Step =>
    new Step(named("pass", time), async (q, model) => {
      model.now += time;
      model.pass();
      await q.advance(time);
    }),
);

/** Time passes, but no alarm fires: the next command must judge by itself. */
const sleep = ms.map(
  (time): Step =>
    new Step(named("sleep", time), async (q, model) => {
      model.now += time;
      q.now += time;
      const wasPaused = model.isPaused;
      await q.run(wasPaused ? "queue.resume" : "queue.pause", {});
      model.isPaused = !wasPaused;
      model.pass();
    }),
);

const purge = fc
  .subarray(["scheduled", "ready", "running", "completed", "failed"] as const, { minLength: 1 })
  .map(
    (states): Step =>
      new Step(named("purge", states), async (q, model) => {
        const { operation } = await q.run("queue.purge", { states });
        expect(operation).toMatchObject({ status: "done", changed: model.purge(states) });
      }),
  );

const upkeep = fc.constantFrom(
  new Step("reopen", (q) => q.reopen()),
  new Step("checkpoint", async (q) => void (await q.run("queue.checkpoint", {}))),
  new Step("alarm", (q) => q.alarm()),
);

const step = fc.oneof(
  { weight: 6, arbitrary: enqueue },
  { weight: 2, arbitrary: keyed },
  { weight: 5, arbitrary: claim },
  { weight: 7, arbitrary: settle },
  { weight: 3, arbitrary: change },
  { weight: 2, arbitrary: update },
  { weight: 5, arbitrary: pass },
  { weight: 1, arbitrary: sleep },
  { weight: 1, arbitrary: purge },
  { weight: 3, arbitrary: upkeep },
);

async function agree(q: Harness, model: Model): Promise<void> {
  const { jobs } = await q.run("job.list", {});
  const shown = jobs.map(({ id: job, state, run, deliveries, priority }) => [
    job,
    state,
    run,
    deliveries,
    priority,
  ]);
  const expected = model.jobs
    .map(({ id: job, state, run, deliveries, priority }) => [job, state, run, deliveries, priority])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  expect(shown).toEqual(expected);
  expect(await q.ids("ready")).toEqual(model.ready().map((job) => job.id));
}

const config = {
  leaseMs: LEASE_MS,
  maxDeliveries: DELIVERIES_MAX,
  backoff: { kind: "fixed", delayMs: BACKOFF_MS, jitter: "none" },
} as const;

test("a queue does what the model does, over crashes and checkpoints", async () => {
  const steps = fc.array(step, { minLength: 1, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const q = await openEngine({ config });
      const model = new Model(START);
      for (const each of all) {
        // Every command sees what is due.
        model.pass();
        await each.run(q, model);
        await q.alarm();
        model.pass();
        await agree(q, model);
      }
    }),
    { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 100) },
  );
});
