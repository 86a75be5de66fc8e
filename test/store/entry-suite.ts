/**
 * Entries: events come back as they were added, with their texts unescaped beside them, and sizes known beforehand.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeKeys, EntryBuilder, EntryUnreadable, EventCodec } from "../../src/store/entry.ts";
import { IllFormed, utf8Length } from "../../src/store/sql.ts";
import type { WithSql } from "./support.ts";

interface Added {
  readonly type: "added";
  readonly id: string;
  readonly payload?: string | null;
  readonly result?: string;
}
interface Plain {
  readonly type: "plain";
  readonly value: unknown;
}
type TestEvent = Added | Plain;

const codec = new EventCodec<TestEvent>({ added: ["payload", "result"] });
const words = fc.string({ unit: "binary" });
const event: fc.Arbitrary<TestEvent> = fc.oneof(
  fc.record(
    { type: fc.constant("added" as const), id: words, payload: fc.option(words), result: words },
    { requiredKeys: ["type", "id"] },
  ),
  fc.record({
    type: fc.constant("plain" as const),
    value: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value))),
  }),
);

function size(entry: { keys: string; events: string; texts: string }): number {
  return utf8Length(entry.keys) + utf8Length(entry.events) + utf8Length(entry.texts);
}

export function entrySuite(_: WithSql): void {
  describe("entries", () => {
    it("events come back as they were added", () => {
      const property = fc.property(fc.array(event), (events) => {
        const builder = new EntryBuilder(codec);
        for (const each of events) builder.add(each);
        expect(codec.decode(builder.build())).toEqual(events);
      });
      fc.assert(property, { numRuns: 300 });
    });

    it("texts stand unescaped in the entry, never in its JSON", () => {
      const builder = new EntryBuilder(codec);
      builder.add({ type: "added", id: "1", payload: '{"a":"\\n"}', result: "é\u{10000}" });
      builder.add({ type: "added", id: "2", payload: "last" });
      expect(builder.build()).toEqual({
        keys: "[]",
        events:
          '[{"type":"added","id":"1","payload":[0,10],"result":[10,3]},' +
          '{"type":"added","id":"2","payload":[13,4]}]',
        texts: '{"a":"\\n"}é\u{10000}last',
      });
    });

    it("a builder knows its size, and undoes events, texts and keys to a mark", () => {
      const property = fc.property(fc.array(event), fc.array(event), (kept, undone) => {
        const builder = new EntryBuilder(codec);
        for (const each of kept) builder.add(each);
        builder.addKey("kéy", "hash", "answer");
        const before = [builder.build(), builder.bytes, builder.events];
        const mark = builder.mark();
        for (const each of undone) builder.add(each);
        builder.addKey("other", "hash", "answer");
        expect(builder.bytes).toBeGreaterThanOrEqual(size(builder.build()));
        builder.undo(mark);
        expect([builder.build(), builder.bytes, builder.events]).toEqual(before);
        const slack = builder.bytes - size(builder.build());
        expect(slack).toBeGreaterThanOrEqual(0);
        expect(slack).toBeLessThan(512);
      });
      fc.assert(property, { numRuns: 200 });
    });

    it("an event with an ill-formed text is refused, and leaves the builder as it was", () => {
      const builder = new EntryBuilder(codec);
      const before = builder.build();
      const bad = { type: "added", id: "1", payload: "fine", result: "\ud800" } as const;
      expect(() => builder.add(bad)).toThrow(IllFormed);
      expect(builder.build()).toEqual(before);
    });

    it("keys come back with hash and answer", () => {
      const builder = new EntryBuilder(codec);
      builder.addKey('k"1', "h1", '{"a":1}');
      builder.addKey("k2", "h2", "");
      expect(decodeKeys(builder.build().keys)).toEqual([
        ['k"1', "h1", '{"a":1}'],
        ["k2", "h2", ""],
      ]);
    });

    it.each([
      ["not JSON", "[{", ""],
      ["not an array", "{}", ""],
      ["no type", "[{}]", ""],
      ["a place outside the texts", '[{"type":"added","payload":[1,3]}]', "abc"],
      ["a place that is none", '[{"type":"added","payload":["a",1]}]', "abc"],
    ])("refuses an entry with %s", (_name, events, texts) => {
      expect(() => codec.decode({ events, texts })).toThrow(EntryUnreadable);
    });

    it("refuses keys of another shape", () => {
      for (const keys of ["{}", "[1]", '[["a","b"]]', '[["a","b",1]]', "["]) {
        expect(() => decodeKeys(keys)).toThrow(EntryUnreadable);
      }
    });
  });
}
