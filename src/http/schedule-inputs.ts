/**
 * How the inputs of schedules are put together from requests.
 * Invariant: the payload and the inputs that come out are their original texts, and fit a schedule's row.
 */

import { accept, isRejected, reject } from "../contract/checked.ts";
import { utf8Bytes } from "../contract/fields.ts";
import { JOB_ID } from "../contract/ids.ts";
import type { JsonText } from "../contract/json.ts";
import { limits } from "../contract/limits.ts";
import { parseJson } from "../contract/parse-json.ts";
import { rawElements, rawMembers } from "../contract/raw-json.ts";
import { refuse } from "../contract/refusals.ts";
import { schedulePreview, scheduleWire } from "../contract/schedules.ts";
import { inputRefusal, validate } from "../contract/validate.ts";
import { ifCreated } from "./answers.ts";
import { type InputReader, reference, withQuery } from "./inputs.ts";

export const schedule = reference("schedule_unknown");

/** The schedule in the address, and how many of its slots. */
export const preview = withQuery(schedule, schedulePreview, "count");

/** A schedule of the id in the address. */
export const putSchedule: InputReader<"schedule.put"> = ({ id, text }) => {
  if (!JOB_ID.test(id)) {
    const detail = "A schedule's id has 1 to 64 characters of A–Z a–z 0–9 _ -.";
    return reject(refuse("input_invalid", detail));
  }
  const parsed = parseJson(text);
  if (isRejected(parsed)) return parsed;
  const checked = validate(scheduleWire, parsed.value);
  if (isRejected(checked)) return checked;
  const { job, action, endAt, ...rest } = checked.value;
  const [jobText] = job === undefined ? [] : rawMembers(text, ["job"]);
  const [actionText] = action === undefined ? [] : rawMembers(text, ["action"]);
  const payload =
    jobText === undefined ? undefined : (rawMembers(jobText, ["payload"])[0] ?? "null");
  const inputs = actionText === undefined ? [] : rawElements(actionText, "inputs");
  if (bytesOf([payload ?? "", ...inputs]) > limits.scheduleBytesMax) {
    const pointer = job === undefined ? "/action/inputs" : "/job/payload";
    const detail = `At most ${limits.scheduleBytesMax} bytes of UTF-8.`;
    return reject(inputRefusal([{ pointer, code: "payload_too_large", detail }]));
  }
  const definition = {
    ...rest,
    ...(endAt !== undefined && { endAt }),
    ...(job !== undefined && { job: { ...job, payload: payload ?? "null" } }),
    ...(action !== undefined && { action: { ...action, inputs } }),
  };
  return accept({ input: { id, definition }, answer: ifCreated });
};

const bytesOf = (texts: readonly JsonText[]): number =>
  texts.reduce((sum, each) => sum + utf8Bytes(each), 0);
