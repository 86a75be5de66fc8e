/**
 * What callers are told by the object itself, beside what the machine refuses.
 * Invariant: only what is worth a repeat says that it is.
 */
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { Contents } from "../machine/queue.ts";
import { damageOf } from "../store/refusal.ts";

/** What a caller is told of a fault, which was undone: a row that cannot be read will not be read the next time either. */
export function refusalOfFault(fault: unknown): Refusal {
  const damage = damageOf(fault);
  return damage
    ? refuse(damage.code, `Nothing was changed: ${damage.reason}`)
    : refuse("internal", "Sluice failed while it decided; nothing was changed. See its log.");
}

/** The refusal of everything that needs a queue that is not there. */
export const queueUnknown = (name: string): Refusal =>
  refuse("queue_unknown", `There is no queue ${name}: enqueue a job or PUT it to create it.`, {
    queue: name,
  });

/** The refusal of what would create a queue elsewhere, where only a PUT does. */
export const queueNotMade = (name: string): Refusal =>
  refuse(
    "queue_unknown",
    `There is no queue ${name}: PUT it to create it; here nothing else does (SLUICE_AUTO_CREATE=false).`,
    { queue: name },
  );

export const tooLarge = (bytes: number): Refusal =>
  refuse(
    "entry_too_large",
    `The command makes a log entry of ${bytes} bytes; ${limits.entryBytesMax} is the most. Split it.`,
  );

/** `remedy` says what to add to the request, and what that then does. */
export function notEmpty(name: string, contents: Contents, remedy: string): Refusal {
  const { jobs, plans, schedules, names } = contents;
  const kept = `${jobs} jobs, ${plans} plans, ${schedules} schedules and ${names} names`;
  return refuse("queue_not_empty", `Queue ${name} keeps ${kept}: add ${remedy}.`, contents);
}

export const newer = (name: string): Refusal =>
  refuse("store_newer", `Queue ${name} was written by newer code; this version only reads it.`);

/** Storage that contradicts itself, or that newer code wrote, is not used. */
export function unusable(
  queue: string,
  code: "store_corrupt" | "store_newer",
  reason: string,
  where: { readonly index?: number },
): Refusal {
  const advice =
    code === "store_corrupt" ? ". GET …/raw saves all of it; DELETE …?force=true gives it up" : "";
  return refuse(code, `The storage of queue ${queue} is not used: ${reason}${advice}.`, where);
}

export const busy = (waiting: number): Refusal =>
  refuse("busy", `${waiting} requests wait for this queue already. Send fewer, larger batches.`);
