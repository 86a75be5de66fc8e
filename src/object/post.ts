/**
 * One delivery: what is posted for a job, signed as Standard Webhooks 1.0 has it, and what an answer means for the job and the target.
 * Invariant: only an answer of 2xx completes a job; what an answer says never leaves the bounds of a result or an error text.
 */
import { Webhook } from "standardwebhooks";
import type { DeliverySettings } from "../contract/deliveries.ts";
import { utf8Bytes } from "../contract/fields.ts";
import type { JsonText } from "../contract/json.ts";
import type { ClaimedJob, Settlement } from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";

/** What is sent. */
export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonText;
  readonly timeoutMs: number;
}
/** What was answered; the text as far as it was read: no farther than a result may be long. */
export interface PostAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | null;
  readonly text: string;
  readonly isWhole: boolean;
}
/** Sends a request. Follows no redirect; rejects where there was no answer in time. */
export type Post = (request: PostRequest) => Promise<PostAnswer>;

/** Sends a request over the network. */
export const postByFetch: Post = async ({ url, headers, body, timeoutMs }) => {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
  return {
    status: response.status,
    contentType: response.headers.get("content-type") ?? "",
    retryAfter: response.headers.get("retry-after"),
    ...(await textOf(response.body)),
  };
};

async function textOf(body: ReadableStream<Uint8Array> | null) {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    // The rest is not read: leaving the loop cancels the stream.
    if (bytes > limits.resultBytesMax) return { text, isWhole: false };
    text += decoder.decode(chunk, { stream: true });
  }
  return { text: text + decoder.decode(), isWhole: true };
}

/** What a delivery came to. */
export interface Outcome {
  readonly settlement: Settlement;
  /** What was wrong with the target; undefined where it works, or where only this job was refused. */
  readonly fault?: string;
  /** How long the target wants to be left alone. */
  readonly retryAfterMs?: number | undefined;
}

type Lease = Pick<ClaimedJob, "id" | "token">;

/**
 * The request for a job. Its `webhook-id` is the same for every attempt of a run, so that a receiver knows what it has had, and
 * another one for each run.
 */
export function requestFor(
  queue: string,
  job: Omit<ClaimedJob, "payload">,
  payload: JsonText,
  { url, secrets, timeoutMs }: DeliverySettings,
  now: number,
): PostRequest {
  const id = `${job.id}.${job.run}`;
  const sentAt = new Date(now);
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, sentAt, payload));
  const headers = {
    "content-type": "application/json",
    "user-agent": "Sluice",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": signatures.join(" "),
    "sluice-queue": encodeURIComponent(queue),
    "sluice-job": job.id,
    "sluice-run": String(job.run),
    "sluice-attempt": `${job.attempt}/${job.maxAttempts}`,
  };
  return { url, headers, body: payload, timeoutMs };
}

/** Refusals by which a target says that it is not the right one, or asks for time; by others it refuses the job. */
const ofTarget = new Set([401, 403, 404, 405, 407, 410]);
const later = new Set([408, 425, 429]);

/** What an answer means. */
export function outcomeOf(
  { id, token }: Lease,
  answer: PostAnswer,
  { retryRefused }: DeliverySettings,
  now: number,
): Outcome {
  const { status } = answer;
  if (status >= 200 && status < 300) {
    const result = resultOf(answer);
    return { settlement: { op: "complete", id, token, ...(result !== undefined && { result }) } };
  }
  const error = errorOf(answer);
  const isRefused = status >= 300 && status < 500 && !later.has(status);
  const retryAfterMs = retryAfterOf(answer, now);
  const settlement: Settlement = {
    ...{ op: "fail", id, token, error },
    ...(isRefused && !retryRefused && { retryable: false }),
    ...(retryAfterMs !== undefined && { delayMs: retryAfterMs }),
  };
  const isJobs = isRefused && status >= 400 && !ofTarget.has(status);
  return isJobs ? { settlement } : { settlement, fault: error, retryAfterMs };
}

/** What it means that there was no answer. */
export function unreached({ id, token }: Lease, error: unknown): Outcome {
  const what = error instanceof Error ? error.message : String(error);
  const isLate = error instanceof Error && error.name === "TimeoutError";
  const fault = cut(
    isLate ? "the target did not answer in time" : `the target was not reached: ${what}`,
  );
  return { settlement: { op: "fail", id, token, error: fault }, fault };
}

/** The answer's body, where it says that it is JSON, and is. */
function resultOf({ contentType, text, isWhole }: PostAnswer): JsonText | undefined {
  if (!isWhole || !/^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)) return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return utf8Bytes(text) <= limits.resultBytesMax ? text : undefined;
}

const errorOf = ({ status, text }: PostAnswer): string =>
  cut(`the target answered ${status}${text === "" ? "" : `: ${text.slice(0, 500)}`}`);

/** An error text as long as it may be. Three bytes of UTF-8 at most are a unit of UTF-16. */
const cut = (text: string): string =>
  text.toWellFormed().slice(0, Math.floor(limits.errorBytesMax / 3));

/** `Retry-After` in ms (RFC 9110, 10.2.3): seconds, or a date. */
function retryAfterOf({ retryAfter }: PostAnswer, now: number): number | undefined {
  if (retryAfter === null) return undefined;
  const isSeconds = /^\d+$/.test(retryAfter);
  // Of what has no name of a month, such as "-5" and "1.5", the platform makes a date all the same.
  if (!isSeconds && !/[a-z]{3}/i.test(retryAfter)) return undefined;
  const ms = isSeconds ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), limits.retryAfterMsMax);
}
