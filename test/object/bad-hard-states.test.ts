/**
 * Hard state that contradicts itself, its form or the log.
 * Invariant: it is refused as the object wakes, before anything is written by it.
 */
import { describe, expect, it } from "vitest";
import { codeOf, enqueue } from "./commands.ts";
import { log, rigWithTail } from "./store-damages.ts";

describe("hard state", () => {
  it.each([
    [
      "of a primary whose last entry is not committed",
      (last: number) => `UPDATE raft_state SET committed = '{"term":1,"index":${last - 1}}'`,
    ],
    ["of no role", () => "UPDATE raft_state SET role = 'king'"],
    ["of no queue", () => "UPDATE raft_state SET queue_id = ''"],
    [
      "whose checkpoint is of another time",
      () => "UPDATE raft_state SET checkpointed = json_set(checkpointed, '$.at', 5)",
    ],
    [
      "whose checkpoint is of another incarnation",
      () => "UPDATE raft_state SET checkpointed = json_set(checkpointed, '$.incarnation', 99)",
    ],
    ["of a term that no number holds", () => `UPDATE raft_state SET term = ${2n ** 62n}`],
    ["of a format that no number holds", () => `UPDATE raft_state SET format = ${-(2n ** 62n)}`],
  ] as const)("%s is refused as corrupt", async (_, query) => {
    const rig = await rigWithTail();
    rig.sql.run(query((await rig.stats()).log.lastIndex));
    await rig.evict();
    expect(codeOf(await rig.engine.submit(enqueue([{ id: "x" }])))).toBe("store_corrupt");
  });
});

it.each(["log_index", "at"])(
  "an entry whose %s no number holds is refused by its place",
  async (column) => {
    const rig = await rigWithTail();
    const { lastIndex } = (await rig.stats()).log;
    rig.sql.run(`UPDATE ${log(rig)} SET ${column} = ${2n ** 62n} WHERE log_index = ${lastIndex}`);
    await rig.evict();
    expect(codeOf(await rig.engine.submit(enqueue([{ id: "x" }])))).toBe("store_corrupt");
    expect((await rig.stats()).damage).toMatchObject({ index: lastIndex });
  },
);
