/**
 * The actions of one queue: one plan on many inputs, of which each becomes a job.
 * Invariant: an action is submitted whole or not at all, and once, however often its request had to be sent.
 */
import type {
  ActionListInput,
  ActionListReply,
  ActionRecord,
  ActionReply,
  ChangeActionReply,
  SubmitActionInput,
  SubmitActionReply,
} from "../contract/actions.ts";
import { segment, type Transport, type WaitOptions } from "./transport.ts";

export type { ActionRecord, ActionStatus } from "../contract/actions.ts";

/** What may be said of an action besides its inputs. `action` is an id of your own, and `version` the plan's. */
export type ActionOptions = Omit<SubmitActionInput, "id" | "inputs" | "fingerprint">;
/** An action that was taken: its jobs are in the order of the inputs. */
export type SubmittedAction = Omit<SubmitActionReply, "now">;
/** An action, and how many of its jobs were cancelled, or run again. */
export type ChangedAction = Omit<ChangeActionReply, "now">;
export type ActionFilter = ActionListInput;
/** A page of actions; it may be short, and only an absent cursor means the end. */
export type ActionPage = ActionListReply;

/**
 * The actions of a queue.
 * @example
 * const { action } = await queue.actions.submit("greet", [{ to: "ada" }, { to: "bob" }]);
 * for await (const job of queue.jobs({ action: action.id })) console.log(job.state);
 */
export class Actions {
  readonly #transport: Transport;
  readonly #queuePath: string;

  constructor(transport: Transport, queuePath: string) {
    this.#transport = transport;
    this.#queuePath = queuePath;
  }

  /** Runs a plan on up to 1,000 inputs; without inputs, once with null. */
  async submit(
    plan: string,
    inputs: readonly unknown[] = [],
    options: ActionOptions = {},
  ): Promise<SubmittedAction> {
    const path = `${this.#queuePath}/plans/${segment(plan)}/actions`;
    const text = JSON.stringify({ ...options, inputs });
    const { now: _, ...taken } = await this.#transport.write<SubmitActionReply>("POST", path, text);
    return taken;
  }

  /** An action as it is now; with `waitMs` (up to 60,000), once it has ended, or after that time. */
  async get(id: string, { waitMs }: WaitOptions = {}): Promise<ActionRecord> {
    const path = this.#of(id);
    return (await this.#transport.read<ActionReply>(path, { waitMs }, { waitMs })).action;
  }

  /** One page of actions in the order of their ids. */
  list(filter: ActionFilter = {}): Promise<ActionPage> {
    return this.#transport.read(`${this.#queuePath}/actions`, filter);
  }

  /** Cancels the jobs of an action that have not ended. */
  async cancel(id: string, reason?: string): Promise<ChangedAction> {
    return this.#change(id, "cancel", JSON.stringify({ reason }));
  }

  /** Runs the jobs of an action again that failed or expired. */
  async retry(id: string): Promise<ChangedAction> {
    return this.#change(id, "retry");
  }

  async #change(id: string, verb: "cancel" | "retry", text?: string): Promise<ChangedAction> {
    const path = `${this.#of(id)}/${verb}`;
    const { now: _, ...done } = await this.#transport.write<ChangeActionReply>("POST", path, text);
    return done;
  }

  #of(id: string): string {
    return `${this.#queuePath}/actions/${segment(id)}`;
  }
}
