/**
 * What passes on the socket of a wait between the Worker and an object: what is waited for, then what came of it.
 * Invariant: a wait is answered at most once; jobs that came of it are the caller's once it has acknowledged them.
 */
import { endStates } from "./fields.ts";
import type { CommandAnswer, CommandRequest } from "./rpc.ts";

/** What is waited for: jobs for a claim, the end of a job, or of an action. */
export type Wait =
  | {
      readonly kind: "jobs";
      readonly request: CommandRequest<"lease.claim">;
      /** What brings no jobs is no answer: a worker that is to have none for now goes on waiting. */
      readonly isStanding?: true;
    }
  | { readonly kind: "job" | "action"; readonly id: string };

/** The object has taken the wait. */
export const WAITING = "waiting";
/** The caller waits no longer: it is told what there is to tell, if only why there is nothing. */
export const ENOUGH = "enough";
/** The caller has what came of its wait. */
export const TAKEN = "taken";

/** What an answer has to be, for nobody to wait any longer. */
export type WaitKind = Wait["kind"];

/** Whether a reply, or a refusal, is what is waited for: jobs, or that this worker gets none; a job or an action that has ended. */
export function isOver(kind: WaitKind, answer: CommandAnswer): boolean {
  if ("refusal" in answer) return true;
  const { reply } = answer;
  if (kind === "jobs") return !reply.endsWith(',"jobs":[]}') || reply.includes('"draining":true');
  const { job, action } = JSON.parse(reply) as {
    readonly job?: { readonly state: string };
    readonly action?: { readonly status: string };
  };
  if (kind === "action") return action?.status !== "running";
  return endStates.some((state) => state === job?.state);
}
