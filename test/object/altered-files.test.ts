/**
 * Files that are not as they were exported, and uploads that are begun anew.
 * Invariant: what is taken in is byte for byte what was exported; an upload that was cut off can be sent again.
 */
import { describe, expect, it } from "vitest";
import { importSnapshot } from "../../src/http/snapshots.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { busyQueue, exported } from "./snapshot-rig.ts";
import { withSmallChunks } from "./verify-rig.ts";

const put = async (queue: Harness, body: string, query = "?over=true&upload=u") => {
  const request = new Request(`http://queue/snapshot${query}`, { method: "PUT", body });
  const ask = ((name: never, input: never) => queue.answer(name, input)) as never;
  const connect = () => Promise.reject(new Error("nobody connects"));
  const { status } = await importSnapshot({ request, queue: "q", ask, connect });
  return status;
};
const sound = async () => {
  const { manifest, chunks } = await exported(await busyQueue());
  return `${JSON.stringify(manifest)}\n${chunks.map((text, i) => `{"chunk":${i + 1}}\n${text}`).join("")}`;
};
const chunkOf = (text: string) => text.slice(text.indexOf("\n") + 1);

describe("a file", () => {
  it.each([
    [
      "a second chunk 1 that is another one",
      (text: string) => text + chunkOf(text).replaceAll("job-1", "job-9"),
    ],
    ["a chunk 0", (text: string) => text.replace("\n", '\n{"chunk":0}\nanything\n')],
    ["a chunk 1 behind it of nothing but noise", (text: string) => `${text}{"chunk":1}\nnoise\n`],
    ["no end of its last line", (text: string) => text.slice(0, -1)],
  ])("with %s is not what was exported, and refused", async (_, alter) => {
    const queue = await openEngine({ config: {} });
    await queue.enqueue({ id: "kept" });
    expect(await put(queue, alter(await sound()))).toBe(422);
    expect(await queue.job("kept")).toMatchObject({ state: "ready" });
  });

  it("of several chunks with noise for one before the last is refused", async () => {
    const text = await withSmallChunks(sound);
    const queue = await openEngine({ config: {} });
    expect(await put(queue, `${text}{"chunk":2}\nnoise\n`)).toBe(422);
    expect(await put(queue, text + text.slice(text.indexOf('{"chunk":2}')))).toBe(200);
  });

  it("that is whole has its last chunk replaced by no other", async () => {
    const text = await sound();
    const queue = await openEngine({ config: {} });
    expect(await put(queue, text, "?upload=u&more=true")).toBe(202);
    const other = chunkOf(text).replaceAll("job-1", "job-9");
    expect(await put(queue, other, "?upload=u&more=true")).toBe(422);
    expect(await put(queue, text)).toBe(200);
  });

  it("that was cut within a chunk is taken in when it is begun anew under the same name", async () => {
    for (const text of [await sound(), await withSmallChunks(sound)]) {
      const queue = await openEngine({ config: {} });
      expect(await put(queue, text.slice(0, text.length / 2), "?upload=u&more=true")).toBe(202);
      expect(await put(queue, text, "?upload=u")).toBe(200);
    }
  });

  it("that is sent again under the name of an upload that is done changes nothing any more", async () => {
    const text = await sound();
    const queue = await openEngine({ config: {} });
    expect(await put(queue, text)).toBe(200);
    await queue.enqueue({ id: "since" });
    expect(await put(queue, text)).toBe(200);
    expect(await queue.job("since")).toMatchObject({ state: "ready" });
    expect(await put(queue, text, "?over=true&upload=another")).toBe(200);
    expect(await queue.answer("job.get", { id: "since" })).toHaveProperty("refusal");
  });
});
