/**
 * Redis connections of a real object, over real sockets: asleep between calls, and cut off where something would be lost.
 * Invariant: every byte comes through the Worker, as a client's would.
 */
import { evictDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { passes, Queue, stopClock } from "./queues.ts";
import { ask, RespClient } from "./resp-caller.ts";

const { default: worker } = exports as unknown as { readonly default: Fetcher };

beforeEach(stopClock);
afterEach(() => vi.restoreAllMocks());

const asleep = (queue: Queue): Promise<void> =>
  evictDurableObject(queue.stub, { webSockets: "hibernate" });

describe("a connection", () => {
  test("goes on when its object slept, with its protocol, its name and its rights", async () => {
    const queue = new Queue();
    const client = await RespClient.of(queue, "?dialect=redis&auth=required");
    client.say("GET a\r\n");
    await client.hears("-NOAUTH Authentication required.\r\n");
    client.say("AUTH wrong\r\nAUTH test-token\r\nSET a 1\r\nCLIENT SETNAME ada\r\n");
    await client.hears(
      "-WRONGPASS invalid username-password pair or user is disabled.\r\n+OK\r\n+OK\r\n+OK\r\n",
    );
    await asleep(queue);
    client.say("GET a\r\nCLIENT GETNAME\r\n");
    await client.hears("$1\r\n1\r\n$3\r\nada\r\n");
  });

  test("takes a stream of bytes in any slices, and answers pipelines in order", async () => {
    const queue = new Queue();
    const client = await RespClient.of(queue);
    for (const char of "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\nINCR a\r\nMULTI\r\nINCR a\r\nEXEC\r\n") {
      client.say(char);
    }
    await client.hears("+OK\r\n:2\r\n+OK\r\n+QUEUED\r\n*1\r\n:3\r\n");
  });

  test("is closed behind a QUIT, and behind a protocol error", async () => {
    const queue = new Queue();
    const [polite, broken] = [await RespClient.of(queue), await RespClient.of(queue)];
    polite.say("PING\r\nQUIT\r\n");
    expect(await polite.last()).toBe("+PONG\r\n+OK\r\n");
    broken.say("PING\r\n*x\r\n");
    expect(await broken.last()).toBe("+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n");
  });

  test("has its calls wait until it has taken what it was sent, where it says so, and nobody else's", async () => {
    const queue = new Queue();
    const one = await RespClient.of(queue, "?taken=said");
    const other = await RespClient.of(queue);
    const value = "x".repeat(1_000_000);
    const reply = `$${value.length}\r\n${value}\r\n`;
    one.say(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n${reply}`);
    await one.hears("+OK\r\n");
    one.say(`${"GET a\r\n".repeat(20)}SET done 1\r\n`);
    // Eight are within the window, and then there is one more.
    await one.hears(reply.repeat(9));
    other.say("GET done\r\n");
    await other.hears("$-1\r\n");
    one.takes(9 * reply.length);
    await one.hears(reply.repeat(9));
    one.takes(9 * reply.length);
    await one.hears(`${reply.repeat(2)}+OK\r\n`);
    other.say("GET done\r\n");
    await other.hears("$1\r\n1\r\n");
  });

  test("leaves room to others once its socket is gone, also where the queue has closed it", async () => {
    const queue = new Queue();
    const [greedy, other] = [await RespClient.of(queue), await RespClient.of(queue, "?taken=said")];
    const value = "x".repeat(1_000_000);
    const reply = `$${value.length}\r\n${value}\r\n`;
    greedy.say(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n${reply}`);
    await greedy.hears("+OK\r\n");
    greedy.say("GET a\r\n".repeat(40));
    expect(await greedy.last()).toMatch(
      /-ERR more than 33554432 bytes of replies and messages were not taken: .*\r\n$/,
    );
    other.say("GET a\r\n".repeat(5));
    await other.hears(reply.repeat(5));
  });

  test("sees what another one does, by WATCH and after it", async () => {
    const queue = new Queue();
    const [one, other] = [await RespClient.of(queue), await RespClient.of(queue)];
    one.say("SET a 1\r\nWATCH a\r\n");
    await one.hears("+OK\r\n+OK\r\n");
    other.say("SET a 2\r\n");
    await other.hears("+OK\r\n");
    one.say("MULTI\r\nSET a 3\r\nEXEC\r\nGET a\r\n");
    await one.hears("+OK\r\n+QUEUED\r\n*-1\r\n$1\r\n2\r\n");
  });
});

describe("a call that waits", () => {
  test("is answered when its object slept, and so are those behind it", async () => {
    const queue = new Queue();
    const [waiter, other] = [await RespClient.of(queue), await RespClient.of(queue)];
    waiter.say("BLPOP a b 0\r\nPING\r\n");
    // Behind the first answer to another one, the call is in the line.
    other.say("LLEN b\r\n");
    await other.hears(":0\r\n");
    await asleep(queue);
    other.say("RPUSH b x\r\nLLEN b\r\n");
    await other.hears(":1\r\n:0\r\n");
    await waiter.hears("*2\r\n$1\r\nb\r\n$1\r\nx\r\n+PONG\r\n");
  });

  test("is told nil by the alarm that wakes its object", async () => {
    const queue = new Queue();
    const waiter = await RespClient.of(queue);
    waiter.say("SET a 1\r\nBLMOVE l m LEFT LEFT 1.5\r\n");
    await waiter.hears("+OK\r\n");
    const other = await RespClient.of(queue);
    other.say("PING\r\n");
    await other.hears("+PONG\r\n");
    await asleep(queue);
    passes(1500);
    await queue.fire();
    await waiter.hears("*-1\r\n");
  });

  test("takes nothing once its client has gone", async () => {
    const queue = new Queue();
    const [waiter, other] = [await RespClient.of(queue), await RespClient.of(queue)];
    waiter.say("SET a 1\r\nBLPOP l 0\r\n");
    await waiter.hears("+OK\r\n");
    await waiter.leaves();
    other.say("RPUSH l x\r\nLLEN l\r\n");
    await other.hears(":1\r\n:1\r\n");
  });
});

test("a client is told what is published when its object slept", async () => {
  const queue = new Queue();
  const [follower, other] = [await RespClient.of(queue), await RespClient.of(queue)];
  follower.say("SUBSCRIBE a message\r\n");
  await follower.hears(
    "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$7\r\nmessage\r\n:2\r\n",
  );
  await asleep(queue);
  other.say("PUBLISH a x\r\n");
  await other.hears(":1\r\n");
  await follower.hears("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
});

describe("a request that waits", () => {
  const post = (queue: Queue, path: string, body: unknown) =>
    worker.fetch(`https://sluice.test/v1/queues/${queue.name}/redis${path}`, {
      method: "POST",
      headers: { authorization: "Bearer test-token" },
      body: JSON.stringify(body),
    });

  test("by Upstash's protocol is answered by who pushes", async () => {
    const queue = new Queue();
    const waiting = post(queue, "/pipeline", [
      ["BZMPOP", "0", "2", "y", "z", "MAX"],
      ["GET", "a"],
    ]);
    const pushed = await post(queue, "", ["ZADD", "z", "1.5", "é"]);
    expect(await pushed.json()).toEqual({ result: 1 });
    expect(await (await waiting).json()).toEqual([
      { result: ["z", [["é", "1.5"]]] },
      { result: null },
    ]);
  });
});

test("a worker of AGQ is served over a real socket while its object sleeps, and finishes its job when that has slept again", async () => {
  const queue = new Queue();
  const [agx, agw] = [
    await RespClient.of(queue, "?dialect=agq-g2"),
    await RespClient.of(queue, "?dialect=agq-g2&auth=required"),
  ];
  agw.say("CLIENT SETINFO LIB-NAME redis-rs\r\nAUTH test-token\r\nPING w1\r\n");
  await agw.hears("-ERR NOAUTH Authentication required\r\n+OK\r\n$2\r\nw1\r\n");
  agw.say("BRPOPLPUSH queue:ready queue:processing 60\r\n");
  agx.say(`PLAN.SUBMIT '{"plan_id":"p","tasks":[{"task_number":1,"command":"true"}]}'\r\n`);
  await agx.hears("$1\r\np\r\n");
  await asleep(queue);
  agx.say(
    `LPUSH queue:ready none\r\nACTION.SUBMIT '{"action_id":"a","plan_id":"p","inputs":[]}'\r\n`,
  );
  await agx.hears("-ERR Job not found: none\r\n");
  await agw.hears("$22\r\n");
  const id = await agw.line();
  await asleep(queue);
  agw.say(`SET job:${id}:stdout out\r\n`);
  await agw.hears("+OK\r\n");
  await asleep(queue);
  agw.say(`SET job:${id}:status completed\r\nLREM queue:processing 1 ${id}\r\n`);
  await agw.hears("+OK\r\n:1\r\n");
});

describe("nobody has a connection", () => {
  test.each([
    [
      "without the token",
      "",
      { upgrade: "websocket", authorization: "Bearer no" },
      401,
      "unauthorized",
    ],
    ["without a socket", "", {}, 426, "upgrade_required"],
    [
      "in a dialect that is not known",
      "?dialect=x",
      { upgrade: "websocket" },
      422,
      "input_invalid",
    ],
  ])("%s", async (_, query, headers, status, code) => {
    const response = await ask(new Queue(), query, headers);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });
});
