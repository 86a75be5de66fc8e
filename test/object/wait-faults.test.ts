/**
 * Faults around those who wait: a socket that is closed already, a claim that throws, an entry that cannot be written.
 * Invariant: who waits is served at last, by the alarm where nothing else happens, and nobody else pays for the fault.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { WAITING } from "../../src/contract/waits.ts";
import { decisions } from "../../src/machine/index.ts";
import { claim, codeOf, enqueue } from "./commands.ts";
import { EngineRig, failOnce, turns } from "./rig.ts";
import { TestSocket } from "./wait-socket.ts";

afterEach(() => vi.restoreAllMocks());

/** Somebody waits for a job. */
async function waitFor(rig: EngineRig): Promise<TestSocket> {
  const socket = new TestSocket();
  await rig.engine.hear(socket, JSON.stringify({ kind: "jobs", request: claim(1) }));
  await turns();
  return socket;
}

/** Jobs of these ids come, and whoever waits for them is told. */
async function come(rig: EngineRig, ...ids: string[]): Promise<string | undefined> {
  const answer = await rig.engine.submit(enqueue(ids.map((id) => ({ id }))));
  await turns();
  return codeOf(answer);
}

const poison = (): never => {
  throw new Error("poison");
};

describe("a job for a socket that was closed", () => {
  test("goes to the next one who waits, as the same attempt", async () => {
    const rig = await EngineRig.registered();
    const [gone, there] = [await waitFor(rig), await waitFor(rig)];
    gone.isClosed = true;
    expect(await come(rig, "a")).toBeUndefined();
    expect(there.jobs).toEqual(["a"]);
    expect(there.answer).toMatchObject({ jobs: [{ attempt: 1, deliveries: 2 }] });
    expect(rig.faults).toEqual([]);
  });

  test("is ready again where nobody else waits", async () => {
    const rig = await EngineRig.registered();
    const gone = await waitFor(rig);
    gone.isClosed = true;
    await come(rig, "a");
    expect(await rig.stateOf("a")).toBe("ready");
    expect(rig.faults).toEqual([]);
  });
});

describe("a claim that throws for one who waits", () => {
  test("is reported and undone, and the alarm serves it soon", async () => {
    const rig = await EngineRig.registered();
    const waiter = await waitFor(rig);
    vi.spyOn(decisions, "lease.claim").mockImplementationOnce(poison);
    expect(await come(rig, "a")).toBeUndefined();
    expect(waiter.sent).toEqual([WAITING]);
    expect(rig.faults.map(({ what }) => what)).toEqual(["lease.claim"]);
    await rig.fire();
    expect(waiter.jobs).toEqual(["a"]);
  });
});

describe("an entry with jobs for one who waits that cannot be written", () => {
  test("is not tried again at once, but by the alarm", async () => {
    const rig = await EngineRig.registered();
    await come(rig, "a");
    let tries = 0;
    rig.sql.fault = (query) => {
      if (!/^INSERT INTO raft_log_/.test(query)) return undefined;
      tries += 1;
      return new Error("no room");
    };
    const waiter = await waitFor(rig);
    expect(tries).toBe(1);
    expect(rig.armed).toBe(rig.now + 5000);
    rig.sql.fault = () => undefined;
    await rig.fire();
    expect(waiter.jobs).toEqual(["a"]);
  });

  test("does not hold up what is due, where the alarm for that was lost", async () => {
    const rig = await EngineRig.registered();
    await rig.engine.submit(enqueue([{ id: "a", delayMs: 1000 }]));
    rig.now += 10_000;
    rig.armed = null;
    failOnce(rig.sql, /^INSERT INTO raft_log_/);
    const waiter = await waitFor(rig);
    expect(waiter.sent).toEqual([WAITING]);
    expect(rig.armed).toBe(rig.now);
    await rig.fire();
    await turns();
    expect(waiter.jobs).toEqual(["a"]);
  });

  test("leaves the waiter to whoever brings the job again", async () => {
    const rig = await EngineRig.registered();
    const waiter = await waitFor(rig);
    failOnce(rig.sql, /^INSERT INTO raft_log_/);
    expect(await come(rig, "a")).toBe("append_failed");
    expect(waiter.sent).toEqual([WAITING]);
    expect(await come(rig, "a")).toBeUndefined();
    expect(waiter.jobs).toEqual(["a"]);
  });
});
