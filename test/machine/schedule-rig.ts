/**
 * What the tests of schedules say again and again: definitions, plans, and which slots came to something.
 * Invariant: slots are read off the jobs and actions that are kept, not off the schedule's own row.
 */
import type { JobRecord } from "../../src/contract/jobs.ts";
import type { ScheduleDefinition, ScheduleRecord, Timing } from "../../src/contract/schedules.ts";
import type { Harness } from "../engine-harness.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;

/** A definition; without more to say its slots enqueue a job. */
export const define = (timing: Timing, said: Partial<ScheduleDefinition> = {}) => ({
  timing,
  catchUp: "one" as const,
  overlap: "allow" as const,
  ...(said.action === undefined && { job: { payload: "null" } }),
  ...said,
});

/** Makes or changes schedule `s`, or another one; its record. */
export async function put(
  q: Harness,
  timing: Timing,
  said: Partial<ScheduleDefinition> = {},
  id = "s",
): Promise<ScheduleRecord> {
  return (await q.run("schedule.put", { id, definition: define(timing, said) })).schedule;
}

export const get = async (q: Harness, id = "s"): Promise<ScheduleRecord> =>
  (await q.run("schedule.get", { id })).schedule;

/** Submits plan `p`, which takes inputs with the fields that are named. */
export async function submitPlan(q: Harness, ...fields: readonly string[]): Promise<void> {
  const args = fields.map((field) => `{{input.${field}}}`);
  const tasks = [{ task_number: 1, command: "true", args }];
  const body = JSON.stringify({ plan_id: "p", tasks });
  await q.run("plan.submit", { id: "p", body, tasks: 1, commands: ["true"], fields });
}

/** All jobs, in the order in which they were made. */
export async function jobs(q: Harness): Promise<JobRecord[]> {
  const all: JobRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await q.run("job.list", { limit: 1000, ...(cursor !== undefined && { cursor }) });
    all.push(...page.jobs);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return all;
}

/** The slots of which a job was made, in the order in which they were; null stands for a run by hand. */
export async function slots(q: Harness, id = "s"): Promise<(number | null)[]> {
  const own = (await jobs(q)).filter(({ schedule }) => schedule === id);
  return own.map(({ slotAt }) => slotAt ?? null);
}

/** The slots of which an action was made, likewise. */
export async function actionSlots(q: Harness, id = "s"): Promise<(number | null)[]> {
  const { actions } = await q.run("action.list", { limit: 1000 });
  const own = actions.filter(({ schedule }) => schedule === id);
  return own.map(({ slotAt }) => slotAt ?? null);
}

/** So many instants, `everyMs` apart, from the first. */
export const every = (everyMs: number, first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i * everyMs);
