/**
 * Requests that wait: for jobs, or for the end of a job or an action, on a socket to the queue's object.
 * Invariant: the response begins once the object has taken the wait, and jobs are taken from it only once the caller has been
 * sent them; a caller that hangs up closes the socket.
 */
import { limits } from "../contract/limits.ts";
import { unpackAnswer } from "../contract/packing.ts";
import { problemOf, type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { ENOUGH, isOver, TAKEN, WAITING, type Wait } from "../contract/waits.ts";
import { type Answer, asIs } from "./answers.ts";
import { refusalResponse } from "./problems.ts";
import { probed, within } from "./pulses.ts";
import { streamed } from "./streaming.ts";

/** How often a caller that waits is sent a space: it tells whether somebody is there. */
const PULSE_MS = 5_000;
/** How soon a wait begins again whose socket was lost. */
const AGAIN_MS = 250;

/** A request that may wait, and how the queue is reached. */
export interface Waiting {
  readonly request: CommandRequest;
  readonly answer?: Answer | undefined;
  readonly refusalOf?: ((refusal: Refusal) => Refusal) | undefined;
  /** What is waited for, and how long at most; undefined where the first answer is the last. */
  readonly wait: { readonly what: Wait; readonly ms: number } | undefined;
  /** Whose signal is aborted when he has gone; the platform makes one only where it is asked for. */
  readonly caller: Pick<Request, "signal">;
  ask(request: CommandRequest): Promise<CommandAnswer>;
  /** A socket to the queue's object; undefined where there is none for now. */
  connect(): Promise<WebSocket | undefined>;
}

type Split = Pick<Waiting, "request" | "wait">;

/** What a request asks for, and apart from it how long it would wait for that. */
export function splitWait(request: CommandRequest): Split {
  if (request.name === "lease.claim") return splitClaim(request as CommandRequest<"lease.claim">);
  if (request.name === "lease.settle")
    return splitSettle(request as CommandRequest<"lease.settle">);
  if (request.name !== "job.get" && request.name !== "action.get") {
    return { request, wait: undefined };
  }
  const { waitMs, id } = request.input as CommandRequest<"job.get">["input"];
  if (waitMs === undefined) return { request, wait: undefined };
  const kind = request.name === "job.get" ? ("job" as const) : ("action" as const);
  return {
    request: { ...request, input: { id } },
    wait: waitMs === 0 ? undefined : { what: { kind, id }, ms: waitMs },
  };
}

function splitClaim(given: CommandRequest<"lease.claim">): Split {
  const { waitMs, ...input } = given.input;
  if (waitMs === undefined) return { request: given, wait: undefined };
  const request = { ...given, input };
  return { request, wait: waitMs === 0 ? undefined : forJobs(request, waitMs) };
}

function splitSettle(settle: CommandRequest<"lease.settle">): Split {
  const { waitMs = 0, ...claim } = settle.input.claim ?? {};
  if (waitMs === 0) return { request: settle, wait: undefined };
  const request = { v: 1, name: "lease.claim", input: claim, bytes: 0 } as const;
  const input = { items: settle.input.items, claim };
  return { request: { ...settle, input }, wait: forJobs(request, waitMs) };
}

function forJobs(request: CommandRequest<"lease.claim">, ms: number): Split["wait"] {
  const max = Math.min(request.input.max ?? 1, limits.jobsPerWaitMax);
  return { what: { kind: "jobs", request: { ...request, input: { ...request.input, max } } }, ms };
}

/** Answers at once where there is something to tell, else when there is. */
export async function answerOrWait(call: Waiting): Promise<Response> {
  const { request, answer = asIs, refusalOf = asIt, wait } = call;
  const first = await call.ask(request);
  if ("refusal" in first) return refusalResponse(refusalOf(first.refusal));
  if (wait === undefined || isOver(wait.what.kind, first)) return answer(first.reply);
  const form = formOf(request, first.reply);
  const poll = new Poll(call, withKey(wait.what), wait.ms, form);
  const refusal = await poll.begin();
  if (refusal !== undefined) {
    // Settlements stand, whatever becomes of the wait behind them.
    return form.head === "" ? refusalResponse(refusal) : asIs(form.head + form.tail({ refusal }));
  }
  const headers = { "content-type": "application/json" };
  return streamed(poll.texts(), headers, () => poll.leave());
}

const asIt = (refusal: Refusal): Refusal => refusal;

/** How the answer to a wait stands in the response. */
interface Form {
  /** What is known already. */
  readonly head: string;
  /** The rest: the answer to what was waited for, or the refusal of it. */
  tail(answer: CommandAnswer): string;
}

/** Of a settlement the items stand first: they are told without waiting. */
function formOf({ name }: CommandRequest, first: string): Form {
  const problem = (refusal: Refusal) => JSON.stringify(problemOf(refusal));
  if (name !== "lease.settle") {
    const none = name === "lease.claim" ? '"jobs":[],' : "";
    return {
      head: "",
      tail: (answer) =>
        "reply" in answer ? answer.reply : `{${none}"problem":${problem(answer.refusal)}}`,
    };
  }
  const { items, refused } = JSON.parse(first) as {
    readonly items: object;
    readonly refused: number;
  };
  return {
    head: `{"items":${JSON.stringify(items)},"refused":${refused}`,
    tail: (answer) =>
      "reply" in answer
        ? `,${answer.reply.slice(1)}`
        : `,"now":${Date.now()},"jobs":[],"claim":${problem(answer.refusal)}}`,
  };
}

const gone = refuse("unavailable", "The queue did not take the wait: try again.");

/** The socket of one wait. */
class Socket {
  readonly #socket: WebSocket;
  readonly #heard = Promise.withResolvers<CommandAnswer | undefined>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Opens one, and resolves when the object has taken the wait, or with the refusal of it. */
  static async open(call: Waiting, wait: Wait): Promise<Socket | Refusal> {
    const socket = await call.connect();
    if (socket === undefined) return gone;
    const made = new Socket(socket);
    const taken = Promise.withResolvers<Refusal | undefined>();
    socket.addEventListener("message", ({ data }) => {
      const text = String(data);
      if (text === WAITING) return taken.resolve(undefined);
      const answer = unpackAnswer(text);
      taken.resolve("refusal" in answer ? answer.refusal : undefined);
      made.#heard.resolve(answer);
    });
    const lost = (): void => {
      taken.resolve(gone);
      made.#heard.resolve(undefined);
    };
    socket.addEventListener("close", lost);
    socket.addEventListener("error", lost);
    socket.accept();
    socket.send(JSON.stringify(wait));
    return (await taken.promise) ?? made;
  }

  /** What came of the wait; undefined where the socket closed before. */
  get heard(): Promise<CommandAnswer | undefined> {
    return this.#heard.promise;
  }

  /** The caller has been sent what came. */
  taken(): void {
    this.#socket.send(TAKEN);
    this.close();
  }

  /** The time is over: whatever there is to tell is told now. */
  end(): void {
    this.#socket.send(ENOUGH);
  }

  close(): void {
    this.#socket.close(1000, "done");
  }
}

/** One wait of one caller, over as many sockets as it takes. */
class Poll {
  readonly #call: Waiting;
  readonly #form: Form;
  readonly #until: number;
  #what: Wait;
  #socket: Socket | undefined;
  #isAtEnd = false;
  #isLeft = false;

  constructor(call: Waiting, what: Wait, ms: number, form: Form) {
    this.#call = call;
    this.#what = what;
    this.#form = form;
    this.#until = Date.now() + ms;
    const { signal } = call.caller;
    signal.addEventListener("abort", () => this.leave());
    if (signal.aborted) this.leave();
  }

  /** Begins to wait, or says why that cannot be. */
  async begin(): Promise<Refusal | undefined> {
    const socket = await Socket.open(this.#call, this.#what);
    if ("refusalCode" in socket) return socket;
    this.#socket = socket;
    // The caller may have gone meanwhile.
    if (this.#isLeft) socket.close();
    else if (this.#isAtEnd) socket.end();
    return undefined;
  }

  /** The response, part by part: a part is asked for once the one before it was sent. */
  async *texts(): AsyncGenerator<string> {
    // A response begins with something, or the caller would not hear of it before its first sign of life.
    yield this.#form.head === "" ? " " : this.#form.head;
    let answer: CommandAnswer | undefined;
    while (answer === undefined) {
      answer = await this.#next();
      if (this.#isLeft) return;
      if (answer === undefined) yield " ";
    }
    const text = this.#form.tail(answer);
    yield text.slice(0, -1);
    // What a caller was given that has hung up is given back.
    if (yield* probed(() => this.#isLeft)) return;
    yield text.slice(-1);
    this.#socket?.taken();
  }

  /** The caller has gone. */
  leave(): void {
    this.#isLeft = true;
    this.#socket?.close();
  }

  /** The answer; undefined where it is time for a sign of life. */
  async #next(): Promise<CommandAnswer | undefined> {
    const left = this.#until - Date.now();
    if (left <= 0 && !this.#isAtEnd) {
      this.#isAtEnd = true;
      this.#socket?.end();
    }
    if (this.#socket === undefined) return await this.#again();
    const heard = await within(this.#socket.heard, left > 0 ? Math.min(PULSE_MS, left) : PULSE_MS);
    if (heard === undefined) return undefined;
    if (heard.come !== undefined && !this.#isForgotten(heard.come)) return heard.come;
    this.#socket = undefined;
    return undefined;
  }

  /** Begins anew after the socket was lost. */
  async #again(): Promise<CommandAnswer | undefined> {
    await scheduler.wait(AGAIN_MS);
    const refusal = await this.begin();
    const isLost = refusal === undefined || refusal.refusalCode === "unavailable";
    return isLost && !this.#isAtEnd ? undefined : refusal && { refusal };
  }

  /** Jobs that it was given and could not be told of were given back: it claims anew. */
  #isForgotten(answer: CommandAnswer): boolean {
    const isGone = "refusal" in answer && answer.refusal.refusalCode === "answer_gone";
    if (!isGone || !isOwn(this.#what)) return false;
    this.#what = withKey(this.#what);
    return true;
  }
}

const OWN = "wait ";

const isOwn = (what: Wait): boolean =>
  what.kind === "jobs" && what.request.key?.key.startsWith(OWN) === true;

/** With a key, a claim finds the jobs that it was given by an object which could not tell it so. */
function withKey(what: Wait): Wait {
  if (what.kind !== "jobs" || (what.request.key !== undefined && !isOwn(what))) return what;
  const key = { key: OWN + crypto.randomUUID(), bodyHash: "" };
  return { ...what, request: { ...what.request, key } };
}
