/**
 * Jobs and plans in the tables whose texts are gone: rows that cannot be read.
 * Invariant: whoever asks for one is refused, and nothing is handed out without its payload; the queue goes on.
 */
import { describe, expect, it } from "vitest";
import { planOf } from "../machine/plan-rig.ts";
import { claim, codeOf, command, enqueue, replyOf } from "./commands.ts";
import { turns } from "./rig.ts";
import { rigWithTail } from "./store-damages.ts";
import { TestSocket } from "./wait-socket.ts";

/** Ways in which the payload of b goes: where it stood in its row, and where it is a long one, which stood apart. */
const ways = [
  ["from its row", ["UPDATE jobs SET payload = NULL WHERE id = 'b'"]],
  [
    "from where it stood apart",
    [
      "CREATE TABLE job_texts (number INTEGER PRIMARY KEY, version INTEGER, value TEXT, text TEXT)",
      "UPDATE jobs SET payload = NULL, value = json_set(value, '$.payloadAt', 4) WHERE id = 'b'",
      "INSERT INTO job_texts VALUES (4, 1, '{}', NULL)",
    ],
  ],
  [
    "with the row in which it stood apart",
    ["UPDATE jobs SET payload = NULL, value = json_set(value, '$.payloadAt', 4) WHERE id = 'b'"],
  ],
] as const;

/** Jobs a to e, where b, which is not its table's first, has no payload. */
async function withoutPayload(damages: readonly string[]) {
  const rig = await rigWithTail();
  for (const damage of damages) rig.sql.run(damage);
  await rig.evict();
  const { jobs } = replyOf("lease.claim", await rig.engine.submit(claim()));
  expect(jobs.map(({ id }) => id)).toEqual(["a"]);
  return rig;
}

describe.each(ways)("a job whose payload is gone %s", (_, damages) => {
  it("is handed out to nobody: the claim that meets it is refused as corrupt, and takes no lease", async () => {
    const rig = await withoutPayload(damages);
    for (const max of [1, 3]) {
      expect(await rig.engine.submit(claim(max))).toMatchObject({
        refusal: {
          refusalCode: "store_corrupt",
          detail: "Nothing was changed: jobs: a row has no payload",
        },
      });
    }
    expect((await rig.stats()).counts).toMatchObject({ ready: 4, running: 1 });
  });

  it("refuses only who asks for it", async () => {
    const rig = await withoutPayload(damages);
    expect(codeOf(await rig.engine.read(command("job.get", { id: "b" })))).toBe("store_corrupt");
    expect(await rig.stateOf("c")).toBe("ready");
    await rig.engine.submit(enqueue([{ id: "x", priority: -9 }]));
    const { jobs } = replyOf("lease.claim", await rig.engine.submit(claim()));
    expect(jobs.map(({ id }) => id)).toEqual(["x"]);
  });

  it("keeps no purge from its end, which removes it", async () => {
    const rig = await withoutPayload(damages);
    const { operation } = replyOf(
      "queue.purge",
      await rig.engine.submit(command("queue.purge", {})),
    );
    expect(operation).toMatchObject({ status: "done", changed: 4 });
    expect((await rig.stats()).counts).toMatchObject({ ready: 0, running: 1 });
  });

  it("is given to nobody who waits, and what comes before it is", async () => {
    const rig = await withoutPayload(damages);
    const socket = new TestSocket();
    await rig.engine.hear(socket, JSON.stringify({ kind: "jobs", request: claim(1) }));
    await turns();
    expect(socket.answer).toBeUndefined();
    await rig.engine.submit(enqueue([{ id: "x", priority: -9 }]));
    await turns();
    expect(socket.jobs).toEqual(["x"]);
  });
});

it("a plan whose body is gone is refused to who reads it, and no other", async () => {
  const rig = await rigWithTail();
  for (const id of ["a", "p"]) await rig.engine.submit(command("plan.submit", planOf(id)));
  await rig.engine.submit(command("queue.checkpoint", {}));
  rig.sql.run("UPDATE plan_versions SET body = NULL WHERE id = 'p'");
  await rig.evict();
  const read = (id: string) => rig.engine.read(command("plan.get", { id }));
  expect(codeOf(await read("a"))).toBeUndefined();
  expect(codeOf(await read("p"))).toBe("store_corrupt");
  expect(codeOf(await rig.engine.submit(claim()))).toBeUndefined();
});
