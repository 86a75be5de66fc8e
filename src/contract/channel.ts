/**
 * What passes on a worker's channel: frames of JSON, one text message each, under a subprotocol with a version.
 * Invariant: a frame that passes is within `limits.ts`; what is wrong with settlements is told in their answer, what is wrong with
 * a frame itself closes the channel.
 */
import * as z from "zod";
import { accept, type Checked, isRejected, reject } from "./checked.ts";
import { capabilities, integer, jobKinds, leaseMs, utf8Bytes, workerName } from "./fields.ts";
import type { JsonText } from "./json.ts";
import { type HeldLease, held, type NotSettled, type SettleInput } from "./leases.ts";
import { limits } from "./limits.ts";
import { parseJson } from "./parse-json.ts";
import { type Problem, problemOf, type Refusal, refusals, refuse } from "./refusals.ts";
import { readSettle } from "./settling.ts";
import { validate } from "./validate.ts";

/** The subprotocol. Its version rises when an older client could not be served any more. */
export const SUBPROTOCOL = "sluice.v1";
/** Before a token in base64url: who cannot set a header offers it as one more subprotocol. */
export const BEARER_SUBPROTOCOL = "sluice.bearer.";
/** Answered by the platform, without waking the object. */
export const PING = '{"type":"ping"}';
export const PONG = '{"type":"pong"}';

const number = integer(0, Number.MAX_SAFE_INTEGER);
/** What every frame behind hello may say. */
const said = {
  /** The number of the newest delivery that has arrived. */
  ack: number.optional(),
  /** How many jobs may be sent behind that delivery. */
  credit: integer(0, limits.channelCreditMax).optional(),
};

const hello = z.strictObject({
  type: z.literal("hello"),
  /** Made by the worker at its start, kept over all its channels, and known to nobody else. */
  session: z
    .string()
    .min(limits.sessionCharsMin)
    .max(limits.sessionCharsMax)
    .regex(/^[A-Za-z0-9_-]*$/, "characters of A–Z a–z 0–9 _ -"),
  worker: workerName.optional(),
  capabilities: capabilities(limits.capabilitiesPerClaimMax).optional(),
  kinds: z.array(z.enum(jobKinds)).min(1).max(jobKinds.length).optional(),
  leaseMs: leaseMs.optional(),
  /** The session had a channel before: it is told what it still holds. */
  resume: z.literal(true).optional(),
  credit: said.credit,
});
const frame = z.discriminatedUnion("type", [
  hello,
  z.strictObject({ type: z.literal("credit"), ...said }),
  z.strictObject({ type: z.literal("settle"), frame: number, items: z.unknown(), ...said }),
  z.strictObject({ type: z.literal("extend"), frame: number, items: z.unknown(), ...said }),
]);
const extensions = z.strictObject({
  items: z
    .array(z.strictObject({ ...held, leaseMs: leaseMs.optional() }))
    .min(1)
    .max(limits.itemsPerSettleMax),
});

export type HelloFrame = z.output<typeof hello>;
interface SaidFrame {
  readonly ack?: number | undefined;
  readonly credit?: number | undefined;
}
/** Settlements, also those that only extend: answered under the number of their frame. */
export interface SettleFrame extends SaidFrame {
  readonly type: "settle";
  readonly frame: number;
  readonly settle: Checked<SettleInput>;
}
/** What a worker says. */
export type WorkerFrame = HelloFrame | (SaidFrame & { readonly type: "credit" }) | SettleFrame;

/** Reads what a worker says; a message that is no text is no frame. */
export function readFrame(message: string | ArrayBuffer): Checked<WorkerFrame> {
  if (typeof message !== "string") return reject(notText);
  if (message.length > limits.bodyBytesMax || utf8Bytes(message) > limits.bodyBytesMax) {
    return reject(tooLarge);
  }
  const parsed = parseJson(message);
  if (isRejected(parsed)) return parsed;
  const checked = validate(frame, parsed.value);
  if (isRejected(checked)) return checked;
  const { value } = checked;
  if (value.type === "hello" || value.type === "credit") return accept(value);
  const { items, frame: place, ack, credit } = value;
  const settle = value.type === "settle" ? readSettle({ items }, message) : readExtensions(items);
  return accept({ type: "settle", frame: place, ack, credit, settle });
}

function readExtensions(items: unknown): Checked<SettleInput> {
  const checked = validate(extensions, { items });
  if (isRejected(checked)) return checked;
  return accept({ items: checked.value.items.map((item) => ({ op: "extend", ...item }) as const) });
}

const notText: Refusal = refuse("input_invalid", "A frame is a text message, not a binary one.");
const tooLarge: Refusal = refuse(
  "body_too_large",
  `A frame may have ${limits.bodyBytesMax} bytes: settle in more than one.`,
  { bytesMax: limits.bodyBytesMax },
);

/** A running job that is no longer its session's: what a settlement of it would be told. */
export interface LostLease extends NotSettled {
  readonly token: string;
}

/** What a worker is told. */
export type QueueFrame =
  | { readonly type: "welcome"; readonly now: number; readonly resumed: readonly HeldLease[] }
  | { readonly type: "cancel"; readonly items: readonly LostLease[] }
  | { readonly type: "settled"; readonly frame: number; readonly problem: Problem }
  | { readonly type: "problem"; readonly problem: Problem };

/** The text of a frame that carries no reply of a command. */
export const encodeFrame = (told: QueueFrame): JsonText => JSON.stringify(told);

/** The frame of jobs, from the reply to a claim; deliveries are numbered from 1. */
export const jobsFrame = (delivery: number, reply: JsonText): JsonText =>
  `{"type":"jobs","delivery":${delivery},${reply.slice(1)}`;

/** The answer to settlements, from the reply to them. */
export const settledFrame = (place: number, reply: JsonText): JsonText =>
  `{"type":"settled","frame":${place},${reply.slice(1)}`;

/** The last frame before a channel is closed for a refusal, and what it is closed with. */
export const lastFrame = (refusal: Refusal) => ({
  text: encodeFrame({ type: "problem", problem: problemOf(refusal) }),
  code: 4000 + refusals[refusal.refusalCode].status,
  reason: refusal.refusalCode,
});
