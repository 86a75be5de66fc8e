/**
 * MULTI, EXEC and WATCH: all or nothing, and nothing where somebody else was first.
 */
import { describe, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { repliesTooLarge } from "../../src/contract/redis.ts";
import { refuse } from "../../src/contract/refusals.ts";
import { encodeReply, type GateReply, isErrorReply } from "../../src/redis/frames.ts";
import { begin, error, OK, QUEUED } from "./talk.ts";

describe("a transaction", () => {
  test("is one atomic run of what the queue performs, and every call has its reply in its place", async () => {
    const { queue, say } = begin();
    const said = ["MULTI", "SET a 1", "PING hello", "INCR a", "SELECT 0", "GET a", "EXEC"];
    expect(await say(...said)).toEqual([OK, ...Array(5).fill(QUEUED), [OK, "hello", 2, OK, "2"]]);
    expect(queue.runs).toEqual([
      {
        calls: [
          ["SET", "a", "1"],
          ["INCR", "a"],
          ["GET", "a"],
        ],
        atomic: true,
        watched: [],
      },
    ]);
    expect(await say("MULTI", "EXEC")).toEqual([OK, []]);
    expect(queue.runs).toHaveLength(1);
  });

  test.each(["NOPE", "GET", "GET a b"])("is discarded when %s cannot be queued", async (call) => {
    const { queue, say } = begin();
    const replies = await say("MULTI", "SET a 1", call, "SET b 1", "EXEC", "GET a");
    expect(replies.slice(3)).toEqual([
      QUEUED,
      error("EXECABORT Transaction discarded because of previous errors."),
      null,
    ]);
    expect(queue.runs).toHaveLength(1);
  });

  test("has the errors of its calls in their places, and performs the others", async () => {
    const { say } = begin();
    const replies = await say("SET a x", "MULTI", "INCR a", "SET b 1", "EXEC", "GET b");
    expect(replies.slice(-2)).toEqual([
      [error("ERR value is not an integer or out of range"), OK],
      "1",
    ]);
  });

  test("is nothing where a watched name has changed, also when it was queued before", async () => {
    const { conversation, queue, say } = begin();
    expect(await say("WATCH a b a")).toEqual([OK]);
    expect(conversation.isHeld).toBe(true);
    queue.set("b", "theirs");
    expect(await say("MULTI", "SET a 1", "EXEC", "GET a")).toEqual([
      OK,
      QUEUED,
      { nilArray: true },
      null,
    ]);
    expect(conversation.isHeld).toBe(false);
    // What is watched is forgotten by EXEC.
    queue.set("b", "again");
    expect(await say("MULTI", "SET a 1", "EXEC")).toEqual([OK, QUEUED, [OK]]);
  });

  test("a name that is watched twice is watched from the first time on", async () => {
    const { queue, say } = begin();
    await say("WATCH a");
    queue.set("a", "theirs");
    expect((await say("WATCH a", "MULTI", "EXEC")).at(-1)).toEqual({ nilArray: true });
  });

  test.each(["UNWATCH", "RESET", "EXEC"])("%s forgets what is watched", async (word) => {
    const { queue, conversation, say } = begin();
    await say("WATCH a", ...(word === "EXEC" ? ["MULTI"] : []), word);
    expect(conversation.isHeld).toBe(false);
    queue.set("a", "theirs");
    expect((await say("MULTI", "GET a", "EXEC")).at(-1)).toEqual(["theirs"]);
  });

  test("has Redis's errors for what is out of place", async () => {
    const { say } = begin();
    expect(
      await say("EXEC", "DISCARD", "MULTI", "MULTI", "WATCH a", "GET a", "DISCARD", "EXEC"),
    ).toEqual([
      error("ERR EXEC without MULTI"),
      error("ERR DISCARD without MULTI"),
      OK,
      error("ERR MULTI calls can not be nested"),
      error("ERR WATCH inside MULTI is not allowed"),
      QUEUED,
      OK,
      error("ERR EXEC without MULTI"),
    ]);
  });

  test("is bounded, in calls and in bytes", async () => {
    const { conversation, queue, say } = begin();
    const most = Array.from({ length: limits.redisCallsMax }, () => "INCR a");
    const full = await say("MULTI", ...most, "EXEC");
    expect(full.at(-1)).toHaveLength(limits.redisCallsMax);
    const over = await say("MULTI", ...most, "INCR a", "EXEC");
    expect(over.slice(-2)).toEqual([
      error(expect.stringContaining("at most 1000 calls") as string),
      error("EXECABORT Transaction discarded because of previous errors."),
    ]);
    expect(queue.runs).toHaveLength(1);
    const large = ["SET", "a", "x".repeat(limits.respCallBytesMax / 2)];
    const heavy = await say("MULTI", large, large);
    expect(heavy.at(-1)).toHaveProperty("error");
    expect(conversation.isHeld).toBe(true);
    await say("DISCARD");
    const names = Array.from({ length: limits.redisWatchedMax }, (_, i) => `n${i}`).join(" ");
    expect(await say(`WATCH ${names}`, "WATCH n0", "WATCH one-more")).toEqual([
      OK,
      OK,
      error("ERR a connection watches at most 1000 names"),
    ]);
  });

  test("has the versions of many names read in parts, and watches all of them or none", async () => {
    const { conversation, queue, say } = begin();
    const versions = vi.spyOn(queue, "versions");
    const names = Array.from({ length: 100 }, (_, i) => `n${i}`);
    expect(await say(`WATCH ${names.join(" ")}`)).toEqual([OK]);
    const asked = versions.mock.calls.map(([some]) => some);
    expect(asked.flat()).toEqual(names);
    for (const some of asked) expect(some.length).toBeLessThanOrEqual(32);
    expect(await say("INCR n99", "MULTI", "INCR a", "EXEC")).toContainEqual({ nilArray: true });
    versions.mockResolvedValueOnce({ versions: Array<number>(32).fill(0) });
    versions.mockResolvedValueOnce({ refusal: refuse("queue_full", "no") });
    expect(await say(`WATCH ${names.join(" ")}`)).toEqual([error(expect.any(String) as string)]);
    expect(conversation.isHeld).toBe(false);
  });

  test("watches names as long as a key may be, and no longer ones", async () => {
    const { conversation, say } = begin();
    const longest = "n".repeat(limits.redisNameBytesMax);
    expect(await say(`WATCH a ${longest}n`)).toEqual([
      error("ERR a key may have at most 1024 bytes"),
    ]);
    expect(conversation.isHeld).toBe(false);
    expect(await say(`WATCH ${longest}`)).toEqual([OK]);
    expect(conversation.isHeld).toBe(true);
  });

  test("that the queue refuses is told so", async () => {
    const { queue, say } = begin();
    queue.refusal = refuse("entry_too_large", "too large");
    expect((await say("MULTI", "SET a 1", "EXEC")).at(-1)).toEqual(
      error("EXECABORT Transaction discarded because of: ERR too large"),
    );
  });
});

test("what the gate answers within EXEC has a bound, and an error in the place of each reply beyond it", async () => {
  const { conversation, say } = begin();
  const long = Array(998).fill("COMMAND DOCS");
  const said = await say("MULTI", ...long, "CLIENT SETNAME ada", "SUBSCRIBE a", "EXEC");
  const replies = said.at(-1) as readonly GateReply[];
  expect(replies).toHaveLength(1000);
  const answered = replies.findIndex(isErrorReply);
  const bytes = replies.slice(0, answered).map((each) => encodeReply(each, 2).length);
  const sum = bytes.reduce((a, b) => a + b, 0);
  expect(sum).toBeGreaterThan(limits.redisReplyBytesMax);
  expect(sum - (bytes.at(-1) ?? 0)).toBeLessThanOrEqual(limits.redisReplyBytesMax);
  expect(replies.slice(answered, -1)).toEqual(
    Array(999 - answered).fill(error(`ERR ${repliesTooLarge}`)),
  );
  expect(replies.at(-1)).toEqual({ several: [{ push: ["subscribe", "a", 1] }] });
  // What is answered so is not performed.
  expect(conversation.session.name).toBe("");
});
