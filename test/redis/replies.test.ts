/**
 * Replies as the Worker reads them: what was written, however the bytes are cut.
 */
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { encodeReply, type GateReply } from "../../src/redis/frames.ts";
import { ReplyParser } from "../../src/redis/replies.ts";

const written: GateReply[] = [
  { ok: "OK" },
  { error: "ERR no" },
  12,
  { integer: "9223372036854775807" },
  "a\r\n\u00ff",
  "",
  null,
  { double: "1.5" },
  ["a", [1, null], []],
  { push: ["message", "a", "x"] },
  { verbatim: "a\r\n" },
  { verbatim: "" },
  { set: ["a"] },
  { map: [["a", 1]] },
];
const read: GateReply[] = [...written.slice(0, -2), ["a"], ["a", 1]];

test.each([1, 2, 7, 1000])("replies are whole again of slices of %i bytes", (size) => {
  const bytes = Buffer.from(written.map((each) => encodeReply(each, 3)).join(""), "latin1");
  const parser = new ReplyParser();
  const found: GateReply[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    found.push(...parser.push(bytes.subarray(at, at + size)));
  }
  expect(found).toEqual(read);
});

test("what is no RESP3 is a fault", () => {
  expect(() => new ReplyParser().push(Buffer.from("hello\r\n"))).toThrow("This is not RESP3");
});
