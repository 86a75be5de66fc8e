/**
 * The shapes that nearly all traffic has, recognised without a schema: a job that is only a payload, a bare completion.
 * Invariant: what is recognised is what the contract's schema accepts, with the same outcome.
 */
import { JOB_ID } from "./ids.ts";
import { limits } from "./limits.ts";

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The list under the one member of an object, if it is of a length that is allowed. */
function onlyList(value: unknown, name: string, lengthMax: number): readonly unknown[] | undefined {
  if (!isObject(value)) return undefined;
  for (const member in value) if (member !== name) return undefined;
  const list = value[name];
  return Array.isArray(list) && list.length > 0 && list.length <= lengthMax ? list : undefined;
}

function isBareJob(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const member in value) if (member !== "payload") return false;
  return true;
}

/** The number of jobs of a body that is nothing but jobs that are nothing but payloads, or undefined. */
export function bareJobs(value: unknown): number | undefined {
  const jobs = onlyList(value, "jobs", limits.jobsPerEnqueueMax);
  return jobs?.every(isBareJob) ? jobs.length : undefined;
}

/** A completion without a result. */
interface BareCompletion {
  readonly op: "complete";
  readonly id: string;
  readonly token: string;
}

function isBareCompletion(value: unknown): value is BareCompletion {
  if (!isObject(value) || value["op"] !== "complete") return false;
  const { id, token } = value;
  if (typeof id !== "string" || typeof token !== "string" || !JOB_ID.test(id)) return false;
  for (const member in value) {
    if (member !== "op" && member !== "id" && member !== "token") return false;
  }
  return token.length > 0 && token.length <= limits.tokenCharsMax;
}

/** The items of a settlement, if they are all bare completions. */
export function bareCompletions(items: unknown): readonly BareCompletion[] | undefined {
  if (!Array.isArray(items) || items.length === 0) return undefined;
  return items.length <= limits.itemsPerSettleMax && items.every(isBareCompletion)
    ? items
    : undefined;
}
