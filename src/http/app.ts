/**
 * The binder: takes a request through token, route, queue name, body and check to the queue's object, and its reply back.
 * Invariant: nothing reaches an object that has not passed all of them, and a fault never shows more than a problem.
 */
import { type Context, Hono } from "hono";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { type AuthEnv, authorize, configured } from "../auth/tokens.ts";
import { type Checked, isRejected } from "../contract/checked.ts";
import { commands } from "../contract/commands.ts";
import { noFields } from "../contract/fields.ts";
import { QUEUE_NAME } from "../contract/ids.ts";
import { pack, unpackAnswer } from "../contract/packing.ts";
import { type QueueListInput, queueList } from "../contract/queue.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandRequest, DirectoryRpc, QueueStub } from "../contract/rpc.ts";
import { respPath, socketPaths } from "../contract/sockets.ts";
import { jsonResponse } from "./answers.ts";
import { noBody, readBody } from "./body.ts";
import { openChannel } from "./channel.ts";
import { idempotencyKey } from "./idempotency.ts";
import { indexPage } from "./index-page.ts";
import { fromQuery } from "./inputs.ts";
import { connectTo, socketTo } from "./object-socket.ts";
import { refusalResponse } from "./problems.ts";
import { answerRest } from "./redis.ts";
import { ofTheGate } from "./redis-socket.ts";
import { openResp } from "./resp.ts";
import { type Route, routes } from "./routes.ts";
import type { Streaming } from "./snapshots.ts";
import { answerOrWait, splitWait, type Waiting } from "./waits.ts";

/** What the gate needs of the Worker's environment. */
export interface GateEnv extends AuthEnv {
  readonly QUEUE: { getByName(name: string): QueueStub };
  readonly DIRECTORY: { getByName(name: string): DirectoryRpc };
}
type Gate = { Bindings: GateEnv };
type GateContext = Context<Gate>;

/**
 * The gate as a Hono application; whoever embeds it may add routes before its first request.
 * @example export default { fetch: createApp().fetch }
 */
export function createApp(): Hono<Gate> {
  const app = new Hono<Gate>({ router: new RegExpRouter() });
  app.get("/", (c) => open(c) ?? indexPage(c.req.raw));
  app.get("/health", (c) => open(c) ?? jsonResponse('{"status":"ok"}'));
  app.get("/v1/queues", listQueues);
  for (const route of routes) {
    app.on(route.method, `/v1/queues/:queue${route.path}`, (c) => serve(route, c));
  }
  app.get("/v1/queues/:queue/connect", serveSocket("connect", openChannel));
  app.get("/v1/queues/:queue/resp", serveSocket("resp", openResp));
  app.all("/v1/queues/:queue/redis", serveRedis);
  app.all("/v1/queues/:queue/redis/*", serveRedis);
  app.notFound((c) => denied(c) ?? noRoute(app, c));
  app.onError((error, c) => {
    report("gate_failed", error, { method: c.req.method, path: c.req.path });
    return refusalResponse(refuse("internal", "The fault was logged."));
  });
  return app;
}

/** The response of a deployment that serves nothing, or undefined. */
function open(c: GateContext): Response | undefined {
  const refusal = configured(c.env);
  return refusal && refusalResponse(refusal);
}

/** The response to a caller that may not ask, or undefined. */
function denied(c: GateContext): Response | undefined {
  const refusal = authorize(c.req.raw.headers, c.env);
  return refusal && refusalResponse(refusal);
}

async function serve(route: Route, c: GateContext): Promise<Response> {
  const refused = denied(c);
  if (refused !== undefined) return refused;
  const queue = c.req.param("queue") ?? "";
  if (!QUEUE_NAME.test(queue)) return refusalResponse(badName);
  // Anew for each call: a stub whose object was reset, as by a deployment, fails for good.
  const object = () => c.env.QUEUE.getByName(queue);
  const ask = async (asked: CommandRequest) => unpackAnswer(await object().ask(pack(asked)));
  const { serve: stream } = route;
  if (stream !== undefined) {
    const named: Streaming["ask"] = (name, input, bytes = 0) => ask({ v: 1, name, input, bytes });
    const connect: Streaming["connect"] = (path) => connectTo(object(), path);
    return settled(route, queue, () => stream({ request: c.req.raw, queue, ask: named, connect }));
  }
  const bound = await bind(route, c);
  if (isRejected(bound)) return refusalResponse(bound.refusal);
  const caller = c.req.raw;
  const connect = () =>
    socketTo(object(), socketPaths.wait).catch((error: unknown) => {
      report("queue_failed", error, { queue, command: route.command });
      return undefined;
    });
  return settled(route, queue, () => answerOrWait({ ...bound.value, caller, ask, connect }));
}

/** A socket, which is of `command` where it fails: a worker's channel, or a Redis client's, bytes of RESP both ways. */
const serveSocket =
  (command: string, openTo: (request: Request, stub: QueueStub) => Promise<Response>) =>
  async (c: GateContext): Promise<Response> => {
    const refused = denied(c);
    if (refused !== undefined) return refused;
    const queue = c.req.param("queue") ?? "";
    if (!QUEUE_NAME.test(queue)) return refusalResponse(badName);
    try {
      return await openTo(c.req.raw, c.env.QUEUE.getByName(queue));
    } catch (error) {
      report("queue_failed", error, { queue, command });
      return refusalResponse(unavailable);
    }
  };

/** What a client of Upstash's protocol asks for. */
function serveRedis(c: GateContext): Promise<Response> {
  const queue = c.req.param("queue") ?? "";
  const [, path = ""] =
    /^\/v1\/queues\/[^/]*\/redis\/?(.*)$/.exec(new URL(c.req.url).pathname) ?? [];
  return answerRest(c.req.raw, path, {
    queue,
    denied: (authorization) =>
      authorize(new Headers(authorization === null ? {} : { authorization }), c.env),
    misnamed: () => (QUEUE_NAME.test(queue) ? undefined : badName),
    ask: async (request) => unpackAnswer(await c.env.QUEUE.getByName(queue).ask(pack(request))),
    connect: () => socketTo(c.env.QUEUE.getByName(queue), respPath(ofTheGate)),
    report: (error) => report("queue_failed", error, { queue, command: "redis.run" }),
  });
}

/** The response of what asks an object; when that fails, what is known of the outcome. */
async function settled(
  route: Route,
  queue: string,
  work: () => Promise<Response>,
): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    report("queue_failed", error, { queue, command: route.command });
    const isRead = commands[route.command].access === "read";
    return refusalResponse(isRead ? unavailable : outcomeUnknown);
  }
}

type Bound = Pick<Waiting, "request" | "answer" | "refusalOf" | "wait">;

/** The command that a request means. */
async function bind(route: Route, c: GateContext): Promise<Checked<Bound>> {
  const { raw } = c.req;
  if (!route.takesQuery && raw.url.includes("?")) {
    const unasked = fromQuery(noFields, raw.url);
    if (isRejected(unasked)) return unasked;
  }
  const bodiless = route.method === "GET" || route.method === "DELETE";
  const body = bodiless ? { value: noBody } : await readBody(raw);
  if (isRejected(body)) return body;
  const { text, bytes } = body.value;
  const call = route.read({ id: c.req.param("id") ?? "", request: raw, text });
  if (isRejected(call)) return call;
  const { input, ...told } = call.value;
  const request = { v: 1, name: route.command, input, bytes } as const;
  if (commands[route.command].access === "read")
    return { value: { ...told, ...splitWait(request) } };
  const key = idempotencyKey(raw, text);
  if (isRejected(key)) return key;
  const { value } = key;
  return { value: { ...told, ...splitWait(value ? { ...request, key: value } : request) } };
}

async function listQueues(c: GateContext): Promise<Response> {
  const refused = denied(c);
  if (refused !== undefined) return refused;
  const input: Checked<QueueListInput> = fromQuery(queueList, c.req.url, ["limit"]);
  if (isRejected(input)) return refusalResponse(input.refusal);
  try {
    const reply = await c.env.DIRECTORY.getByName("directory").list(input.value);
    if ("refusal" in reply) return refusalResponse(reply.refusal);
    return jsonResponse(JSON.stringify(reply));
  } catch (error) {
    report("directory_failed", error, {});
    return refusalResponse(unavailable);
  }
}

/** 405 where another method would be served, else 404. */
function noRoute(app: Hono<Gate>, c: GateContext): Response {
  const { path, method } = c.req;
  const methods = ["GET", "PUT", "POST", "PATCH", "DELETE"];
  const allowed = methods.filter((other) => app.router.match(other, path)[0].length > 0);
  if (allowed.length === 0) return refusalResponse(refuse("route_unknown", `There is no ${path}.`));
  if (allowed[0] === "GET") allowed.push("HEAD");
  const allow = allowed.join(", ");
  const refusal = refuse("method_not_allowed", `${path} knows ${allow}, not ${method}.`);
  return refusalResponse(refusal, { allow });
}

const badName = refuse(
  "queue_name_invalid",
  "A queue's name has 1 to 64 characters of A–Z a–z 0–9 _ . - and begins with a letter or digit.",
);
const unavailable = refuse("unavailable", "The queue did not answer: try again.");
const outcomeUnknown: Refusal = refuse(
  "outcome_unknown",
  "The queue did not answer. With the same Idempotency-Key a repeat has at most one effect.",
);

/** Writes a fault to the log, for operators only. */
function report(event: string, error: unknown, facts: Readonly<Record<string, string>>): void {
  const stack = error instanceof Error ? error.stack : String(error);
  console.error(JSON.stringify({ level: "error", event, ...facts, stack }));
}
