/**
 * Every refusal that Sluice can give: its stable code, HTTP status, and whether the same request may succeed later.
 * Invariant: a code is never renamed or reused; a refusal is a value, never thrown by the machine.
 */

/** `status` is the HTTP status; `retryable` says that repeating the same request later may succeed. */
interface RefusalRow {
  readonly status: number;
  readonly retryable: boolean;
  readonly title: string;
}

const row = (status: number, title: string, retryable = false): RefusalRow => ({
  status,
  retryable,
  title,
});

export const refusals = {
  // Of the request itself, before a queue sees it.
  not_configured: row(503, "The service has no token and is closed"),
  unauthorized: row(401, "The bearer token is missing or wrong"),
  route_unknown: row(404, "There is no such address"),
  method_not_allowed: row(405, "The address does not know this method"),
  upgrade_required: row(426, "The address is a WebSocket"),
  queue_name_invalid: row(400, "The queue name is not well formed"),
  body_too_large: row(413, "The request body is too large"),
  body_incomplete: row(400, "The request body broke off"),
  utf8_invalid: row(400, "The request body is not UTF-8"),
  json_invalid: row(400, "The request body is not JSON"),
  unicode_invalid: row(422, "A string has a lone surrogate"),
  field_unknown: row(422, "A field is unknown"),
  input_invalid: row(422, "The input is not valid"),
  payload_too_large: row(413, "A payload, result, progress or text is too large"),
  idempotency_key_invalid: row(400, "The Idempotency-Key is not well formed"),
  idempotency_key_reused: row(422, "The Idempotency-Key was used with another body"),
  subprotocol_unknown: row(400, "The WebSocket names no subprotocol that is known here"),
  frame_unexpected: row(409, "The frame may not stand here"),
  channel_superseded: row(409, "Another channel of the session has taken its place"),
  channel_silent: row(408, "Nothing was heard of the channel for too long"),
  wait_too_large: row(413, "A claim that waits names too many capabilities"),
  cursor_invalid: row(400, "The cursor is not of this list"),

  // Of the state of the queue.
  queue_unknown: row(404, "There is no such queue"),
  job_unknown: row(404, "There is no such job"),
  plan_unknown: row(404, "There is no such plan, or no such version of it"),
  plan_in_use: row(409, "Jobs, actions or schedules still use the plan"),
  plan_limit: row(409, "The plan has as many versions as it may"),
  input_mismatch: row(422, "An input has not what the plan's arguments name"),
  action_unknown: row(404, "There is no such action"),
  action_exists: row(409, "The action id is taken by another action"),
  target_forbidden: row(422, "Jobs cannot be pushed to this address"),
  delivery_unknown: row(404, "The queue pushes no jobs"),
  delivery_incomplete: row(422, "A delivery needs an address and a secret"),
  schedule_unknown: row(404, "There is no such schedule"),
  schedules_limit: row(409, "There are too many schedules"),
  task_unknown: row(422, "The job's plan has no such task"),
  worker_unknown: row(404, "There is no such worker: register it"),
  workers_limit: row(409, "Too many workers are registered"),
  operation_unknown: row(404, "There is no such operation"),
  job_exists: row(409, "The job id is taken by another job"),
  job_state: row(409, "The job's state does not allow this"),
  job_cancelled: row(409, "The job was cancelled"),
  already_settled: row(409, "The job was settled with another outcome"),
  lease_stale: row(409, "The lease is no longer held"),
  max_run_reached: row(409, "The job has run as long as it may"),
  answer_gone: row(410, "The first answer can no longer be given"),
  queue_not_empty: row(409, "The queue still has jobs"),
  keys_limit: row(409, "Too many keys have settings"),
  key_in_use: row(409, "The key has open jobs, whose order cannot change"),
  key_full: row(429, "The key has as many jobs waiting as it may", true),
  unique_conflict: row(409, "Another job has the unique key"),
  parent_unknown: row(422, "A job to wait for is not there"),
  flow_cycle: row(422, "Jobs wait for one another in a circle"),
  requires_limit: row(409, "Too many distinct sets of requirements wait"),
  snapshot_unknown: row(404, "There is no such snapshot"),
  snapshot_invalid: row(422, "The file is not a whole snapshot"),
  snapshot_newer: row(422, "The snapshot was made by newer code"),
  snapshot_no_room: row(507, "There is no room for the snapshot"),
  import_unknown: row(409, "That is not the import under way, or not its next part"),
  feed_gone: row(410, "The log does not go back to the cursor any more"),
  feed_diverged: row(409, "The cursor is of a history that was undone"),
  queue_full: row(507, "The queue is full", true),
  entry_too_large: row(413, "The command does not fit one log entry"),

  // Of the service.
  busy: row(429, "Too many requests wait for this queue", true),
  append_failed: row(503, "Nothing was written", true),
  outcome_unknown: row(503, "The outcome is unknown: retry with the same Idempotency-Key", true),
  unavailable: row(503, "The queue did not answer; nothing was changed", true),
  store_corrupt: row(503, "The queue's storage is damaged and was not touched"),
  store_newer: row(503, "The queue's storage was written by newer code"),
  internal: row(500, "Sluice failed while it decided; nothing was changed"),
} as const satisfies Record<string, RefusalRow>;

export type RefusalCode = keyof typeof refusals;

/** Facts that a refusal adds for programs; never secrets, always JSON. */
export type RefusalFacts = Readonly<Record<string, string | number | boolean | null>>;

/** A place in the request body (RFC 6901 pointer) and what is wrong there. */
export interface InputError {
  readonly pointer: string;
  readonly code: RefusalCode;
  readonly detail: string;
}

/** Why something was not done, where, and what to do about it. */
export interface Refusal {
  readonly refusalCode: RefusalCode;
  readonly detail: string;
  readonly facts?: RefusalFacts;
  readonly errors?: readonly InputError[];
}

/**
 * Makes a refusal.
 * @example refuse("job_unknown", "There is no job k3-001-a in queue mail.", { id: "k3-001-a" })
 */
export function refuse(refusalCode: RefusalCode, detail: string, facts?: RefusalFacts): Refusal {
  return facts === undefined ? { refusalCode, detail } : { refusalCode, detail, facts };
}

/** Whether a reply is a refusal. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "refusalCode" in value;
}

/** An RFC 9457 problem, as a whole body or as the answer to one item of a batch. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: RefusalCode;
  readonly detail: string;
  readonly retryable: boolean;
  readonly errors?: readonly InputError[];
  readonly [fact: string]: unknown;
}

/** The problem (RFC 9457) that tells a refusal to the caller. */
export function problemOf(refusal: Refusal): Problem {
  const { status, title, retryable } = refusals[refusal.refusalCode];
  return {
    type: `urn:sluice:problem:${refusal.refusalCode}`,
    title,
    status,
    code: refusal.refusalCode,
    detail: refusal.detail,
    retryable,
    ...refusal.facts,
    ...(refusal.errors === undefined ? {} : { errors: refusal.errors }),
  };
}
