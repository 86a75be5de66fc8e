/**
 * A job as it stands in a list: a G2 worker is given its id, a G1 worker all of it, with its plan.
 * Invariant: what is told of many jobs fits a reply, and is read as far as it does; a version of a plan is asked for once, however many jobs are of it.
 */
import type { JobState } from "../../contract/fields.ts";
import type { JobRecord } from "../../contract/jobs.ts";
import type { JsonText } from "../../contract/json.ts";
import { limits } from "../../contract/limits.ts";
import { rawMembers } from "../../contract/raw-json.ts";
import { repliesTooLarge } from "../../contract/redis.ts";
import { type AgqContext, AgqError, bulk } from "./command.ts";
import type { FoundJob } from "./jobs.ts";
import { fieldsJson, sortedJson } from "./json.ts";
import { checkReach, listed, pagesOf } from "./pages.ts";
import { planOf } from "./plans.ts";

/** A job, and how it stands in a list. */
export interface Item {
  readonly job: JobRecord;
  readonly item: string;
}

/** What a plan adds to its jobs. */
type PlanTexts = Readonly<Record<"plan_description" | "tasks", JsonText | undefined>>;

function textsOf(body: unknown): PlanTexts {
  const plan = (body ?? {}) as { readonly plan_description?: string; readonly tasks?: unknown };
  const { plan_description, tasks = [] } = plan;
  return {
    plan_description: plan_description === undefined ? undefined : sortedJson(plan_description),
    tasks: sortedJson(tasks),
  };
}

/** A job with its plan. */
const wholeOf = ({ job, input }: FoundJob, plan: PlanTexts): string =>
  bulk(
    fieldsJson({
      ...plan,
      input,
      input_index: String(job.inputIndex ?? 0),
      job_id: JSON.stringify(job.id),
      plan_id: JSON.stringify(job.plan ?? ""),
    }),
  );

/** A job that is handed out, with the body of its plan, as it stands in the list. */
export const itemOf = ({ memory }: AgqContext, found: FoundJob, plan: unknown): string =>
  memory.form === "g2" ? found.job.id : wholeOf(found, textsOf(plan));

/** Finds what the plans of jobs add to them. */
function planReader(context: AgqContext): (job: JobRecord) => Promise<PlanTexts> {
  const known = new Map<string, Promise<PlanTexts>>();
  const read = async ({ plan, planVersion }: JobRecord) =>
    textsOf(plan === undefined ? undefined : (await planOf(context, plan, planVersion))?.plan);
  return (job) => {
    const version = `${job.plan} ${job.planVersion}`;
    const texts = known.get(version) ?? read(job);
    known.set(version, texts);
    return texts;
  };
}

/** Jobs of a state in the order of its list, without the ones before `from`, each as it stands there. Throws where they are too much for a reply. */
export async function itemsBetween(
  context: AgqContext,
  state: JobState,
  from: number,
  end: number,
): Promise<Item[]> {
  if (end <= from) return [];
  checkReach(end);
  if (context.memory.form === "g1") return await wholesBetween(context, state, from, end);
  const jobs = await listed(context, "job.list", { state }, end);
  return jobs.slice(from).map((job) => ({ job, item: job.id }));
}

async function wholesBetween(context: AgqContext, state: JobState, from: number, end: number) {
  const items: Item[] = [];
  const planTextsOf = planReader(context);
  let bytes = 0;
  for await (const { items: jobs, text } of pagesBehind(context, state, from, end - from)) {
    const inputs = rawMembers(text, ["payload"], "jobs");
    for (const [i, job] of jobs.entries()) {
      const item = wholeOf({ job, input: inputs[i] ?? "null" }, await planTextsOf(job));
      bytes += item.length;
      if (bytes > limits.redisReplyBytesMax) throw new AgqError(repliesTooLarge);
      items.push({ job, item });
    }
  }
  return items;
}

/** Pages of whole jobs; those that stand before them are passed without their payloads. */
async function* pagesBehind(context: AgqContext, state: JobState, from: number, most: number) {
  let cursor: string | undefined;
  if (from > 0) {
    const before = pagesOf(context, "job.list", { state }, { first: from });
    for await (const page of before) ({ cursor } = page);
    if (cursor === undefined) return;
  }
  yield* pagesOf(context, "job.list", { state, include: "payload" }, { first: most, cursor });
}
