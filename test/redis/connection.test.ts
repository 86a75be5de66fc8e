/**
 * A connection: bytes in, bytes out, in order, whatever is under way and however it ends.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { encodeCall } from "../../src/redis/frames.ts";
import { FakeQueue } from "./fake-queue.ts";
import { fuzz } from "./fuzz.ts";
import { Line } from "./line.ts";

describe("a connection", () => {
  test("answers a pipeline in one message, in the protocol of the moment", async () => {
    const line = new Line();
    await line.hear("GET a\r\nHELLO 3\r\nGET a\r\nRESET\r\nGET a\r\n");
    expect(line.messages).toHaveLength(1);
    expect(line.sent).toMatch(/^\$-1\r\n%7\r\n[\s\S]*\r\n_\r\n\+RESET\r\n\$-1\r\n$/);
  });

  test("runs what came while it was busy together, and in order", async () => {
    const line = new Line();
    const { promise, resolve } = Promise.withResolvers<void>();
    line.queue.gate = promise;
    const heard = [line.hear("INCR a\r\n"), line.hear("INCR a\r\nINC"), line.hear("R a\r\n")];
    expect(line.sent).toBe("");
    resolve();
    await Promise.all(heard);
    expect(line.sent).toBe(":1\r\n:2\r\n:3\r\n");
    expect(line.queue.runs.map(({ calls }) => calls.length)).toEqual([1, 2]);
  });

  test("hears again after slices in which there was no whole call", async () => {
    const line = new Line();
    const heard = [..."INCR a\r\nINCR a\r\n"].map((char) => line.hear(char));
    await Promise.all(heard);
    expect(line.sent).toBe(":1\r\n:2\r\n");
  });

  test("sends a reply that is longer than a message in several", async () => {
    const line = new Line();
    const value = "x".repeat(limits.respMessageBytesMax * 2);
    await line.hear(encodeCall(["SET", "a", value]) + encodeCall(["GET", "a"]));
    expect(line.messages.length).toBeGreaterThan(2);
    for (const message of line.messages) {
      expect(message.length).toBeLessThanOrEqual(limits.respMessageBytesMax);
    }
    expect(line.sent).toBe(`+OK\r\n$${value.length}\r\n${value}\r\n`);
  });

  test("is held by part of a call, a transaction or a WATCH, and not by its session", async () => {
    const line = new Line();
    const held: boolean[] = [];
    for (const said of [
      "HELLO 3\r\n",
      "GET",
      " a\r\n",
      "MULTI\r\n",
      "DISCARD\r\n",
      "WATCH a\r\n",
    ]) {
      await line.hear(said);
      held.push(line.connection.isHeld);
    }
    expect(held).toEqual([false, true, false, true, false, true]);
  });
});

describe("a connection ends", () => {
  test("behind the answer to a QUIT, and hears nothing more", async () => {
    const line = new Line();
    await line.hear("SET a 1\r\nQUIT\r\nSET a 2\r\n");
    await line.hear("SET a 3\r\n");
    expect([line.sent, line.isEnded]).toEqual(["+OK\r\n+OK\r\n", true]);
    expect(line.queue.runs).toHaveLength(1);
  });

  test("with a protocol error, behind the replies to what came before it", async () => {
    const line = new Line();
    await line.hear("PING\r\n*x\r\nPING\r\n");
    expect(line.sent).toBe("+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n");
    expect(line.isEnded).toBe(true);
    expect(line.connection.isHeld).toBe(false);
  });

  test("with a protocol error alone", async () => {
    const line = new Line();
    await line.hear("*x\r\n");
    expect(line.sent).toBe("-ERR Protocol error: invalid multibulk length\r\n");
    expect(line.isEnded).toBe(true);
  });

  test("when more waits for its turn than may", async () => {
    const line = new Line();
    const { promise, resolve } = Promise.withResolvers<void>();
    line.queue.gate = promise;
    const heard = [
      line.hear("INCR a\r\n"),
      line.hear("INCR a\r\n".repeat(limits.respPendingCallsMax)),
    ];
    expect(line.isEnded).toBe(false);
    heard.push(line.hear("INCR a\r\n"));
    expect(line.sent).toMatch(/^-ERR Protocol error: at most 20000 calls, of \d+ bytes/);
    resolve();
    await Promise.all(heard);
    // The run under way is not undone, and what waited is not begun.
    expect(line.queue.runs).toHaveLength(1);
    expect(line.isEnded).toBe(true);
  });

  test("when more bytes wait for their turn than may", async () => {
    const line = new Line();
    line.queue.gate = new Promise(() => undefined);
    const half = encodeCall(["SET", "a", "x".repeat(limits.respPendingBytesMax / 4)]);
    void line.hear("INCR a\r\n");
    void line.hear(half.repeat(3));
    expect(line.isEnded).toBe(false);
    void line.hear(half);
    expect(line.isEnded).toBe(true);
  });

  test("with an error where the queue fails, and the fault is reported", async () => {
    const line = new Line();
    line.queue.fault = new Error("the disk is gone");
    await line.hear("SET a 1\r\nSET b 1\r\n");
    expect(line.sent).toBe("-ERR Sluice failed: what became of the last calls is not known\r\n");
    expect([line.isEnded, line.reported]).toEqual([true, [line.queue.fault]]);
  });
});

test("whatever a client sends, nothing is thrown, and the answer is RESP and the same in any slices", async () => {
  // `npm run fuzz` sends a million.
  for (let seed = 1; seed <= 10_000; seed++) expect(await fuzz(seed)).toBeUndefined();
});

describe("a call that waits", () => {
  test("is answered before those behind it, also in the turn in which it begins to wait", async () => {
    const line = new Line();
    const reply = Promise.withResolvers<string>();
    line.whenBlocked = () => void line.connection.unblock(reply.promise);
    const heard = line.hear("SET a 1\r\nBLPOP l 0\r\nGET a\r\n");
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(line.sent).toBe("+OK\r\n");
    reply.resolve("x");
    await heard;
    await line.hear("GET a\r\n");
    expect(line.sent).toBe("+OK\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\n1\r\n");
  });

  test("has a call behind it change nothing, not even by how it is refused", async () => {
    const line = new Line();
    await line.hear("WATCH a\r\nBLPOP b 0\r\nEXEC a\r\n");
    expect([line.blocked.length, line.connection.isHeld]).toEqual([1, true]);
    await line.connection.unblock(null);
    const discarded =
      "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n";
    expect(line.sent).toBe(`+OK\r\n$-1\r\n${discarded}`);
    expect(line.connection.isHeld).toBe(false);
  });

  test("ends its connection where its reply cannot be made", async () => {
    const line = new Line();
    await line.hear("BLPOP l 0\r\n");
    await line.connection.unblock(Promise.reject(new Error("no")));
    expect(line.reported).toHaveLength(1);
    expect(line.sent).toMatch(/^-ERR Sluice failed/);
    expect(line.isEnded).toBe(true);
  });
});

describe("a client that does not take its replies", () => {
  const MiB = 1024 * 1024;
  /** A value whose reply is of one MiB. */
  const value = "x".repeat(MiB - "$1048564\r\n\r\n".length);
  const gets = (count: number): string => encodeCall(["GET", "a"]).repeat(count);
  const taken = (bytes: number): string => `taken ${bytes}`;
  const window = limits.respWindowBytes / MiB;
  const most = limits.respUntakenBytesMax / MiB;

  async function withValue(saysTaken: boolean): Promise<Line> {
    const line = new Line(new FakeQueue(), false, saysTaken);
    // One call a run: what is behind one is performed only once there is room for it.
    line.queue.answersMax = 1;
    await line.hear(encodeCall(["SET", "a", value]));
    line.connection.taken(taken(5));
    line.messages.length = 0;
    return line;
  }

  test("is answered as much as the window is wide, and one reply more", async () => {
    const line = await withValue(true);
    await line.hear(gets(window));
    expect([line.sent.length, line.stalls, line.connection.isHeld]).toEqual([8 * MiB, 0, false]);
    const work = line.hear(gets(3));
    await expect.poll(() => line.stalls).toBe(1);
    expect([line.sent.length, line.connection.isHeld]).toEqual([9 * MiB, true]);
    line.connection.taken(taken(MiB - 1));
    expect(line.connection.isHeld).toBe(true);
    line.connection.taken(taken(1));
    await expect.poll(() => line.stalls).toBe(2);
    expect(line.sent.length).toBe(10 * MiB);
    line.connection.taken(taken(10 * MiB));
    await work;
    expect([line.sent.length, line.connection.isHeld]).toEqual([11 * MiB, false]);
  });

  test("has nothing performed that waits, once it has gone", async () => {
    const line = await withValue(true);
    const work = line.hear(gets(window + 1) + encodeCall(["SET", "b", "1"]));
    await expect.poll(() => line.stalls).toBe(1);
    const { length } = line.queue.runs;
    const behind = line.hear(encodeCall(["SET", "b", "2"]));
    line.connection.leave();
    await Promise.all([work, behind]);
    expect([line.queue.runs.length, line.isEnded]).toEqual([length, false]);
  });

  test("is not held where no call waits for that", async () => {
    const line = await withValue(true);
    await line.hear(gets(window + 1));
    expect([line.sent.length, line.stalls, line.connection.isHeld]).toEqual([9 * MiB, 0, false]);
  });

  test("is ended beyond the bound by what is published also while its calls wait", async () => {
    const line = await withValue(true);
    const work = line.hear(gets(window + 2));
    await expect.poll(() => line.stalls).toBe(1);
    for (let i = window + 1; i < most; i++) line.connection.push(["message", "a", value]);
    expect(line.isEnded).toBe(true);
    await work;
    expect(line.reported).toEqual([]);
  });

  test("may be ended as its calls begin to wait, and nothing is wrong then", async () => {
    const line = await withValue(true);
    line.whenStalled = () => line.connection.fail("ERR it has most");
    await line.hear(gets(window + 2));
    expect([line.isEnded, line.reported]).toEqual([true, []]);
    expect(line.sent.endsWith("-ERR it has most\r\n")).toBe(true);
  });

  test("is ended where it says something else of what it has taken", async () => {
    const line = await withValue(true);
    line.connection.taken("taken all");
    expect(line.sent).toBe("-ERR Protocol error: expected 'taken' and a number of bytes\r\n");
    expect(line.isEnded).toBe(true);
  });

  test("and does not say so is ended beyond a bound, and nothing more of it is performed", async () => {
    const line = await withValue(false);
    await line.hear(gets(most));
    expect([line.sent.length, line.isEnded]).toEqual([32 * MiB, false]);
    line.queue.runs.length = 0;
    // Its next word says that it is there.
    await line.hear(gets(most + 5));
    expect(line.isEnded).toBe(true);
    expect(line.sent).toMatch(
      /-ERR more than 33554432 bytes of replies and messages were not taken: .*\r\n$/,
    );
    expect(line.queue.runs).toHaveLength(most + 1);
  });

  test.each([true, false])(
    "and follows channels is ended beyond it (says what it takes: %j)",
    async (saysTaken) => {
      const line = await withValue(saysTaken);
      for (let i = 0; i < most - 1; i++) line.connection.push(["message", "a", value]);
      expect(line.isEnded).toBe(false);
      line.connection.push(["message", "a", value]);
      expect(line.isEnded).toBe(true);
    },
  );
});
