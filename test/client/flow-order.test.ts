/**
 * In what order the client sends the jobs of one call.
 * Invariant: it is the order in which the queue takes the jobs of one request, whatever graph they are, so that nothing depends on how many
 * requests a call needs.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { flowOrder } from "../../src/client/flow-order.ts";
import { SluiceError } from "../../src/client/index.ts";
import { inFlowOrder } from "../simulation/model/flows.ts";

test("the client sends any graph in the order in which the queue takes it, and nothing of one in which the queue finds a circle", () => {
  const ids = ["a", "b", "c", "d", "e"];
  const parent = fc.constantFrom(...ids, "elsewhere");
  const job = fc.record(
    { id: fc.constantFrom(...ids), after: fc.uniqueArray(parent, { minLength: 1, maxLength: 2 }) },
    { requiredKeys: [] },
  );
  const property = fc.property(fc.array(job, { maxLength: 7 }), (jobs) => {
    const specs = jobs.map(({ after, ...rest }, place) => ({
      ...{ payload: String(place), ...rest },
      ...(after && { after: after.map((each) => ({ id: each })) }),
    }));
    const taken = inFlowOrder(specs);
    const order = flowOrder(jobs);
    if (order instanceof SluiceError) expect(taken).toHaveProperty("refusal.code", order.code);
    else expect([...order].map((place) => specs[place])).toEqual(taken);
  });
  void fc.assert(property, { numRuns: 2_000 });
});

test("jobs of which none waits for a later one are sent as they are given", () => {
  const jobs = [
    { id: "a" },
    {},
    { id: "b", after: ["a", "elsewhere"] },
    { id: "a" },
    { after: ["b"] },
  ];
  expect([...(flowOrder(jobs) as Iterable<number>)]).toEqual([0, 1, 2, 3, 4]);
});

test("a circle is told by a job that is in it, and not by one that waits for it", () => {
  const jobs = [
    { id: "leaf", after: ["m"] },
    { id: "m", after: ["n"] },
    { id: "n", after: ["m"] },
  ];
  expect(flowOrder(jobs)).toMatchObject({
    ...{ code: "flow_cycle", status: 422, retryable: false },
    detail: expect.stringMatching(/^Job m waits for itself, .* no job of the call was enqueued\.$/),
  });
  expect(flowOrder([{ id: "own", after: [{ id: "own", onFail: "continue" }] }])).toMatchObject({
    detail: expect.stringContaining("Job own "),
  });
});

test("a chain of 100,000 jobs, each after the next one, is sent from its end", () => {
  const count = 100_000;
  const jobs = Array.from({ length: count }, (_, i) => ({ id: `${i}`, after: [`${i + 1}`] }));
  expect([...(flowOrder(jobs) as Iterable<number>)]).toEqual(
    Array.from({ length: count }, (_, i) => count - 1 - i),
  );
});
