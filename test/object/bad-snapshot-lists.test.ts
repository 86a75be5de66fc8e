/**
 * Rows in the list of snapshots that cannot be gone on with.
 * Invariant: a snapshot is only derived, so such a row is as good as none: another is built, taken in and dropped in its place.
 */
import { describe, expect, it } from "vitest";
import { openEngine } from "../engine-harness.ts";
import { busyQueue, chunksOf, exported, imported, verified } from "./snapshot-rig.ts";

const chunksGone = (sql: { rows: (query: string) => readonly (readonly unknown[])[] }) =>
  `DROP TABLE snapshot_${sql.rows("SELECT generation FROM snapshots WHERE role = 'current'")[0]?.[0]}`;

describe("a row in the list of snapshots that is as good as none", () => {
  it.each([
    ["a current one that is no JSON", "UPDATE snapshots SET about = '{' WHERE role = 'current'"],
    ["a current one of no form", "UPDATE snapshots SET about = '{}' WHERE role = 'current'"],
    ["an import that is no JSON", "INSERT INTO snapshots VALUES ('importing', 5, '{')"],
    ["an import of no form", "INSERT INTO snapshots VALUES ('importing', 5, '{}')"],
    [
      "an import whose chunks are gone",
      `INSERT INTO snapshots SELECT 'importing', 99, json_object('upload', 'u', 'meta', json(about),
        'over', json('true')) FROM snapshots`,
    ],
    ["a build that is no JSON", "INSERT INTO snapshots VALUES ('building', 5, '{')"],
    ["a build of no form", "INSERT INTO snapshots VALUES ('building', 5, '{}')"],
    [
      "a build of a number that none has",
      `INSERT INTO snapshots VALUES ('building', ${2n ** 62n}, '{')`,
    ],
  ])("is %s", async (_, query) => {
    const file = await exported(await busyQueue());
    const queue = await openEngine({ config: {} });
    await queue.enqueue({ id: "kept" });
    await exported(queue);
    queue.sql.run(query);
    await queue.crash();
    await queue.run("snapshot.build", {});
    await queue.advance(0);
    expect(await queue.run("snapshot.get", {})).toMatchObject({ building: null, failed: null });
    expect((await verified(queue)).problems).toEqual([]);
    expect(await imported(queue, file, true)).toMatchObject({
      imported: { digest: file.manifest.digest },
    });
    await queue.run("snapshot.remove", {});
  });

  it("is a current one whose chunks are gone, which takes those of the next one not with it", async () => {
    const queue = await openEngine({ config: {} });
    await queue.enqueue({ id: "kept" });
    await exported(queue);
    queue.sql.run(chunksGone(queue.sql));
    await queue.crash();
    const { manifest } = await exported(queue);
    expect((await chunksOf(queue)).chunks).toHaveLength(manifest.chunks);
  });

  it("is told, and leaves the others as they are", async () => {
    const queue = await openEngine({ config: {} });
    await queue.enqueue({ id: "kept" });
    const { manifest } = await exported(queue);
    queue.sql.run("INSERT INTO snapshots VALUES ('importing', 5, '{}')");
    await queue.crash();
    expect(String(queue.store.snapshots.damage)).toContain("of the importing one is not what");
    expect((await queue.run("snapshot.get", {})).current?.digest).toBe(manifest.digest);
  });
});
