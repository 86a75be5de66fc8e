/**
 * Workers' channels on a real object, from the gate on: over hibernatable sockets, asleep and awake.
 * Invariant: an instance is ended between any two steps, and no worker notices.
 */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../src/contract/limits.ts";
import { claim, complete, enqueue, jobsOf, settle } from "../commands.ts";
import { bearer, ChannelCaller, connect } from "./channel-caller.ts";
import { passes, Queue, stopClock } from "./queues.ts";

beforeEach(stopClock);
afterEach(() => vi.restoreAllMocks());

/** Ends the instance as hibernation does: its sockets stay. */
const hibernate = (queue: Queue) => evictDurableObject(queue.stub, { webSockets: "hibernate" });

async function comesTo(queue: Queue, id: string, state: string): Promise<void> {
  await vi.waitFor(async () => expect(await queue.stateOf(id)).toBe(state), { interval: 5 });
}

const attempt = async (queue: Queue, id: string) => (await queue.read("job.get", { id })).job;

describe("the gate", () => {
  test.each([
    ["no upgrade", { upgrade: "" }, 426, "upgrade_required"],
    ["no subprotocol", { "sec-websocket-protocol": "" }, 400, "subprotocol_unknown"],
    ["another version", { "sec-websocket-protocol": "sluice.v9" }, 400, "subprotocol_unknown"],
    ["a wrong token", { authorization: "Bearer wrong" }, 401, "unauthorized"],
    [
      "a wrong token among the subprotocols",
      { authorization: "", "sec-websocket-protocol": `sluice.v1, ${bearer("wrong")}` },
      401,
      "unauthorized",
    ],
  ])("opens no channel for a request with %s", async (_, headers, status, code) => {
    const said = { ...headers } as Record<string, string>;
    const response = await connect("gate", said);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });

  test("names the subprotocol that it speaks, and never the one with the token", async () => {
    const offered = `sluice.v1, ${bearer("test-token")}`;
    const init = { headers: { upgrade: "websocket", "sec-websocket-protocol": offered } };
    const { default: worker } = (await import("cloudflare:workers")).exports as unknown as {
      readonly default: Fetcher;
    };
    const response = await worker.fetch("https://sluice.test/v1/queues/gate/connect", init);
    expect(response.status).toBe(101);
    expect(response.headers.get("sec-websocket-protocol")).toBe("sluice.v1");
    response.webSocket?.accept();
    response.webSocket?.close(1000, "done");
  });
});

describe.each([false, true])("an object that hibernates in between (%s)", (sleeping) => {
  const sleep = (queue: Queue): Promise<void> | undefined =>
    sleeping ? hibernate(queue) : undefined;

  test("pushes jobs as they become ready, and settles them", async () => {
    const queue = new Queue();
    const worker = await ChannelCaller.hello(queue.name, "a", { credit: 10, worker: "w" });
    expect(await worker.nextOf("welcome")).toMatchObject({ resumed: [] });
    await sleep(queue);
    await queue.submit(enqueue([{ id: "a" }, { id: "b" }]));
    const jobs = await worker.jobs({ credit: 8 });
    expect(jobs.map(({ id }) => id)).toEqual(["a", "b"]);
    await sleep(queue);
    worker.say({ type: "settle", frame: 1, items: jobs.map(complete) });
    const settled = await worker.nextOf("settled");
    expect(settled).toMatchObject({ frame: 1, items: [{ ok: true }, { ok: true }], refused: 0 });
    expect(await queue.stateOf("b")).toBe("completed");
  });

  test("gives back, uncounted, what was not acknowledged when the socket closes, and nothing else", async () => {
    const queue = new Queue();
    const worker = await ChannelCaller.hello(queue.name, "a", { credit: 10 });
    await worker.nextOf("welcome");
    await queue.submit(enqueue([{ id: "a" }]));
    await worker.jobs({ credit: 10 });
    await queue.submit(enqueue([{ id: "b" }]));
    await worker.jobs();
    await sleep(queue);
    worker.hangUp();
    await comesTo(queue, "b", "ready");
    expect(await attempt(queue, "b")).toMatchObject({ attempt: 1, deliveries: 1 });
    expect(await queue.stateOf("a")).toBe("running");
  });

  test("tells a session that comes back what it still holds", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a" }, { id: "b" }, { id: "other" }]));
    const worker = await ChannelCaller.hello(queue.name, "a", { credit: 2 });
    await worker.nextOf("welcome");
    const [a, b] = await worker.jobs({ credit: 0 });
    worker.say({ type: "settle", frame: 1, items: [complete(b as never)] });
    await worker.nextOf("settled");
    const other = await ChannelCaller.hello(queue.name, "other", { credit: 1 });
    await other.nextOf("welcome");
    await other.jobs({ credit: 0 });
    worker.hangUp();
    await sleep(queue);
    const again = await ChannelCaller.hello(queue.name, "a", { credit: 0, resume: true });
    const { resumed } = await again.nextOf("welcome");
    expect(resumed).toEqual([{ id: "a", token: a?.token, leaseUntil: a?.leaseUntil }]);
    again.say({ type: "settle", frame: 7, items: [a, b].map((job) => complete(job as never)) });
    const { items } = await again.nextOf("settled");
    expect(items).toMatchObject([{ ok: true }, { ok: true, repeated: true }]);
  });

  test("lets a second channel of a session take the place of the first", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a" }]));
    const first = await ChannelCaller.hello(queue.name, "a", { credit: 1 });
    await first.nextOf("welcome");
    const [job] = await first.jobs();
    await sleep(queue);
    const second = await ChannelCaller.hello(queue.name, "a", { credit: 0, resume: true });
    expect(await second.nextOf("welcome")).toMatchObject({ resumed: [{ id: "a" }] });
    expect(await first.nextOf("problem")).toMatchObject({
      problem: { code: "channel_superseded" },
    });
    expect(await first.closed).toEqual({ code: 4409, reason: "channel_superseded" });
    await sleep(queue);
    expect(await queue.stateOf("a")).toBe("running");
    second.say({ type: "settle", frame: 1, items: [complete(job as never)] });
    expect((await second.nextOf("settled")).items).toMatchObject([{ ok: true }]);
  });

  test("gives back what the first channel has not acknowledged, when the second one knows of nothing", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a" }]));
    const first = await ChannelCaller.hello(queue.name, "a", { credit: 1 });
    await first.nextOf("welcome");
    await first.jobs();
    await sleep(queue);
    const second = await ChannelCaller.hello(queue.name, "a", { credit: 1 });
    expect(await second.nextOf("welcome")).toMatchObject({ resumed: [] });
    expect(await second.jobs()).toMatchObject([{ id: "a", attempt: 1, deliveries: 2 }]);
  });

  test("tells a session of a job that was cancelled, and of a lease that has ended", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a" }, { id: "b" }]));
    const worker = await ChannelCaller.hello(queue.name, "a", { credit: 2, leaseMs: 5_000 });
    await worker.nextOf("welcome");
    const [a, b] = await worker.jobs({ credit: 0 });
    await sleep(queue);
    await queue.read("job.cancel", { id: "a", reason: "no need" });
    const { items } = await worker.nextOf("cancel");
    expect(items).toMatchObject([
      {
        id: "a",
        ok: false,
        token: a?.token,
        problem: { code: "job_cancelled", reason: "no need" },
      },
    ]);
    await sleep(queue);
    passes(6_000);
    await queue.fire();
    expect((await worker.nextOf("cancel")).items).toMatchObject([
      { id: "b", token: b?.token, problem: { code: "lease_stale" } },
    ]);
  });

  test("closes a channel for a malformed frame, and gives nothing back twice", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a" }]));
    const worker = await ChannelCaller.hello(queue.name, "a", { credit: 1 });
    await worker.nextOf("welcome");
    await worker.jobs();
    await sleep(queue);
    worker.say("{");
    expect(await worker.nextOf("problem")).toMatchObject({ problem: { code: "json_invalid" } });
    expect(await worker.closed).toEqual({ code: 4400, reason: "json_invalid" });
    await comesTo(queue, "a", "ready");
    // What still comes over it is not heard, and its end gives nothing back that others were given since.
    const [job] = jobsOf(await queue.submit(claim(1)));
    await sleep(queue);
    worker.hangUp();
    await vi.waitFor(
      async () =>
        expect(
          await runInDurableObject(queue.stub, (_, state) => state.getWebSockets().length),
        ).toBe(0),
      { interval: 5 },
    );
    expect(await attempt(queue, "a")).toMatchObject({ state: "running", deliveries: 2 });
    await queue.submit(settle([complete(job as never)]));
    expect(await queue.stateOf("a")).toBe("completed");
  });

  test("sends no more than the credit allows", async () => {
    const queue = new Queue();
    const worker = await ChannelCaller.hello(queue.name, "a");
    await worker.nextOf("welcome");
    await queue.submit(enqueue([{ id: "a" }, { id: "b" }, { id: "c" }]));
    await sleep(queue);
    worker.say({ type: "credit", credit: 2 });
    expect((await worker.jobs()).map(({ id }) => id)).toEqual(["a", "b"]);
    // Credit says what may come behind what was acknowledged: the two that are on their way count.
    worker.say({ type: "credit", credit: 2 });
    await sleep(queue);
    await queue.submit(enqueue([{ id: "d" }]));
    expect(worker.isSilent).toBe(true);
    worker.say({ type: "credit", ack: 1, credit: 1 });
    expect((await worker.jobs()).map(({ id }) => id)).toEqual(["c"]);
    expect(await queue.stateOf("d")).toBe("ready");
  });
});

describe("a frame that cannot stand", () => {
  test.each([
    ["is of no known type", { type: "dance" }, 4422, "input_invalid"],
    ["has an unknown field", { type: "credit", more: 1 }, 4422, "field_unknown"],
    ["acknowledges what was not sent", { type: "credit", ack: 5 }, 4422, "input_invalid"],
    ["is a second hello", { type: "hello", session: "x".repeat(32) }, 4409, "frame_unexpected"],
    ["is too large", `"${"x".repeat(1024 * 1024)}"`, 4413, "body_too_large"],
  ])("closes its channel, when it %s", async (_, frame, code, reason) => {
    const queue = new Queue();
    const worker = await ChannelCaller.hello(queue.name, "a");
    await worker.nextOf("welcome");
    worker.say(frame);
    expect(await worker.nextOf("problem")).toMatchObject({ problem: { code: reason } });
    expect(await worker.closed).toEqual({ code, reason });
  });

  test("closes its channel, when it is binary", async () => {
    const worker = await ChannelCaller.hello(new Queue().name, "a");
    await worker.nextOf("welcome");
    worker.sayBytes(new Uint8Array([1, 2]));
    expect(await worker.closed).toEqual({ code: 4422, reason: "input_invalid" });
  });

  test.each([
    ["comes before hello", { type: "credit", credit: 1 }, 4409, "frame_unexpected"],
    ["has a short secret", { type: "hello", session: "short" }, 4422, "input_invalid"],
  ])("closes its channel, when it %s", async (_, frame, code, reason) => {
    const worker = await ChannelCaller.open(new Queue().name);
    worker.say(frame);
    expect(await worker.closed).toEqual({ code, reason });
  });

  test("is told in its answer, when only its settlements are wrong", async () => {
    const worker = await ChannelCaller.hello(new Queue().name, "a");
    await worker.nextOf("welcome");
    worker.say({ type: "settle", frame: 3, items: [{ op: "complete", id: "a" }] });
    expect(await worker.nextOf("settled")).toMatchObject({
      frame: 3,
      problem: { code: "input_invalid", errors: [{ pointer: "/items/0/token" }] },
    });
  });
});

test("leases are extended over the channel, and results stay as they were written", async () => {
  const queue = new Queue();
  await queue.submit(enqueue([{ id: "a" }]));
  const worker = await ChannelCaller.hello(queue.name, "a", { credit: 1, leaseMs: 5_000 });
  await worker.nextOf("welcome");
  const [job] = await worker.jobs({ credit: 0 });
  const { id = "", token = "" } = job ?? {};
  worker.say({ type: "extend", frame: 1, items: [{ id, token, leaseMs: 60_000 }] });
  const [extended] = (await worker.nextOf("settled")).items ?? [];
  expect((extended?.leaseUntil ?? 0) - (job?.leaseUntil ?? 0)).toBe(55_000);
  worker.say(
    `{"type":"settle","frame":2,"items":[{"op":"complete","id":"a","token":"${token}","result":1.0}]}`,
  );
  await worker.nextOf("settled");
  const { text } = await import("../../../src/contract/packing.ts").then(async ({ pack }) => ({
    text: await queue.stub.ask(
      pack({ v: 1, name: "job.get", input: { id: "a" }, bytes: 0 } as never),
    ),
  }));
  expect(text).toContain('"result":1.0');
});

test("a ping is answered by the platform", async () => {
  const worker = await ChannelCaller.hello(new Queue().name, "a");
  await worker.nextOf("welcome");
  worker.say('{"type":"ping"}');
  expect(await worker.next()).toEqual({ type: "pong" });
});

test("what a channel keeps fits its socket, however much that is", async () => {
  const queue = new Queue();
  const capabilities = Array.from({ length: 30 }, (_, i) => `${i}`.padStart(255, "x"));
  const worker = await ChannelCaller.hello(queue.name, "a", {
    ...{ credit: 1000, capabilities, worker: "ü".repeat(128) },
  });
  await worker.nextOf("welcome");
  const ids = Array.from({ length: limits.deliveriesMax }, (_, i) => `${i}`.padStart(64, "x"));
  for (const id of ids) {
    await queue.submit(enqueue([{ id }]));
    await worker.jobs();
  }
  await hibernate(queue);
  worker.hangUp();
  await comesTo(queue, ids[0] ?? "", "ready");
  await comesTo(queue, ids.at(-1) ?? "", "ready");
});
