/** Pushing jobs: what is posted, what its answer means for the job and for the target, and what becomes of it over pauses and crashes. */
import { Webhook } from "standardwebhooks";
import { describe, expect, test, vi } from "vitest";
import type { PutDeliveryInput } from "../../src/contract/deliveries.ts";
import { answerOf, type Harness, openEngine, START } from "../engine-harness.ts";

const url = "https://example.com/jobs";
const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const other = `whsec_${Buffer.alloc(24, 9).toString("base64")}`;

async function pushing(settings: PutDeliveryInput = {}, config: object = {}): Promise<Harness> {
  const q = await openEngine({ config });
  await q.run("delivery.put", { url, secrets: [secret], ...settings });
  return q;
}
/** Enqueues one job; what is to become of it has. */
async function push(q: Harness, job: Parameters<Harness["enqueue"]>[0] = {}): Promise<string> {
  const id = await q.enqueue(job);
  await q.settled();
  return id;
}
const held = <T>() => Promise.withResolvers<T>();
const delivery = async (q: Harness) => (await q.run("delivery.get", {})).delivery;

describe("a job is pushed as soon as it is ready", () => {
  test("with its payload byte for byte, and headers that say whose it is", async () => {
    const q = await pushing();
    await push(q, { id: "a", payload: '{"n": 1.0,"big":12345678901234567890}' });
    expect(q.posts).toEqual([
      {
        url,
        body: '{"n": 1.0,"big":12345678901234567890}',
        timeoutMs: 30_000,
        headers: expect.objectContaining({
          "content-type": "application/json",
          "webhook-id": "a.1",
          "webhook-timestamp": String(START / 1000),
          "sluice-queue": "mail",
          "sluice-job": "a",
          "sluice-run": "1",
          "sluice-attempt": "1/3",
        }),
      },
    ]);
    expect(await q.job("a")).toMatchObject({ state: "completed", deliveries: 1 });
  });

  test("signed with each secret, as the published library verifies it", async () => {
    const q = await pushing({ secrets: [secret, other] });
    await push(q, { payload: '{"a":"é"}' });
    vi.useFakeTimers({ now: q.now, toFake: ["Date"] });
    for (const { headers, body } of q.posts) {
      for (const each of [secret, other]) {
        expect(new Webhook(each).verify(body, { ...headers })).toEqual({ a: "é" });
      }
      const third = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
      expect(() => new Webhook(third).verify(body, { ...headers })).toThrow("signature");
    }
    vi.useRealTimers();
    expect(q.posts).toHaveLength(1);
  });

  test("after its delay, by the alarm", async () => {
    const q = await pushing();
    await push(q, { delayMs: 5000 });
    expect(q.posts).toEqual([]);
    await q.advance(5000);
    await q.settled();
    expect(q.posts).toHaveLength(1);
  });

  test("and so are those that were there when the delivery was put", async () => {
    const q = await openEngine();
    for (let n = 0; n < 20; n += 1) await q.enqueue();
    await q.run("delivery.put", { url, secrets: [secret] });
    await q.settled();
    expect(q.posts).toHaveLength(20);
    expect(await q.ids("completed")).toHaveLength(20);
  });

  test("in a run of its own once more, under another webhook-id", async () => {
    const q = await pushing();
    const id = await push(q, { id: "a" });
    await q.run("job.cancel", { id: await q.enqueue({ id: "b", delayMs: 1000 }) });
    await q.run("job.retry", { id: "b" });
    await q.settled();
    expect(q.posts.map(({ headers }) => headers["webhook-id"])).toEqual([`${id}.1`, "b.2"]);
  });
});

test("an address on this machine is refused where the deployment does not deliver there, before all else", async () => {
  const q = await openEngine();
  const here = { url: "http://localhost:3000/", secrets: [secret] };
  expect((await q.refused("delivery.put", here)).refusalCode).toBe("target_forbidden");
  expect((await q.refused("delivery.get", {})).refusalCode).toBe("queue_unknown");
});

test("no more jobs are under way at once than was said, and the next goes as soon as one is answered", async () => {
  const q = await pushing({ concurrency: 2 });
  const answers = [held<void>(), held<void>(), held<void>()];
  let next = 0;
  q.target = async () => {
    await answers[next++]?.promise;
    return answerOf(200);
  };
  for (let n = 0; n < 3; n += 1) await push(q);
  expect(q.posts).toHaveLength(2);
  answers[1]?.resolve();
  await q.settled();
  expect(q.posts).toHaveLength(3);
  expect(await q.ids("running")).toHaveLength(2);
});

test("the queue's rate and pause hold for pushes too", async () => {
  const q = await pushing({}, { rate: { limit: 1, perMs: 1000 } });
  for (let n = 0; n < 3; n += 1) await push(q);
  expect(q.posts).toHaveLength(1);
  await q.advance(1000);
  await q.settled();
  expect(q.posts).toHaveLength(2);
  await q.run("queue.pause", {});
  await q.advance(60_000);
  await q.settled();
  expect(q.posts).toHaveLength(2);
  await q.run("queue.resume", {});
  await q.settled();
  expect(q.posts).toHaveLength(3);
});

test("jobs of plans, and those that require what the delivery has not, wait for workers; the object sleeps", async () => {
  const q = await pushing({ capabilities: ["eu"] });
  await push(q, { requires: ["gpu"] });
  await push(q, { id: "mine", requires: ["eu"] });
  expect(q.posts.map(({ headers }) => headers["sluice-job"])).toEqual(["mine"]);
  // What it armed before it had looked may come once; nothing comes behind it but retention.
  await q.advance(60_000);
  expect(q.armedAt === null || q.armedAt > q.now + 60_000).toBe(true);
});

describe("what the target answers", () => {
  const afterAnswer = async (
    answer: ReturnType<typeof answerOf>,
    settings: PutDeliveryInput = {},
  ) => {
    const q = await pushing(settings);
    q.target = () => Promise.resolve(answer);
    await push(q, { id: "a", backoff: { kind: "fixed", delayMs: 1000, jitter: "none" } });
    return q;
  };

  test("with JSON is the result, byte for byte", async () => {
    const json = { contentType: "application/json; charset=utf-8" };
    const q = await afterAnswer(answerOf(201, '{"sent":1.50}', json));
    expect(q.store.tables.jobs.get(["a"])?.result).toBe('{"sent":1.50}');
  });

  test.each([
    ["is no JSON", answerOf(200, "OK")],
    ["says that it is JSON and is not", answerOf(200, "{", { contentType: "application/json" })],
    [
      "is longer than a result",
      answerOf(200, "1", { contentType: "application/json", isWhole: false }),
    ],
  ])("completes the job without a result where it %s", async (_, answer) => {
    const q = await afterAnswer(answer);
    expect(await q.job("a")).toMatchObject({ state: "completed" });
    expect((await q.job("a")).result).toBeUndefined();
  });

  test.each([408, 425, 429, 500, 503])(
    "with %i is tried again as the job's backoff has it",
    async (status) => {
      const q = await afterAnswer(answerOf(status, "busy"));
      expect(await q.job("a")).toMatchObject({
        state: "scheduled",
        runAt: START + 1000,
        attempt: 2,
      });
      expect((await q.job("a")).error).toBe(`the target answered ${status}: busy`);
    },
  );

  test.each([301, 307, 400, 401, 404, 410, 422])("with %i fails the job", async (status) => {
    const q = await afterAnswer(answerOf(status));
    expect(await q.job("a")).toMatchObject({ state: "failed" });
  });

  test.each([302, 404, 422])("with %i is tried again where that was asked for", async (status) => {
    const q = await afterAnswer(answerOf(status), { retryRefused: true });
    expect(await q.job("a")).toMatchObject({ state: "scheduled" });
  });

  test.each([
    ["7", 7000],
    [new Date(START + 9000).toUTCString(), 9000],
    [new Date(START - 9000).toUTCString(), 0],
    ["999999999", 86_400_000],
    ["soon", 1000],
  ])("with Retry-After %s is tried again then", async (retryAfter, delayMs) => {
    const q = await afterAnswer(answerOf(503, "", { retryAfter }));
    const { runAt = q.now } = await q.job("a");
    expect(runAt).toBe(START + delayMs);
  });

  test("may be nothing: no answer in time, or no connection", async () => {
    const q = await pushing();
    const late = Object.assign(new Error("took too long"), { name: "TimeoutError" });
    q.target = () => Promise.reject(late);
    await push(q, { id: "a" });
    expect((await q.job("a")).error).toBe("the target did not answer in time");
    q.target = () => Promise.reject(new Error("connection refused"));
    await push(q, { id: "b" });
    expect((await q.job("b")).error).toBe("the target was not reached: connection refused");
  });
});

describe("a target that keeps failing", () => {
  async function failing(): Promise<Harness> {
    const q = await pushing({ concurrency: 1 });
    q.target = () => Promise.resolve(answerOf(503, "down"));
    for (let n = 0; n < 8; n += 1) await push(q, { maxAttempts: 1 });
    return q;
  }

  test("pauses its delivery with a reason, and no more jobs are spent on it", async () => {
    const q = await failing();
    expect(q.posts).toHaveLength(5);
    expect(await delivery(q)).toMatchObject({
      ...{ paused: true, pausedReason: "the target answered 503: down" },
      ...{ pausedAt: START, probeAt: START + 5000 },
    });
    expect(await q.ids("ready")).toHaveLength(3);
  });

  test("is tried with one job, ever later, and pushed to again once it works", async () => {
    const q = await failing();
    await q.advance(5000);
    await q.settled();
    expect(q.posts).toHaveLength(6);
    expect((await delivery(q)).probeAt).toBe(q.now + 10_000);
    q.target = () => Promise.resolve(answerOf(200));
    await q.advance(10_000);
    await q.settled();
    expect(q.posts).toHaveLength(8);
    expect(await delivery(q)).toMatchObject({ paused: false });
  });

  test("is tried again also by an object that was evicted meanwhile", async () => {
    const q = await failing();
    await q.reopen();
    q.target = () => Promise.resolve(answerOf(200));
    await q.advance(5000);
    await q.settled();
    expect(await q.ids("ready")).toEqual([]);
  });

  test("is left alone for as long as it asks", async () => {
    const q = await pushing({ concurrency: 1 });
    q.target = () => Promise.resolve(answerOf(429, "", { retryAfter: "120" }));
    for (let n = 0; n < 6; n += 1) await push(q);
    expect((await delivery(q)).probeAt).toBe(START + 120_000);
  });

  test("is not one that refuses single jobs", async () => {
    const q = await pushing({ concurrency: 1 });
    q.target = () => Promise.resolve(answerOf(422));
    for (let n = 0; n < 8; n += 1) await push(q);
    expect(q.posts).toHaveLength(8);
    expect(await delivery(q)).toMatchObject({ paused: false });
  });

  test("stays paused where somebody paused it, whatever it answers", async () => {
    const q = await pushing();
    const { promise, resolve } = held<void>();
    q.target = async () => {
      await promise;
      return answerOf(200);
    };
    await push(q);
    await q.run("delivery.pause", { reason: "maintenance" });
    resolve();
    await push(q);
    await q.advance(600_000);
    expect(q.posts).toHaveLength(1);
    expect(await delivery(q)).toMatchObject({ paused: true, pausedReason: "maintenance" });
    await q.run("delivery.resume", {});
    await q.settled();
    expect(q.posts).toHaveLength(2);
  });
});

test("a job whose object is lost while it is pushed is pushed again once its lease is over", async () => {
  const q = await pushing({ timeoutMs: 5000 });
  q.target = () => new Promise(() => undefined);
  const id = await push(q);
  await q.reopen();
  q.target = () => Promise.resolve(answerOf(200));
  await q.advance(16_000);
  await q.settled();
  expect(q.posts).toHaveLength(2);
  expect(await q.job(id)).toMatchObject({ state: "completed", deliveries: 2 });
});

test("a job that is ready when its object is lost is pushed without anybody asking", async () => {
  const q = await pushing({ concurrency: 1 });
  q.target = () => new Promise(() => undefined);
  await push(q);
  const id = await push(q);
  await q.reopen();
  q.target = () => Promise.resolve(answerOf(200));
  await q.advance(10_000);
  await q.settled();
  expect(await q.job(id)).toMatchObject({ state: "completed" });
});

test("a job that was cancelled while it was pushed stays cancelled", async () => {
  const q = await pushing();
  const { promise, resolve } = held<void>();
  q.target = async () => {
    await promise;
    return answerOf(200);
  };
  const id = await push(q);
  await q.run("job.cancel", { id });
  resolve();
  await q.settled();
  expect(await q.job(id)).toMatchObject({ state: "cancelled" });
});

test("an append that fails keeps what was answered, and settles it later", async () => {
  const q = await pushing();
  const { promise, resolve } = held<void>();
  q.target = async () => {
    await promise;
    return answerOf(200);
  };
  const id = await push(q);
  const run = q.sql.run.bind(q.sql);
  q.sql.run = () => {
    throw new Error("the disk is full");
  };
  resolve();
  await expect(q.settled()).rejects.toThrow("the disk is full");
  q.faults.length = 0;
  q.sql.run = run;
  await q.advance(5000);
  await q.settled();
  expect(await q.job(id)).toMatchObject({ state: "completed" });
  expect(q.posts).toHaveLength(1);
});
