/**
 * Upstash's REST protocol: calls as JSON or as a path, replies as JSON.
 * Invariant: texts are UTF-8 on the wire and bytes within; a reply in base64 is exact for any bytes, and nothing but the status OK is told plain there.
 */
import { Buffer } from "node:buffer";
import { binaryOf, textOf } from "./binary.ts";
import { type GateReply, isErrorReply, isList } from "./frames.ts";
import type { Call } from "./requests.ts";

const base64Of = (binary: string): string => Buffer.from(binary, "latin1").toString("base64");

/** An argument as it stands in JSON: what is no text is told as JSON. */
const argumentOf = (value: unknown): string =>
  binaryOf(typeof value === "string" ? value : JSON.stringify(value));

/** The call of a JSON value; undefined where it is none. */
export function callIn(value: unknown): Call | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.map(argumentOf);
}

/** The calls of a JSON value that is a pipeline. */
export function callsIn(value: unknown): Call[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const calls = value.map(callIn);
  return calls.includes(undefined) ? undefined : (calls as Call[]);
}

/**
 * The call of an address: its segments, then the body, then the query.
 * @example callOfPath("set/foo/bar", new URLSearchParams("EX=100"), "") // ["set", "foo", "bar", "EX", "100"]
 */
export function callOfPath(path: string, query: URLSearchParams, body: string): Call | undefined {
  try {
    const segments = path.split("/").map((segment) => binaryOf(decodeURIComponent(segment)));
    const more = [...query].flatMap(([name, value]) => (value === "" ? [name] : [name, value]));
    return [...segments, ...(body === "" ? [] : [body]), ...more.map(binaryOf)];
  } catch (error) {
    // What is no percent-encoding.
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** A call as a Redis takes it, and what is told of the reply. */
export interface Asked {
  readonly call: Call;
  readonly hear: (reply: GateReply) => GateReply;
}

/**
 * Upstash takes `LIMIT` of a range by rank as well: Redis is asked for the range, of which a part is told.
 * @example askedOf(["zrange", "z", "0", "-1", "limit", "2", "1"]).call // ["zrange", "z", "0", "-1"]
 */
export function askedOf(call: Call): Asked {
  const asItIs: Asked = { call, hear: (reply) => reply };
  if (call[0]?.toLowerCase() !== "zrange") return asItIs;
  const options = call.slice(RANGE_WORDS);
  const at = options.findIndex((word) => /^limit$/i.test(word));
  const [offset = "", count = ""] = options.slice(at + 1);
  const isOfRank = !options.some((word) => /^by(score|lex)$/i.test(word));
  if (at === -1 || !isOfRank || !/^\d+$/.test(offset) || !/^-?\d+$/.test(count)) return asItIs;
  const from = Number(offset);
  const end = Number(count) < 0 ? undefined : from + Number(count);
  return {
    call: [...call.slice(0, RANGE_WORDS), ...options.toSpliced(at, 3)],
    hear: (reply) => {
      if (isList(reply)) return reply.slice(from, end);
      const isPairs = typeof reply === "object" && reply !== null && "pairs" in reply;
      return isPairs ? { pairs: reply.pairs.slice(from, end) } : reply;
    },
  };
}

/** `ZRANGE name start stop`, behind which its options stand. */
const RANGE_WORDS = 4;

/** How the texts of a reply are told. */
export type TextEncoding = "plain" | "base64";

/** `{"result": …}`, or `{"error": …}`, as JSON text. */
export function resultOf(reply: GateReply, encoding: TextEncoding): string {
  if (isErrorReply(reply)) return errorBody(reply.error);
  if (isStatus(reply) && reply.ok === "OK") return '{"result":"OK"}';
  return `{"result":${json(reply, encoding)}}`;
}

export const errorBody = (error: string): string => JSON.stringify({ error: textOf(error) });

const isStatus = (reply: GateReply): reply is { readonly ok: string } =>
  typeof reply === "object" && reply !== null && "ok" in reply;

function json(reply: GateReply, encoding: TextEncoding): string {
  const text = (binary: string) =>
    JSON.stringify(encoding === "base64" ? base64Of(binary) : textOf(binary));
  const list = (replies: readonly GateReply[]) =>
    `[${replies.map((each) => json(each, encoding)).join(",")}]`;
  if (typeof reply === "string") return text(reply);
  if (typeof reply === "number") return String(reply);
  if (reply === null) return "null";
  if (isList(reply)) return list(reply);
  if ("nilArray" in reply) return "null";
  if ("ok" in reply) return text(reply.ok);
  if ("error" in reply) return text(reply.error);
  if ("integer" in reply) return reply.integer;
  if ("double" in reply) return text(reply.double);
  if ("verbatim" in reply) return text(reply.verbatim);
  if ("push" in reply) return list(reply.push);
  if ("several" in reply) return list(reply.several);
  if ("set" in reply) return list(reply.set);
  if ("map" in reply) return list(reply.map.flatMap((pair) => [...pair]));
  return list(reply.pairs.flatMap((pair) => [...pair]));
}
