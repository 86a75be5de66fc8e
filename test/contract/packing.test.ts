/**
 * Commands and answers that cross as text: held against themselves.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JobSpec } from "../../src/contract/jobs.ts";
import { pack, packAnswer, unpack, unpackAnswer } from "../../src/contract/packing.ts";
import { refuse } from "../../src/contract/refusals.ts";
import type { CommandRequest } from "../../src/contract/rpc.ts";

const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme" }));
const envelope = { v: 1, bytes: 10, key: { key: "t:k", bodyHash: "h" } } as const;
const job = fc.oneof(
  { weight: 9, arbitrary: fc.record({ payload: text }) },
  fc.record({ payload: text, priority: fc.integer({ min: -9, max: 9 }) }),
);
const id = fc.stringMatching(/^[\w-]{1,9}$/);
const item = fc.oneof(
  { weight: 9, arbitrary: fc.record({ op: fc.constant("complete" as const), id, token: id }) },
  fc.record({ op: fc.constant("complete" as const), id, token: fc.string({ minLength: 1 }) }),
  fc.record({ op: fc.constant("complete" as const), id, token: id, result: text }),
  fc.record({ op: fc.constant("fail" as const), id, token: id, error: text }),
);
const jobs = fc.oneof(
  fc.array(job, { maxLength: 9 }),
  fc.array(fc.record({ payload: text }), { minLength: 4, maxLength: 9 }),
);
const enqueueOf = (all: readonly JobSpec[]): CommandRequest<"job.enqueue"> => ({
  ...envelope,
  name: "job.enqueue",
  input: { jobs: all },
});
const settle = fc.record(
  { items: fc.array(item, { minLength: 1, maxLength: 9 }), claim: fc.constant({ max: 3 }) },
  { requiredKeys: ["items"] },
);

describe("a packed command", () => {
  test("arrives as the enqueue that it was", () => {
    fc.assert(
      fc.property(jobs, (all) => {
        const request = enqueueOf(all);
        expect(unpack(pack(request))).toEqual(request);
      }),
      { numRuns: 500 },
    );
  });

  test("arrives as the settlement that it was", () => {
    fc.assert(
      fc.property(settle, (input) => {
        const request: CommandRequest<"lease.settle"> = {
          ...envelope,
          name: "lease.settle",
          input,
        };
        expect(unpack(pack(request))).toEqual(request);
      }),
      { numRuns: 500 },
    );
  });

  test("arrives as the chunk of an import that it was, its text as it is", () => {
    const step = fc.oneof(
      fc.record({ upload: id, chunk: fc.nat(), text }),
      fc.record({ upload: id, finish: fc.constant(true as const) }),
    );
    fc.assert(
      fc.property(step, (input) => {
        const name = "snapshot.import";
        const request: CommandRequest<"snapshot.import"> = { v: 1, name, input, bytes: 0 };
        const message = pack(request);
        expect(unpack(message)).toEqual(request);
        if ("text" in input) expect(message.endsWith(input.text)).toBe(true);
      }),
    );
  });

  test("arrives as any other command that it was", () => {
    fc.assert(
      fc.property(fc.record({ id: text }), (input) => {
        const request: CommandRequest<"job.get"> = { v: 1, name: "job.get", input, bytes: 0 };
        expect(unpack(pack(request))).toEqual(request);
      }),
    );
  });

  test("arrives as the plan, the action, the registration or the report that it was", () => {
    const names = fc.array(text, { maxLength: 3 });
    const plan = fc.record(
      { id, body: text, description: text, tasks: fc.nat(), commands: names, fields: names },
      { requiredKeys: ["id", "body", "tasks", "commands", "fields"] },
    );
    const action = fc.record(
      { id, inputs: names, action: id, fingerprint: text, priority: fc.integer() },
      { requiredKeys: ["id", "inputs"] },
    );
    const worker = fc.record({ id, capabilities: names, slots: fc.nat(), info: text });
    const report = fc.record(
      { op: fc.constant("task" as const), id, token: id, task: fc.nat(), stdout: text },
      { requiredKeys: ["op", "id", "token", "task"] },
    );
    const items = fc.array(report, { minLength: 1, maxLength: 3 });
    const command = fc.oneof(
      plan.map((input) => ({ ...envelope, name: "plan.submit", input }) as const),
      action.map((input) => ({ ...envelope, name: "action.submit", input }) as const),
      worker.map((input) => ({ ...envelope, name: "worker.register", input }) as const),
      items.map((all) => ({ ...envelope, name: "lease.settle", input: { items: all } }) as const),
    );
    fc.assert(
      fc.property(command, (request) => {
        expect(unpack(pack(request))).toEqual(request);
      }),
      { numRuns: 500 },
    );
  });

  test("carries the payloads of bare jobs as they are", () => {
    const payloads = ['"a\\nb"', '{"a": 1}', "\n[]\n"];
    const message = pack(enqueueOf(payloads.map((payload) => ({ payload }))));
    expect(message.slice(message.indexOf("\n") + 1)).toBe(payloads.join(""));
  });
});

describe("a packed answer", () => {
  test("is the reply's own text", () => {
    expect(packAnswer({ reply: '{"now":1}' })).toBe('{"now":1}');
    expect(unpackAnswer('{"now":1}')).toEqual({ reply: '{"now":1}' });
  });

  test("arrives as the refusal that it was", () => {
    const refusal = {
      ...refuse("job_state", "Job a is ready.\n", { id: "a", expiresAt: 1 }),
      errors: [{ pointer: "/a", code: "input_invalid", detail: "!" }],
    } as const;
    expect(unpackAnswer(packAnswer({ refusal }))).toEqual({ refusal });
  });
});
