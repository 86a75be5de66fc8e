/**
 * How replies and calls are written: RESP2 and RESP3.
 * Invariant: a frame is a binary string, one character for each byte; what RESP2 lacks is told by what it has, as Redis does.
 */
import type { RedisReply } from "../contract/redis.ts";
import type { Call } from "./requests.ts";

export type Protocol = 2 | 3;

/** What the gate answers: what a queue does, texts for people to read, and lists of both. */
export type GateReply =
  | RedisReply
  | { readonly verbatim: string }
  | readonly GateReply[]
  /** What is told unasked, or as if it were; an array in RESP2. */
  | { readonly push: readonly GateReply[] }
  /** More than one frame. */
  | { readonly several: readonly GateReply[] };

/** A reply as a frame. @example encodeReply({ map: [["a", 1]] }, 2) // "*2\r\n$1\r\na\r\n:1\r\n" */
export function encodeReply(reply: GateReply, protocol: Protocol): string {
  if (typeof reply === "string") return bulk(reply);
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (reply === null) return protocol === 3 ? "_\r\n" : "$-1\r\n";
  if (isList(reply)) return many("*", reply, protocol);
  if ("ok" in reply) return `+${oneLine(reply.ok)}\r\n`;
  if ("error" in reply) return `-${oneLine(reply.error.replace(/[\r\n]+$/, ""))}\r\n`;
  if ("integer" in reply) return `:${reply.integer}\r\n`;
  if ("nilArray" in reply) return protocol === 3 ? "_\r\n" : "*-1\r\n";
  if ("push" in reply) return many(protocol === 3 ? ">" : "*", reply.push, protocol);
  if ("several" in reply) {
    return reply.several.map((each) => encodeReply(each, protocol)).join("");
  }
  if ("set" in reply) return many(protocol === 3 ? "~" : "*", reply.set, protocol);
  if ("double" in reply) return protocol === 3 ? `,${reply.double}\r\n` : bulk(reply.double);
  if ("verbatim" in reply) {
    const text = reply.verbatim;
    return protocol === 3 ? `=${text.length + 4}\r\ntxt:${text}\r\n` : bulk(text);
  }
  if ("pairs" in reply) {
    const { pairs } = reply;
    return protocol === 3 ? many("*", pairs, protocol) : many("*", pairs.flat(1), protocol);
  }
  const { map } = reply;
  const head = protocol === 3 ? `%${map.length}\r\n` : `*${2 * map.length}\r\n`;
  return (
    head + map.map((pair) => pair.map((each) => encodeReply(each, protocol)).join("")).join("")
  );
}

/** An array as a frame, of frames. */
export const encodeArray = (frames: readonly string[]): string =>
  `*${frames.length}\r\n${frames.join("")}`;

/** A call as a frame. @example encodeCall(["PING"]) // "*1\r\n$4\r\nPING\r\n" */
export const encodeCall = (call: Call): string => encodeArray(call.map(bulk));

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

function many(mark: string, replies: readonly GateReply[], protocol: Protocol): string {
  let frames = `${mark}${replies.length}\r\n`;
  for (const reply of replies) frames += encodeReply(reply, protocol);
  return frames;
}

/** Narrows a reply to a list: `Array.isArray` does not know of those that only read. */
export const isList = (reply: GateReply): reply is readonly GateReply[] => Array.isArray(reply);

/** Whether a reply is an error. */
export const isErrorReply = (reply: GateReply): reply is { readonly error: string } =>
  typeof reply === "object" && reply !== null && "error" in reply;

/** What stands in one line must not end it. */
const oneLine = (text: string): string => text.replace(/[\r\n]/g, " ");
