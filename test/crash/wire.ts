/**
 * How an actor speaks to the server: every exchange is timed and written into the history.
 * Invariant: what was not answered to its end is unknown; nothing is sent again without its key.
 */
import { type Agent, request as send } from "undici";
import type { Ask, ClaimAsk, Exchange, JobAsk, Outcome, PushAsk, Reply } from "./history.ts";
import type { Site } from "./site.ts";

/** What the actors of a run share. */
export interface Scene {
  readonly site: Site;
  readonly agent: Agent;
  readonly queue: string;
  readonly history: Exchange[];
  /** The round that goes on, counted from 1. */
  round: number;
  /** Nothing new is begun. */
  isOver: boolean;
  /** The last mark given to a job. */
  marks: number;
  /** Jobs that were acknowledged, less those whose end was. */
  open: number;
}

/** A request that has a name, under which it can be sent again. */
export interface Named {
  readonly name: string;
  readonly ask: Asked;
  /** Sent as the Idempotency-Key. */
  readonly isKeyed: boolean;
}

/** The paths of the requests. */
/** What is asked for by a request. */
type Asked = Exclude<Ask, PushAsk>;

const paths = { enqueue: "/jobs", claim: "/claim", settle: "/settle", checkpoint: "/checkpoint" };
/** No answer takes so long; one that does is a server that stands still. */
const answerMsMax = 30_000;

export class Wire {
  readonly actor: string;
  readonly scene: Scene;
  #requests = 0;

  constructor(scene: Scene, actor: string) {
    this.scene = scene;
    this.actor = actor;
  }

  /** The name of the next request. */
  name(): string {
    this.#requests += 1;
    return `${this.actor}-${this.#requests}`;
  }

  /** Writes an exchange down that is over now. */
  note(
    { name, ask }: Pick<Named, "name"> & { readonly ask: Ask },
    sentAt: number,
    outcome: Outcome,
  ): void {
    const { history, round } = this.scene;
    const endedAt = performance.now();
    history.push({ round, actor: this.actor, request: name, ask, sentAt, endedAt, outcome });
  }

  /** One try. */
  async try({ name, ask, isKeyed }: Named): Promise<Outcome> {
    const { history, round, queue, site } = this.scene;
    const url = `${await site.url()}/v1/queues/${queue}${paths[ask.kind]}`;
    const sentAt = performance.now();
    const outcome = await this.#send("POST", url, bodyOf(ask), isKeyed ? name : undefined);
    const endedAt = performance.now();
    history.push({ round, actor: this.actor, request: name, ask, sentAt, endedAt, outcome });
    return outcome;
  }

  /** Tries until the outcome is known, at most so often. */
  async settled(request: Named, triesMax: number): Promise<Reply | undefined> {
    for (let tries = 1; ; tries += 1) {
      const outcome = await this.try(request);
      if (outcome.kind === "answered") return outcome.reply;
      if (outcome.kind === "refused" || tries >= triesMax) return undefined;
    }
  }

  /** Reads something whole; it is not part of the history. */
  async read<T>(path: string): Promise<T> {
    const { queue, site } = this.scene;
    const url = `${await site.url()}/v1/queues/${queue}${path}`;
    const { statusCode, body } = await send(url, { ...this.#options("GET") });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`GET ${path} was answered ${statusCode}: ${text}`);
    return JSON.parse(text) as T;
  }

  async configure(config: object): Promise<void> {
    const url = `${await this.scene.site.url()}/v1/queues/${this.scene.queue}`;
    const outcome = await this.#send("PUT", url, JSON.stringify(config), undefined);
    if (outcome.kind !== "answered") throw new Error(`configure: ${JSON.stringify(outcome)}`);
  }

  async #send(
    method: "POST" | "PUT",
    url: string,
    body: string,
    key: string | undefined,
  ): Promise<Outcome> {
    const options = this.#options(method);
    const headers = key === undefined ? {} : { "idempotency-key": key };
    try {
      const response = await send(url, {
        ...options,
        headers: { ...options.headers, ...headers },
        body,
      });
      return outcomeOf(response.statusCode, JSON.parse(await response.body.text()) as object);
    } catch (error) {
      return { kind: "unknown", why: String(error) };
    }
  }

  #options(method: "GET" | "POST" | "PUT") {
    const { agent, site } = this.scene;
    const headers = { authorization: `Bearer ${site.token}`, "content-type": "application/json" };
    const timeouts = { headersTimeout: answerMsMax, bodyTimeout: answerMsMax };
    return { method, dispatcher: agent, headers, ...timeouts } as const;
  }
}

/** What an answer says, or the frame of a channel that is as one. */
export function outcomeOf(status: number, json: object): Outcome {
  const said = json as Record<string, unknown>;
  if (status < 300) return { kind: "answered", reply: replyOf(said) };
  const code = String(said["code"]);
  if (code === "outcome_unknown") return { kind: "unknown", why: code };
  return { kind: "refused", status, code };
}

/** An answer to one job is as the answer to many; payloads are not kept. */
function replyOf(json: Record<string, unknown>): Reply {
  const { now, id, deduplicated, results, items, jobs } = json;
  const one = id === undefined ? undefined : [{ id, ...(deduplicated ? { deduplicated } : {}) }];
  const some = Object.entries({ results: results ?? one, items, jobs: withoutPayloads(jobs) });
  const given = some.filter(([, value]) => value !== undefined);
  return { now, ...Object.fromEntries(given) } as Reply;
}

function withoutPayloads(jobs: unknown): unknown {
  return (jobs as { payload: unknown }[] | undefined)?.map(({ payload: _, ...job }) => job);
}

function bodyOf(ask: Asked): string {
  switch (ask.kind) {
    case "enqueue":
      return JSON.stringify(
        ask.jobs.length === 1 ? jobOf(ask.jobs[0]) : { jobs: ask.jobs.map(jobOf) },
      );
    case "claim":
      return JSON.stringify(ask.claim satisfies ClaimAsk);
    case "settle":
      return JSON.stringify({ items: ask.items, claim: ask.claim });
    case "checkpoint":
      return "{}";
  }
}

function jobOf(job: JobAsk | undefined): object {
  if (job === undefined) throw new Error("an enqueue without a job");
  const { mark, padding, ...options } = job;
  const payload = padding === undefined ? { mark } : { mark, padding: "x".repeat(padding) };
  return { payload, ...options };
}
