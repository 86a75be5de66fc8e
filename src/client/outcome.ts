/**
 * What a handler's end means for its job.
 * Invariant: every end, also a throw of anything, becomes a settlement that the server can take.
 */

/** A failure that no further attempt will mend: thrown by a handler, it fails the job for good. */
export class NonRetryableError extends Error {
  override readonly name: string = "NonRetryableError";
}

/** A failure whose next attempt the handler sets itself. It counts as an attempt. */
export class RetryLater extends Error {
  override readonly name: string = "RetryLater";
  /** When to try again, in ms from now. */
  readonly delayMs: number;

  constructor(delayMs: number, message = "The handler asked for another attempt later.") {
    super(message);
    this.delayMs = delayMs;
  }
}

/** When a job that is given back, and the others of its key, may be handed out again. */
export interface ReleaseOptions {
  /** The job itself, in ms from now. */
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

/** The settlement of a job whose own settlement the server could not take, as JSON text. */
export function refusedText(held: Held, why: string): string {
  return JSON.stringify(failure(held, new NonRetryableError(why)));
}

const release = ({ id, token }: Held, { delayMs, holdKeyMs }: ReleaseOptions): object => ({
  op: "release",
  id,
  token,
  delayMs,
  holdKeyMs,
});

function failure(held: Held, thrown: unknown): object {
  const { id, token } = held;
  if (thrown instanceof ReleaseJob) return release(held, thrown);
  const error = errorText(thrown);
  if (thrown instanceof NonRetryableError)
    return { op: "fail", id, token, error, retryable: false };
  if (thrown instanceof RetryLater) {
    return { op: "fail", id, token, error, delayMs: thrown.delayMs };
  }
  return { op: "fail", id, token, error };
}

/** The message of whatever was thrown, cut to what the server keeps. */
export function errorText(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  const whole = text.toWellFormed();
  const { read } = new TextEncoder().encodeInto(whole, new Uint8Array(ERROR_BYTES_MAX));
  return whole.slice(0, read);
}
