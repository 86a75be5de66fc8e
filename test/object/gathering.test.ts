/**
 * How many share an entry where many call at once, and that nobody waits where few do, nor behind a long pipeline of another.
 * Invariant: a command is decided in the turn that it comes in, but once behind those that came together, or behind one that has read much.
 */
import { expect, test } from "vitest";
import type { CommandAnswer } from "../../src/contract/rpc.ts";
import { codeOf, command, enqueue, replyOf } from "./commands.ts";
import { CommitRig, turns } from "./rig.ts";

const enqueueOn = (rig: CommitRig): Promise<CommandAnswer> => rig.committer.submit(enqueue([{}]));

/** A rig of which the last entry was of several commands, and which has nothing to do. */
async function behindACrowd(): Promise<CommitRig> {
  const rig = new CommitRig();
  await Promise.all([enqueueOn(rig), enqueueOn(rig), enqueueOn(rig)]);
  expect(rig.store.last.index).toBe(2);
  return rig;
}

test("who calls alone is decided at once, however often", async () => {
  const rig = new CommitRig();
  for (let index = 1; index <= 3; index++) {
    const answer = enqueueOn(rig);
    expect(rig.store.last.index).toBe(index);
    await answer;
  }
});

test("behind a group of several commands the next waits a turn for those that come with it", async () => {
  const rig = await behindACrowd();
  const answers = [enqueueOn(rig)];
  expect(rig.store.last.index).toBe(2);
  await Promise.resolve();
  answers.push(enqueueOn(rig), enqueueOn(rig));
  expect((await Promise.all(answers)).map(codeOf)).toEqual([undefined, undefined, undefined]);
  expect(rig.store.last.index).toBe(3);
  expect(rig.isFaithful).toBe(true);
});

test("what waits at the end of a group of several is decided a turn later, with what comes by then", async () => {
  const rig = await behindACrowd();
  rig.sql.isHeld = true;
  void enqueueOn(rig);
  void enqueueOn(rig);
  await turns();
  expect(rig.store.last.index).toBe(3);
  void enqueueOn(rig);
  const settled = rig.sql.settle();
  void enqueueOn(rig);
  await settled;
  await turns();
  expect(rig.store.last.index).toBe(4);
  expect(rig.store.tables.counters.get([0])?.ready).toBe(7);
});

test("who comes alone behind a crowd waits once, and then no more", async () => {
  const rig = await behindACrowd();
  const first = enqueueOn(rig);
  expect(rig.store.last.index).toBe(2);
  await first;
  void enqueueOn(rig);
  expect(rig.store.last.index).toBe(4);
});

test("work that is done alone goes before the commands that wait for a turn", async () => {
  const rig = await behindACrowd();
  const answer = enqueueOn(rig);
  const seen = rig.committer.alone(() => rig.store.last.index);
  expect(await seen).toBe(2);
  expect(codeOf(await answer)).toBeUndefined();
  expect(rig.store.last.index).toBe(3);
});

test("behind a group that has read much, those who came meanwhile come before who goes on", async () => {
  const rig = new CommitRig();
  const run = (calls: string[][]) => rig.committer.submit(command("redis.run", { calls }));
  const value = "v".repeat(1_000_000);
  const names = Array.from({ length: 20 }, (_, i) => `s${i}`);
  for (const name of names) await run([["SET", name, value]]);
  rig.store.checkpoint(Number.POSITIVE_INFINITY);
  await turns();
  const replies: unknown[] = [];
  let others = 0;
  for (let rest = names.map((name) => ["GETRANGE", name, "0", "0"]); rest.length > 0; ) {
    setImmediate(() => {
      others += 1;
    });
    const { replies: some } = replyOf("redis.run", await run(rest));
    // Each run has read so much that the next was held until the others' turn had come.
    expect(some?.length).toBeLessThan(names.length / 2);
    replies.push(...(some ?? []));
    rest = rest.slice(some?.length);
  }
  expect(replies).toEqual(names.map(() => "v"));
  expect(others).toBeGreaterThanOrEqual(2);
});
