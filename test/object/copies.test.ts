/** A copy of a queue whose jobs are pushed: it pushes nothing beside what it is a copy of. */
import { expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";
import { exported, imported } from "./snapshot-rig.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

test("a copy is paused as of its import, also where what it is a copy of was paused", async () => {
  let source = await openEngine({ config: {} });
  await source.run("delivery.put", { url: "https://example.com/jobs", secrets: [secret] });
  await source.run("delivery.pause", { reason: "maintenance" });
  for (let copies = 1; copies <= 2; copies += 1) {
    const copy = await openEngine();
    copy.now = source.now + 60_000;
    await imported(copy, await exported(source));
    expect((await copy.run("delivery.get", {})).delivery).toMatchObject({
      ...{ paused: true, pausedAt: copy.now },
      pausedReason: "imported: resume it to push from here",
    });
    source = copy;
  }
});
