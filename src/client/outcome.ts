/**
 * What a handler's end means for its job.
 * Invariant: every end, also a throw of anything, becomes a settlement that the server can take.
 */
import type { limits } from "../contract/limits.ts";
import type { Settlement } from "./types.ts";

/** A failure that no further attempt will mend: thrown by a handler, it fails the job for good. */
export class NonRetryableError extends Error {
  override readonly name: string = "NonRetryableError";
}

/** A failure whose next attempt the handler sets itself. It counts as an attempt. */
export class RetryLater extends Error {
  override readonly name: string = "RetryLater";
  /**
   * When to try again, in ms from now: rounded up to a whole one, and ten years at most. Less than none is now, and what is no number
   * (NaN) leaves it to the job's backoff.
   */
  readonly delayMs: number;

  constructor(delayMs: number, message = "The handler asked for another attempt later.") {
    super(message);
    this.delayMs = delayMs;
  }
}

/**
 * When a job that is given back, and the others of its key, may be handed out again. Fractions of a ms are rounded up, what is longer than
 * allowed is as long as allowed, less than none is none, and what is no number (NaN) is as left out.
 */
export interface ReleaseOptions {
  /** The job itself, in ms from now, up to ten years. */
  readonly delayMs?: number | undefined;
  /** Every job of its key, in ms from now, up to a day: for an API that asked for time. A job without a key waits for so long itself. */
  readonly holdKeyMs?: number | undefined;
}

/**
 * Gives the job back without counting an attempt: now, or after `delayMs`. With `holdKeyMs` no job of its key is handed out for so
 * long; without a key the job itself is not.
 * @example if (response.status === 429) throw new ReleaseJob({ holdKeyMs: 30_000 });
 */
export class ReleaseJob extends Error {
  override readonly name: string = "ReleaseJob";
  readonly delayMs: number | undefined;
  readonly holdKeyMs: number | undefined;

  constructor(when: number | ReleaseOptions = {}) {
    super("The handler gave the job back.");
    const { delayMs, holdKeyMs }: ReleaseOptions =
      typeof when === "number" ? { delayMs: when } : when;
    this.delayMs = delayMs;
    this.holdKeyMs = holdKeyMs;
  }
}

/** The job and the token that every settlement names. */
export interface Held {
  readonly id: string;
  readonly token: string;
}

/** As `limits.errorBytesMax`. */
export const ERROR_BYTES_MAX = 1024;
/** The longest wait of a job, and of its key. */
export const DELAY_MS_MAX: typeof limits.delayMsMax = 3650 * 86_400_000;
export const HOLD_KEY_MS_MAX: typeof limits.holdKeyMsMax = 86_400_000;

/** Runs a handler and encodes the settlement of its end as JSON text. Never rejects. */
export async function outcomeText(held: Held, handle: () => unknown): Promise<string> {
  try {
    const result = await handle();
    // Inside the `try`: a result that is no JSON value fails its job.
    return JSON.stringify({ op: "complete", ...held, result });
  } catch (error) {
    return JSON.stringify(failure(held, error));
  }
}

/** The settlement of a job that is given back, as JSON text. */
export function releaseText(held: Held, when: ReleaseOptions = {}): string {
  return JSON.stringify(release(held, when));
}

/**
 * What is said, as JSON text, in place of a settlement that the server could not take. A result fails its job for good, since another
 * attempt would come to it again; any other end stays what it was, without its times.
 */
export function insteadText(text: string, why: string): string {
  const { op, id, token, error, retryable } = JSON.parse(text) as AnyEnd;
  if (op === "complete") return JSON.stringify(failure({ id, token }, new NonRetryableError(why)));
  return JSON.stringify({ op, id, token, error, retryable });
}

/** What stands in the ends of a job, but for results and times. */
interface AnyEnd extends Held {
  readonly op: Settlement["op"];
  readonly error?: string;
  readonly retryable?: boolean;
}

const release = ({ id, token }: Held, { delayMs, holdKeyMs }: ReleaseOptions): object => ({
  op: "release",
  id,
  token,
  delayMs: waitOf(delayMs, DELAY_MS_MAX),
  holdKeyMs: waitOf(holdKeyMs, HOLD_KEY_MS_MAX),
});

/** A wait as the server takes it: in whole ms, from none to the longest; what is no number says nothing. */
function waitOf(ms: number | undefined, longest: number): number | undefined {
  const whole = Math.ceil(ms ?? Number.NaN);
  return Number.isNaN(whole) ? undefined : Math.min(Math.max(whole, 0), longest);
}

function failure(held: Held, thrown: unknown): object {
  const { id, token } = held;
  if (thrown instanceof ReleaseJob) return release(held, thrown);
  const error = errorText(thrown);
  if (thrown instanceof NonRetryableError)
    return { op: "fail", id, token, error, retryable: false };
  if (thrown instanceof RetryLater) {
    return { op: "fail", id, token, error, delayMs: waitOf(thrown.delayMs, DELAY_MS_MAX) };
  }
  return { op: "fail", id, token, error };
}

/** The message of whatever was thrown, cut to what the server keeps. */
export function errorText(thrown: unknown): string {
  const whole = textOf(thrown).toWellFormed();
  const { read } = new TextEncoder().encodeInto(whole, new Uint8Array(ERROR_BYTES_MAX));
  return whole.slice(0, read);
}

/** What is thrown need have no text, nor an error's message be one. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message || thrown.name : thrown);
  } catch {
    return "The handler threw what has no text.";
  }
}
