/**
 * The refusals of the commands about schedules, for `refusals.test.ts`.
 */
import type { CommandInputs, CommandName } from "../../src/contract/commands.ts";
import { limits } from "../../src/contract/limits.ts";
import type { RefusalCode } from "../../src/contract/refusals.ts";
import type { Harness } from "../engine-harness.ts";
import { define, MINUTE, put, submitPlan } from "./schedule-rig.ts";

/** A state in which a command would be refused for each of the codes; the first is the one that is given. */
export interface Case<N extends CommandName = CommandName> {
  readonly command: N;
  readonly codes: readonly [RefusalCode, ...RefusalCode[]];
  readonly input: CommandInputs[N];
  readonly set: (q: Harness) => Promise<unknown>;
  readonly isKeyUsed?: true;
}
/** Makes a case. */
export const refuses = <N extends CommandName>(
  command: N,
  codes: Case["codes"],
  input: CommandInputs[N],
  set: Case["set"],
  isKeyUsed?: true,
): Case => ({ command, codes, input, set, ...(isKeyUsed && { isKeyUsed }) }) as unknown as Case;

const key = "idempotency_key_reused" as const;
const nothing = () => Promise.resolve();
const aQueue = (q: Harness) => q.run("queue.configure", {});
const s = { id: "s" };
const ofPlan = define(
  { everyMs: MINUTE },
  { action: { plan: "p", inputs: ["{}"], requires: ["new"], key: "k" } },
);
const planPut = { ...s, definition: ofPlan };
/** A schedule of a plan, whose newest version takes a field that its input has not. */
const mismatched = async (q: Harness) => {
  await submitPlan(q);
  await put(q, { everyMs: MINUTE }, ofPlan);
  await submitPlan(q, "x");
};
const noBacklog = (q: Harness) => q.run("queue.configure", { keys: { maxBacklog: 0 } });
/** A schedule whose job is to be the only one of a key that another job has. */
const taken = async (q: Harness) => {
  await submitPlan(q);
  const unique = { key: "u", onConflict: "reject" as const };
  await q.enqueue({ unique });
  await put(q, { everyMs: MINUTE }, { job: { payload: "{}", plan: "p", key: "k", unique } });
  await noBacklog(q);
};
const noBytes = (q: Harness) => q.run("queue.configure", { maxBytes: 1 });
const full = (q: Harness) => q.run("queue.configure", { maxJobs: 1 });
const lanes = async (q: Harness) => {
  const jobs = Array.from({ length: limits.lanesMax }, (_, i) => ({
    payload: "1",
    requires: [`r${i}`],
  }));
  await q.run("job.enqueue", { jobs: jobs.slice(0, 1000) });
  await q.run("job.enqueue", { jobs: jobs.slice(1000) });
};

export const scheduleCases: readonly Case[] = [
  refuses("schedule.put", [key, "plan_unknown"], planPut, aQueue, true),
  refuses("schedule.put", ["plan_unknown", "queue_full"], planPut, noBytes),
  refuses("schedule.put", ["input_mismatch", "queue_full"], planPut, async (q) => {
    await submitPlan(q, "x");
    await noBytes(q);
  }),
  refuses("schedule.put", ["queue_full"], planPut, async (q) => {
    await submitPlan(q);
    await noBytes(q);
  }),
  refuses("schedule.run", [key, "schedule_unknown"], s, aQueue, true),
  refuses("schedule.run", ["unique_conflict", "input_mismatch", "key_full"], s, async (q) => {
    await taken(q);
    await submitPlan(q, "x");
  }),
  refuses(
    "schedule.run",
    ["input_mismatch", "key_full", "queue_full", "requires_limit"],
    s,
    async (q) => {
      await mismatched(q);
      await lanes(q);
      await full(q);
      await noBacklog(q);
    },
  ),
  refuses("schedule.run", ["key_full", "queue_full", "requires_limit"], s, async (q) => {
    await submitPlan(q);
    await put(q, { everyMs: MINUTE }, ofPlan);
    await lanes(q);
    await full(q);
    await noBacklog(q);
  }),
  refuses("schedule.run", ["queue_full", "requires_limit"], s, async (q) => {
    await submitPlan(q);
    await put(q, { everyMs: MINUTE }, ofPlan);
    await lanes(q);
    await full(q);
  }),
  refuses("schedule.run", ["requires_limit"], s, async (q) => {
    await submitPlan(q);
    await put(q, { everyMs: MINUTE }, ofPlan);
    await lanes(q);
  }),
  refuses("schedule.list", ["queue_unknown", "cursor_invalid"], { cursor: "x" }, nothing),
  refuses("schedule.list", ["cursor_invalid"], { cursor: "x" }, aQueue),
  ...(["schedule.remove", "schedule.pause", "schedule.resume"] as const).map((command) =>
    refuses(command, [key, "schedule_unknown"], s, aQueue, true),
  ),
  ...(
    [
      "schedule.get",
      "schedule.preview",
      "schedule.remove",
      "schedule.pause",
      "schedule.resume",
      "schedule.run",
    ] as const
  ).flatMap((command) => [
    refuses(command, ["queue_unknown", "schedule_unknown"], s, nothing),
    refuses(command, ["schedule_unknown"], s, aQueue),
  ]),
];
