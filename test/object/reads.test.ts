/**
 * Reads beside groups: what they see, and when they may say so.
 * Invariant: a reader is never told of what may still be lost.
 */
import { describe, expect, test } from "vitest";
import type { CommandAnswer } from "../../src/contract/rpc.ts";
import { codeOf, command, enqueue, idsOf, replyOf } from "./commands.ts";
import { EngineRig, turns } from "./rig.ts";

describe("a read", () => {
  test("is answered only once what it saw is durable", async () => {
    const rig = new EngineRig();
    rig.sql.isHeld = true;
    const write = rig.engine.submit(enqueue([{ id: "a" }]));
    let answer: CommandAnswer | undefined;
    void rig.engine.read(command("job.get", { id: "a" })).then((each) => {
      answer = each;
    });
    await turns();
    expect(answer).toBeUndefined();
    await rig.sql.settle();
    expect(answer).toBeUndefined();
    await rig.sql.settle();
    expect(answer && replyOf("job.get", answer).job.state).toBe("ready");
    expect(idsOf(await write)).toEqual(["a"]);
  });

  test("says that a queue is gone only once that is durable; so does an export of the storage", async () => {
    const rig = await EngineRig.registered();
    rig.sql.isHeld = true;
    const gone = rig.engine.submit(command("queue.delete", { force: "true" }));
    let answers = 0;
    const told = [command("queue.get", {}), command("queue.raw", {})].map((request) =>
      rig.engine.read(request).then((answer) => {
        answers += 1;
        return answer;
      }),
    );
    await turns();
    expect(answers).toBe(0);
    for (let waiting = rig.sql.waiting; waiting > 0; waiting -= 1) await rig.sql.settle();
    expect(codeOf((await Promise.all(told))[0] ?? { reply: "" })).toBe("queue_unknown");
    await gone;
  });

  test("that saw what never became durable is not answered", async () => {
    const rig = new EngineRig();
    rig.sql.isHeld = true;
    const write = rig.engine.submit(enqueue([{ id: "a" }]));
    const read = rig.engine.read(command("job.get", { id: "a" }));
    const both = Promise.allSettled([write, read]);
    await rig.sql.settle(new Error("the disk is gone"));
    await rig.sql.settle(new Error("the disk is gone"));
    expect((await both).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(rig.aborts).toHaveLength(1);
  });

  test("never sees a group half done or undone", async () => {
    const rig = new EngineRig();
    await rig.engine.submit(enqueue([{ id: "a" }]));
    rig.sql.fault = (query) =>
      /^INSERT INTO raft_log_/.test(query) ? new Error("full") : undefined;
    const writes = [enqueue([{ id: "b" }]), command("job.cancel", { id: "a" })].map((request) =>
      rig.engine.submit(request),
    );
    const list = replyOf("job.list", await rig.engine.read(command("job.list", {})));
    expect(list.jobs.map(({ id, state }) => [id, state])).toEqual([["a", "ready"]]);
    expect((await Promise.all(writes)).map(codeOf)).toEqual(["append_failed", "append_failed"]);
  });
});

test("a read of much lets others have their turn before it is told, and one of little does not", async () => {
  const rig = await EngineRig.registered();
  const value = "v".repeat(1_000_000);
  const names = Array.from({ length: 20 }, (_, i) => `s${i}`);
  for (const name of names) {
    await rig.engine.submit(command("redis.run", { calls: [["SET", name, value]] }));
  }
  await rig.engine.submit(command("queue.checkpoint", {}));
  let pauses = 0;
  rig.meanwhile = () => {
    pauses += 1;
    return Promise.resolve();
  };
  await rig.engine.read(command("redis.versions", { names: names.slice(0, 1) }));
  expect(pauses).toBe(0);
  const much = await rig.engine.read(command("redis.versions", { names }));
  expect(pauses).toBeGreaterThan(0);
  expect(replyOf("redis.versions", much).versions).toHaveLength(20);
});
