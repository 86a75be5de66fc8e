/**
 * What the end of a handler says to the server.
 * Invariant: it is a settlement that the contract allows, whatever numbers a handler computed.
 */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReleaseJob, RetryLater } from "../../src/client/index.ts";
import { insteadText, outcomeText } from "../../src/client/outcome.ts";
import { settlementWire } from "../../src/contract/leases.ts";
import { limits } from "../../src/contract/limits.ts";

const held = { id: "a", token: "t" };
const endBy = async (thrown: unknown): Promise<object> =>
  JSON.parse(await outcomeText(held, () => Promise.reject(thrown))) as object;

describe("when a job may be handed out again", () => {
  const { delayMsMax, holdKeyMsMax } = limits;
  test.each([
    [{ holdKeyMs: 26 * 3_600_000 }, { holdKeyMs: holdKeyMsMax }],
    [{ holdKeyMs: 1234.5 }, { holdKeyMs: 1235 }],
    [{ holdKeyMs: Number("Wed, 21 Oct 2026 07:28:00 GMT") }, {}],
    [
      { holdKeyMs: Number.POSITIVE_INFINITY, delayMs: -5 },
      { holdKeyMs: holdKeyMsMax, delayMs: 0 },
    ],
    [{ delayMs: Number.NEGATIVE_INFINITY }, { delayMs: 0 }],
    [{ delayMs: 1e300 }, { delayMs: delayMsMax }],
    [0.7, { delayMs: 1 }],
    [-0.7, { delayMs: 0 }],
    [{}, {}],
  ] as const)("ReleaseJob(%o) says %o", async (when, said) => {
    expect(await endBy(new ReleaseJob(when))).toEqual({ op: "release", ...held, ...said });
  });

  test.each([
    [4999.01, { delayMs: 5000 }],
    [-1, { delayMs: 0 }],
    [Number.POSITIVE_INFINITY, { delayMs: delayMsMax }],
    [Number.NaN, {}],
  ])("RetryLater(%d) says %o", async (delayMs, said) => {
    const error = "later";
    const end = await endBy(new RetryLater(delayMs, error));
    expect(end).toEqual({ op: "fail", ...held, error, ...said });
  });

  test("is what the server takes, whatever numbers say it", async () => {
    const ms = fc.option(fc.double(), { nil: undefined });
    const property = fc.asyncProperty(ms, ms, async (delayMs, holdKeyMs) => {
      const ends = [new ReleaseJob({ delayMs, holdKeyMs }), new RetryLater(delayMs ?? 0)];
      for (const end of await Promise.all(ends.map(endBy))) settlementWire.parse(end);
    });
    await fc.assert(property, { numRuns: 500 });
  });
});

test.each([
  [Object.create(null), "The handler threw what has no text."],
  [Object.assign(new Error(), { message: { code: 7 } }), "[object Object]"],
  [Symbol("s"), "Symbol(s)"],
  [undefined, "undefined"],
])("a throw of anything fails the attempt: %#", async (thrown: unknown, error) => {
  expect(await endBy(thrown)).toEqual({ op: "fail", ...held, error });
});

describe("in place of an end that the server did not take", () => {
  const instead = (end: object) => JSON.parse(insteadText(JSON.stringify(end), "no")) as object;

  test("a result fails its job for good, with the refusal", () => {
    expect(instead({ op: "complete", ...held, result: "x" })).toEqual({
      ...{ op: "fail", ...held, error: "no", retryable: false },
    });
  });

  test.each([
    [{ op: "release", delayMs: 1, holdKeyMs: 2 }, { op: "release" }],
    [
      { op: "fail", error: "e", delayMs: 1 },
      { op: "fail", error: "e" },
    ],
    [
      { op: "fail", error: "e", retryable: false },
      { op: "fail", error: "e", retryable: false },
    ],
  ])("%j says %j", (end, said) => {
    expect(instead({ ...held, ...end })).toEqual({ ...held, ...said });
  });
});
