/**
 * How an object's reply becomes a response. The reply's text passes through unread, but for the few that set the status.
 * Invariant: every response says what it is and that nobody may keep it.
 */
import type { SubmitActionReply } from "../contract/actions.ts";
import type { EnqueueReply } from "../contract/jobs.ts";
import type { SubmitPlanReply } from "../contract/plans.ts";
import type { OperationReply } from "../contract/queue.ts";
import type { SnapshotStatus } from "../contract/snapshots.ts";
import { problemResponse } from "./problems.ts";

/** Makes a response of the JSON text of a reply. */
export type Answer = (reply: string) => Response;

/** A response with JSON text. */
export function jsonResponse(text: string, status = 200): Response {
  return new Response(text, {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

export const asIs: Answer = (reply) => jsonResponse(reply);

/** The answer to one job that was taken, as the object writes it. */
const taken = /^\{"now":(\d+),"results":\[\{("id":"[\w-]+")\}\],"refused":0\}$/;

/** 201 with the id of the one job, 200 if it or one of its unique key was there already, or why it was refused. */
export const oneJob: Answer = (reply) => {
  const [, at, id] = taken.exec(reply) ?? [];
  if (id !== undefined) return jsonResponse(`{"now":${at},${id}}`, 201);
  const { now, results } = JSON.parse(reply) as EnqueueReply;
  const result = results[0];
  if (result === undefined) throw new Error("answers: an enqueue of one job has no result");
  if ("problem" in result) return problemResponse(result.problem);
  const wasThere = result.deduplicated || result.replaced;
  return jsonResponse(JSON.stringify({ now, ...result }), wasThere ? 200 : 201);
};

/** 201 for what was made now, 200 for what was there already. */
export const ifCreated: Answer = (reply) => {
  const { created, deduplicated } = JSON.parse(reply) as Partial<SubmitPlanReply> &
    Partial<SubmitActionReply>;
  return jsonResponse(reply, created === false || deduplicated ? 200 : 201);
};

/** 202 while an operation goes on. */
export const untilDone: Answer = (reply) => {
  const { operation } = JSON.parse(reply) as OperationReply;
  return jsonResponse(reply, operation.status === "running" ? 202 : 200);
};

/** 202 while a snapshot is being built. */
export const untilBuilt: Answer = (reply) => {
  const { building } = JSON.parse(reply) as SnapshotStatus;
  return jsonResponse(reply, building === null ? 200 : 202);
};
