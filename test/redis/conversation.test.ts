/**
 * A conversation with a queue: what is run together, and who it is with.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { refuse } from "../../src/contract/refusals.ts";
import { TOKEN } from "./fake-queue.ts";
import { begin, error, OK } from "./talk.ts";

describe("a pipeline", () => {
  test("is one run, and replies come in order", async () => {
    const { queue, say } = begin();
    expect(await say("SET a 1", "incr a", "GET a", "GET b")).toEqual([OK, 2, "2", null]);
    expect(queue.runs).toHaveLength(1);
  });

  test("is as many runs as the gate's own commands and the limits part it into", async () => {
    const { queue, say } = begin();
    expect(await say("INCR a", "PING", "INCR a", "NOPE", "INCR a")).toEqual([
      1,
      { ok: "PONG" },
      2,
      error("ERR unknown command 'NOPE', with args beginning with: "),
      3,
    ]);
    expect(queue.runs).toHaveLength(3);
    const many = Array.from({ length: limits.redisCallsMax + 1 }, () => "INCR b");
    expect((await say(...many)).at(-1)).toBe(limits.redisCallsMax + 1);
    expect(queue.runs.slice(3).map(({ calls }) => calls.length)).toEqual([limits.redisCallsMax, 1]);
    const large = ["SET", "c", "x".repeat(limits.respRunBytesMax - 10)];
    await say(large, large);
    expect(queue.runs).toHaveLength(7);
  });

  test("is run on where the queue answers only the first calls of it", async () => {
    const { queue, say } = begin();
    queue.answersMax = 2;
    expect(await say("INCR a", "INCR a", "INCR a", "INCR a", "INCR a")).toEqual([1, 2, 3, 4, 5]);
    expect(queue.runs).toHaveLength(3);
  });

  test("that is too large for one entry is run in parts, each call once and in its order", async () => {
    const { queue, say } = begin();
    queue.largest = 2;
    expect(await say("INCR a", "INCR a", "INCR a", "INCR a", "INCR a")).toEqual([1, 2, 3, 4, 5]);
    queue.largest = 0;
    const refused = error("ERR too large");
    expect(await say("INCR a", "INCR a")).toEqual([refused, refused]);
    queue.largest = 1;
    expect(await say("INCR a", "MULTI", "INCR a", "INCR a", "EXEC", "GET a")).toEqual([
      ...[6, OK, { ok: "QUEUED" }, { ok: "QUEUED" }],
      ...[error("EXECABORT Transaction discarded because of: ERR too large"), "6"],
    ]);
  });

  test("of which a part waits goes on behind it with the rest", async () => {
    const { queue, conversation } = begin();
    queue.largest = 2;
    const lines = ["INCR a", "BLPOP l 0", "INCR a", "INCR a", "INCR a"];
    const replies: unknown[] = [];
    const waiting = await conversation.perform(
      lines.map((line) => line.split(" ")),
      (reply) => replies.push(reply),
    );
    expect(replies).toEqual([1]);
    expect(waiting?.behind).toEqual(Array(3).fill(["INCR", "a"]));
  });

  test("that is refused is told so call by call, in Redis's terms", async () => {
    const { queue, say } = begin();
    queue.refusal = refuse("queue_full", "The queue is full …");
    const told = error("OOM The queue is full \u00e2\u0080\u00a6");
    expect(await say("SET a 1", "SET b 1")).toEqual([told, told]);
    queue.refusal = refuse("store_newer", "newer");
    expect(await say("SET a 1", "WATCH a")).toEqual(Array(2).fill(error("READONLY newer")));
  });
});

describe("who it is with", () => {
  test("a client that has to show the token does nothing before", async () => {
    const { queue, say } = begin(true);
    const noAuth = error("NOAUTH Authentication required.");
    const wrong = error("WRONGPASS invalid username-password pair or user is disabled.");
    expect(await say("GET a", "PING", "MULTI", "AUTH nope", `AUTH ada ${TOKEN}`)).toEqual([
      noAuth,
      noAuth,
      noAuth,
      wrong,
      wrong,
    ]);
    expect(queue.runs).toEqual([]);
    expect(await say("RESET", `AUTH ${TOKEN}`, "GET a")).toEqual([{ ok: "RESET" }, OK, null]);
    expect(await say("RESET", "GET a")).toEqual([{ ok: "RESET" }, noAuth]);
    const told = expect.stringContaining("NOAUTH HELLO must be called") as string;
    expect(await say("HELLO 3")).toEqual([error(told)]);
    const [greeting, value] = await say(`HELLO 3 AUTH default ${TOKEN}`, "GET a");
    expect(greeting).toHaveProperty("map");
    expect(value).toBe(null);
  });

  test("a failed AUTH takes no rights away", async () => {
    const { say } = begin();
    expect(await say("AUTH nope", "GET a")).toEqual([
      error("WRONGPASS invalid username-password pair or user is disabled."),
      null,
    ]);
  });

  test("HELLO chooses the protocol and tells who is there; RESET forgets it", async () => {
    const { conversation, say } = begin();
    const [greeting] = await say("HELLO 3 SETNAME ada");
    expect(greeting).toEqual({
      map: [
        ["server", "redis"],
        ["version", "7.0.15"],
        ["proto", 3],
        ["id", 7],
        ["mode", "standalone"],
        ["role", "master"],
        ["modules", []],
      ],
    });
    expect(conversation.session).toMatchObject({ protocol: 3, name: "ada" });
    expect(await say("CLIENT GETNAME", "HELLO 4", "HELLO 2 SETNAME", "RESET")).toEqual([
      "ada",
      error("NOPROTO unsupported protocol version"),
      error("ERR Syntax error in HELLO option 'SETNAME'"),
      { ok: "RESET" },
    ]);
    expect(conversation.session).toMatchObject({ protocol: 2, name: "" });
  });

  test("names are kept, if they can be", async () => {
    const { conversation, say } = begin();
    const long = "n".repeat(limits.respNameCharsMax);
    expect(
      await say(`CLIENT SETNAME ${long}`, `CLIENT SETNAME ${long}n`, 'CLIENT SETNAME "a b"'),
    ).toEqual([
      OK,
      error("ERR Client names cannot contain spaces, newlines or special characters."),
      error("ERR Client names cannot contain spaces, newlines or special characters."),
    ]);
    expect(
      await say("CLIENT SETINFO lib-name x", "CLIENT SETINFO LIB-VER 1", "CLIENT SETINFO y z"),
    ).toEqual([OK, OK, error("ERR Unrecognized option 'y'")]);
    expect(conversation.session).toMatchObject({ name: long, libName: "x", libVersion: "1" });
    // Twice the most that an attachment has to hold.
    expect(JSON.stringify(conversation.session).length * 2).toBeLessThan(limits.attachmentBytesMax);
    const [info] = await say("CLIENT INFO");
    expect(info).toEqual({
      verbatim: `id=7 addr=?:0 laddr=?:0 fd=-1 name=${long} age=5 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info user=default redir=-1 resp=2 lib-name=x lib-ver=1\n`,
    });
  });

  test.each([
    ["", "ERR wrong number of arguments for 'client|unblock' command"],
    ["x", "ERR value is not an integer or out of range"],
    ["01", "ERR value is not an integer or out of range"],
    ["9223372036854775808", "ERR value is not an integer or out of range"],
    ["x y", "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"],
    [
      "1 error 2",
      "ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.",
    ],
  ])("CLIENT UNBLOCK %s is refused before it reaches anybody", async (words, text) => {
    const { queue, say } = begin();
    expect(await say(`CLIENT UNBLOCK ${words}`)).toEqual([error(text)]);
    expect(queue.published).toEqual([]);
  });

  test.each(["1", "-9223372036854775808", "1 timeout", "1 ERROR"])(
    "CLIENT UNBLOCK %s is said to who knows all clients",
    async (words) => {
      const { queue, say } = begin();
      expect(await say(`CLIENT UNBLOCK ${words}`)).toEqual([0]);
      expect(queue.published).toEqual([`CLIENT UNBLOCK ${words}`]);
    },
  );

  test("nothing behind a QUIT is heard", async () => {
    const { queue, conversation, say } = begin();
    expect(await say("SET a 1", "QUIT", "SET a 2")).toEqual([OK, OK]);
    expect(conversation.session.isOver).toBe(true);
    expect(queue.runs).toHaveLength(1);
  });
});
