/**
 * What clients say, read: calls in any slices, inline commands, and what Redis would not take either.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { encodeCall } from "../../src/redis/frames.ts";
import { type Call, RequestParser } from "../../src/redis/requests.ts";
import { bytes, randomOf, slices } from "./bytes.ts";
import { drawBytes } from "./drawn-bytes.ts";

/** What is read from slices. */
function read(parts: readonly Uint8Array[]) {
  const parser = new RequestParser();
  const calls: Call[] = parts.flatMap((part) => parser.push(part));
  return { calls, error: parser.error, isWithin: parser.isWithin };
}
const readWhole = (text: string) => read([bytes(text)]);

describe("calls", () => {
  test("what a client writes is read, whatever the bytes of its arguments", () => {
    const word = fc
      .uint8Array({ maxLength: 40 })
      .map((each) => Buffer.from(each).toString("latin1"));
    const calls = fc.array(fc.array(word, { minLength: 1, maxLength: 5 }), { maxLength: 8 });
    const property = fc.property(calls, fc.integer(), (said, seed) => {
      const parts = slices(said.map(encodeCall).join(""), randomOf(seed), 9);
      expect(read(parts)).toEqual({ calls: said, error: undefined, isWithin: false });
    });
    fc.assert(property, { numRuns: 500 });
  });

  test("calls of nothing are passed over", () => {
    expect(readWhole("*0\r\n*-1\r\n\r\n  \r\n*1\r\n$4\r\nPING\r\n").calls).toEqual([["PING"]]);
  });

  test("part of a call is told to be one", () => {
    for (const part of ["*", "*2\r\n", "*2\r\n$3\r\nGET\r\n", "*1\r\n$4\r\nPIN", "PIN"]) {
      expect(readWhole(part)).toEqual({ calls: [], error: undefined, isWithin: true });
    }
  });

  test("words in a line are a call, with quotes as Redis reads them", () => {
    const said = `SET "a b" 'it\\'s' "\\x00\\xfF\\n\\q"\r\nGET a\n\tping\t\r\n`;
    expect(readWhole(said).calls).toEqual([
      ["SET", "a b", "it's", "\0\xff\nq"],
      ["GET", "a"],
      ["ping"],
    ]);
  });
});

describe("errors", () => {
  test.each([
    ["*x\r\n", "invalid multibulk length"],
    ["*01\r\n", "invalid multibulk length"],
    [`*${limits.respArgumentsMax + 1}\r\n`, "invalid multibulk length"],
    ["*1\r\nPING\r\n", "expected '$', got 'P'"],
    ["*1\r\n$-1\r\n", "invalid bulk length"],
    ["*1\r\n$x\r\n", "invalid bulk length"],
    [`*1\r\n$${limits.respCallBytesMax + 1}\r\n`, "invalid bulk length"],
    [`*2\r\n$1\r\na\r\n$${limits.respCallBytesMax}\r\n`, "invalid bulk length"],
    ['SET "a\r\n', "unbalanced quotes in request"],
    ['SET "a"b\r\n', "unbalanced quotes in request"],
    // A web page has a browser send these to any port of its machine.
    ["POST / HTTP/1.1\r\nSET a 1\r\n", "this is HTTP, not RESP"],
    ["host: 127.0.0.1:6379\r\nSET a 1\r\n", "this is HTTP, not RESP"],
    [encodeCall(["Post"]), "this is HTTP, not RESP"],
    ["x".repeat(limits.respLineBytesMax + 1), "too big inline request"],
    [`*${"1".repeat(limits.respLineBytesMax)}`, "too big mbulk count string"],
    [`*1\r\n$${"1".repeat(limits.respLineBytesMax)}`, "too big bulk count string"],
  ])("%s is answered with: %s", (said, error) => {
    expect(readWhole(said)).toEqual({ calls: [], error, isWithin: false });
  });

  test("what stands before an error is read, and nothing behind it", () => {
    const parser = new RequestParser();
    expect(parser.push(bytes("PING\r\n*x\r\nPING\r\n"))).toEqual([["PING"]]);
    expect(parser.push(bytes("PING\r\n"))).toEqual([]);
    expect(parser.error).toBe("invalid multibulk length");
  });

  test("as much as may be is read", () => {
    const most = "x".repeat(limits.respCallBytesMax - 3);
    expect(readWhole(encodeCall(["SET", most])).calls).toEqual([["SET", most]]);
    const longest = "x".repeat(limits.respLineBytesMax - 1);
    expect(readWhole(`${longest}\r\n`).calls).toEqual([[longest]]);
    const many = Array.from({ length: limits.respArgumentsMax }, () => "");
    expect(readWhole(encodeCall(many)).calls).toEqual([many]);
  });
});

describe("a stranger", () => {
  const { respStrangerArgumentsMax: count, respStrangerArgumentBytesMax: size } = limits;
  const large = [
    [encodeCall(Array(count).fill("a")), encodeCall(Array(count + 1).fill("a")), "multibulk"],
    [encodeCall(["x".repeat(size)]), encodeCall(["x".repeat(size + 1)]), "bulk"],
  ] as const;

  test.each(large)("is read up to a size, and one past it is an error", (most, more, what) => {
    const parser = new RequestParser();
    expect(parser.push(bytes(most), "stranger")).toHaveLength(1);
    expect(parser.push(bytes(more), "stranger")).toEqual([]);
    expect([parser.error, parser.isStopped]).toEqual([`unauthenticated ${what} length`, false]);
    expect(readWhole(more).calls).toHaveLength(1);
  });

  const before = [
    ["PING\r\n", "stranger", 1],
    ["", "pending", 0],
  ] as const;
  test.each(large)("may turn out to be none: more is read once that is known", (_, more) => {
    for (const [said, trust, whole] of before) {
      for (const proven of ["known", "stranger"] as const) {
        const parser = new RequestParser();
        expect(parser.push(bytes(said + more), trust)).toHaveLength(whole);
        expect([parser.error, parser.isStopped, parser.isWithin]).toEqual([undefined, true, true]);
        const isKnown = proven === "known";
        expect(parser.push(bytes(""), proven)).toHaveLength(isKnown ? 1 : 0);
        expect([parser.error === undefined, parser.isStopped]).toEqual([isKnown, false]);
      }
    }
  });
});

test("a value that comes in many slices is put together once", () => {
  const frame = bytes(encodeCall(["SET", "a", "x".repeat(limits.respCallBytesMax - 4)]));
  const parts = Array.from({ length: Math.ceil(frame.length / 64) }, (_, i) =>
    frame.subarray(64 * i, 64 * (i + 1)),
  );
  // Joined anew for each slice, these would be half a terabyte of copies: the test would not end in time.
  expect(read(parts).calls).toHaveLength(1);
});

test("whatever is sent, in whatever slices, is read the same, and never throws", () => {
  // `npm run fuzz` reads a million.
  for (let seed = 1; seed <= 20_000; seed++) {
    const random = randomOf(seed);
    const said = drawBytes(random);
    const whole = readWhole(said);
    const sliced = read(slices(said, random, 1 + Math.floor(random() * 8)));
    expect({ seed, ...sliced }).toEqual({ seed, ...whole });
  }
});
