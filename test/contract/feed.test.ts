/**
 * The contract of the feed: which events it shows and what of them, its cursors, and its texts.
 * Invariant: what is shown is what the documentation says, and nothing by which a lease is held.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  cursorIn,
  cursorText,
  encodeFeed,
  feedAsSse,
  feedEventTypes,
  feedFields,
  feedQuery,
} from "../../src/contract/feed.ts";
import { writers } from "../../src/store/schema.ts";

const semantics = readFileSync(join(import.meta.dirname, "../../docs/semantics.md"), "utf8");

describe("what is shown", () => {
  test("is every event but those by which the queue keeps its books", () => {
    const hidden = Object.keys(writers).filter((type) => !(type in feedFields));
    expect(hidden.sort()).toEqual([
      ...["generation.freed", "key.refreshed", "plan.numbered", "queue.registered"],
    ]);
  });

  test.each(feedEventTypes)("of %s is what the documentation says", (type) => {
    const [, row = ""] = semantics.split(`\n| \`${type}\` | `);
    const [told = ""] = row.split("\n");
    const [facts = ""] = told.split(/: | \|/);
    const names = [...facts.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(names.slice(0, feedFields[type].length)).toEqual([...feedFields[type]]);
  });

  test("is nothing by which a lease is held", () => {
    const names = new Set<string>(Object.values(feedFields).flat());
    for (const secret of ["grant", "grantMax", "seq", "seqMax", "lane", "set", "fingerprint"]) {
      expect(names.has(secret)).toBe(false);
    }
  });
});

describe("a cursor", () => {
  test("is its text and the text it", () => {
    const cursor = { queueId: "k3f9x2ab", term: 3, index: 71, n: 12 };
    expect(cursorText(cursor)).toBe("k3f9x2ab.3.71.12");
    expect(cursorIn("k3f9x2ab.3.71.12")).toEqual(cursor);
  });

  test.each(["", "now", "a.1.2", "a.1.2.3.4", "a.1.2.-3", "A.1.2.3", "a.01.2.3", "a.1.2.3 "])(
    "is not %j",
    (text) => expect(cursorIn(text)).toBeUndefined(),
  );
});

const events = [
  { cursor: "q.1.2.1", type: "job.removed", json: '{"id":"a"}' },
  { cursor: "q.1.2.3", type: "job.enqueued", json: '{"payload":[1,\r\n2,\r3]}' },
] as const;

test("a page is JSON, with texts as they were written", () => {
  const text = encodeFeed({ now: 5, events, cursor: "q.1.2.9", more: true });
  const shown = '{"id":"a"},{"payload":[1,\r\n2,\r3]}';
  expect(text).toBe(`{"now":5,"events":[${shown}],"cursor":"q.1.2.9","more":true}`);
  expect(encodeFeed({ now: 5, events: [], cursor: "q.1.2.9", more: false })).toBe(
    '{"now":5,"events":[],"cursor":"q.1.2.9","more":false}',
  );
});

test("server-sent events have a line of data for each line, and the last id where events were left out", () => {
  const first = 'id: q.1.2.1\nevent: job.removed\ndata: {"id":"a"}\n\n';
  const second = 'id: q.1.2.3\nevent: job.enqueued\ndata: {"payload":[1,\ndata: 2,\ndata: 3]}\n\n';
  const page = { now: 5, events, more: false };
  expect(feedAsSse({ ...page, cursor: "q.1.2.9" }, true)).toBe(`${first}${second}id: q.1.2.9\n\n`);
  expect(feedAsSse({ ...page, cursor: "q.1.2.3" }, true)).toBe(first + second);
});

test("a query names types between commas, of those that there are", () => {
  expect(feedQuery.parse({ types: "job.failed,job.removed" })).toEqual({
    types: ["job.failed", "job.removed"],
  });
  for (const types of ["", "job.failed,", "job.nothing", "queue.membership"]) {
    expect(feedQuery.safeParse({ types }).success).toBe(false);
  }
});
