/**
 * How the rare ends of commands about schedules are brought about.
 * Invariant: each recipe comes nearer to its end by one wish, or asks for it.
 */
import type { Wish } from "./clients.ts";
import { isEnded } from "./model/state.ts";
import type { Recipe } from "./wanted.ts";

/** A plan that nobody else submits. */
export const OWN = "own";

/** A version of it, which needs nothing or a field. */
export function ownPlan(...fields: readonly string[]): Wish {
  const args = fields.map((field) => `{{input.${field}}}`);
  const body = JSON.stringify({ plan_id: OWN, tasks: [{ task_number: 1, command: "cp", args }] });
  return { name: "plan.submit", input: { id: OWN, tasks: 1, commands: ["cp"], fields, body } };
}

const everyMinute = { timing: { everyMs: 60_000 }, catchUp: "one", overlap: "allow" };

/** Jobs of other requirements take all the room that a schedule needs for its own. */
const runCrowded: Recipe = (name, scene, random) => {
  const own = [...scene.state.schedules].filter(([, { definition }]) => {
    const { requires } = (definition.job ?? {}) as { readonly requires?: readonly string[] };
    return requires?.length === 2;
  });
  const [id] = random.pickFrom(own) ?? [];
  if (id === undefined) {
    const job = { payload: "1", requires: ["cp", "tar"] };
    return { name: "schedule.put", input: { id: "s1", definition: { ...everyMinute, job } } };
  }
  if (random.chance(0.5)) return { name, input: { id } };
  const jobs = ["arm", "cp", "ssd", "tar"].map((need) => ({
    ...{ payload: "1", requires: [need], priority: 9 },
  }));
  return { name: "job.enqueue", input: { jobs } };
};

/** A job of the unique key that the schedule's own is to have alone. */
const runUnique: Recipe = (name, { state }, random) => {
  const unique = { key: "s", onConflict: "reject" } as const;
  const isOwn = (made: unknown) => (made as Made | undefined)?.unique?.key === unique.key;
  const [id] = [...state.schedules].find(([, { definition }]) => isOwn(definition.job)) ?? [];
  const job = { payload: "1", unique };
  if (id === undefined) {
    return { name: "schedule.put", input: { id: "s1", definition: { ...everyMinute, job } } };
  }
  const isThere = [...state.jobs.values()].some((each) => isOwn(each) && !isEnded(each.state));
  if (isThere || random.chance(0.3)) return { name, input: { id } };
  return { name: "job.enqueue", input: { jobs: [job] } };
};

/** So many jobs wait of the schedule's key as may. */
const runFull: Recipe = (name, { state }, random) => {
  const key = "k";
  const isOwn = (made: unknown) => (made as Made | undefined)?.key === key;
  const [id] = [...state.schedules].find(([, { definition }]) => isOwn(definition.job)) ?? [];
  if (id === undefined) {
    const definition = { ...everyMinute, job: { payload: "1", key } };
    return { name: "schedule.put", input: { id: "s2", definition } };
  }
  if (random.chance(0.4)) return { name, input: { id } };
  if (random.chance(0.5)) return { name: "key.put", input: { key, maxBacklog: 1 } };
  return { name: "job.enqueue", input: { jobs: [{ payload: "1", key, delayMs: 60_000 }] } };
};

/** What a schedule makes, as far as it is looked at here. */
interface Made {
  readonly key?: string;
  readonly unique?: { readonly key: string };
}

/** A plan has other fields by now than its schedule gives it. */
const runMismatched: Recipe = (name, { state }, random) => {
  const newest = state.plans.get(OWN)?.versions.at(-1);
  const all = [...state.schedules];
  const [id] = all.find(([, { definition }]) => definition.action?.plan === OWN) ?? [];
  if (id !== undefined && newest?.fields.length === 0) return ownPlan("other");
  if (id !== undefined && newest !== undefined) return { name, input: { id } };
  if (newest?.fields.length !== 0) return ownPlan();
  const [other = "s1"] = random.pickFrom(all) ?? [];
  const action = { plan: OWN, inputs: ["null"] };
  return { name: "schedule.put", input: { id: other, definition: { ...everyMinute, action } } };
};

/** More schedules than there may be. */
const putMany: Recipe = (name, _, random) => {
  const definition = { ...everyMinute, job: { payload: "1" } };
  return { name, input: { id: `x${random.below(5)}`, definition } };
};

export const scheduleRecipes: Readonly<Record<string, Recipe>> = {
  "schedule.put schedules_limit": putMany,
  "schedule.run input_mismatch": runMismatched,
  "schedule.run key_full": runFull,
  "schedule.run requires_limit": runCrowded,
  "schedule.run unique_conflict": runUnique,
};
