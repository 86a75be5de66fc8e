/**
 * Damage to entries that were checkpointed, which opening does not look for: whoever meets it closes the store.
 * Invariant: from then on it is as if the store had been refused when it was opened.
 */
import { describe, expect, it } from "vitest";
import { codeOf, command, enqueue, replyOf } from "./commands.ts";
import type { EngineRig } from "./rig.ts";
import { turns } from "./rig.ts";
import { log, rigWithTail } from "./store-damages.ts";

/** Changes an entry below the checkpoint so that only its checksum tells. */
async function withBadChecksum(): Promise<{ rig: EngineRig; index: number }> {
  const rig = await rigWithTail();
  const index = (await rig.stats()).log.lastIndex - 2;
  await rig.engine.submit(command("snapshot.build", {}));
  await rig.fire();
  rig.sql.run(`UPDATE ${log(rig)} SET texts = replace(texts, '1', '2') WHERE log_index = ${index}`);
  await rig.evict();
  return { rig, index };
}

/** Verifies to the end; the problems. */
async function verified(rig: EngineRig) {
  const problems: unknown[] = [];
  let cursor: string | undefined;
  do {
    const input = cursor === undefined ? {} : { cursor };
    const reply = replyOf("queue.verify", await rig.engine.read(command("queue.verify", input)));
    problems.push(...reply.problems);
    ({ cursor } = reply);
  } while (cursor !== undefined);
  return problems;
}

describe("an entry below the checkpoint whose content was changed", () => {
  it("is not looked for when the object wakes", async () => {
    const { rig } = await withBadChecksum();
    expect(codeOf(await rig.engine.submit(enqueue([{ id: "x" }])))).toBeUndefined();
  });

  it("is found by a verification, which ends there, and closes the store at that entry", async () => {
    const { rig, index } = await withBadChecksum();
    const detail = `log entry ${index}: its content is not what was hashed`;
    expect(await verified(rig)).toEqual([{ invariant: "I14", detail }]);
    expect(await rig.engine.submit(enqueue([{ id: "x" }]))).toMatchObject({
      refusal: { refusalCode: "store_corrupt", facts: { index } },
    });
    const list = replyOf("job.list", await rig.engine.read(command("job.list", {})));
    expect(list.jobs.map(({ id }) => id)).toEqual(["a", "b", "c", "d", "e"]);
    expect((await rig.stats()).damage).toMatchObject({ code: "store_corrupt", index });
    rig.armed = rig.now;
    await rig.fire();
    expect(rig.aborts).toEqual([]);
  });

  it("refuses the commands that waited behind the group in flight", async () => {
    const { rig } = await withBadChecksum();
    rig.sql.isHeld = true;
    const first = rig.engine.submit(enqueue([{ id: "x" }]));
    const verification = rig.engine.read(command("queue.verify", {}));
    await turns();
    const second = rig.engine.submit(enqueue([{ id: "y" }]));
    rig.sql.isHeld = false;
    while (rig.sql.waiting > 0) await rig.sql.settle();
    await verification;
    expect(codeOf(await first)).toBeUndefined();
    expect(codeOf(await second)).toBe("store_corrupt");
    expect(rig.aborts).toEqual([]);
  });
});

describe("keys of an entry that are no JSON", () => {
  it("refuse who looks a key up, and close the store at that entry", async () => {
    const rig = await rigWithTail();
    const { lastIndex } = (await rig.stats()).log;
    rig.sql.run(`UPDATE ${log(rig)} SET keys = '[}' WHERE log_index = ${lastIndex}`);
    const keyed = enqueue([{ id: "x" }], { key: "k" });
    expect(codeOf(await rig.engine.submit(keyed))).toBe("store_corrupt");
    await turns();
    expect(await rig.engine.submit(enqueue([{ id: "y" }]))).toMatchObject({
      refusal: { refusalCode: "store_corrupt", facts: { index: lastIndex } },
    });
    const list = replyOf("job.list", await rig.engine.read(command("job.list", {})));
    expect(list.jobs.map(({ id }) => id)).toEqual(["a", "b", "c", "d"]);
  });
});
