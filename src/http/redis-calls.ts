/**
 * What a request of Upstash's REST protocol asks for: one call, a pipeline, a transaction, or events of channels.
 * Invariant: what only a connection that lasts can do is refused before anything is done.
 */

import { Buffer } from "node:buffer";
import { accept, type Checked, isRejected, reject } from "../contract/checked.ts";
import { exactJson } from "../contract/exact-json.ts";
import { limits } from "../contract/limits.ts";
import { parseJson } from "../contract/parse-json.ts";
import { isDeeper } from "../contract/raw-json.ts";
import { refuse } from "../contract/refusals.ts";
import { textOf } from "../redis/binary.ts";
import type { Call } from "../redis/requests.ts";
import { callIn, callOfPath, callsIn, type TextEncoding } from "../redis/upstash.ts";
import { readBytes, textIn } from "./body.ts";

/** What a request asks for, and how the answer is to look. */
export interface RestRequest {
  readonly kind: "call" | "events" | "pipeline" | "transaction";
  readonly calls: readonly Call[];
  readonly encoding: TextEncoding;
  /** Whether the answer is RESP2 in place of JSON. */
  readonly isResp: boolean;
  /** Whether the answer may begin before its end is known, with spaces. */
  readonly canWait: boolean;
}

/** Reads a request. `path` is what stands behind `…/redis`, without a slash; `query` what else the address says. */
export async function restRequest(
  request: Request,
  path: string,
  query: URLSearchParams,
): Promise<Checked<RestRequest>> {
  const body = await bodyOf(request);
  if (isRejected(body)) return body;
  const asked = askedFor(path, query, body.value);
  if (isRejected(asked)) return asked;
  const { kind, calls } = asked.value;
  if (kind === "events")
    return accept({ kind, calls, encoding: "plain", ...{ isResp: false, canWait: true } });
  const lasts = calls.find(isLasting);
  if (lasts !== undefined) return reject(lasting(lasts));
  const { headers } = request;
  const isResp = headers.get("upstash-response-format") === "resp2" && kind !== "transaction";
  const encoding = headers.get("upstash-encoding") === "base64" ? "base64" : "plain";
  const canWait = !isResp && request.method !== "HEAD";
  return accept({ kind, calls, encoding, isResp, canWait });
}

async function bodyOf(request: Request): Promise<Checked<Uint8Array>> {
  const isBodiless = request.method === "GET" || request.method === "HEAD";
  return isBodiless ? accept(new Uint8Array()) : await readBytes(request);
}

type Asked = Pick<RestRequest, "kind" | "calls">;

function askedFor(path: string, query: URLSearchParams, body: Uint8Array): Checked<Asked> {
  if (/^p?subscribe\/./i.test(path)) {
    // What the client's library sends as a body says nothing more.
    const call = callOfPath(path, new URLSearchParams(), "");
    return call === undefined ? reject(badPath) : accept({ kind: "events", calls: [call] });
  }
  if (path !== "" && path !== "pipeline" && path !== "multi-exec") {
    const call = callOfPath(path, query, Buffer.from(body).toString("latin1"));
    return call === undefined ? reject(badPath) : accept({ kind: "call", calls: [call] });
  }
  const json = jsonIn(body);
  if (isRejected(json)) return json;
  if (path === "") {
    const call = callIn(json.value);
    return call === undefined ? reject(badCall) : accept({ kind: "call", calls: [call] });
  }
  const calls = callsIn(json.value);
  if (calls === undefined) return reject(badCalls);
  return accept({ kind: path === "pipeline" ? "pipeline" : "transaction", calls });
}

/** The value of a body, in which a number has all the digits with which it was sent. */
function jsonIn(body: Uint8Array): Checked<unknown> {
  const text = textIn(body);
  if (isRejected(text)) return text;
  const json = parseJson(text.value);
  if (isRejected(json)) return json;
  if (isDeeper(text.value, limits.redisJsonDepthMax)) return reject(tooDeep);
  return mayLose.test(text.value) ? accept(exactJson(text.value)) : json;
}

/** Where a number may stand that JavaScript has no room for. One of fewer digits loses none, and to keep them takes ten times as long. */
const mayLose = /\d{16}|\de[+-]?\d{3}/i;

const tooDeep = refuse(
  "input_invalid",
  `the body may have ${limits.redisJsonDepthMax} arrays and objects within one another`,
);
const badPath = refuse("input_invalid", "the path is not percent-encoded UTF-8");
const badCall = refuse("input_invalid", 'the body must be one command: ["SET", "name", "value"]');
const badCalls = refuse(
  "input_invalid",
  'the body must be an array of commands: [["GET", "name"]]',
);

const lastingNames = new Set(
  (
    "auth client discard exec hello multi psubscribe punsubscribe quit reset select subscribe " +
    "unsubscribe unwatch watch"
  ).split(" "),
);

/** What a library says of itself is taken from one that says it in each request, too. */
const isLasting = ([name = "", word = ""]: Call): boolean =>
  lastingNames.has(name.toLowerCase()) && !/^client setinfo$/i.test(`${name} ${word}`);

const lasting = ([name = ""]: Call) =>
  refuse(
    "input_invalid",
    `${textOf(name).toUpperCase()} needs a connection that lasts: use POST …/redis/multi-exec, or RESP by \`sluice redis\``,
  );
