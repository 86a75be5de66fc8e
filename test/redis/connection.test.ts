/**
 * A connection: bytes in, bytes out, in order, whatever is under way and however it ends.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { encodeCall } from "../../src/redis/frames.ts";
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
