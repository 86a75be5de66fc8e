/**
 * How many members one call looks up in other sets.
 * Invariant: a call that would look up more is refused with what to do.
 */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { command, replyOf } from "./commands.ts";
import { EngineRig } from "./rig.ts";

const MEMBERS = 2000;
const OTHERS = limits.redisElementsSeenMax / MEMBERS + 1;

const numbered = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

test("a combination is refused where its members would be looked up too often in other sets", async () => {
  const rig = await EngineRig.registered();
  const perform = async (...calls: string[][]) =>
    replyOf("redis.run", await rig.engine.submit(command("redis.run", { calls }))).replies;
  const [members, others] = [numbered(MEMBERS, "m"), numbered(OTHERS, "large")];
  for (const name of ["big", ...others]) await perform(["SADD", name, ...members]);
  await perform(["SADD", "apart", ...numbered(MEMBERS, "other")]);
  const all = [String(OTHERS + 1), "big", ...others];
  const apart = [String(OTHERS + 1), "apart", ...others];
  const refused = { error: expect.stringContaining("would look at more than") };
  expect(
    await perform(
      ["SINTER", ...all.slice(1)],
      ["ZINTER", ...all],
      ["ZUNION", ...all],
      ["SDIFF", ...apart.slice(1)],
      ["ZDIFF", ...apart],
    ),
  ).toEqual([refused, refused, refused, refused, refused]);
  expect(await perform(["SINTERCARD", String(OTHERS), ...all.slice(1, -1)])).toEqual([MEMBERS]);
}, 60_000);
