/**
 * Calls of the real Worker for tests of plans, actions and workers.
 * Invariant: each test has a queue of its own; what is refused must change no job and append no entry.
 */
import { exports } from "cloudflare:workers";
import { beforeEach, expect } from "vitest";
import type { ClaimedJob } from "../../../src/contract/leases.ts";

const { default: worker } = exports as unknown as { readonly default: Fetcher };

/** What may be claimed by a worker that can run `greet`. */
export const able = { kinds: ["plan"], capabilities: ["cat", "echo"] };

/** A plan whose arguments name the field `to`. */
export const greet = {
  plan_description: "says hello",
  tasks: [
    { task_number: 1, command: "echo", args: ["hello {{input.to}}"] },
    { task_number: 2, command: "cat", input_from_task: 1 },
  ],
};

/** The answer to a claim of one job. */
export interface Claimed {
  readonly jobs: ClaimedJob[];
  readonly plans?: { plan: string; version: number; body: object }[];
}

/** Calls for the tests of one file. */
export function caller(prefix: string) {
  let serial = 0;
  let queue = "";
  beforeEach(() => {
    queue = `${prefix}${++serial}`;
  });

  async function call(method: string, path: string, body?: unknown, headers: HeadersInit = {}) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await worker.fetch(`https://sluice.test/v1/queues/${queue}${path}`, {
      method,
      headers: { authorization: "Bearer test-token", ...headers },
      ...(body === undefined ? {} : { body: text }),
    });
    const reply = await response.text();
    const json = JSON.parse(reply) as Record<string, unknown>;
    return { status: response.status, text: reply, json };
  }

  /** A call that must succeed. */
  async function ok(method: string, path: string, body?: unknown, status = 200) {
    const response = await call(method, path, body);
    expect({ status: response.status, text: response.text }).toMatchObject({ status });
    expect(response.json["now"]).toBeTypeOf("number");
    return response.json;
  }

  async function state() {
    const { counts, log } = (await ok("GET", "/stats")) as {
      counts: object;
      log: { lastIndex: number };
    };
    return [counts, log.lastIndex];
  }

  /** A call that must be refused, and must change nothing. */
  async function refused(
    method: string,
    path: string,
    body: unknown,
    status: number,
    code: string,
  ) {
    const before = await state();
    const { json, ...response } = await call(method, path, body);
    expect({ status: response.status, code: json["code"] }).toEqual({ status, code });
    expect(await state()).toEqual(before);
    return json as { detail: string; errors?: { pointer: string }[] };
  }

  /** Submits a plan. */
  const submit = (plan: object = greet, id = "greet", status = 201) =>
    ok("PUT", `/plans/${id}`, plan, status);

  /** Claims the one job that is ready. */
  async function claimOne() {
    const { jobs } = (await ok("POST", "/claim", able)) as unknown as Claimed;
    const [job] = jobs;
    if (job === undefined) throw new Error("nothing was claimed");
    return { id: job.id, token: job.token };
  }

  return { call, ok, refused, submit, claimOne };
}
