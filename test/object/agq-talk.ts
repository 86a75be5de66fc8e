/**
 * Conversations with a queue in a dialect of AGQ, for tests: lines in, bytes out.
 * Invariant: a line is split as an inline command, and said as a call.
 */
import { expect } from "vitest";
import type { Dialect } from "../../src/contract/dialects.ts";
import { splitInline } from "../../src/redis/inline.ts";
import { type HarnessOptions, openEngine, START } from "../engine-harness.ts";
import { AgqRig } from "./agq-rig.ts";

export const AT = START / 1000;
export const PLAN = '{"plan_id":"p","tasks":[{"task_number":1,"command":"true"}]}';

/** A client `c` of a queue, and what it is answered to a line. */
export async function met(
  dialect: Dialect = "agq-g2",
  needsAuth = false,
  options: HarnessOptions = {},
) {
  const q = await openEngine(options);
  const rig = new AgqRig(q);
  rig.connect("c", dialect, needsAuth);
  const say = (line: string, name = "c") => rig.ask(name, splitInline(line) ?? []);
  return { q, rig, say };
}

/** A queue whose action `a` of plan `p` has these inputs, and a worker `w` that has said who it is. */
export async function withAction(inputs: string) {
  const all = await met();
  await all.say(`PLAN.SUBMIT '${PLAN}'`);
  await all.say(`ACTION.SUBMIT '{"action_id":"a","plan_id":"p","inputs":${inputs}}'`);
  all.rig.connect("w", "agq-g2");
  await all.say("PING w1", "w");
  return all;
}

export const job = (n: number): string => `q0000000-001-00000000${n}`;
export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
export const list = (...texts: string[]): string =>
  `*${texts.length}\r\n${texts.map(bulk).join("")}`;
export const error = (text: string): string => `-ERR ${text}\r\n`;
export const TAKE = "BRPOPLPUSH queue:ready queue:processing 5";

/** Checks what is answered to lines that are said one after the other. */
export async function expectAll(
  say: (line: string) => Promise<string>,
  rows: readonly (readonly [line: string, reply: string])[],
): Promise<void> {
  for (const [line, reply] of rows)
    expect(`${line} → ${await say(line)}`).toBe(`${line} → ${reply}`);
}
