/** Long strings stand apart from the rows of their names: whatever becomes of a name, its value is what it was, and goes with it. */
import { afterEach, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { command, replyOf } from "../object/commands.ts";
import { EngineRig } from "../object/rig.ts";

const changing = limits as { -readonly [L in keyof typeof limits]: number };
const { textInRowMax } = limits;
afterEach(() => {
  changing.textInRowMax = textInRowMax;
});

const long = "x".repeat(textInRowMax + 1);
/** Of bytes that are no text, which are packed as base64. */
const binary = "\xff\0".repeat(textInRowMax);

/** Performs calls one behind the other; their replies. */
const perform = async (q: Harness, ...calls: readonly (readonly string[])[]) =>
  (await q.run("redis.run", { calls: calls.map((call) => [...call]) })).replies;

const apart = (q: Harness): number => [...q.store.tables.long_strings.scan({})].length;

test("a string stands apart where it is longer than may stand in the row, to the character", async () => {
  const q = await openEngine();
  await perform(q, ["SET", "short", "x".repeat(textInRowMax)], ["SET", "long", long]);
  expect(apart(q)).toBe(1);
  expect(await perform(q, ["GET", "long"], ["STRLEN", "long"], ["STRLEN", "short"])).toEqual([
    long,
    textInRowMax + 1,
    textInRowMax,
  ]);
  expect(await perform(q, ["OBJECT", "ENCODING", "long"], ["TYPE", "long"])).toEqual([
    "raw",
    { ok: "string" },
  ]);
});

test("a long string is the same under another name and time, behind a checkpoint and in another instance", async () => {
  const q = await openEngine();
  await perform(q, ["SET", "a", binary], ["PEXPIRE", "a", "90000"], ["RENAME", "a", "b"]);
  await q.run("queue.checkpoint", {});
  await perform(q, ["PERSIST", "b"], ["COPY", "b", "c"], ["APPEND", "c", "!"]);
  await q.reopen();
  expect(await perform(q, ["GET", "b"], ["GET", "c"], ["STRLEN", "c"])).toEqual([
    binary,
    `${binary}!`,
    binary.length + 1,
  ]);
  expect(apart(q)).toBe(2);
});

test("a string that is packed shorter than before comes back to its row", async () => {
  const q = await openEngine();
  const bytes = Math.floor(textInRowMax * 0.8);
  await perform(q, ["SET", "a", "\xff".repeat(bytes)]);
  expect(apart(q)).toBe(1);
  await perform(q, ["SETRANGE", "a", "0", "x".repeat(bytes)]);
  expect(apart(q)).toBe(0);
  expect(await perform(q, ["GET", "a"], ["STRLEN", "a"])).toEqual(["x".repeat(bytes), bytes]);
});

test("the copy of a long string is another one: what becomes of either leaves the other as it is", async () => {
  const q = await openEngine();
  await perform(q, ["SET", "a", long], ["COPY", "a", "b"], ["DEL", "a"]);
  expect(await perform(q, ["GET", "b"])).toEqual([long]);
  await perform(q, ["SET", "c", "1"], ["RENAME", "b", "c"]);
  expect(await perform(q, ["GET", "c"], ["EXISTS", "a", "b"])).toEqual([long, 0]);
  expect(apart(q)).toBe(1);
});

test.each([
  ["is deleted", ["DEL", "a"]],
  ["is set to a short one", ["SET", "a", "1"]],
  ["is set to another long one", ["SET", "a", binary], 1],
  ["is named by another name in its place", ["RENAME", "b", "a"]],
  ["is flushed", ["FLUSHDB"]],
  ["expires", ["PEXPIRE", "a", "1000"]],
  ["gives its place to a set", ["SUNIONSTORE", "a", "s"]],
  ["gives its place to a copy", ["COPY", "b", "a", "REPLACE"]],
] as const)("a long string goes once it %s", async (_, call, left: number = 0) => {
  const q = await openEngine();
  await perform(q, ["SET", "b", "short"], ["SADD", "s", "1"]);
  await perform(q, ["SET", "a", long]);
  await q.run("queue.checkpoint", {});
  await perform(q, call);
  await q.advance(5_000);
  expect(apart(q)).toBe(left);
  await q.reopen();
  expect(apart(q)).toBe(left);
});

test("strings of before stand in their rows until these are written anew, and nobody sees a difference", async () => {
  changing.textInRowMax = limits.redisValueBytesMax;
  const q = await openEngine();
  await perform(q, ["SET", "a", long], ["SET", "b", binary]);
  await q.run("queue.checkpoint", {});
  changing.textInRowMax = textInRowMax;
  await q.reopen();
  expect(apart(q)).toBe(0);
  expect(await perform(q, ["STRLEN", "b"], ["OBJECT", "ENCODING", "a"])).toEqual([
    binary.length,
    "raw",
  ]);
  await perform(q, ["PEXPIRE", "a", "90000"], ["RENAME", "b", "c"]);
  expect(apart(q)).toBe(2);
  expect(await perform(q, ["GET", "a"], ["GET", "c"])).toEqual([long, binary]);
});

test("who only looks at names of long strings reads none of them, however many they are", async () => {
  const rig = new EngineRig();
  const run = async (all: string[][], atomic = false) => {
    const answer = await rig.engine.submit(command("redis.run", { calls: all, atomic }));
    return replyOf("redis.run", answer).replies;
  };
  const names = Array.from({ length: 40 }, (_, i) => `name-${i}`);
  const value = "x".repeat(limits.redisValueBytesMax);
  for (const name of names) await run([["SET", name, value]]);
  await rig.engine.submit(command("queue.checkpoint", {}));
  await rig.evict();
  const queries: string[] = [];
  const { rows } = rig.sql;
  rig.sql.rows = (query, ...bindings) => {
    queries.push(query);
    return rows.call(rig.sql, query, ...bindings) as never;
  };
  // Together they are more than one call may look at, or a transaction may move.
  expect(await run([["EXISTS", ...names]])).toEqual([names.length]);
  const calls = names.flatMap((name) => [
    ["STRLEN", name],
    ["PEXPIRE", name, "90000"],
    ["RENAME", name, `${name}-anew`],
  ]);
  expect(await run(calls, true)).toHaveLength(calls.length);
  const anew = names.map((name) => `${name}-anew`);
  expect(await run([["DEL", ...anew]])).toEqual([names.length]);
  expect(queries.filter((query) => /"content".* "long_strings"/.test(query))).toEqual([]);
});
