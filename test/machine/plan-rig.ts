/**
 * What tests of plans, actions and workers share: plans as the gate hands them on, and the usual ways to use them.
 */
import type { SubmitActionInput } from "../../src/contract/actions.ts";
import { hash52 } from "../../src/contract/hash.ts";
import { placeholdersOf } from "../../src/contract/placeholders.ts";
import { planBody, type SubmitPlanInput, type Task } from "../../src/contract/plans.ts";
import type { Harness } from "../engine-harness.ts";

/** What a worker of plans says of itself. */
export const able = { kinds: ["plan" as const], capabilities: ["curl", "sort"] };

/** A plan of one task for each list of arguments, which runs `curl`. */
export function planOf(id: string, ...args: readonly string[][]): SubmitPlanInput {
  const given = args.length === 0 ? [[]] : args;
  return planWith(
    id,
    given.map((each, i) => ({ task_number: i + 1, command: "curl", args: each })),
  );
}

export function planWith(id: string, tasks: Task[], description?: string): SubmitPlanInput {
  return {
    id,
    body: planBody(id, { tasks, plan_description: description }),
    description,
    tasks: tasks.length,
    commands: [...new Set(tasks.map(({ command }) => command))].sort(),
    fields: placeholdersOf(tasks),
  };
}

/** Submits an action of plan `p`; the ids of its jobs. */
export async function act(
  q: Harness,
  inputs: readonly string[],
  options: Partial<SubmitActionInput> = {},
): Promise<readonly string[]> {
  const { action: id } = options;
  const fingerprint = String(hash52(JSON.stringify([inputs, options])));
  const chosen = id === undefined ? {} : { fingerprint };
  const { jobs } = await q.run("action.submit", { id: "p", inputs, ...chosen, ...options });
  return jobs;
}

export const actionOf = async (q: Harness, id: string) =>
  (await q.run("action.get", { id })).action;

/** Claims one job of a plan and settles it. */
export async function finish(q: Harness, op: "complete" | "fail" | "release"): Promise<string> {
  const { id, token } = await q.claimOne(able);
  await q.settle(op === "fail" ? { op, id, token, error: "no" } : { op, id, token });
  return id;
}

/** All items of a list, page by page, and how many pages there were. */
export async function allOf<Item>(
  page: (cursor: string | undefined) => Promise<{ items: readonly Item[]; cursor?: string }>,
): Promise<{ items: Item[]; pages: number }> {
  const items: Item[] = [];
  let pages = 0;
  let cursor: string | undefined;
  do {
    const next = await page(cursor);
    items.push(...next.items);
    cursor = next.cursor;
    pages += 1;
  } while (cursor !== undefined && pages < 1000);
  return { items, pages };
}
