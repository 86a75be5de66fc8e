/**
 * Defects of flow control planted in the engine: the simulation finds each within a few runs.
 * Invariant: a planted defect is taken out again, so that no other test meets it.
 */
import { expect, test } from "vitest";
import { writers } from "../../src/store/schema.ts";
import { firstFailure, replace } from "./planting.ts";
import { run } from "./run.ts";

type Write = (tables: Tables, event: Record<string, unknown>, at: number) => void;
interface Table {
  edit(key: readonly unknown[]): Record<string, unknown> | undefined;
  get(key: readonly unknown[]): Record<string, unknown> | undefined;
  put(key: readonly unknown[], row: object): void;
  remove(key: readonly unknown[]): void;
}
type Tables = Record<string, Table>;

const all = writers as unknown as Record<string, Write>;
/** Changes what one writer makes of its event, until the test is over. */
function plant(name: string, by: (write: Write) => Write): void {
  replace(all, name, (original) => {
    if (original === undefined) throw new Error(`there is no writer of ${name}`);
    return by(original);
  });
}

const defects: readonly (readonly [what: string, event: string, by: (write: Write) => Write])[] = [
  [
    "a key whose limits are not looked at when a job is handed out",
    "job.claimed",
    (write) => (tables, event, at) => {
      write(tables, event, at);
      const { key } = tables["jobs"]?.get([event["id"]]) ?? {};
      const row = key === undefined ? undefined : tables["keys"]?.edit([key]);
      if (row !== undefined) row["running"] = 0;
    },
  ],
  [
    "a key whose turn comes again and again",
    "job.claimed",
    (write) => (tables, event, at) => {
      const { lane, key, set = 1, priority } = tables["jobs"]?.get([event["id"]]) ?? {};
      write(tables, event, at);
      const round = key === undefined ? undefined : tables["rounds"]?.edit([set, priority]);
      if (round !== undefined) Object.assign(round, { lane, left: 9 });
    },
  ],
  [
    "a round that does not end while keys come",
    "job.claimed",
    (write) => (tables, event, at) => {
      const { key, set = 1, priority } = tables["jobs"]?.get([event["id"]]) ?? {};
      write(tables, event, at);
      const round = key === undefined ? undefined : tables["rounds"]?.edit([set, priority]);
      if (round !== undefined) round["end"] = Number.MAX_SAFE_INTEGER - 1;
    },
  ],
  [
    "strict order in which a job that is to be tried again holds nobody back",
    "job.failed",
    (write) => (tables, event, at) => {
      write(tables, event, at);
      const { key } = tables["jobs"]?.get([event["id"]]) ?? {};
      const row = key === undefined ? undefined : tables["keys"]?.edit([key]);
      if (row !== undefined) row["holder"] = undefined;
    },
  ],
  [
    "a unique key that nobody takes",
    "job.enqueued",
    (write) => (tables, event, at) => write(tables, { ...event, unique: undefined }, at),
  ],
  [
    "a job that waits for nobody",
    "job.enqueued",
    (write) => (tables, event, at) => write(tables, { ...event, after: undefined }, at),
  ],
  [
    "a slot that is let go though its worker has not heard",
    "job.cancelled",
    (write) => (tables, event, at) => {
      write(tables, event, at);
      const counters = tables["counters"]?.edit([0]);
      if (counters !== undefined) counters["lingering"] = 0;
    },
  ],
  [
    "a hand-out that is not taken back of the rate",
    "job.released",
    (write) => (tables, event, at) => {
      const { key } = tables["jobs"]?.get([event["id"]]) ?? {};
      const before = key === undefined ? undefined : tables["keys"]?.get([key])?.["usedUntil"];
      const ofQueue = tables["counters"]?.get([0])?.["used_until"];
      write(tables, event, at);
      const row = before === undefined ? undefined : tables["keys"]?.edit([key]);
      if (row !== undefined) row["usedUntil"] = before;
      const counters = tables["counters"]?.edit([0]);
      if (counters !== undefined) counters["used_until"] = ofQueue;
    },
  ],
  [
    "parents that are not kept for their children",
    "job.enqueued",
    (write) => (tables, event, at) => {
      write(tables, event, at);
      for (const { id } of (event["after"] ?? []) as { id: string }[]) {
        const parent = tables["jobs"]?.get([id]);
        if (parent !== undefined) tables["jobs"]?.put([id], { ...parent, dependents: undefined });
      }
    },
  ],
  [
    "a unique key whose time is over later than it should be",
    "unique.expired",
    () => (tables, event, at) => {
      const row = tables["uniques"]?.edit([event["key"]]);
      if (row !== undefined) row["until"] = at + 3_600_000;
    },
  ],
  ["a slot that is never let go", "lingering.ended", () => () => undefined],
  ["children who do not hear that a job has ended", "job.parent_ended", () => () => undefined],
  ["a key that does not open again", "key.resumed", () => () => undefined],
];

test.each(defects)(
  "%s is found",
  async (_, name, by) => {
    await run({ seed: 1, steps: [] });
    plant(name, by);
    const { message } = await firstFailure(150, 300);
    // A rule was broken: it is not that the planted writer threw.
    expect(message).not.toContain("TypeError");
  },
  240_000,
);
