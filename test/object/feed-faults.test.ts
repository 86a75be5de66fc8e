/**
 * Readers of the feed and storage that fails: nothing is told before it is durable, and a row that cannot be read ends one reader.
 * Invariant: what a reader was told is in the log of every instance that follows.
 */
import { expect, test } from "vitest";
import { ACK, NOW } from "../../src/contract/feed.ts";
import { Feed } from "../../src/object/feed.ts";
import { enqueue } from "./commands.ts";
import { FeedTestSocket } from "./feed-socket.ts";
import { CommitRig, turns } from "./rig.ts";

/** A reader of what happens from now on, on a queue that exists. */
async function aReader() {
  const rig = new CommitRig();
  await rig.committer.submit(enqueue([{ id: "first" }]));
  const { store } = rig;
  const ports = { name: "q", store: () => store, at: () => rig.now, report: rig.report };
  const feed = new Feed(ports, []);
  rig.feed = feed;
  const socket = new FeedTestSocket();
  const reader = feed.begin({ input: { after: NOW }, form: "json" });
  if ("refusalCode" in reader) throw new Error(reader.detail);
  await rig.committer.tell(feed.follow(socket, reader));
  await rig.committer.tell(feed.hear(socket, ACK));
  return { rig, feed, socket };
}

test("a reader is told of an entry once it is durable, and not before", async () => {
  const { rig, socket } = await aReader();
  rig.sql.isHeld = true;
  const answer = rig.committer.submit(enqueue([{ id: "a" }]));
  await turns();
  expect(socket.events).toEqual([]);
  await rig.sql.settle();
  await answer;
  expect(socket.events).toMatchObject([{ type: "job.enqueued", id: "a" }]);
});

test("a reader that asks for more meanwhile is told nothing that is not durable", async () => {
  const { rig, feed, socket } = await aReader();
  rig.sql.isHeld = true;
  const answer = rig.committer.submit(enqueue([{ id: "a" }]));
  await turns();
  expect(feed.hear(socket, ACK)).toEqual([]);
  expect(socket.events).toEqual([]);
  await rig.sql.settle();
  await answer;
  expect(socket.events).toHaveLength(1);
});

test("of an entry whose outcome is unknown nobody is told", async () => {
  const { rig, socket } = await aReader();
  rig.sql.isHeld = true;
  const answer = rig.committer.submit(enqueue([{ id: "a" }]));
  const failed = expect(answer).rejects.toThrow("the disk is gone");
  await turns();
  await rig.sql.settle(new Error("the disk is gone"));
  await failed;
  expect(socket.events).toEqual([]);
});

test("an entry that cannot be read ends who reads it with why, and nobody else", async () => {
  const { rig, feed, socket } = await aReader();
  const old = new FeedTestSocket();
  const reader = feed.begin({ input: {}, form: "json" });
  if ("refusalCode" in reader) throw new Error(reader.detail);
  rig.sql.run("UPDATE raft_log_1 SET events = '[{' WHERE log_index = 1");
  await rig.committer.tell(feed.follow(old, reader));
  expect(old.problem).toMatchObject({ status: 503, code: "store_corrupt" });
  expect(old.closed).toEqual({ code: 4503, reason: "store_corrupt" });
  expect(rig.faults).toMatchObject([{ what: "feed" }]);
  await rig.committer.submit(enqueue([{ id: "a" }]));
  expect(socket.events).toMatchObject([{ id: "a" }]);
});
