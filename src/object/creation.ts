/**
 * Which commands create the queue that they name.
 * Invariant: a queue comes to be by being configured, or by a command that needs nothing that is in a queue already.
 */
import type { CommandName } from "../contract/commands.ts";

/** Commands that need nothing that is in a queue already. */
export const beginners: ReadonlySet<CommandName> = new Set<CommandName>([
  "delivery.put",
  "job.enqueue",
  "key.put",
  "plan.submit",
  "redis.run",
  "schedule.put",
  "worker.register",
]);

/** Whether a command creates the queue it names. */
export const creates = (name: CommandName, autoCreate: boolean): boolean =>
  name === "queue.configure" || (beginners.has(name) && autoCreate);
