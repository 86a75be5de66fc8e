/**
 * The shapes that are recognised without a schema: held against the schemas that they spare.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jobSpecsWire, jobSpecWire } from "../../src/contract/jobs.ts";
import { settleWire } from "../../src/contract/leases.ts";
import { bareCompletions, bareJob, bareJobs } from "../../src/contract/plain.ts";

const strange = fc.oneof(fc.jsonValue(), fc.constant([]), fc.constant({}), fc.constant("x"));
const name = fc.oneof(
  fc.string({ unit: "binary", maxLength: 3 }),
  fc.constantFrom(
    "a",
    "b",
    ".",
    "..",
    "a b",
    "x".repeat(64),
    "x".repeat(65),
    "x".repeat(256),
    "x".repeat(300),
  ),
);
const job = fc.oneof(
  fc.record({ payload: fc.jsonValue() }, { requiredKeys: [] }),
  fc.record({ payload: fc.jsonValue(), priority: fc.integer() }),
  fc.record({ paylaod: fc.jsonValue() }),
  fc.record({ payload: fc.jsonValue(), key: name }),
  fc.record({ key: fc.oneof(name, fc.jsonValue()) }),
  fc.record({ after: fc.array(name, { maxLength: 3 }) }),
  fc.record({
    after: fc.array(fc.oneof(name, fc.record({ id: name })), { maxLength: 3 }),
    key: name,
  }),
  strange,
);
const completion = fc.oneof(
  fc.record({ op: fc.constant("complete"), id: fc.string(), token: fc.string() }),
  fc.record({
    op: fc.constantFrom("complete", "fail"),
    id: fc.stringMatching(/^[a-z-]{0,66}$/),
    token: fc.stringMatching(/^[a-z]{0,66}$/),
  }),
  fc.record({
    op: fc.constant("complete"),
    id: fc.constant("a"),
    token: fc.constant("b"),
    result: strange,
  }),
  strange,
);

/** Holds what is recognised of many values against the schema; few of them would prove nothing. */
function holdAll<T>(values: fc.Arbitrary<T>, isRecognised: (value: T) => boolean): void {
  let recognised = 0;
  const look = (value: T): void => {
    if (isRecognised(value)) recognised += 1;
  };
  fc.assert(fc.property(values, look), { numRuns: 2_000 });
  expect(recognised).toBeGreaterThan(20);
}

describe("what is recognised without a schema", () => {
  test("are jobs that the schema accepts with the same outcome", () => {
    const body = fc.oneof(fc.record({ jobs: fc.array(job, { maxLength: 4 }) }), strange);
    holdAll(body, (value) => {
      const bare = bareJobs(value);
      if (bare === undefined) return false;
      const { jobs } = jobSpecsWire.parse(value);
      expect(jobs.map(({ payload: _, ...said }) => said)).toEqual(bare);
      return true;
    });
  });

  test("is one job that the schema accepts with the same outcome", () => {
    holdAll(job, (value) => {
      const bare = bareJob(value);
      if (bare === undefined) return false;
      const { payload: _, ...said } = jobSpecWire.parse(value);
      expect(said).toEqual(bare);
      return true;
    });
  });

  test("are completions that the schema accepts as they are", () => {
    holdAll(fc.oneof(fc.array(completion, { maxLength: 3 }), strange), (items) => {
      const bare = bareCompletions(items);
      if (bare === undefined) return false;
      expect(settleWire.parse({ items })).toEqual({ items: bare });
      return true;
    });
  });

  test("are no more of them than the schema allows", () => {
    const jobs = (length: number) => ({ jobs: Array.from({ length }, () => ({ payload: 1 })) });
    const item = { op: "complete", id: "a", token: "b" };
    expect(bareJobs(jobs(1000))).toHaveLength(1000);
    expect(bareJobs(jobs(1001))).toBeUndefined();
    expect(bareJobs(jobs(0))).toBeUndefined();
    expect(bareCompletions(Array(1000).fill(item))).toHaveLength(1000);
    expect(bareCompletions(Array(1001).fill(item))).toBeUndefined();
    expect(bareCompletions([])).toBeUndefined();
    const waits = (count: number) => ({ after: Array.from({ length: count }, (_, i) => `p${i}`) });
    expect(bareJobs({ jobs: [waits(1000)] })).toHaveLength(1);
    expect(bareJobs({ jobs: [waits(1001)] })).toBeUndefined();
    expect(bareJobs({ jobs: [{ after: ["p", "p"] }] })).toBeUndefined();
  });

  test("are jobs with a flow key, and jobs that wait for others", () => {
    const jobs = [{ payload: 1, key: "tenant 1" }, { after: ["p", "q"] }];
    const after = [{ id: "p" }, { id: "q" }];
    expect(bareJobs({ jobs })).toEqual([{ key: "tenant 1" }, { after }]);
    const [first, second, other] = bareJobs({
      jobs: [{ after: ["p", "q"] }, { after: ["p", "q"] }, { after: ["q", "p"] }],
    }) as [object, object, object];
    expect(second).toEqual({ after });
    expect((second as { after: unknown }).after).toBe((first as { after: unknown }).after);
    expect(other).toEqual({ after: [{ id: "q" }, { id: "p" }] });
  });
});
