/**
 * How the inputs of plans, actions and workers are put together from requests.
 * Invariant: a plan that comes out is whole and says what its arguments name; an action's inputs are their original texts.
 */
import { actionWire } from "../contract/actions.ts";
import { accept, isRejected, reject } from "../contract/checked.ts";
import { JOB_ID, WORKER_NAME } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { parseJson } from "../contract/parse-json.ts";
import { planGet, planInput, planWire } from "../contract/plans.ts";
import { rawElements } from "../contract/raw-json.ts";
import { type InputError, refuse } from "../contract/refusals.ts";
import { checkSize } from "../contract/settling.ts";
import { tasksGet } from "../contract/tasks.ts";
import { inputRefusal, validate } from "../contract/validate.ts";
import { workerRegistration } from "../contract/workers.ts";
import { ifCreated } from "./answers.ts";
import { contentHash } from "./idempotency.ts";
import { body, type InputReader, reference, withQuery } from "./inputs.ts";

export const plan = reference("plan_unknown");
export const action = reference("action_unknown");
export const worker = reference("worker_unknown", WORKER_NAME);

/** The plan in the address, and perhaps one of its versions. */
export const planVersion = withQuery(plan, planGet, "version");

/** The job in the address, and perhaps one of its tasks. */
export const jobTasks = withQuery(reference("job_unknown"), tasksGet, "task");

/** A plan, whose id is that of the address. */
export const submitPlan: InputReader<"plan.submit"> = (incoming) => {
  const { id } = incoming;
  if (!JOB_ID.test(id)) {
    const detail = "A plan's id has 1 to 64 characters of A–Z a–z 0–9 _ -.";
    return reject(refuse("input_invalid", detail));
  }
  const said = body(planWire)(incoming);
  if (isRejected(said)) return said;
  const { input } = said.value;
  if (input.plan_id !== undefined && input.plan_id !== id) {
    const detail = `The address names plan ${id}.`;
    return reject(inputRefusal([{ pointer: "/plan_id", code: "input_invalid", detail }]));
  }
  return accept({ input: planInput(id, input), answer: ifCreated });
};

/** An action of the plan in the address. */
export const submitAction: InputReader<"action.submit"> = (incoming) => {
  const named = plan(incoming);
  if (isRejected(named)) return named;
  const text = incoming.text === "" ? "{}" : incoming.text;
  const parsed = parseJson(text);
  if (isRejected(parsed)) return parsed;
  const checked = validate(actionWire, parsed.value);
  if (isRejected(checked)) return checked;
  const inputs = rawElements(text, "inputs");
  const errors: InputError[] = [];
  for (const [i, input] of inputs.entries()) {
    checkSize(input, limits.payloadBytesMax, () => `/inputs/${i}`, errors);
  }
  if (errors.length > 0) return reject(inputRefusal(errors));
  const { inputs: _, ...options } = checked.value;
  const { id } = named.value.input;
  // The plan is a part of what was asked for: an action of that id of another plan is another action.
  const fingerprint = () => contentHash({ ...options, plan: id }, inputs);
  const chosen = options.action === undefined ? {} : { fingerprint: fingerprint() };
  return accept({ input: { ...options, id, inputs, ...chosen }, answer: ifCreated });
};

/** What the worker in the address says of itself. */
export const registerWorker: InputReader<"worker.register"> = (incoming) => {
  const { id } = incoming;
  if (!WORKER_NAME.test(id)) {
    const detail = "A worker's name has 1 to 128 characters of A–Z a–z 0–9 _ . : @ -.";
    return reject(refuse("input_invalid", detail));
  }
  const said = body(workerRegistration)(incoming);
  return isRejected(said) ? said : accept({ input: { ...said.value.input, id } });
};
