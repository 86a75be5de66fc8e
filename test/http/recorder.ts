/**
 * A stand-in for the objects behind the gate: records what reaches them and answers as told.
 * Invariant: `calls` holds everything that passed the gate, in order.
 */
import { packAnswer, unpack } from "../../src/contract/packing.ts";
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import { createApp, type GateEnv } from "../../src/http/app.ts";

/** One command that passed the gate. */
export interface Call {
  readonly queue: string;
  readonly request: CommandRequest;
}

export const token = "s3cret-token";

/** What a stand-in answers: by default the request's name. */
export type Answerer = (call: Call) => CommandAnswer | Promise<CommandAnswer>;

/** A gate in front of a stand-in. */
export class Recorder {
  readonly calls: Call[] = [];
  readonly env: GateEnv;
  readonly #app = createApp();

  constructor(answer: Answerer = answerAnything, env: Partial<GateEnv> = {}) {
    const take = async (call: Call) => {
      this.calls.push(call);
      return await answer(call);
    };
    this.env = {
      SLUICE_TOKEN: token,
      QUEUE: {
        getByName: (queue) => ({
          fetch: () => Promise.reject(new Error("nobody waits in this test")),
          ask: async (message) => packAnswer(await take({ queue, request: unpack(message) })),
        }),
      },
      DIRECTORY: {
        getByName: () => {
          throw new Error("no directory in this test");
        },
      },
      ...env,
    };
  }

  /** Sends a request with the token, a string as its body, anything else as JSON. */
  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    return await this.raw(path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(text === undefined ? {} : { body: text }),
    });
  }

  /** Sends a request as it is. */
  async raw(path: string, init: RequestInit): Promise<Response> {
    return await this.#app.fetch(new Request(`https://sluice.test${path}`, init), this.env);
  }

  /** The input of the one command that passed. */
  get input(): unknown {
    const [call, ...others] = this.calls;
    if (call === undefined || others.length > 0) {
      throw new Error(`${this.calls.length} commands passed the gate, not one`);
    }
    return call.request.input;
  }
}

/** A reply that every route can answer with. */
const answerAnything: Answerer = () => ({
  reply: '{"now":1,"results":[{"id":"a"}],"refused":0,"operation":{"status":"done"}}',
});

/** The problem in a response: its code, the pointers of its errors, and everything else in it. */
export async function problemIn(response: Response) {
  const problem = (await response.json()) as {
    code: string;
    status: number;
    detail: string;
    errors?: { pointer: string; code: string; detail: string }[];
  };
  const pointers = problem.errors?.map(({ pointer }) => pointer) ?? [];
  return { ...problem, pointers, type: response.headers.get("content-type") };
}
