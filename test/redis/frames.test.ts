/**
 * Replies, written in RESP2 and RESP3, and counted by who passes them on.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { encodeReply, type GateReply } from "../../src/redis/frames.ts";
import { ReplyScanner } from "../../src/redis/reply-scanner.ts";
import { bytes, randomOf, slices } from "./bytes.ts";

describe("replies are written", () => {
  test.each<[GateReply, string, string]>([
    [{ ok: "OK" }, "+OK\r\n", "+OK\r\n"],
    [{ error: "ERR two\r\nlines" }, "-ERR two  lines\r\n", "-ERR two  lines\r\n"],
    [-7, ":-7\r\n", ":-7\r\n"],
    [{ integer: "9223372036854775807" }, ":9223372036854775807\r\n", ":9223372036854775807\r\n"],
    ["a\xff\r\n", "$4\r\na\xff\r\n\r\n", "$4\r\na\xff\r\n\r\n"],
    ["", "$0\r\n\r\n", "$0\r\n\r\n"],
    [null, "$-1\r\n", "_\r\n"],
    [{ nilArray: true }, "*-1\r\n", "_\r\n"],
    [[], "*0\r\n", "*0\r\n"],
    [
      ["a", [1, null]],
      "*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n",
      "*2\r\n$1\r\na\r\n*2\r\n:1\r\n_\r\n",
    ],
    [{ map: [["a", 1]] }, "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n"],
    [{ pairs: [["a", 1]] }, "*2\r\n$1\r\na\r\n:1\r\n", "*1\r\n*2\r\n$1\r\na\r\n:1\r\n"],
    [{ set: ["a"] }, "*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n"],
    [{ double: "1.5" }, "$3\r\n1.5\r\n", ",1.5\r\n"],
    [{ verbatim: "hi" }, "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"],
  ])("%j", (reply, resp2, resp3) => {
    expect(encodeReply(reply, 2)).toBe(resp2);
    expect(encodeReply(reply, 3)).toBe(resp3);
  });
});

const { reply: anyReply } = fc.letrec<{ reply: GateReply }>((tie) => {
  const text = fc.uint8Array({ maxLength: 20 }).map((each) => Buffer.from(each).toString("latin1"));
  return {
    reply: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.constant(null),
      fc.constant({ nilArray: true as const }),
      text.map((ok) => ({ ok })),
      text.map((error) => ({ error })),
      fc.double().map((each) => ({ double: String(each) })),
      text.map((verbatim) => ({ verbatim })),
      fc.array(tie("reply"), { maxLength: 3 }),
    ),
  };
});

describe("replies are counted", () => {
  test("as many as were written, in any slices", () => {
    const replies = fc.array(anyReply, { maxLength: 10 });
    const property = fc.property(
      replies,
      fc.constantFrom(2, 3),
      fc.integer(),
      (said, protocol, seed) => {
        const text = said.map((each) => encodeReply(each, protocol as 2 | 3)).join("");
        const counter = new ReplyScanner();
        const counts = slices(text, randomOf(seed), 7).map((part) => counter.push(part).length);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(said.length);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  test("by what they begin with, and without attributes", () => {
    const said = ">2\r\n$7\r\nmessage\r\n*1\r\n:1\r\n|1\r\n+ttl\r\n:3\r\n+OK\r\n";
    expect(new ReplyScanner().push(bytes(said))).toEqual([
      { type: ">", word: "message", end: 25 },
      { type: "+", word: "", end: 44 },
    ]);
  });

  test("with the first word of each, however it is cut", () => {
    const said =
      "*2\r\n$9\r\nsubscribe\r\n:1\r\n*1\r\n$14\r\nlonger-than-12\r\n*1\r\n*1\r\n$1\r\na\r\n";
    const scanner = new ReplyScanner();
    const words = [...said].flatMap((char) => scanner.push(bytes(char)).map(({ word }) => word));
    expect(words).toEqual(["subscribe", "", ""]);
  });

  test("with the places of the elements that are errors, not of those within them", () => {
    const said = "*4\r\n-A\r\n*1\r\n-B\r\n$1\r\n-\r\n-C\r\n*1\r\n+OK\r\n-D\r\n";
    const scanner = new ReplyScanner();
    const frames = [...said].flatMap((char) => scanner.push(bytes(char)));
    expect(frames.map(({ errors }) => errors)).toEqual([[0, 3], undefined, undefined]);
  });

  test("what is no RESP is told", () => {
    for (const said of ["hello\r\n", "\r\n", "*x\r\n", "$-2\r\n"]) {
      expect(() => new ReplyScanner().push(bytes(said))).toThrow("This is not RESP");
    }
    const deep = "*1\r\n".repeat(limits.respNestingMax);
    expect(new ReplyScanner().push(bytes(`${deep}:1\r\n`))).toHaveLength(1);
    expect(() => new ReplyScanner().push(bytes(`${deep}*1\r\n:1\r\n`))).toThrow("nests too deep");
  });
});
