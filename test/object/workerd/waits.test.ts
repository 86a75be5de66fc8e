/**
 * Waiting on a real object: over hibernatable sockets, asleep and awake.
 * Invariant: an instance is ended between any two steps, and whoever waits does not notice.
 */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ClaimInput } from "../../../src/contract/leases.ts";
import { unpackAnswer } from "../../../src/contract/packing.ts";
import { ENOUGH, TAKEN, WAITING, type Wait } from "../../../src/contract/waits.ts";
import { claim, command, enqueue, jobsOf, replyOf } from "../commands.ts";
import { passes, Queue, stopClock } from "./queues.ts";

beforeEach(stopClock);
afterEach(() => vi.restoreAllMocks());

/** A caller's end of a wait. */
class Caller {
  readonly #socket: WebSocket;
  readonly #texts: string[] = [];
  #heard = Promise.withResolvers<void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#texts.push(String(data));
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
    });
    socket.accept();
  }

  static async wait(queue: Queue, wait: Wait): Promise<Caller> {
    const init = { headers: { upgrade: "websocket" } };
    const { webSocket } = await queue.stub.fetch("https://queue/wait", init);
    if (webSocket === null) throw new Error("there is no socket");
    const caller = new Caller(webSocket);
    webSocket.send(JSON.stringify(wait));
    expect(await caller.next()).toBe(WAITING);
    return caller;
  }

  static forJobs(queue: Queue, input: ClaimInput = {}): Promise<Caller> {
    const request = { v: 1, name: "lease.claim", input, bytes: 0 } as const;
    return Caller.wait(queue, { kind: "jobs", request });
  }

  /** The next text that it is sent. */
  async next(): Promise<string> {
    while (this.#texts.length === 0) await this.#heard.promise;
    return this.#texts.shift() ?? "";
  }

  async jobs() {
    return jobsOf(unpackAnswer(await this.next()));
  }

  get isSilent(): boolean {
    return this.#texts.length === 0;
  }

  say(text: string): void {
    this.#socket.send(text);
  }

  hangUp(): void {
    this.#socket.close(1000, "gone");
  }
}

/** Ends the instance as hibernation does: its sockets stay. */
const hibernate = (queue: Queue) => evictDurableObject(queue.stub, { webSockets: "hibernate" });

/** Waits until a job is in a state; the object is told of a closed socket in its own time. */
async function comesTo(queue: Queue, id: string, state: string): Promise<void> {
  await vi.waitFor(async () => expect(await queue.stateOf(id)).toBe(state), { interval: 5 });
}

describe.each([false, true])("an object that hibernates in between (%s)", (sleeping) => {
  const sleep = (queue: Queue): Promise<void> | undefined =>
    sleeping ? hibernate(queue) : undefined;

  test("gives a job to the one who waits first", async () => {
    const queue = new Queue();
    const [first, second] = [await Caller.forJobs(queue), await Caller.forJobs(queue)];
    await sleep(queue);
    await queue.submit(enqueue([{ id: "a" }]));
    expect((await first.jobs()).map(({ id }) => id)).toEqual(["a"]);
    expect(second.isSilent).toBe(true);
    first.say(TAKEN);
    await sleep(queue);
    await queue.submit(enqueue([{ id: "b" }]));
    expect((await second.jobs()).map(({ id }) => id)).toEqual(["b"]);
  });

  test("takes a job back whose waiter hangs up", async () => {
    const queue = new Queue();
    const caller = await Caller.forJobs(queue);
    await queue.submit(enqueue([{ id: "a" }]));
    await caller.jobs();
    await sleep(queue);
    caller.hangUp();
    await comesTo(queue, "a", "ready");
  });

  test("gives nothing to one who has hung up", async () => {
    const queue = new Queue();
    const [gone, there] = [await Caller.forJobs(queue), await Caller.forJobs(queue)];
    await sleep(queue);
    gone.hangUp();
    await vi.waitFor(async () => expect(await queue.sockets()).toBe(1), { interval: 5 });
    await queue.submit(enqueue([{ id: "a" }]));
    expect((await there.jobs()).map(({ id }) => id)).toEqual(["a"]);
  });

  test("gives a delayed job by its alarm", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a", delayMs: 5_000 }]));
    const caller = await Caller.forJobs(queue);
    await sleep(queue);
    passes(5_000);
    await queue.fire();
    expect((await caller.jobs()).map(({ id }) => id)).toEqual(["a"]);
  });

  test("tells who waits for the end of a job", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a" }]));
    const caller = await Caller.wait(queue, { kind: "job", id: "a" });
    await sleep(queue);
    const [job] = jobsOf(await queue.submit(claim(1)));
    await sleep(queue);
    const item = { op: "complete", id: "a", token: job?.token ?? "", result: "5" } as const;
    await queue.submit(command("lease.settle", { items: [item] }));
    const { job: record } = replyOf("job.get", unpackAnswer(await caller.next()));
    expect(record).toMatchObject({ id: "a", state: "completed", result: 5 });
  });

  test("answers who waits no longer", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a", delayMs: 60_000 }]));
    const caller = await Caller.forJobs(queue);
    await sleep(queue);
    caller.say(ENOUGH);
    const reply = replyOf("lease.claim", unpackAnswer(await caller.next()));
    expect(reply).toMatchObject({ jobs: [], scheduled: 1 });
  });
});

test("of a thousand who wait, one job wakes exactly one", async () => {
  const queue = new Queue();
  const callers = await Promise.all(Array.from({ length: 1000 }, () => Caller.forJobs(queue)));
  await hibernate(queue);
  await queue.submit(enqueue([{ id: "a" }]));
  await vi.waitFor(() => expect(callers.some(({ isSilent }) => !isSilent)).toBe(true), {
    interval: 5,
  });
  expect(callers.filter(({ isSilent }) => !isSilent)).toHaveLength(1);
});
