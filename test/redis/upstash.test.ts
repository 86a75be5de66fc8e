/**
 * Upstash's REST protocol: texts, bytes, and what its clients make of them.
 */
import { describe, expect, test } from "vitest";
import { askedOf, callIn, callOfPath, callsIn, resultOf } from "../../src/redis/upstash.ts";

describe("calls", () => {
  test("are read from JSON: texts as UTF-8, all else as it is written", () => {
    expect(callIn(["SET", "é", 1.5, true, null, { a: ["x"] }])).toEqual([
      "SET",
      "\u00c3\u00a9",
      "1.5",
      "true",
      "null",
      '{"a":["x"]}',
    ]);
  });

  test.each([[{}], ["GET"], [[]], [null], [1]])("%j is none", (value) => {
    expect(callIn(value)).toBeUndefined();
    expect(callsIn([["PING"], value])).toBeUndefined();
  });

  test("are read from an address, the body behind it and the query last", () => {
    expect(callOfPath("set/a%2Fb/c", new URLSearchParams("EX=100&nx"), "body")).toEqual([
      "set",
      "a/b",
      "c",
      "body",
      "EX",
      "100",
      "nx",
    ]);
    expect(callOfPath("get/%ff", new URLSearchParams(), "")).toBeUndefined();
  });
});

describe("a part of a range", () => {
  test("is one of ranks as well, of which a Redis is asked for all", () => {
    const { call, hear } = askedOf([
      "ZRANGE",
      "z",
      "0",
      "-1",
      "REV",
      "Limit",
      "1",
      "2",
      "WITHSCORES",
    ]);
    expect(call).toEqual(["ZRANGE", "z", "0", "-1", "REV", "WITHSCORES"]);
    expect(hear(["a", "b", "c", "d"])).toEqual(["b", "c"]);
    const pairs = ["a", "b", "c", "d"].map((member) => [member, { double: "1" }] as const);
    expect(hear({ pairs })).toEqual({ pairs: pairs.slice(1, 3) });
    expect(hear({ error: "WRONGTYPE" })).toEqual({ error: "WRONGTYPE" });
  });

  test.each([
    ["zrange z 0 -1 limit 1 2 byscore"],
    ["zrange z 0 -1 limit 1"],
    ["zrange z 0 -1 limit -1 2"],
    ["zrange limit 0 -1"],
    ["zrevrange z 0 -1 limit 1 2"],
    ["get limit"],
  ])("is left to a Redis in %s", (line) => {
    expect(askedOf(line.split(" ")).call).toEqual(line.split(" "));
  });
});

describe("results", () => {
  test.each([
    [{ ok: "OK" }, '{"result":"OK"}', '{"result":"OK"}'],
    [{ ok: "PONG" }, '{"result":"PONG"}', '{"result":"UE9ORw=="}'],
    // A value that says OK is no status: who decodes base64 would read it as another.
    ["OK", '{"result":"OK"}', '{"result":"T0s="}'],
    [["OK", { ok: "OK" }], '{"result":["OK","OK"]}', '{"result":["T0s=","T0s="]}'],
    ["\u00c3\u00a9\xff", '{"result":"é\ufffd"}', '{"result":"w6n/"}'],
    [7, '{"result":7}', '{"result":7}'],
    [
      { integer: "9223372036854775807" },
      '{"result":9223372036854775807}',
      '{"result":9223372036854775807}',
    ],
    [null, '{"result":null}', '{"result":null}'],
    [{ nilArray: true } as const, '{"result":null}', '{"result":null}'],
    [{ double: "1.5" }, '{"result":"1.5"}', '{"result":"MS41"}'],
    [{ map: [["a", 1]] as const }, '{"result":["a",1]}', '{"result":["YQ==",1]}'],
    [{ pairs: [["a", 1]] as const }, '{"result":["a",1]}', '{"result":["YQ==",1]}'],
    [{ set: ["a"] }, '{"result":["a"]}', '{"result":["YQ=="]}'],
    [{ verbatim: "a" }, '{"result":"a"}', '{"result":"YQ=="}'],
    [{ error: "ERR é".replace("é", "\u00c3\u00a9") }, '{"error":"ERR é"}', '{"error":"ERR é"}'],
  ])("%j", (reply, plain, base64) => {
    expect(resultOf(reply, "plain")).toBe(plain);
    expect(resultOf(reply, "base64")).toBe(base64);
  });
});
