/**
 * How a command's input is put together from a request: its address, its query, its body.
 * Invariant: what comes out has passed the contract's schema, and every payload, result and progress is its original text.
 */
import type * as z from "zod";
import { accept, type Checked, isRejected, reject } from "../contract/checked.ts";
import type { CommandInputs, CommandName } from "../contract/commands.ts";
import { JOB_ID } from "../contract/ids.ts";
import { type JobSpec, jobSpecsWire, jobSpecWire } from "../contract/jobs.ts";
import type { JsonText } from "../contract/json.ts";
import { limits } from "../contract/limits.ts";
import { parseJson } from "../contract/parse-json.ts";
import { bareJob, bareJobs } from "../contract/plain.ts";
import { rawMembers } from "../contract/raw-json.ts";
import { type InputError, type Refusal, type RefusalCode, refuse } from "../contract/refusals.ts";
import { checkSize, readSettle } from "../contract/settling.ts";
import { inputRefusal, validate } from "../contract/validate.ts";
import { type Answer, oneJob } from "./answers.ts";
import { fingerprint } from "./idempotency.ts";

/** What a request says, as far as an input may be made of it. */
export interface Incoming {
  /** The id in the address, or "". */
  readonly id: string;
  readonly request: Request;
  /** The body's text, "" for none. */
  readonly text: string;
}

/** A command's input, and how its reply or its refusal is told when not as it is. */
export interface Call<N extends CommandName = CommandName> {
  readonly input: CommandInputs[N];
  readonly answer?: Answer | undefined;
  readonly refusalOf?: ((refusal: Refusal) => Refusal) | undefined;
}
export type InputReader<N extends CommandName = CommandName> = (
  incoming: Incoming,
) => Checked<Call<N>>;

/** No input. */
export const nothing = (): Checked<{ readonly input: object }> => accept({ input: {} });

/** A body that may be left out, which means `{}`. */
export const body =
  <T>(schema: z.ZodType<T>, answer?: Answer) =>
  ({ text }: Incoming): Checked<{ readonly input: T; readonly answer: Answer | undefined }> => {
    const input = fromBody(schema, text === "" ? "{}" : text);
    return isRejected(input) ? input : accept({ input: input.value, answer });
  };

/** The query, in which each field stands at most once; the named fields are numbers. */
export const query =
  <T>(schema: z.ZodType<T>, ...numbers: readonly string[]) =>
  ({ request }: Incoming): Checked<{ readonly input: T }> => {
    const input = fromQuery(schema, request.url, numbers);
    return isRejected(input) ? input : accept({ input: input.value });
  };

/** The id in the address; one that nothing can have is unknown. */
export const reference =
  (unknown: RefusalCode, form = JOB_ID) =>
  ({ id }: Incoming): Checked<{ readonly input: { readonly id: string } }> =>
    form.test(id)
      ? accept({ input: { id } })
      : reject(refuse(unknown, "Nothing has such an id: it is too long, or has other characters."));

/** What the address names, and a body that may be left out. */
export const withBody =
  <T extends object>(name: ReturnType<typeof reference>, schema: z.ZodType<T>) =>
  (incoming: Incoming): Checked<{ readonly input: T & { readonly id: string } }> => {
    const named = name(incoming);
    if (isRejected(named)) return named;
    const said = body(schema)(incoming);
    if (isRejected(said)) return said;
    return accept({ input: { ...said.value.input, ...named.value.input } });
  };

/** What the address names, and a query. */
export const withQuery =
  <T extends object>(
    name: ReturnType<typeof reference>,
    schema: z.ZodType<T>,
    ...numbers: readonly string[]
  ) =>
  (incoming: Incoming): Checked<{ readonly input: T & { readonly id: string } }> => {
    const named = name(incoming);
    if (isRejected(named)) return named;
    const asked = query(schema, ...numbers)(incoming);
    return isRejected(asked)
      ? asked
      : accept({ input: { ...asked.value.input, ...named.value.input } });
  };

/** `{"jobs": […]}` is many jobs, every other body is one. */
export const enqueue: InputReader<"job.enqueue"> = ({ text }) => {
  const parsed = parseJson(text);
  if (isRejected(parsed)) return parsed;
  const { value } = parsed;
  if (typeof value === "object" && value !== null && Object.hasOwn(value, "jobs")) {
    const specs = specsOf(value);
    if (isRejected(specs)) return specs;
    const input = jobsOf(specs.value, rawMembers(text, ["payload"], "jobs"), "/jobs/");
    return isRejected(input) ? input : accept({ input: { jobs: input.value } });
  }
  const spec = specOf(value);
  if (isRejected(spec)) return spec;
  const input = jobsOf([spec.value], rawMembers(text, ["payload"]));
  if (isRejected(input)) return input;
  return accept({ input: { jobs: input.value }, answer: oneJob, refusalOf: ofOneJob });
};

/** The job of a body that is one. */
function specOf(value: unknown): Checked<WireJob> {
  const bare = bareJob(value);
  return bare === undefined ? validate(jobSpecWire, value) : accept(bare);
}

/** The jobs of a body that is a list of them. */
function specsOf(value: unknown): Checked<readonly WireJob[]> {
  const bare = bareJobs(value);
  if (bare !== undefined) return accept(bare);
  const checked = validate(jobSpecsWire, value);
  return isRejected(checked) ? checked : accept(checked.value.jobs);
}

/** A queue takes lists: what is wrong at `/jobs/0/after` of a list of one stands at `/after` of the job that was sent. */
const ofOneJob = ({ errors, ...refusal }: Refusal): Refusal => {
  if (errors === undefined) return refusal;
  const unlisted = errors.map((error) => ({
    ...error,
    pointer: error.pointer.replace(/^\/jobs\/0(?=\/)/, ""),
  }));
  return { ...refusal, errors: unlisted };
};

/** Settlements of claimed jobs, and perhaps the next claim. */
export const settle: InputReader<"lease.settle"> = ({ text }) => {
  const parsed = parseJson(text);
  if (isRejected(parsed)) return parsed;
  const input = readSettle(parsed.value, text);
  return isRejected(input) ? input : accept({ input: input.value });
};

type WireJob = z.output<typeof jobSpecWire>;

/** The jobs as a queue takes them. `place` is the pointer of their list, with a slash; one job alone has none. */
function jobsOf(
  specs: readonly WireJob[],
  payloads: readonly (JsonText | undefined)[],
  place?: string,
): Checked<readonly JobSpec[]> {
  const errors: InputError[] = [];
  const jobs = specs.map((spec, i): JobSpec => {
    const payload = payloads[i] ?? "null";
    const pointer = () => (place === undefined ? "/payload" : `${place}${i}/payload`);
    checkSize(payload, limits.payloadBytesMax, pointer, errors);
    const chosen = spec.id !== undefined || spec.idempotencyKey !== undefined;
    return chosen
      ? { ...spec, payload, fingerprint: fingerprint(spec, payload) }
      : Object.assign(spec, { payload });
  });
  return errors.length === 0 ? accept(jobs) : reject(inputRefusal(errors));
}

function fromBody<T>(schema: z.ZodType<T>, text: string): Checked<T> {
  const parsed = parseJson(text);
  return isRejected(parsed) ? parsed : validate(schema, parsed.value);
}

/** Reads a query by a schema. */
export function fromQuery<T>(
  schema: z.ZodType<T>,
  url: string,
  numbers: readonly string[] = [],
): Checked<T> {
  const fields = new Map<string, unknown>();
  for (const [name, text] of new URL(url).searchParams) {
    if (fields.has(name)) {
      const error = { pointer: `/${name}`, code: "input_invalid", detail: "Given twice." } as const;
      return reject(inputRefusal([error]));
    }
    fields.set(
      name,
      numbers.includes(name) && /^-?\d{1,16}(?:\.\d+)?$/.test(text) ? Number(text) : text,
    );
  }
  return validate(schema, Object.fromEntries(fields));
}
