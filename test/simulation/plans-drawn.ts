/**
 * Plans, actions, schedules and workers drawn by chance, from few names, so that one meets another again and again.
 * Invariant: what is drawn would pass the gate.
 */
import { hash } from "node:crypto";
import type { CommandInputs } from "../../src/contract/commands.ts";
import { defined } from "./model/state.ts";
import type { Random } from "./random.ts";

export const planIds = ["p1", "p1", "p2", "p3"] as const;
const actionIds = ["a", "a1", "a2"] as const;
const commandSets = [["cp"], ["cp"], ["cp", "tar"]] as const;
const args = ["-x", "{{input.n}}", "to={{input.to}}", "{{input.n}}{{input.n}}"] as const;
/** Inputs of plans: some have the fields that are asked for, and some have them with parts. */
const inputs = ['{"n":1,"to":"é"}', '{"n":true,"to":null}', '{"to":"x","n":"é"}'] as const;
type Some<T> = readonly [T, ...T[]];
/** Sets of requirements that jobs of no plan have too. */
const needs: Some<readonly string[]> = [["gpu"], ["arm", "gpu"], ["gpu", "ssd"], ["ssd"]];
const misfits = ["null", '{"n":[1],"to":1}', "[1]", '{"to":2}'] as const;

export const maybe = <T>(random: Random, probability: number, draw: () => T): T | undefined =>
  random.chance(probability) ? draw() : undefined;

export const someInput = (random: Random): string =>
  random.chance(0.85) ? random.pick(inputs) : random.pick(misfits);

/** A version of a plan; few differ, so that some are equal to the newest. */
export function somePlan(random: Random): CommandInputs["plan.submit"] {
  const id = random.pick(planIds);
  const description = maybe(random, 0.3, () => "ünïque");
  const commands = random.pick(commandSets);
  const count = random.chance(0.6) ? 1 : random.between(2, 3);
  const tasks = Array.from({ length: count }, (_, i) => ({
    task_number: i + 1,
    command: commands[i] ?? commands[0],
    args: random.chance(0.6) ? [random.pick(args)] : undefined,
  }));
  const used = new Set(tasks.map(({ command }) => command));
  const text = tasks.map((task) => task.args?.[0] ?? "").join();
  return defined({
    ...{ id, description, tasks: count, commands: [...used].toSorted() },
    fields: ["n", "to"].filter((field) => text.includes(`input.${field}`)),
    body: JSON.stringify({ plan_id: id, plan_description: description, tasks }),
  });
}

/** What may be said of the jobs of an action. */
const someOptions = (random: Random, now: number) => ({
  priority: maybe(random, 0.2, () => random.between(-2, 2)),
  ttlMs: maybe(random, 0.15, () => random.pick([0, 1000, 10_000])),
  expiresAt: maybe(random, 0.1, () => now + random.between(-500, 20_000)),
  leaseMs: maybe(random, 0.2, () => random.pick([1000, 5000])),
  maxAttempts: maybe(random, 0.3, () => random.between(1, 3)),
  requires: maybe(random, 0.25, () => [...random.pick(needs)]),
  labels: maybe(random, 0.1, () => ({ team: "red" })),
  key: maybe(random, 0.3, () => random.pick(["k", "l"])),
});

/** Of the plan `id`. */
export function someAction(
  random: Random,
  now: number,
  id: string,
): CommandInputs["action.submit"] {
  const due = random.below(10);
  const count = random.chance(0.2) ? 0 : random.between(1, 4);
  const action = defined({
    id,
    action: maybe(random, 0.4, () => random.pick(actionIds)),
    version: maybe(random, 0.2, () => random.between(1, 3)),
    inputs: Array.from({ length: count }, () => someInput(random)),
    delayMs: due < 2 ? random.pick([0, 1000, 3000]) : undefined,
    runAt: due === 2 ? now + random.between(-1000, 4000) : undefined,
    ...someOptions(random, now),
  });
  if (action.action === undefined) return action;
  return { ...action, fingerprint: hash("sha256", JSON.stringify(action)).slice(0, 32) };
}

/** What a worker can do: requirements of jobs, and commands of plans. */
export const someCapabilities = (random: Random): string[] =>
  ["arm", "cp", "gpu", "ssd", "tar"].filter((name) =>
    random.chance(name === "cp" || name === "tar" ? 0.85 : 0.4),
  );

export const workerNames = ["ann", "bob", "cat", "dan"] as const;

export const someWorker = (random: Random): CommandInputs["worker.register"] =>
  defined({
    id: random.pick(workerNames),
    capabilities: maybe(random, 0.7, () => someCapabilities(random)),
    kinds: maybe(random, 0.7, () => random.pick([["plan", "payload"], ["plan"], ["payload"]])),
    ttlMs: maybe(random, 0.8, () => random.pick([1000, 1001, 3000, 10_000])),
    slots: maybe(random, 0.2, () => 2),
    info: maybe(random, 0.2, () => "v1"),
  }) as CommandInputs["worker.register"];

const conflicts = ["return", "replace", "reject"] as const;
export const scheduleIds = ["s1", "s2", "s3", "t"] as const;

/** What it makes is sometimes of the plan `plan`. */
export function someSchedule(
  random: Random,
  now: number,
  plan: string,
): CommandInputs["schedule.put"] {
  const timing = random.weighted([
    [4, { everyMs: random.pick([1000, 5000, 60_000]) }],
    [2, { everyMs: 7000, startAt: now + random.between(-20_000, 10_000) }],
    [2, { at: now + random.between(-1000, 8000) }],
    [1, { cron: random.pick(["* * * * *", "*/7 * * * *"]), timeZone: "UTC" }],
    [1, { cron: "30 1 * * *", timeZone: "Europe/Berlin" }],
  ] as const);
  const version = maybe(random, 0.2, () => random.between(1, 2));
  const count = random.between(0, 3);
  const key = maybe(random, 0.5, () => random.pick(["k", "l"]));
  const payload = random.pick(["null", "null", '{"n":1,"to":"é"}']);
  const makes = random.weighted([
    [
      3,
      {
        job: defined({
          ...{ payload, key, requires: maybe(random, 0.4, () => [...random.pick(needs)]) },
          unique: maybe(random, 0.3, () => ({ key: "u", onConflict: random.pick(conflicts) })),
        }),
      },
    ],
    [1, { job: defined({ payload, key, plan, planVersion: version, kind: "plan" }) }],
    [
      3,
      {
        action: {
          ...defined({ plan, version, key }),
          // What fits no placeholder, but a version without any: a newer one may then refuse a slot.
          inputs: Array(count).fill(random.chance(0.75) ? "null" : someInput(random)),
        },
      },
    ],
  ]);
  return {
    id: random.pick(scheduleIds),
    definition: defined({
      ...{ timing, ...makes },
      catchUp: random.pick(["one", "all"] as const),
      overlap: random.pick(["allow", "skip", "replace"] as const),
      endAt: maybe(random, 0.2, () => now + random.between(-1000, 30_000)),
    }) as CommandInputs["schedule.put"]["definition"],
  };
}

/** What a task came to: it ended, was ended, or could not be started. */
export const someReport = (random: Random) =>
  defined({
    task: random.chance(0.9) ? random.between(1, 2) : random.between(3, 4),
    exitCode: random.pick([0, 0, 0, 1, null, undefined]),
    signal: maybe(random, 0.15, () => random.pick(["SIGKILL", null])),
    timedOut: maybe(random, 0.15, () => random.chance(0.7)),
    stdout: maybe(random, 0.5, () => random.pick(["", "é\n", "x".repeat(200)])),
    stderr: maybe(random, 0.2, () => "no"),
    stdoutBytes: maybe(random, 0.4, () => 300),
    stderrBytes: maybe(random, 0.1, () => 2),
    stdoutTruncated: maybe(random, 0.2, () => random.chance(0.7)),
    stderrTruncated: maybe(random, 0.1, () => random.chance(0.7)),
    startedAt: maybe(random, 0.4, () => 1_795_000_000_000),
    durationMs: maybe(random, 0.4, () => 12),
  });
