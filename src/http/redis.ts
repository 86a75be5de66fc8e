/**
 * Upstash's REST protocol through the gate.
 * Invariant: every answer is `{result}` or `{error}` with Upstash's statuses, whatever goes wrong; a request is one conversation, of which
 * nothing is remembered.
 */
import { Buffer } from "node:buffer";
import { isRejected } from "../contract/checked.ts";
import { limits } from "../contract/limits.ts";
import type { RedisRunReply, RedisVersionsReply } from "../contract/redis.ts";
import { type Refusal, refusals, refuse } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { Conversation, discardedBy, type Tell } from "../redis/conversation.ts";
import { errorOf } from "../redis/errors.ts";
import { encodeReply, type GateReply, isErrorReply, isList } from "../redis/frames.ts";
import type { RedisPorts } from "../redis/gate-command.ts";
import { bytesOf, type Call } from "../redis/requests.ts";
import { newSession } from "../redis/session.ts";
import { type Asked, askedOf, errorBody, resultOf, type TextEncoding } from "../redis/upstash.ts";
import { type RestRequest, restRequest } from "./redis-calls.ts";
import { eventsOf } from "./redis-events.ts";
import { RestWaits } from "./redis-waits.ts";
import { streamed } from "./streaming.ts";

/** What the gate lends to a request. */
export interface RestGate {
  readonly queue: string;
  /** Why a caller with such a header may not ask. */
  denied(authorization: string | null): Refusal | undefined;
  /** Why there can be no such queue. */
  misnamed(): Refusal | undefined;
  ask(request: CommandRequest): Promise<CommandAnswer>;
  /** Opens a Redis connection to the queue's object. */
  connect(): Promise<WebSocket>;
  report(error: unknown): void;
}

const methods = ["GET", "HEAD", "POST", "PUT"];

/** Answers a request at `…/redis`, or below it: `path` is what stands behind, without a slash. */
export async function answerRest(
  request: Request,
  path: string,
  gate: RestGate,
): Promise<Response> {
  if (!methods.includes(request.method)) {
    return response(errorBody(`ERR use ${methods.join(", ")}`), 405);
  }
  const { searchParams: query } = new URL(request.url);
  const token = query.get("_token");
  query.delete("_token");
  const authorization = token === null ? request.headers.get("authorization") : `Bearer ${token}`;
  const refusal = gate.denied(authorization) ?? gate.misnamed();
  if (refusal !== undefined) return refused(refusal);
  try {
    const asked = await restRequest(request, path, query);
    if (isRejected(asked)) return refused(asked.refusal);
    const { kind, calls } = asked.value;
    if (kind === "events") return eventsOf(await gate.connect(), calls[0] ?? [], request.signal);
    return await performed(asked.value, request.signal, gate);
  } catch (error) {
    gate.report(error);
    return response(errorBody(unanswered.error), 503);
  }
}

const unanswered = { error: "ERR the queue did not answer: what was done is not known" } as const;

/** Performs what is asked for, and tells it. */
async function performed(
  request: RestRequest,
  signal: AbortSignal,
  gate: RestGate,
): Promise<Response> {
  const asked = request.calls.map(askedOf);
  const said = asked.map(({ call }) => call);
  const calls = request.kind === "transaction" ? [["MULTI"], ...said, ["EXEC"]] : said;
  const ports = new RestPorts(gate, signal, request.canWait);
  const replies: GateReply[] = [];
  const told = () => responseOf(request, asked, replies, ports);
  const spaces = converse(calls, ports, (reply) => replies.push(reply));
  const first = await spaces.next();
  if (first.done) return told();
  const texts = async function* (): AsyncGenerator<string> {
    yield first.value;
    try {
      yield* spaces;
    } catch (error) {
      // Its status has been told.
      gate.report(error);
      for (const _ of calls.slice(replies.length)) replies.push(unanswered);
    }
    yield await told().text();
  };
  return streamed(texts(), jsonHeaders, () => ports.waits.leave());
}

/** What is told of the replies to all calls. */
function responseOf(
  { kind, encoding, isResp }: RestRequest,
  asked: readonly Asked[],
  replies: readonly GateReply[],
  ports: RestPorts,
): Response {
  const heard = (told: readonly GateReply[]) =>
    told.map((reply, i) => asked[i]?.hear(reply) ?? reply);
  if (kind === "transaction") {
    const outcome = outcomeOf(replies);
    return isList(outcome)
      ? response(results(heard(outcome), encoding))
      : single(outcome, encoding, ports);
  }
  const all = heard(replies);
  if (isResp) return framed(all);
  if (kind === "pipeline") return response(results(all, encoding));
  return single(all[0] ?? null, encoding, ports);
}

/** The reply to EXEC; where a call could not be queued, with the reason, which its client is told by nothing else. */
function outcomeOf(replies: readonly GateReply[]): GateReply {
  const reason = replies.slice(0, -1).find(isErrorReply);
  return reason === undefined ? (replies.at(-1) ?? null) : { error: discardedBy(reason.error) };
}

/** Performs calls as a conversation of its own, and tells the reply to each. Yields spaces for the caller while one waits. */
async function* converse(
  calls: readonly Call[],
  ports: RestPorts,
  tell: Tell,
): AsyncGenerator<string, void> {
  const conversation = new Conversation(newSession(0, ports.now()), ports);
  try {
    for (let rest = calls; rest.length > 0; ) {
      const waiting = await conversation.perform(rest, tell);
      if (waiting === undefined) return;
      tell(yield* ports.waits.reply(waiting));
      rest = waiting.behind;
      // Nobody is there to be told what the calls behind it would take.
      if (rest.length > 0 && (yield* ports.waits.isAbandoned())) return;
    }
  } finally {
    ports.waits.end();
  }
}

const results = (replies: readonly GateReply[], encoding: TextEncoding): string =>
  `[${replies.map((reply) => resultOf(reply, encoding)).join(",")}]`;

/** One reply; an error has the status of what was refused, and 400 where it is the call's own. */
function single(reply: GateReply, encoding: TextEncoding, { refusal }: RestPorts): Response {
  const text = resultOf(reply, encoding);
  if (!isErrorReply(reply)) return response(text);
  return response(text, refusal === undefined ? 400 : statusOf(refusal));
}

const framed = (replies: readonly GateReply[]): Response =>
  new Response(Buffer.from(replies.map((reply) => encodeReply(reply, 2)).join(""), "latin1"), {
    headers: { ...headers, "content-type": "application/octet-stream" },
  });

/** Every queue is one object, which has seen all that it answered before: a client's token says nothing that it needs. */
const headers = { "cache-control": "no-store", "upstash-sync-token": "sluice=0" } as const;

const jsonHeaders = { ...headers, "content-type": "application/json" } as const;

const response = (text: string, status = 200): Response =>
  new Response(text, { status, headers: jsonHeaders });

function refused(refusal: Refusal): Response {
  const isStranger = refusal.refusalCode === "unauthorized";
  return response(
    errorBody(isStranger ? `WRONGPASS ${refusal.detail}` : errorOf(refusal)),
    statusOf(refusal),
  );
}

/** A request that is not well formed is all the same to Upstash's clients. */
function statusOf({ refusalCode }: Refusal): number {
  const { status } = refusals[refusalCode];
  return status === 422 ? 400 : status;
}

/** The queue, as a request's conversation reaches it. */
class RestPorts implements RedisPorts {
  readonly queue: string;
  readonly #gate: RestGate;
  /** Why the queue refused, if it did. */
  refusal: Refusal | undefined;
  /** Bytes of the replies that it has had. */
  #bytes = 0;
  readonly waits: RestWaits;

  constructor(gate: RestGate, signal: AbortSignal, canWait: boolean) {
    this.#gate = gate;
    this.waits = new RestWaits({
      connect: () => gate.connect(),
      now: () => this.now(),
      ...{ signal, canWait },
    });
    this.queue = gate.queue;
  }

  run: RedisPorts["run"] = async (input) => {
    if (this.#bytes > limits.redisAnswerBytesMax) return { refusal: tooMuch };
    return await this.#ask<RedisRunReply>({
      ...{ v: 1, name: "redis.run", input },
      bytes: input.calls.reduce((sum, call) => sum + bytesOf(call), 0),
    });
  };

  versions: RedisPorts["versions"] = async (names) =>
    await this.#ask<RedisVersionsReply>({
      ...{ v: 1, name: "redis.versions", bytes: 0 },
      input: { names: [...names] },
    });

  /** Nobody follows anything within a request: that is an answer of its own. */
  readonly hub: RedisPorts["hub"] = {
    follow: () => undefined,
    unfollow: () => undefined,
    perform: (call) => this.waits.perform(call),
  };

  /** Nobody logs in within a request: it has shown the token. */
  isToken(): boolean {
    return true;
  }

  now(): number {
    return Date.now();
  }

  async #ask<Reply>(
    request: CommandRequest<"redis.run" | "redis.versions">,
  ): Promise<Reply | { readonly refusal: Refusal }> {
    const answer = await this.#gate.ask(request);
    if ("reply" in answer) {
      this.#bytes += answer.reply.length;
      return JSON.parse(answer.reply) as Reply;
    }
    this.refusal = answer.refusal;
    return answer;
  }
}

const tooMuch = refuse(
  "input_invalid",
  `the replies are over ${limits.redisAnswerBytesMax} bytes already: this call was not performed, ask for it in another request`,
);
