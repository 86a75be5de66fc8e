/**
 * Files that somebody changed and sealed again: what is refused changes nothing, and what is taken in is as sound as any queue.
 * Invariant: one change at a time, of a row, of a field, of the order or of the manifest, in files that hold something of everything.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { sealOf } from "../../src/object/snapshot-answers.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { busyQueue, exported, type File, imported, verified } from "./snapshot-rig.ts";
import { forged, plannedQueue, scheduledQueue } from "./verify-rig.ts";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** A queue with keys, unique keys, and jobs that wait for others. */
async function flowingQueue(): Promise<Harness> {
  const queue = await openEngine({ config: { rate: { limit: 5, perMs: 1000 } } });
  await queue.run("key.put", { key: "é", concurrency: 1, rate: { limit: 2, perMs: 9000 } });
  for (const id of ["a", "b", "c"]) await queue.enqueue({ id, key: "é", requires: ["gpu"] });
  await queue.enqueue({ id: "first", unique: { key: "only", until: { ms: 50_000 } } });
  await queue.enqueue({ id: "then", key: "plain", after: [{ id: "first", onFail: "continue" }] });
  await queue.claim({ max: 2, capabilities: ["gpu"] });
  await queue.run("job.cancel", { id: "a" }).catch(() => undefined);
  return queue;
}

const files: File[] = [];
beforeAll(async () => {
  const sources = [busyQueue, plannedQueue, scheduledQueue, flowingQueue];
  for (const source of sources) files.push(await exported(await source()));
});

/** Every place in a value: the path to it. */
function placesIn(value: Json, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([name, each]) => placesIn(each, [...path, name])),
  ];
}

/** A value with another one, or none, at a place. */
function withAt(value: Json, [name, ...path]: (string | number)[], other: Json | undefined): Json {
  if (name === undefined) return other ?? null;
  const copy = structuredClone(value) as Record<string, Json>;
  const inner = copy[name] ?? null;
  if (path.length > 0) copy[name] = withAt(inner, path, other);
  else if (other === undefined && Array.isArray(copy)) copy.splice(Number(name), 1);
  else if (other === undefined) delete copy[name];
  else copy[name] = other;
  return copy;
}

const valueAt = (value: Json, path: readonly (string | number)[]): Json =>
  path.reduce((inner, name) => (inner as Record<string, Json>)[name] ?? null, value);

/** Something much like a value, of the same type. */
function nudged(value: Json): Json | undefined {
  if (typeof value === "number") return value + 1;
  if (typeof value === "string") return value.slice(0, -1) + (value.endsWith("x") ? "y" : "x");
  return typeof value === "boolean" ? !value : undefined;
}

const max = Number.MAX_SAFE_INTEGER;
const strange: readonly (Json | undefined)[] = [
  undefined,
  null,
  true,
  ...[
    -1,
    0,
    1,
    2,
    0.5,
    7,
    1001,
    2 ** 45,
    2 ** 46,
    max,
    1e300,
    1_795_000_000_000,
    253_402_300_799_999,
  ],
  ...["", "x", "2", "job-1", "{", "\ud800", "x".repeat(3000), "completed", "running", "plan"],
  ...[[], {}, [1], [[]], { id: "job-1" }, { ms: 1 }],
];

const change = fc.record({
  file: fc.nat(),
  line: fc.nat(),
  place: fc.nat(),
  to: fc.constantFrom(...strange),
  kind: fc.constantFrom(
    ...(["set", "set", "set", "nudged", "nudged", "nudged"] as const),
    ...(["add", "twice", "gone", "swapped", "manifest"] as const),
  ),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** A file with a change, sealed again. */
function changed({ file: which, line, place, to, kind }: Change): File {
  const file = files[which % files.length];
  if (file === undefined) throw new Error("there is no file");
  if (kind === "manifest") {
    const { sluice, format, seal: _, ...meta } = file.manifest;
    const places = placesIn(meta as unknown as Json).slice(1);
    const other = withAt(meta as unknown as Json, places[place % places.length] ?? [], to);
    const taken = other as unknown as typeof meta;
    return { chunks: file.chunks, manifest: { sluice, format, ...taken, seal: sealOf(taken) } };
  }
  return forged(file, (lines) => {
    const at = line % lines.length;
    const text = lines[at] ?? "";
    const [before, after] = [lines.slice(0, at), lines.slice(at + 1)];
    if (kind === "twice") return [...before, text, text, ...after];
    if (kind === "gone") return [...before, ...after];
    if (kind === "swapped") return [...before, ...after.slice(0, 1), text, ...after.slice(1)];
    const row = JSON.parse(text) as Json[];
    const places = placesIn(row).slice(1);
    const path = kind === "add" ? [3, "extra"] : (places[place % places.length] ?? []);
    const other = kind === "nudged" ? nudged(valueAt(row, path)) : to;
    return [...before, JSON.stringify(withAt(row, path, other)), ...after];
  });
}

/** What a queue that took a file in must still do. */
async function expectSoundQueue(target: Harness): Promise<void> {
  expect((await verified(target)).problems).toEqual([]);
  await target.reopen();
  // A queue may be full by what its file says: that is its configuration, and can be changed.
  await target.run("queue.configure", { maxBytes: 1_000_000, maxJobs: 1000, rate: null });
  await target.enqueue({ id: "behind-the-import" });
  for (const job of await target.claim({ max: 50, capabilities: ["gpu", "curl", "sort"] })) {
    await target.settle({ op: "complete", id: job.id, token: job.token });
  }
  await target.run("job.list", { limit: 1000, include: "payload" });
  await target.advance(60_000);
  await exported(target);
  expect((await verified(target)).problems).toEqual([]);
  await target.reopen();
}

async function expectRefusedOrSound(file: File): Promise<void> {
  const target = await openEngine({ config: {} });
  await target.enqueue({ id: "kept" });
  const before = target.dump();
  const answer = await imported(target, file, true);
  if (answer.refusalCode === undefined) {
    await expectSoundQueue(target);
    return;
  }
  expect(["snapshot_invalid", "snapshot_newer", "snapshot_no_room"]).toContain(answer.refusalCode);
  expect(target.dump()).toEqual(before);
  expect((await target.run("snapshot.get", {})).importing).toBeNull();
}

describe("a file with one change, sealed again", () => {
  it("is refused whole, or makes a queue in which nothing is wrong", async () => {
    const property = fc.asyncProperty(change, (each) => expectRefusedOrSound(changed(each)));
    await fc.assert(property, { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 60) });
  }, 300_000);
});
