/**
 * What tests of the feed share: reading all of it, and a log that has forgotten its beginning.
 * Invariant: what is read is read page by page, as a caller does it.
 */
import type { FeedEvent, FeedInput } from "../../src/contract/feed.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Harness } from "../engine-harness.ts";

/** All that the feed has behind a cursor, page by page. */
export async function readAll(queue: Harness, input: FeedInput = {}): Promise<FeedEvent[]> {
  const events: FeedEvent[] = [];
  let page = await queue.run("feed.read", input);
  events.push(...(page.events as unknown as FeedEvent[]));
  while (page.more) {
    page = await queue.run("feed.read", { ...input, after: page.cursor });
    events.push(...(page.events as unknown as FeedEvent[]));
  }
  return events;
}

/** Their cursors. */
export const cursorsOf = (events: readonly FeedEvent[]) => events.map(({ cursor }) => cursor);

/** Entries that are too old for the log go, and new ones stay. */
export async function forgetOld(queue: Harness): Promise<void> {
  const payload = JSON.stringify("x".repeat(240_000));
  for (let i = 0; i < 7; i += 1) {
    await queue.run("job.enqueue", { jobs: Array.from({ length: 5 }, () => ({ payload })) });
  }
  // A segment goes once another one has begun.
  await queue.run("queue.resume", {});
  await queue.enqueue();
  await queue.advance(limits.logAgeMsMax + 60_000);
  await queue.run("queue.pause", {});
}
