/**
 * Defects of workers' channels planted in the engine: the simulation finds each within a few runs.
 * Invariant: a planted defect is taken out again, so that no other test meets it.
 */
import { afterEach, expect, test } from "vitest";
import { Channel } from "../../src/object/channel.ts";
import { Channels } from "../../src/object/channels.ts";
import { SessionLeases } from "../../src/object/session-leases.ts";
import { allSteps, run } from "./run.ts";

const takeOut: (() => void)[] = [];

afterEach(() => {
  for (const undo of takeOut.splice(0)) undo();
});

/** Replaces a method until the test is over. */
function replace<T extends object, N extends keyof T>(
  holder: T,
  name: N,
  by: (original: T[N]) => T[N],
): void {
  const original = holder[name];
  holder[name] = by(original);
  takeOut.push(() => {
    holder[name] = original;
  });
}

/** What the first of some seeds that breaks a rule says of it. */
async function firstBroken(from: number): Promise<string> {
  for (let seed = from; seed < from + 60; seed++) {
    const { failure } = await run({ seed, steps: allSteps(300) });
    if (failure !== undefined) return failure.message;
  }
  throw new Error("the planted defect was not found");
}

/** `from`: the seed to begin with, at which it was found when this was written. Where histories change, a later one finds it. */
const defects: readonly (readonly [what: string, from: number, plant: () => void, told: string])[] =
  [
    [
      "a channel that hangs up and gives nothing back",
      25,
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
      1,
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
      2,
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
      7,
      () => replace(Channels.prototype, "lost", () => () => []),
      "a worker was not told of a lease that has ended",
    ],
    [
      "jobs that a session resumed, and that go back with its channel before",
      18,
      () => replace(Channel.prototype, "yieldAll", () => () => undefined),
      "a lease was not resumed",
    ],
  ];

test.each(defects)(
  "%s is found",
  async (_, from, plant, told) => {
    await run({ seed: 1, steps: [] });
    plant();
    expect(await firstBroken(from)).toContain(told);
  },
  240_000,
);
