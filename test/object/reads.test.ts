/**
 * Reads beside groups: what they see, and when they may say so.
 * Invariant: a reader is never told of what may still be lost.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { CommandAnswer } from "../../src/contract/rpc.ts";
import { claim, codeOf, command, enqueue, idsOf, replyOf } from "./commands.ts";
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
  const result = JSON.stringify("v".repeat(limits.resultBytesMax - 2));
  const after = Array.from({ length: 20 }, (_, i) => ({ id: `p${i}` }));
  for (const { id } of after) {
    await rig.engine.submit(enqueue([{ id }]));
    const { jobs } = replyOf("lease.claim", await rig.engine.submit(claim()));
    const item = { op: "complete" as const, id, token: jobs[0]?.token ?? "", result };
    await rig.engine.submit(command("lease.settle", { items: [item] }));
  }
  await rig.engine.submit(enqueue([{ id: "child", after }]));
  await rig.engine.submit(command("queue.checkpoint", {}));
  let pauses = 0;
  rig.meanwhile = () => {
    pauses += 1;
    return Promise.resolve();
  };
  await rig.engine.read(command("job.parents", { id: "child", limit: 2 }));
  expect(pauses).toBe(0);
  const changing = limits as { -readonly [L in keyof typeof limits]: number };
  const { entryUnitsReadMax } = limits;
  changing.entryUnitsReadMax = 3 * limits.resultBytesMax;
  const much = await rig.engine.read(command("job.parents", { id: "child" }));
  changing.entryUnitsReadMax = entryUnitsReadMax;
  expect(pauses).toBeGreaterThan(0);
  expect(replyOf("job.parents", much).jobs.length).toBeGreaterThan(14);
});
