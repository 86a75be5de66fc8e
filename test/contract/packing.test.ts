/**
 * Commands that cross to an object packed: held against themselves.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pack, unpack } from "../../src/contract/packing.ts";
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
const settle = fc.record(
  { items: fc.array(item, { minLength: 1, maxLength: 9 }), claim: fc.constant({ max: 3 }) },
  { requiredKeys: ["items"] },
);

/** The request as it would arrive. */
const crossed = (request: CommandRequest) => unpack(structuredClone(pack(request)));

describe("a packed command", () => {
  test("arrives as the enqueue that it was", () => {
    fc.assert(
      fc.property(jobs, (all) => {
        const request: CommandRequest<"job.enqueue"> = {
          ...envelope,
          name: "job.enqueue",
          input: { jobs: all },
        };
        expect(crossed(request)).toEqual(request);
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
        expect(crossed(request)).toEqual(request);
      }),
      { numRuns: 500 },
    );
  });

  test("is packed where it pays, and crosses as it is where it does not", () => {
    const bare = Array.from({ length: 4 }, () => ({ payload: "1" }));
    const of = (all: typeof bare): CommandRequest<"job.enqueue"> => ({
      ...envelope,
      name: "job.enqueue",
      input: { jobs: all },
    });
    expect(pack(of(bare))).toHaveProperty("payloads", "1111");
    expect(pack(of(bare.slice(1)))).toHaveProperty("input");
    const read: CommandRequest<"job.get"> = { v: 1, name: "job.get", input: { id: "a" }, bytes: 0 };
    expect(pack(read)).toBe(read);
  });
});
