/** Groups of commands with heavy answers: one holds so much text at most, and the others come with the next. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { claim, command, enqueue, replyOf } from "./commands.ts";
import { EngineRig, turns } from "./rig.ts";
import { TestSocket } from "./wait-socket.ts";

const changing = limits as { -readonly [L in keyof typeof limits]: number };
const { entryUnitsReadMax, sweepStepMax } = limits;
const text = JSON.stringify("x".repeat(10_000));
const COUNT = 12;

beforeEach(() => {
  changing.entryUnitsReadMax = 3 * text.length;
});
afterEach(() => {
  changing.entryUnitsReadMax = entryUnitsReadMax;
});

/** A queue of jobs with long payloads, which memory does not hold. */
async function longJobs(options: object = {}): Promise<EngineRig> {
  const rig = await EngineRig.registered();
  const jobs = Array.from({ length: COUNT }, (_, i) => ({
    id: `j${i}`,
    payload: text,
    ...options,
  }));
  await rig.engine.submit(enqueue(jobs));
  await rig.engine.submit(command("queue.checkpoint", {}));
  return rig;
}

/** How many entries some work takes. */
async function entriesOf(rig: EngineRig, work: () => Promise<unknown>): Promise<number> {
  const before = (await rig.stats()).log.lastIndex;
  await work();
  return (await rig.stats()).log.lastIndex - before;
}

test("claims that come together share an entry up to so much text, and each is handed its job", async () => {
  const rig = await longJobs();
  const ids = new Set<string>();
  const entries = await entriesOf(rig, async () => {
    const answers = await Promise.all(
      Array.from({ length: COUNT }, () => rig.engine.submit(claim(1))),
    );
    for (const answer of answers) {
      for (const { id } of replyOf("lease.claim", answer).jobs) ids.add(id);
    }
  });
  expect(ids.size).toBe(COUNT);
  expect(entries).toBeGreaterThanOrEqual(COUNT / 4);
});

test("changes of one job that come together do too: what each is answered counts, wherever it stood", async () => {
  const rig = await longJobs();
  const update = (priority: number) =>
    rig.engine.submit(command("job.update", { id: "j0", priority }));
  const entries = await entriesOf(rig, () =>
    Promise.all(Array.from({ length: COUNT }, (_, i) => update(i + 1))),
  );
  expect(entries).toBeGreaterThanOrEqual(COUNT / 4);
});

test("who waits for jobs is served in entries of so much text", async () => {
  const rig = await EngineRig.registered();
  const sockets = Array.from({ length: COUNT }, () => new TestSocket());
  for (const socket of sockets) {
    await rig.engine.hear(socket, JSON.stringify({ kind: "jobs", request: claim(1) }));
  }
  await rig.engine.submit(command("queue.pause", {}));
  const jobs = Array.from({ length: COUNT }, (_, i) => ({ id: `j${i}`, payload: text }));
  await rig.engine.submit(enqueue(jobs));
  const entries = await entriesOf(rig, async () => {
    await rig.engine.submit(command("queue.resume", {}));
    await turns();
  });
  expect(sockets.flatMap(({ jobs: given }) => given).toSorted()).toEqual(
    jobs.map(({ id }) => id).toSorted(),
  );
  expect(entries).toBeGreaterThanOrEqual(COUNT / 4);
});

test("jobs whose ends are awaited end in entries of so much text, and who waits is told of each", async () => {
  const rig = await longJobs({ ttlMs: 1000 });
  const sockets = Array.from({ length: COUNT }, () => new TestSocket());
  for (const [i, socket] of sockets.entries()) {
    await rig.engine.hear(socket, JSON.stringify({ kind: "job", id: `j${i}` }));
  }
  changing.sweepStepMax = 1;
  try {
    rig.now += 1001;
    const entries = await entriesOf(rig, async () => {
      await rig.fire();
      await turns();
    });
    expect(entries).toBeGreaterThanOrEqual(COUNT / 4);
  } finally {
    changing.sweepStepMax = sweepStepMax;
  }
  for (const [i, socket] of sockets.entries()) {
    expect(socket.answer).toMatchObject({ job: { id: `j${i}`, state: "expired" } });
  }
});
