/**
 * What can go wrong between a program and Sluice: a refusal (`SluiceError`), no usable answer
 * (`UnreachableError`), or a job that has no result (`JobNotCompletedError`).
 * Invariant: a `SluiceError` says what the server decided, or would; after an `UnreachableError` a write may
 * or may not have happened.
 */
import type { InputError, Problem, RefusalCode } from "../contract/refusals.ts";

/** What an error is made of: a problem of Sluice's, or one made up for an answer that is none. */
interface ErrorFields {
  readonly code: RefusalCode | "unexpected_answer";
  readonly status: number;
  readonly detail: string;
  readonly retryable: boolean;
  readonly errors?: readonly InputError[];
  readonly [fact: string]: unknown;
}

/** The members of a problem that are fields of their own; all others are facts. */
const KNOWN = new Set(["type", "title", "status", "code", "detail", "retryable", "errors"]);

/**
 * Sluice, or something in front of it, refused.
 * @example
 * try { await queue.cancel(id); } catch (error) {
 *   if (!(error instanceof SluiceError) || error.code !== "job_unknown") throw error;
 * }
 */
export class SluiceError extends Error {
  override readonly name = "SluiceError";
  /** Stable, for programs. `unexpected_answer` is an error that Sluice itself did not write. */
  readonly code: ErrorFields["code"];
  /** The HTTP status. */
  readonly status: number;
  /** Whether the same request may succeed later; the client has already tried for a while. */
  readonly retryable: boolean;
  /** What happened, for people; also the message. */
  readonly detail: string;
  /** Where the request is wrong, when it is. */
  readonly errors: readonly InputError[];
  /** What else the problem says, for programs. */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(problem: ErrorFields) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
    this.retryable = problem.retryable;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.facts = Object.fromEntries(Object.entries(problem).filter(([name]) => !KNOWN.has(name)));
  }
}

/**
 * No usable answer came: the connection failed, took too long, or broke off. The reason is the
 * `cause`.
 */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  /** Where the request went. */
  readonly url: string;

  constructor(url: string, why: string, options?: ErrorOptions) {
    super(`Sluice at ${url} cannot be reached: ${why}`, options);
    this.url = url;
  }
}

/** A job ended without a result: it failed, expired or was cancelled. */
export class JobNotCompletedError extends Error {
  override readonly name = "JobNotCompletedError";
  readonly id: string;
  readonly state: EndState;
  /** Why it is in this state, where the queue says. */
  readonly reason: string | undefined;
  /** The error of its last attempt. */
  readonly error: string | undefined;

  constructor({ id, state, reason, error }: EndedJob) {
    const why = error ?? reason;
    super(`Job ${id} is ${state}${why === undefined ? "." : `: ${why}`}`);
    this.id = id;
    this.state = state;
    this.reason = reason;
    this.error = error;
  }
}
interface EndedJob {
  readonly id: string;
  readonly state: EndState;
  readonly reason?: string | undefined;
  readonly error?: string | undefined;
}
type EndState = "failed" | "cancelled" | "expired";

/** The error of a response that is no success, from its parsed body. */
export function refusalOf(status: number, body: unknown): SluiceError {
  if (isProblem(body)) return new SluiceError(body);
  const detail = `The server answered ${status} without saying why.`;
  const retryable = status === 429 || status >= 500;
  return new SluiceError({ code: "unexpected_answer", status, detail, retryable });
}

function isProblem(body: unknown): body is Problem {
  if (typeof body !== "object" || body === null) return false;
  const { code, status, detail, retryable } = body as Partial<Record<string, unknown>>;
  return (
    typeof code === "string" &&
    typeof status === "number" &&
    typeof detail === "string" &&
    typeof retryable === "boolean"
  );
}

/** Whether a request was refused for what its body says, and not for the state of the service. */
export function blamesBody(error: unknown): error is SluiceError {
  return error instanceof SluiceError && [400, 413, 422].includes(error.status);
}

/**
 * Which items of a request its refusal blames: the error of each, by the item's place.
 * @example A pointer `/jobs/17/priority` blames item 17 for `/priority`.
 */
export function blamedItems(error: SluiceError): Map<number, SluiceError> {
  const causes = new Map<number, InputError[]>();
  for (const cause of error.errors) {
    const [prefix, place] = /^\/(?:jobs|items)\/(\d+)/.exec(cause.pointer) ?? [];
    if (prefix === undefined) continue;
    const own = { ...cause, pointer: cause.pointer.slice(prefix.length) };
    causes.set(Number(place), [...(causes.get(Number(place)) ?? []), own]);
  }
  return new Map([...causes].map(([place, errors]) => [place, narrowed(error, errors)]));
}

function narrowed(error: SluiceError, errors: readonly InputError[]): SluiceError {
  const { code, status, retryable, facts } = error;
  const detail = errors.map((e) => `${e.pointer || "/"}: ${e.detail}`).join("; ");
  return new SluiceError({ ...facts, code, status, detail, retryable, errors });
}
