/**
 * Defects planted in the engine and its platform: the simulation finds each, and shows it with few steps.
 * Invariant: what is found is shown by steps that break the same rule when they are replayed.
 */
import { describe, expect, test } from "vitest";
import type { Transaction, View } from "../../src/machine/decide.ts";
import { decisions, reads } from "../../src/machine/index.ts";
import { writers } from "../../src/store/schema.ts";
import { Store } from "../../src/store/store.ts";
import { firstFailure, replace } from "./planting.ts";
import { commandOf, rangesOf, stepsOf, violationLines } from "./report.ts";
import { allSteps, type Failure, type History, type Outcome, type Plant, run } from "./run.ts";
import { shrink } from "./shrink.ts";

type Broken = Outcome & { readonly failure: Failure };

/** The first of some seeds that breaks a rule. */
async function firstBroken(plant?: Plant): Promise<{ history: History; outcome: Broken }> {
  for (let seed = 1; seed <= 60; seed++) {
    const history = { seed, steps: allSteps(300) };
    const outcome = await run(history, plant);
    const { failure } = outcome;
    if (failure !== undefined) return { history, outcome: { ...outcome, failure } };
  }
  throw new Error("the planted defect was not found");
}

const early: Plant = (_, instance) => {
  if (instance !== undefined) instance.sql.acknowledgesEarly = true;
};

describe("storage that says it is durable when it is not", () => {
  test("is found, and shrunk to a few steps that break the same rule when they are replayed", async () => {
    const { history, outcome } = await firstBroken(early);
    expect(outcome.failure.rule).toBe("durability");
    const shrunk = await shrink(history, outcome, (each) => run(each, early));
    expect(shrunk.failure.rule).toBe("durability");
    expect(shrunk.steps.length).toBeLessThanOrEqual(3);

    const command = commandOf({ seed: history.seed, steps: shrunk.steps });
    const steps = stepsOf(/--keep (\S+)/.exec(command)?.[1] ?? "0");
    const replayed = await run({ seed: history.seed, steps }, early);
    expect(replayed.failure?.message).toBe(shrunk.failure.message);
  });

  test("is told with what was expected, what led to it, and one command", async () => {
    const { history, outcome } = await firstBroken(early);
    const lines = violationLines(history, outcome.failure, outcome);
    expect(lines[0]).toMatch(/^Seed \d+ breaks a rule at step \d+\.$/);
    const step = outcome.failure.step ?? 0;
    expect(lines.at(-1)).toBe(`Replay: npm run sim -- --seed ${history.seed} --steps ${step + 1}`);
  });
});

describe("defects of decisions and writers", () => {
  /** Changes what one decision says happened. */
  const withEvents = (emit: (tx: Transaction) => Transaction["emit"]) => {
    replace(decisions as Record<string, unknown>, "lease.claim", (original) => {
      const decide = original as (tx: Transaction, input: unknown) => unknown;
      return (tx: Transaction, input: unknown) =>
        decide(Object.create(tx, { emit: { value: emit(tx) } }) as Transaction, input);
    });
  };

  test("a token that was given before", async () => {
    await run({ seed: 1, steps: [] });
    withEvents((tx) => (type, facts) => {
      const isSecond = "grant" in facts && facts.grant > 1;
      tx.emit(type, isSecond ? { ...facts, grant: 1 } : facts);
    });
    const { outcome } = await firstBroken();
    expect(["state", "I2", "I11", "reply"]).toContain(outcome.failure.rule);
  });

  test("an id that was given before", async () => {
    await run({ seed: 1, steps: [] });
    replace(decisions as Record<string, unknown>, "job.enqueue", (original) => {
      const decide = original as (tx: Transaction, input: unknown) => { results: unknown[] };
      return (tx: Transaction, input: unknown) => {
        const reply = decide(tx, input);
        return { ...reply, results: reply.results.map(() => reply.results[0]) };
      };
    });
    const { outcome } = await firstBroken();
    expect(outcome.failure.rule).toBe("reply");
  });

  test("a writer that also writes what its event does not say", async () => {
    await run({ seed: 1, steps: [] });
    replace(writers as Record<string, unknown>, "job.released", (original) => {
      const write = original as (tables: unknown, event: object, at: number) => void;
      return (tables: { jobs: Map<unknown, { readyAt?: number }> }, event: object, at: number) => {
        write(tables, event, at);
        const { id } = event as { id: string };
        const job = tables.jobs.get([id] as never);
        if (job?.readyAt !== undefined) Object.assign(job, { ttlMs: 1 });
      };
    });
    const { outcome } = await firstBroken();
    expect(outcome.failure.rule).toBe("state");
  });
});

describe("defects of plans and what runs them", () => {
  type Write = (tables: unknown, event: object, at: number) => void;
  /** Changes what one writer makes of its event. */
  const withWriter = (name: string, by: (original: Write) => Write) => {
    replace(writers as Record<string, unknown>, name, (original) => by(original as Write));
  };
  const nothing = () => () => undefined;

  test.each([
    ["a sign of life that is not noted", "worker.seen"],
    ["an action whose end is not noted", "action.ended"],
    ["a worker that left and stays", "worker.removed"],
  ])("%s is found", async (_, name) => {
    await run({ seed: 1, steps: [] });
    withWriter(name, nothing);
    const { outcome } = await firstBroken();
    expect(outcome.failure.message).not.toBe("");
  });

  test("a slot that comes again is found", async () => {
    await run({ seed: 1, steps: [] });
    withWriter("schedule.fired", (write) => (tables, event, at) => {
      const { slotAt } = event as { readonly slotAt?: number };
      write(tables, slotAt === undefined ? event : { ...event, nextAt: slotAt }, at);
    });
    const { outcome } = await firstBroken();
    expect(outcome.failure.message).not.toBe("");
  });
});

/** A thing like another one but for some fields. */
const like = <T extends object>(thing: T, fields: object): T =>
  Object.create(
    thing,
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { value }])),
  ) as T;

test("a name that keeps the leases of the worker before it is found", async () => {
  await run({ seed: 1, steps: [] });
  replace(decisions as Record<string, unknown>, "worker.register", (original) => {
    const decide = original as (tx: Transaction, input: unknown) => unknown;
    return (tx: Transaction, input: unknown) => {
      const { held } = tx.tables;
      type Range = Parameters<typeof held.range>[0];
      const blind = { first: () => undefined, range: (range: Range) => held.range(range) };
      return decide(like(tx, { tables: { ...tx.tables, held: blind } }), input);
    };
  });
  const { outcome } = await firstBroken();
  expect(outcome.failure.message).toContain("worker.register");
});

test("reports of an earlier delivery that are shown as those of this one are found", async () => {
  await run({ seed: 1, steps: [] });
  replace(reads as Record<string, unknown>, "job.tasks", (original) => {
    const read = original as (view: View, input: unknown) => unknown;
    return (view: View, input: { readonly id: string }) => {
      const { tasks, jobs } = view.tables;
      const { run: round, deliveries: delivery } = jobs.get([input.id]) ?? {};
      const get = (key: [string, number]) => {
        const row = tasks.get(key);
        return row && { ...row, run: round, delivery };
      };
      return read({ ...view, tables: { ...view.tables, tasks: like(tasks, { get }) } }, input);
    };
  });
  const { message } = await firstFailure(200, 400, "crew");
  expect(message).toContain("job.tasks");
});

test("a claim that passes a pause over for which no reason was given is found", async () => {
  await run({ seed: 1, steps: [] });
  replace(decisions as Record<string, unknown>, "lease.claim", (original) => {
    const decide = original as (tx: Transaction, input: unknown) => unknown;
    return (tx: Transaction, input: unknown) => {
      const row = tx.tables.queue.get([0]);
      if (row?.paused === undefined || row.paused.reason !== undefined) return decide(tx, input);
      const { paused: _, ...going } = row;
      const queue = Object.create(tx.tables.queue, { get: { value: () => going } }) as object;
      const tables = { ...tx.tables, queue };
      return decide(Object.create(tx, { tables: { value: tables } }) as Transaction, input);
    };
  });
  const { outcome } = await firstBroken();
  expect(outcome.failure.rule).toBe("reply");
});

test("an undo that takes nothing back is found", async () => {
  await run({ seed: 1, steps: [] });
  replace(Store.prototype, "undo", () => () => undefined);
  const { outcome } = await firstBroken();
  expect(outcome.failure.message).not.toBe("");
});

describe("the steps of a command", () => {
  test("are told as ranges, and read back", () => {
    const steps = [0, 3, 7, 8, 9, 20];
    expect(rangesOf(steps)).toBe("0,3,7-9,20");
    expect(stepsOf("0,3,7-9,20")).toEqual(steps);
  });

  test("that are none are refused with what is wrong", () => {
    expect(() => stepsOf("1,x")).toThrow("--keep: x is no step and no range of steps");
  });
});
