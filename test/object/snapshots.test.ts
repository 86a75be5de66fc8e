/**
 * Snapshots of a whole queue: built while it works, and taken in by another or by itself.
 * Invariant: what was acknowledged is in the snapshot, and nothing that is not whole is ever taken in.
 */
import { describe, expect, it } from "vitest";
import type { ImportStep } from "../../src/contract/snapshots.ts";
import { sealOf } from "../../src/object/snapshot-answers.ts";
import { Chunker } from "../../src/store/chunker.ts";
import { noChunks, withChunk } from "../../src/store/snapshot-chunks.ts";
import { openEngine } from "../engine-harness.ts";
import { planOf } from "../machine/plan-rig.ts";
import { codeOf, command, enqueue } from "./commands.ts";
import { EngineRig, turns } from "./rig.ts";
import { busyQueue, exported, type File, imported, reexported, verified } from "./snapshot-rig.ts";

/** A file as an exporter with these ideas would write it. */
function resealed(chunks: readonly string[], { sluice, format, seal: _, ...meta }: Manifest): File {
  return { chunks, manifest: { sluice, format, ...meta, seal: sealOf(meta) } };
}
type Manifest = File["manifest"];

const totalsOf = (chunks: readonly string[]) => chunks.reduce(withChunk, noChunks);

describe("a snapshot of a queue", () => {
  it("is the state as of its beginning, while commands and checkpoints go on", async () => {
    const queue = await busyQueue();
    const first = await exported(queue);
    await queue.run("snapshot.build", {});
    await queue.run("job.enqueue", { jobs: [{ payload: "1", id: "later" }] });
    await queue.run("queue.checkpoint", {});
    await queue.run("job.cancel", { id: "job-2" }).catch(() => undefined);
    await queue.run("queue.checkpoint", {});
    await queue.advance(0);
    const second = (await queue.run("snapshot.get", {})).current;
    expect(second?.digest).toBe(first.manifest.digest);
    const third = await exported(queue);
    expect(third.manifest.digest).not.toBe(first.manifest.digest);
    expect(third.chunks.join("")).toContain('"later"');
  });

  it("says nothing of leases that ended, and asks for what is missing by name", async () => {
    const queue = await openEngine({ config: {} });
    expect(await queue.refused("snapshot.read", { chunk: 1, digest: "x" })).toMatchObject({
      refusalCode: "snapshot_unknown",
    });
    expect(await queue.refused("queue.verify", {})).toMatchObject({
      refusalCode: "snapshot_unknown",
    });
    const unknown = await openEngine();
    for (const name of ["snapshot.build", "snapshot.get", "snapshot.remove"] as const) {
      expect(await unknown.refused(name, {})).toMatchObject({ refusalCode: "queue_unknown" });
    }
  });

  it("goes on with a build after a crash, and forgets it when asked", async () => {
    const queue = await busyQueue();
    const { manifest } = await exported(queue);
    await queue.run("snapshot.build", {});
    await queue.reopen();
    expect((await queue.run("snapshot.get", {})).building).not.toBeNull();
    await queue.advance(0);
    expect((await queue.run("snapshot.get", {})).current?.digest).toBe(manifest.digest);
    await queue.run("snapshot.build", {});
    const gone = await queue.run("snapshot.remove", {});
    expect(gone).toMatchObject({ current: null, building: null, importing: null });
    await queue.reopen();
    expect(await queue.run("snapshot.get", {})).toMatchObject({ current: null, building: null });
  });
});

describe("an import", () => {
  it("gives another queue the same state, and its export the same digest", async () => {
    const source = await openEngine({ config: { leaseMs: 5000 } });
    await source.run("job.enqueue", {
      jobs: Array.from({ length: 50 }, (_, i) => ({ payload: `${i}`, priority: i % 4 })),
    });
    const file = await exported(source);
    const target = await openEngine();
    expect(await imported(target, file)).toMatchObject({
      imported: { term: 2, digest: file.manifest.digest },
    });
    expect((await exported(target)).manifest.digest).toBe(file.manifest.digest);
    expect(await target.ids("ready")).toEqual(await source.ids("ready"));
    expect((await target.run("queue.get", {})).queue).toMatchObject({
      name: "mail",
      term: 2,
      config: { leaseMs: 5000 },
    });
    expect(await verified(target)).toMatchObject({ problems: [] });
  });

  it("releases the leases of the imported state, uncounted, and its tokens are stale", async () => {
    const source = await busyQueue();
    const held = await source.ids("running");
    expect(held.length).toBeGreaterThan(2);
    const token = "q0000000-001-000000001";
    const file = await exported(source);
    const target = await openEngine();
    await imported(target, file);
    expect(await target.ids("running")).toEqual([]);
    for (const id of held) {
      expect(await target.job(id)).toMatchObject({ state: "ready", attempt: 1 });
      expect(await target.settle({ op: "complete", id, token })).toMatchObject({
        code: "lease_stale",
      });
    }
    const [job] = await target.claim({ max: 1 });
    expect(job?.token.split("-")[1]).toBe("002");
  });

  it("releases every lease uncounted, however many, and none that was given since", async () => {
    const source = await openEngine({ config: { maxAttempts: 1 } });
    for (let i = 0; i < 2; i += 1) {
      await source.run("job.enqueue", {
        jobs: Array.from({ length: 750 }, () => ({ payload: "1" })),
      });
    }
    for (let i = 0; i < 2; i += 1) await source.claim({ max: 750, leaseMs: 5000 });
    const file = await exported(source);
    const target = await openEngine();
    target.now = source.now + 3_600_000;
    await imported(target, file);
    const [again] = await target.claim({ max: 1, leaseMs: 60_000 });
    await target.advance(1000);
    const { counts } = await target.run("queue.stats", {});
    expect(counts).toMatchObject({ ready: 1499, running: 1, failed: 0 });
    expect(await target.job(again?.id ?? "")).toMatchObject({ state: "running", attempt: 1 });
  });

  it("under the name of one that is done is another import, if it is of another file", async () => {
    const first = await openEngine({ config: {} });
    await first.enqueue({ id: "one" });
    const one = await exported(first);
    await first.enqueue({ id: "two" });
    const two = await exported(first);
    const target = await openEngine();
    await imported(target, one, true, "nightly");
    expect(await imported(target, two, true, "nightly")).toMatchObject({
      imported: { digest: two.manifest.digest },
    });
    expect(await target.ids("ready")).toEqual(["one", "two"]);
    const { manifest } = one;
    await target.run("snapshot.import", { upload: "u", manifest: { ...manifest }, over: true });
    expect(
      await target.refused("snapshot.import", { upload: "u", manifest, over: false }),
    ).toMatchObject({ refusalCode: "queue_not_empty" });
  });

  it("is not taken in over a plan or a schedule, where nobody said so", async () => {
    const file = await exported(await openEngine({ config: {} }));
    const target = await openEngine({ config: {} });
    await target.run("plan.submit", planOf("p"));
    expect(await imported(target, file)).toMatchObject({
      refusalCode: "queue_not_empty",
      facts: { jobs: 0, plans: 1, schedules: 0 },
    });
    expect((await target.run("plan.list", {})).plans).toHaveLength(1);
    expect(await imported(target, file, true)).toMatchObject({ imported: { term: 2 } });
    expect((await target.run("plan.list", {})).plans).toEqual([]);
  });

  it("over the queue itself brings the old state back, raises the term and gives no id twice", async () => {
    const queue = await busyQueue();
    const file = await exported(queue);
    const late = await queue.enqueue();
    const { lastIndex } = (await queue.run("queue.stats", {})).log;
    expect(await imported(queue, file)).toMatchObject({ refusalCode: "queue_not_empty" });
    expect(await queue.job(late)).toMatchObject({ state: "ready" });
    expect(await imported(queue, file, true)).toMatchObject({ imported: { term: 2 } });
    expect(await queue.refused("job.get", { id: late })).toMatchObject({
      refusalCode: "job_unknown",
    });
    const { log } = await queue.run("queue.stats", {});
    expect(log.lastIndex).toBeGreaterThan(lastIndex);
    expect(await queue.enqueue()).not.toBe(late);
    await queue.reopen();
    expect(await imported(queue, file, true, "again")).toMatchObject({ imported: { term: 3 } });
    await queue.advance(0);
    expect(await verified(await reexported(queue))).toMatchObject({ problems: [] });
  });

  it("arms the alarm for what the imported state waits for", async () => {
    const source = await openEngine({ config: {} });
    await source.enqueue({ delayMs: 60_000, id: "later" });
    const file = await exported(source);
    const target = await openEngine();
    target.now = source.now;
    await imported(target, file);
    await target.advance(61_000);
    expect(await target.job("later")).toMatchObject({ state: "ready" });
  });

  it("repeats its answer to a sender who did not hear it", async () => {
    const file = await exported(await busyQueue());
    const target = await openEngine();
    const reply = await imported(target, file);
    expect(await target.run("snapshot.import", { upload: "u", finish: true })).toEqual(reply);
    expect(await target.refused("snapshot.import", { upload: "v", finish: true })).toMatchObject({
      refusalCode: "import_unknown",
    });
  });

  it("goes on after a crash with the chunks that had come", async () => {
    const source = await openEngine({ config: {} });
    for (let i = 0; i < 3; i += 1) {
      const payload = JSON.stringify("x".repeat(200_000));
      await source.run("job.enqueue", { jobs: Array.from({ length: 3 }, () => ({ payload })) });
    }
    const file = await exported(source);
    expect(file.chunks.length).toBeGreaterThan(1);
    const target = await openEngine();
    const { manifest, chunks } = file;
    const upload = "u";
    await target.run("snapshot.import", { upload, manifest, over: false });
    await target.run("snapshot.import", { upload, chunk: 1, text: chunks[0] ?? "" });
    await target.reopen();
    const status = await target.answer("snapshot.import", { upload, manifest, over: false });
    expect(status).toMatchObject({ reply: expect.stringContaining('"chunks":1') });
    expect(await target.refused("snapshot.import", { upload, chunk: 9, text: "" })).toMatchObject({
      refusalCode: "import_unknown",
    });
    expect(await imported(target, file)).toMatchObject({ imported: { term: 2 } });
  });

  it("that nothing is heard of for an hour is forgotten, also where there is no queue yet", async () => {
    const { manifest, chunks } = await exported(await busyQueue());
    for (const options of [{ config: {} }, {}]) {
      const target = await openEngine(options);
      await target.run("snapshot.import", { upload: "u", manifest, over: false });
      await target.advance(3_000_000);
      const text = chunks[0] ?? "";
      await target.run("snapshot.import", { upload: "u", chunk: 1, text });
      await target.advance(3_000_000);
      expect(target.sql.rows("SELECT role FROM snapshots")).toEqual([["importing"]]);
      await target.advance(600_001);
      expect(target.sql.rows("SELECT role FROM snapshots")).toEqual([]);
    }
  });

  it.each([
    [
      "cut short",
      (file: File) => ({ ...file, chunks: file.chunks.slice(0, -1) }),
      "snapshot_invalid",
    ],
    [
      "with a changed row",
      (file: File) => ({ ...file, chunks: file.chunks.map((c) => c.replace("job-3", "job-X")) }),
      "snapshot_invalid",
    ],
    [
      "of newer rows",
      ({ manifest, chunks }: File) =>
        resealed(chunks, {
          ...manifest,
          tables: { ...manifest.tables, jobs: { version: 9, rows: 30 } },
        }),
      "snapshot_newer",
    ],
    [
      "of a newer format",
      ({ manifest, chunks }: File) => ({ chunks, manifest: { ...manifest, format: 2 } }),
      "snapshot_newer",
    ],
    [
      "of no queue",
      ({ manifest }: File) => ({ chunks: [], manifest: { ...manifest, chunks: 0, tables: {} } }),
      "snapshot_invalid",
    ],
    [
      "with another time in its manifest",
      ({ manifest, chunks }: File) => ({
        chunks,
        manifest: { ...manifest, last: { ...manifest.last, at: 10 * manifest.last.at } },
      }),
      "snapshot_invalid",
    ],
    [
      "whose rows contradict each other, though every hash is right",
      ({ manifest, chunks }: File) => {
        const [first = "", ...rest] = chunks;
        const text = first.replace('"priority":1', '"priority":0');
        expect(text).not.toBe(first);
        const all = [text, ...rest];
        return resealed(all, { ...manifest, ...totalsOf(all) });
      },
      "snapshot_invalid",
    ],
    [
      "with another digest",
      ({ manifest, chunks }: File) => ({ chunks, manifest: { ...manifest, digest: "0" } }),
      "snapshot_invalid",
    ],
  ] as const)("of a file %s is refused whole, and nothing changes", async (_, spoil, code) => {
    const file = await exported(await busyQueue());
    const target = await openEngine({ config: { leaseMs: 7000 } });
    await target.enqueue({ id: "kept" });
    const before = target.dump();
    expect(await imported(target, spoil(file), true)).toMatchObject({ refusalCode: code });
    expect(target.dump()).toEqual(before);
    await target.reopen();
    expect(target.dump()).toEqual(before);
    expect(await target.job("kept")).toMatchObject({ state: "ready" });
  });
});

it("a chunk that the manifest does not name spoils an import also when all is staged", async () => {
  const { manifest, chunks } = await exported(await openEngine({ config: {} }));
  const rig = new EngineRig();
  rig.now = manifest.last.at;
  const step = (input: object) =>
    rig.engine.submit(command("snapshot.import", { upload: "u", ...input } as ImportStep));
  await step({ manifest, over: true });
  for (const [i, text] of chunks.entries()) await step({ chunk: i + 1, text });
  rig.sql.isHeld = true;
  const answers = Promise.all([
    rig.engine.submit(enqueue([{ id: "kept" }])),
    step({ chunk: chunks.length + 1, text: "[]\n" }),
    step({ finish: true }),
  ]);
  await turns();
  rig.sql.isHeld = false;
  while (rig.sql.waiting > 0) await rig.sql.settle();
  expect((await answers).map(codeOf)).toEqual([undefined, undefined, "snapshot_invalid"]);
  expect(codeOf(await step({ finish: true }))).toBe("import_unknown");
  expect(await rig.stateOf("kept")).toBe("ready");
});

describe("a chunker", () => {
  it("loses no line, and passes the limit with no chunk but one of a single line", () => {
    const lines = Array.from({ length: 900 }, (_, i) => `"${"é".repeat(i * 3)}"`);
    const chunker = new Chunker();
    const chunks = [...lines.map((line) => chunker.add(line)), chunker.end()];
    const full = chunks.filter((chunk) => chunk !== undefined);
    expect(full.length).toBeGreaterThan(2);
    expect(full.join("")).toBe(`${lines.join("\n")}\n`);
    for (const chunk of full) expect(Buffer.byteLength(chunk)).toBeLessThanOrEqual(1e6);
    const long = "x".repeat(1_200_000);
    expect([chunker.add("a"), chunker.add(long), chunker.add("b")]).toEqual([
      undefined,
      "a\n",
      `${long}\n`,
    ]);
  });
});
