/**
 * Defects of names and of the feed planted in the engine: the simulation finds each within a few runs.
 * Invariant: each is found by the rule that it breaks, not by another one that happens to be looked at too.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { isRefusal } from "../../src/contract/refusals.ts";
import { decisions } from "../../src/machine/index.ts";
import { Feed } from "../../src/object/feed.ts";
import { keyOfName } from "../../src/store/names.ts";
import { type SluiceTables, writers } from "../../src/store/schema.ts";
import { firstFailure, replace } from "./planting.ts";
import { run } from "./run.ts";

type Write = (tables: SluiceTables, event: Record<string, unknown>, at: number) => void;

/** Changes what one writer makes of its event. */
const withWriter = (name: string, by: (write: Write) => Write) =>
  replace(writers as unknown as Record<string, Write>, name, (original) => by(original as Write));

beforeAll(async () => {
  // The machine is wrapped by the first run.
  await run({ seed: 1, steps: [] });
});

describe("defects of names", () => {
  const inWriters: readonly (readonly [
    what: string,
    event: string,
    by: (write: Write) => Write,
  ])[] = [
    [
      "a value that keeps the time of the one before it",
      "string.set",
      (write) => (tables, event, at) => write(tables, { ...event, keep: true }, at),
    ],
    [
      "a list that is popped at the other end",
      "list.popped",
      (write) => (tables, event, at) =>
        write(tables, { ...event, end: event["end"] === "left" ? "right" : "left" }, at),
    ],
    [
      "a copy that has no time",
      "name.copied",
      (write) => (tables, event, at) => {
        write(tables, event, at);
        const row = tables.names.edit(keyOfName(tables, String(event["to"])));
        if (row !== undefined) Object.assign(row, { until: undefined });
      },
    ],
  ];

  test.each(inWriters)("%s is found", async (_, event, by) => {
    withWriter(event, by);
    const failure = await firstFailure(60, 1000);
    expect(["state", "reply", "I9"]).toContain(failure.rule);
  });

  test("a change that leaves the version as it was is found", async () => {
    withWriter("set.added", (write) => (tables, event, at) => {
      const key = keyOfName(tables, String(event["name"]));
      const version = tables.names.get(key)?.version;
      write(tables, event, at);
      const row = tables.names.edit(key);
      if (row !== undefined && version !== undefined) Object.assign(row, { version });
    });
    const { rule } = await firstFailure(60, 500);
    expect(["version", "reply"]).toContain(rule);
  });

  test("a run that does not look at what it watches is found", async () => {
    replace(decisions as Record<string, unknown>, "redis.run", (original) => {
      const decide = original as (tx: unknown, input: object) => unknown;
      return (tx: unknown, input: object) => decide(tx, { ...input, watched: [] });
    });
    const { message } = await firstFailure(20, 300);
    expect(message).toContain('"replies":null');
  });
});

describe("defects of the feed", () => {
  type Page = Feed["page"];

  test.each<[what: string, by: (page: Page) => Page]>([
    [
      "a page that leaves out its last event",
      (page) =>
        function short(this: Feed, input) {
          const told = page.call(this, input);
          return isRefusal(told) ? told : { ...told, events: told.events.slice(0, -1) };
        },
    ],
    [
      "what users wrote, told to who did not ask",
      (page) =>
        function loud(this: Feed, input) {
          return page.call(this, { ...input, include: "payload" });
        },
    ],
    [
      "a place of another history that is taken for the beginning",
      (page) =>
        function blind(this: Feed, input) {
          const told = page.call(this, input);
          if (!isRefusal(told) || told.refusalCode !== "feed_diverged") return told;
          return page.call(this, { limit: 1 });
        },
    ],
    [
      "more that is not told of",
      (page) =>
        function last(this: Feed, input) {
          const told = page.call(this, input);
          return isRefusal(told) ? told : { ...told, more: false };
        },
    ],
  ])("%s is found", async (_, by) => {
    replace(Feed.prototype, "page", by);
    const { rule } = await firstFailure(40, 400);
    expect(rule).toBe("feed");
  });
});
