/**
 * Upstash's REST protocol at the gate: what reaches the queue, and with which status the answer leaves.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { RedisRunInput } from "../../src/contract/redis.ts";
import { refuse } from "../../src/contract/refusals.ts";
import { Recorder, token } from "./recorder.ts";

const path = "/v1/queues/mail/redis";

afterEach(() => vi.restoreAllMocks());

/** A gate before a queue that answers each call with its last word. */
const echoing = () =>
  new Recorder(({ request }) => {
    const { calls } = request.input as RedisRunInput;
    return { reply: JSON.stringify({ replies: calls.map((call) => call.at(-1) ?? null) }) };
  });

async function sent(
  gate: Recorder,
  method: string,
  where = "",
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const response = await gate.send(method, path + where, body, headers);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

describe("a request", () => {
  test("of one call is one run, answered by its result", async () => {
    const gate = echoing();
    const { status, text, headers } = await sent(gate, "POST", "", ["SET", "é", "1"]);
    expect({ status, text }).toEqual({ status: 200, text: '{"result":"1"}' });
    expect(headers.get("upstash-sync-token")).not.toBe(null);
    expect(gate.input).toEqual({ calls: [["SET", "\u00c3\u00a9", "1"]], blocks: true });
  });

  test("of a pipeline is one run, answered call by call", async () => {
    const gate = echoing();
    const { status, text } = await sent(gate, "POST", "/pipeline", [
      ["GET", "a"],
      ["NOPE"],
      ["PING"],
    ]);
    expect({ status, json: JSON.parse(text) }).toEqual({
      status: 200,
      json: [
        { result: "a" },
        { error: "ERR unknown command 'NOPE', with args beginning with: " },
        { result: "PONG" },
      ],
    });
  });

  test("of a pipeline that one run has no room for is as many as it takes, up to a bound of all replies", async () => {
    const value = "v".repeat(6 * 1024 * 1024);
    const gate = new Recorder(() => ({ reply: JSON.stringify({ replies: [value] }) }));
    const { text } = await sent(gate, "POST", "/pipeline", Array(5).fill(["GET", "a"]));
    const results = JSON.parse(text) as { readonly result?: string; readonly error?: string }[];
    expect(results.map(({ result }) => result?.length)).toEqual([
      ...[value.length, value.length, value.length],
      ...[undefined, undefined],
    ]);
    expect(results.at(-1)?.error).toContain("was not performed");
    expect(gate.calls).toHaveLength(3);
  });

  test("of a transaction is one atomic run", async () => {
    const gate = echoing();
    const { text } = await sent(gate, "POST", "/multi-exec", [
      ["GET", "a"],
      ["SET", "b", "c"],
    ]);
    expect(JSON.parse(text)).toEqual([{ result: "a" }, { result: "c" }]);
    expect(gate.input).toEqual({
      calls: [
        ["GET", "a"],
        ["SET", "b", "c"],
      ],
      atomic: true,
      watched: [],
    });
  });

  test("of a transaction that cannot be is discarded, with one error that says why", async () => {
    const gate = echoing();
    expect(await sent(gate, "POST", "/multi-exec", [["GET", "a"], ["NOPE"]])).toMatchObject({
      status: 400,
      text: `{"error":"EXECABORT Transaction discarded because of: ERR unknown command 'NOPE', with args beginning with: "}`,
    });
    expect(gate.calls).toEqual([]);
  });

  test("by its address says the same, with a body and a query behind it", async () => {
    for (const method of ["GET", "POST", "PUT"]) {
      const gate = echoing();
      const body = method === "GET" ? undefined : "b c";
      await sent(gate, method, "/set/a%2Fa?EX=100&_token=ignored-by-nobody", body, {});
      expect(gate.calls).toEqual([]);
      const { text } = await sent(gate, method, `/set/a%2Fa?EX=100&_token=${token}`, body);
      expect(text).toBe('{"result":"100"}');
      const said = ["set", "a/a", ...(body === undefined ? [] : [body]), "EX", "100"];
      expect(gate.input).toEqual({ calls: [said], blocks: true });
    }
  });

  test("by its address has any bytes as its body", async () => {
    const gate = echoing();
    await gate.raw(`${path}/set/a`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: new Uint8Array([0xef, 0xbb, 0xbf, 0xff, 0]),
    });
    expect(gate.input).toEqual({
      calls: [["set", "a", "\u00ef\u00bb\u00bf\u00ff\0"]],
      blocks: true,
    });
  });

  test("has numbers as they are written, also beyond what a number of JavaScript has room for", async () => {
    const gate = echoing();
    await sent(gate, "POST", "", '["SET", "a", 9007199254740993, {"b": 12345678901234567890}]');
    expect(gate.input).toEqual({
      calls: [["SET", "a", "9007199254740993", '{"b":12345678901234567890}']],
      blocks: true,
    });
  });

  test("has a number as it is written that would be infinite", async () => {
    const gate = echoing();
    for (const number of ["1e400", "-12.5E+0999", "1e-400"]) {
      const { text } = await sent(gate, "POST", "", `["SET", "a", ${number}]`);
      expect(JSON.parse(text)).toEqual({ result: number });
    }
  });

  test("has arrays and objects within one another, to a depth", async () => {
    const most = limits.redisJsonDepthMax - 1;
    for (const [open, number, close] of [
      ["[", "12345678901234567890", "]"],
      ['{"a":', "1", "}"],
    ] as const) {
      const deep = (depth: number) => open.repeat(depth) + number + close.repeat(depth);
      const gate = echoing();
      const { text } = await sent(gate, "POST", "", `["SET", "[[", ${deep(most)}]`);
      expect(JSON.parse(text)).toEqual({ result: deep(most) });
      for (const depth of [most + 1, 100_000]) {
        const { status, text: refused } = await sent(
          gate,
          "POST",
          "",
          `["SET", "a", ${deep(depth)}]`,
        );
        expect(status).toBe(400);
        expect(refused).toBe(
          '{"error":"ERR the body may have 1000 arrays and objects within one another"}',
        );
      }
      expect(gate.calls).toHaveLength(1);
    }
  });

  test("for base64 or for RESP2 is answered so", async () => {
    const asked = { "upstash-encoding": "base64" };
    expect((await sent(echoing(), "POST", "", ["GET", "OK"], asked)).text).toBe(
      '{"result":"T0s="}',
    );
    const framed = { "upstash-response-format": "resp2" };
    const { text, headers } = await sent(
      echoing(),
      "POST",
      "/pipeline",
      [["GET", "a"], ["PING"]],
      framed,
    );
    expect(text).toBe("$1\r\na\r\n+PONG\r\n");
    expect(headers.get("content-type")).toBe("application/octet-stream");
  });
});

describe("an error has Upstash's form, and a status", () => {
  test.each<[string, string, unknown, number, RegExp]>([
    ["POST", "", ["NOPE"], 400, /^ERR unknown command 'NOPE'/],
    ["POST", "", "{", 400, /^ERR The JSON ends too early/],
    ["POST", "", {}, 400, /^ERR the body must be one command/],
    ["POST", "/pipeline", ["GET", "a"], 400, /^ERR the body must be an array of commands/],
    [
      "POST",
      "",
      ["MULTI"],
      400,
      /^ERR MULTI needs a connection that lasts: use POST …\/redis\/multi-exec/,
    ],
    ["POST", "/pipeline", [["PING"], ["subscribe", "a"]], 400, /^ERR SUBSCRIBE needs a connection/],
    ["GET", "/get/%ff", undefined, 400, /^ERR the path is not/],
    ["DELETE", "", undefined, 405, /^ERR use GET, HEAD, POST, PUT/],
  ])("%s %s %j", async (method, where, body, status, error) => {
    const gate = echoing();
    const response = await sent(gate, method, where, body);
    expect(response.status).toBe(status);
    expect(JSON.parse(response.text)).toEqual({ error: expect.stringMatching(error) as string });
    expect(gate.calls).toEqual([]);
  });

  test("of a caller without the token, of a queue without a name", async () => {
    const gate = echoing();
    const stranger = await sent(gate, "POST", "", ["GET", "a"], { authorization: "Bearer no" });
    expect(stranger).toMatchObject({ status: 401 });
    expect(stranger.text).toMatch(/^\{"error":"WRONGPASS /);
    const nameless = await gate.send("POST", "/v1/queues/-/redis", ["GET", "a"]);
    expect(nameless.status).toBe(400);
    expect(gate.calls).toEqual([]);
  });

  test("of a command that failed, of a queue that refuses, of one that does not answer", async () => {
    const failed = new Recorder(() => ({ reply: '{"replies":[{"error":"WRONGTYPE no"}]}' }));
    expect(await sent(failed, "POST", "", ["GET", "a"])).toMatchObject({
      status: 400,
      text: '{"error":"WRONGTYPE no"}',
    });
    const full = new Recorder(() => ({ refusal: refuse("queue_full", "full") }));
    for (const [where, body] of [
      ["", ["SET", "a", "1"]],
      ["/multi-exec", [["SET", "a", "1"]]],
    ] as const) {
      const refused = await sent(full, "POST", where, body);
      expect(refused.status).toBe(507);
      expect(refused.text).toContain("OOM full");
    }
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const silent = new Recorder(() => Promise.reject(new Error("gone")));
    expect(await sent(silent, "POST", "", ["GET", "a"])).toMatchObject({
      status: 503,
      text: '{"error":"ERR the queue did not answer: what was done is not known"}',
    });
    expect(logged).toHaveBeenCalledOnce();
  });
});
