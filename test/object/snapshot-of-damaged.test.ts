/**
 * The last snapshot of a queue whose store is not used: it can still be had, given up with the queue, and taken in anew.
 * Invariant: nothing is written, and no chunk is given that is not what was stored.
 */
import { describe, expect, it } from "vitest";
import { storeFormat } from "../../src/store/hard-state.ts";
import type { Harness } from "../engine-harness.ts";
import { openEngine } from "../engine-harness.ts";
import { busyQueue, chunksOf, exported, imported } from "./snapshot-rig.ts";

/** A busy queue with a snapshot, and with damage to its log behind it. */
async function damaged(spoil?: (queue: Harness) => void) {
  const queue = await busyQueue();
  const file = await exported(queue);
  await queue.enqueue({ id: "since" });
  queue.sql.run("UPDATE raft_state SET term = 0");
  spoil?.(queue);
  await queue.crash();
  return { queue, file };
}

describe("the last snapshot of a damaged queue", () => {
  it("is given as it was built, while no other is, and none is under way", async () => {
    const { queue, file } = await damaged();
    expect(await chunksOf(queue)).toEqual(file);
    expect(await queue.run("snapshot.get", {})).toMatchObject({
      current: file.manifest,
      building: null,
      failed: null,
      importing: null,
    });
    expect(await queue.refused("snapshot.build", {})).toMatchObject({
      refusalCode: "store_corrupt",
    });
  });

  it("is taken in by the same queue, once that was given up", async () => {
    const { queue } = await damaged();
    const kept = await chunksOf(queue);
    await queue.run("queue.delete", { force: "true" });
    expect(await imported(queue, kept)).toMatchObject({
      imported: { digest: kept.manifest.digest },
    });
    expect(await queue.refused("job.get", { id: "since" })).toMatchObject({
      refusalCode: "job_unknown",
    });
    await queue.enqueue({ id: "next" });
  });

  it("is given also where nothing of the tables can be read", async () => {
    const { queue, file } = await damaged(({ sql }) => sql.run("DROP TABLE queue"));
    expect(await chunksOf(queue)).toEqual(file);
  });

  it.each([
    ["a chunk that was changed", "UPDATE snapshot_1 SET text = replace(text, 'job', 'gob')"],
    ["a chunk that is missing", "DELETE FROM snapshot_1"],
    ["no chunks at all", "DROP TABLE snapshot_1"],
  ])("is refused at %s", async (_, query) => {
    const { queue, file } = await damaged(({ sql }) => sql.run(query));
    const { digest } = file.manifest;
    expect(await queue.refused("snapshot.read", { chunk: 1, digest })).toMatchObject({
      refusalCode: "store_corrupt",
    });
  });

  it.each([
    ["is listed as what is no JSON", "UPDATE snapshots SET about = '{'"],
    ["is listed without what a snapshot has", "UPDATE snapshots SET about = '{}'"],
    ["is not there", "DELETE FROM snapshots"],
    ["has no list", "DROP TABLE snapshots"],
  ])("is refused with why the queue is not used where it %s", async (_, query) => {
    const { queue } = await damaged(({ sql }) => sql.run(query));
    expect(await queue.refused("snapshot.get", {})).toMatchObject({
      refusalCode: "store_corrupt",
      detail: /term/,
    });
  });

  it("is given by its digest and its chunks' numbers only", async () => {
    const { queue, file } = await damaged();
    const { digest, chunks } = file.manifest;
    for (const read of [
      { chunk: 1, digest: "another" },
      { chunk: 0, digest },
      { chunk: chunks + 1, digest },
    ]) {
      expect(await queue.refused("snapshot.read", read)).toMatchObject({
        refusalCode: "store_corrupt",
      });
    }
  });
});

it("a store of newer code gives no snapshot: what this code would say of it may not be so", async () => {
  const queue = await openEngine({ config: {} });
  await exported(queue);
  queue.sql.run("UPDATE raft_state SET format = ?", storeFormat + 2);
  await queue.crash();
  expect(await queue.refused("snapshot.get", {})).toMatchObject({ refusalCode: "store_newer" });
});
