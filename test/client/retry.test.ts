/**
 * What the client tries again, how, and for how long.
 * Invariant: nothing takes effect twice.
 */
import { describe, expect, test } from "vitest";
import { SluiceError, UnreachableError } from "../../src/client/index.ts";
import { answer, cutAfter, cutBefore, hang, problem } from "./flaky-proxy.ts";
import { rig } from "./rig.ts";
import { TestClock } from "./test-clock.ts";

const at = rig();
const skipping = () => new TestClock({ skipMs: 9_999 });
const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0);

describe("the client tries again", () => {
  test("a read whose connection broke", async () => {
    const queue = at.queue(skipping());
    await queue.configure();
    at.proxy.next(cutBefore, cutAfter);
    expect((await queue.info()).name).toBe(queue.name);
  });

  test("a write whose answer was lost, with its key, so that it takes effect once", async () => {
    const queue = at.queue(skipping());
    const { id } = await queue.enqueue(1);
    await queue.cancel(id);
    at.proxy.next(cutAfter);
    // A second retry would be refused, as the job then waits.
    expect((await queue.retry(id)).state).toBe("ready");
    const [first, second] = at.proxy.seen.slice(-2);
    expect(first?.key).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).toEqual(first);
  });

  test("with a new key for every write", async () => {
    const queue = at.queue();
    await queue.configure();
    await queue.pause();
    await queue.resume();
    expect(new Set(at.proxy.seen.map(({ key }) => key)).size).toBe(3);
  });

  test("a retryable refusal, no earlier than its Retry-After", async () => {
    const clock = skipping();
    const queue = at.queue(clock);
    at.proxy.next(problem(429, "busy", true, 2), problem(503, "append_failed", true));
    await queue.configure();
    expect(clock.skipped[0]).toBeGreaterThanOrEqual(2_000);
    expect(clock.skipped[1]).toBeLessThan(2_000);
  });

  test("an answer that broke off or is not Sluice's", async () => {
    const queue = at.queue(skipping());
    at.proxy.next(answer(200, '{"now":1,"queue":{"na'), answer(502, "<h1>Bad gateway</h1>"));
    expect((await queue.configure()).name).toBe(queue.name);
  });

  test("a request that hangs, after its time is over", async () => {
    const clock = new TestClock({ skipMs: 5_000 });
    const queue = at.queue(clock, { timeoutMs: 20_000 });
    at.proxy.next(hang);
    const arrived = at.proxy.request();
    const created = queue.configure();
    await arrived;
    clock.advance(20_000);
    expect((await created).name).toBe(queue.name);
    expect(at.proxy.seen).toHaveLength(2);
  });

  test("with delays that grow to five seconds", async () => {
    const clock = skipping();
    const queue = at.queue(clock);
    at.proxy.always = cutBefore;
    await expect(queue.configure()).rejects.toThrow(UnreachableError);
    // This clock's chance is always one half.
    expect(clock.skipped.slice(0, 8)).toEqual([50, 100, 200, 400, 800, 1600, 2500, 2500]);
  });
});

describe("the client gives up", () => {
  test("after a minute without an answer, and says where it looked", async () => {
    const clock = skipping();
    const queue = at.queue(clock);
    at.proxy.always = cutBefore;
    await expect(queue.configure()).rejects.toThrow(`Sluice at ${at.proxy.url} cannot be reached`);
    expect(sum(clock.skipped)).toBeLessThanOrEqual(60_000);
    expect(sum(clock.skipped)).toBeGreaterThan(55_000);
  });

  test("after a minute of retryable refusals, with the refusal", async () => {
    const queue = at.queue(skipping());
    at.proxy.always = problem(503, "append_failed", true, 1);
    const error = await queue.configure().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SluiceError);
    expect(error).toMatchObject({ code: "append_failed", status: 503, retryable: true });
  });

  test("at once when a refusal is for good, with all that the problem says", async () => {
    const queue = at.queue(skipping());
    const error = await queue.get("nope").catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "queue_unknown", status: 404, retryable: false });
    await expect(at.queue(skipping(), { token: "wrong" }).stats()).rejects.toThrow(SluiceError);
    at.proxy.next(answer(404, "<h1>Not found</h1>"));
    await expect(queue.stats()).rejects.toMatchObject({ code: "unexpected_answer", status: 404 });
    expect(at.proxy.seen).toHaveLength(3);
  });

  test("at once when a delete may have happened: its repeat could meet a new queue", async () => {
    const queue = at.queue(skipping());
    await queue.configure();
    const sent = at.proxy.seen.length;
    at.proxy.next(cutBefore);
    await expect(queue.delete()).rejects.toThrow(UnreachableError);
    expect(at.proxy.seen.length - sent).toBe(1);
  });

  test("when its caller does", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const abort = new AbortController();
    at.proxy.next(hang);
    const arrived = at.proxy.request();
    const claimed = queue.claim({}, { signal: abort.signal });
    await arrived;
    abort.abort(new Error("enough"));
    await expect(claimed).rejects.toThrow("enough");
  });

  test("before it sends a name that would be another address", async () => {
    const queue = at.queue();
    await expect(queue.remove("..")).rejects.toThrow(TypeError);
    await expect(queue.get("")).rejects.toThrow(TypeError);
    expect(() => at.queue(undefined, { name: "." })).toThrow(TypeError);
    expect(at.proxy.seen).toEqual([]);
  });
});
