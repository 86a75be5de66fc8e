/**
 * Defects of workers' channels planted in the engine: the simulation finds each within a few runs.
 * Invariant: a planted defect is taken out again, so that no other test meets it.
 */
import { expect, test } from "vitest";
import { Channel } from "../../src/object/channel.ts";
import { Channels } from "../../src/object/channels.ts";
import { Committer } from "../../src/object/commit.ts";
import { busy } from "../../src/object/refusals.ts";
import { SessionLeases } from "../../src/object/session-leases.ts";
import { firstFailure, replace } from "./planting.ts";
import { run } from "./run.ts";

const defects: readonly (readonly [what: string, plant: () => void, told: string])[] = [
  [
    "a channel that hangs up and gives nothing back",
    () =>
      replace(Channel.prototype, "leave", (leave) => {
        return function forgetful(this: Channel) {
          this.yieldAll();
          leave.call(this);
        };
      }),
    "a job did not go back as its channel closed",
  ],
  [
    "a session that is told of all leases as its own",
    () =>
      replace(SessionLeases.prototype, "of", (of) => {
        const sessions = new Set<string>();
        return function generous(this: SessionLeases, view, session) {
          sessions.add(session);
          return [...sessions].flatMap((each) => of.call(this, view, each));
        };
      }),
    "another's leases were resumed",
  ],
  [
    "credit that is a sum, and no state",
    () =>
      replace(Channel.prototype, "note", (note) => {
        const sums = new WeakMap<Channel, number>();
        return function adding(this: Channel, ack, credit) {
          const sum = (sums.get(this) ?? 0) + (credit ?? 0);
          sums.set(this, sum);
          return note.call(this, ack, credit === undefined ? undefined : sum);
        };
      }),
    "a channel was sent more than its credit",
  ],
  [
    "a session that is not told what it has lost",
    () => replace(Channels.prototype, "lost", () => () => []),
    "a worker was not told of a lease that has ended",
  ],
  [
    "jobs that a session resumed, and that go back with its channel before",
    () => replace(Channel.prototype, "yieldAll", () => () => undefined),
    "a lease was not resumed",
  ],
  [
    "a worker that stays dead although it says hello",
    () =>
      replace(Committer.prototype, "submit", (submit) => {
        return function deaf(this: Committer, request) {
          const isOwn = request.name === "worker.heartbeat" && request.bytes === 0;
          return isOwn ? Promise.resolve({ refusal: busy(0) }) : submit.call(this, request);
        };
      }),
    "a worker that was heard is dead",
  ],
  [
    "a worker that is taken for dead while it holds a channel",
    () => replace(Channels.prototype, "isThere", () => () => false),
    "expected, then what happened",
  ],
  [
    "a worker that lives on without a word",
    () => replace(Channel.prototype, "isThere", () => () => true),
    "expected, then what happened",
  ],
  [
    "a channel of which only its hello is heard",
    () => replace(Channel.prototype, "heard", () => () => undefined),
    "expected, then what happened",
  ],
];

test.each(defects)("%s is found", async (_, plant, told) => {
  await run({ seed: 1, steps: [] });
  plant();
  const { message } = await firstFailure(200, 400, "channels");
  expect(message).toContain(told);
});
