/**
 * How a refusal leaves the gate: an RFC 9457 problem, with when to come back.
 * Invariant: nothing but what the refusal says reaches the caller.
 */
import { type Problem, problemOf, type Refusal, type RefusalCode } from "../contract/refusals.ts";

/** Seconds after which a repeat may help, by status; a refusal that is not retryable needs an operator first. */
const retryAfterS: Readonly<Record<number, number>> = { 429: 1, 503: 1, 507: 10 };
const operatorS = 60;

/** The response that tells a problem. */
export function problemResponse(problem: Problem, headers?: Readonly<Record<string, string>>) {
  const after = retryAfterS[problem.status];
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(after === undefined
        ? {}
        : { "retry-after": String(problem.retryable ? after : operatorS) }),
      ...(problem.code === ("unauthorized" satisfies RefusalCode)
        ? { "www-authenticate": 'Bearer realm="sluice"' }
        : {}),
      ...headers,
    },
  });
}

/** The response that tells a refusal. */
export function refusalResponse(refusal: Refusal, headers?: Readonly<Record<string, string>>) {
  return problemResponse(problemOf(refusal), headers);
}
