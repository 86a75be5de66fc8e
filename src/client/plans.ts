/**
 * The plans of one queue: what is run, kept in versions that never change.
 * Invariant: a plan comes back as it will be run.
 */
import type { Task } from "../contract/placeholders.ts";
import type {
  PlanListInput,
  PlanListReply,
  PlanRecord,
  PlanReply,
  PlanWire,
  SubmitPlanReply,
} from "../contract/plans.ts";
import { segment, type Transport } from "./transport.ts";

export type { PlanSummary, PlanUsage, PlanVersion } from "../contract/plans.ts";

/** One command of a plan. `timeout_secs` is in seconds; `{{input.field}}` in `args` is that field of the job's input. */
export type PlanTask = Task;
/** A plan, in the JSON in which plans are written. */
export type Plan = Omit<PlanWire, "plan_id" | "tasks"> & {
  readonly plan_id: string;
  readonly tasks: readonly PlanTask[];
};
/** What became of a submitted plan: `created` is false where its newest version is equal already. */
export type SubmittedPlan = Omit<SubmitPlanReply, "now">;
/** A plan with one of its versions. Times are epoch ms. */
export type PlanDetail = Omit<PlanRecord, "plan"> & { readonly plan: Plan };
/** Which plans: `match` is a pattern of ids such as `mail-*`. */
export type PlanFilter = PlanListInput;
/** A page of plans; it may be short, and only an absent cursor means the end. */
export type PlanPage = PlanListReply;

/**
 * The plans of a queue.
 * @example
 * await queue.plans.submit({ plan_id: "greet", tasks: [{ task_number: 1, command: "echo", args: ["{{input.to}}"] }] });
 */
export class Plans {
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, queuePath: string) {
    this.#transport = transport;
    this.#path = `${queuePath}/plans`;
  }

  /** Keeps a plan: its first version, or the next one where it differs from the newest. */
  async submit(plan: Plan): Promise<SubmittedPlan> {
    const path = this.#of(plan.plan_id);
    const text = JSON.stringify(plan);
    const { now: _, ...done } = await this.#transport.write<SubmitPlanReply>("PUT", path, text);
    return done;
  }

  /** A version of a plan, by default the newest. */
  async get(id: string, version?: number): Promise<PlanDetail> {
    const { plan } = await this.#transport.read<PlanReply>(this.#of(id), { version });
    return plan as unknown as PlanDetail;
  }

  /** One page of plans in the order of their ids. */
  list(filter: PlanFilter = {}): Promise<PlanPage> {
    return this.#transport.read(this.#path, filter);
  }

  /** Removes a plan with all its versions; one that open jobs use is refused. */
  async remove(id: string): Promise<void> {
    await this.#transport.write("DELETE", this.#of(id));
  }

  #of(id: string): string {
    return `${this.#path}/${segment(id)}`;
  }
}
