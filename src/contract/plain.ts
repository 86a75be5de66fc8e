/**
 * The shapes that nearly all traffic has, recognised without a schema: a job that is only a payload, perhaps with a flow key or jobs
 * to wait for; a bare completion.
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

/** What a job may say beside its payload. */
interface BareJob {
  key?: string;
  after?: BareParents;
}
type BareParents = { id: string }[];

const bareKey = /^[ -~]+$/;

const isBareKey = (key: unknown): key is string =>
  typeof key === "string" &&
  key.length <= limits.flowKeyCharsMax &&
  bareKey.test(key) &&
  key !== "." &&
  key !== "..";

const isBareId = (id: unknown): id is string => typeof id === "string" && JOB_ID.test(id);

/**
 * Jobs to wait for. Those that are the same as of the job before are the same array: it goes to the queue, and into its log, once.
 */
function bareParents(ids: unknown, before: BareParents | undefined): BareParents | undefined {
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > limits.parentsPerJobMax) return;
  if (ids.length === before?.length && before.every(({ id }, i) => id === ids[i])) return before;
  if (!ids.every(isBareId) || new Set(ids).size < ids.length) return;
  return ids.map((id) => ({ id }));
}

/** Such a job, without its payload, or undefined. `before` is the one before it in a list. */
export function bareJob(value: unknown, before?: BareJob): BareJob | undefined {
  if (!isObject(value)) return undefined;
  const job: BareJob = {};
  for (const member in value) {
    const said = value[member];
    const after = member === "after" ? bareParents(said, before?.after) : undefined;
    if (after !== undefined) job.after = after;
    else if (member === "key" && isBareKey(said)) job.key = said;
    else if (member !== "payload") return undefined;
  }
  return job;
}

/** The jobs of a body that is nothing but such jobs, without their payloads, or undefined. */
export function bareJobs(value: unknown): BareJob[] | undefined {
  const jobs = onlyList(value, "jobs", limits.jobsPerEnqueueMax);
  if (jobs === undefined) return undefined;
  const bare: BareJob[] = [];
  for (const each of jobs) {
    const job = bareJob(each, bare.at(-1));
    if (job === undefined) return undefined;
    bare.push(job);
  }
  return bare;
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
