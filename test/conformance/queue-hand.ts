/**
 * How a history's steps have their way with a queue: commands, time, and the tokens of what was claimed.
 * Invariant: a step that is refused anything throws.
 */
import type { CommandInputs, CommandName, CommandReplies } from "../../src/contract/commands.ts";
import type { JobState } from "../../src/contract/fields.ts";
import type { Settlement } from "../../src/contract/leases.ts";
import type { CommandAnswer, IdempotencyKey } from "../../src/contract/rpc.ts";
import { only } from "./case.ts";

/** A queue that is given commands, and lets time pass. */
export interface QueueHand {
  answer<N extends CommandName>(
    name: N,
    input: CommandInputs[N],
    key?: IdempotencyKey,
  ): Promise<CommandAnswer>;
  advance(ms: number): Promise<void>;
}

/** The tokens of the jobs that were claimed. */
export type Tokens = Map<string, string>;

/** A step, and in which state each job is after it. */
export interface QueueStep {
  readonly name: string;
  readonly take: (queue: QueueHand, tokens: Tokens) => Promise<unknown>;
  readonly states: Readonly<Record<string, JobState>>;
}

/** A step, and of which jobs it changes the state; null for one that is gone. */
export interface Change extends Omit<QueueStep, "states"> {
  readonly changes: Readonly<Record<string, JobState | null>>;
}

/** Runs a command; its reply. Throws when it is refused. */
export async function run<N extends CommandName>(
  queue: QueueHand,
  name: N,
  input: CommandInputs[N],
  key?: IdempotencyKey,
): Promise<CommandReplies[N]> {
  const answer = await queue.answer(name, input, key);
  if ("reply" in answer) return JSON.parse(answer.reply) as CommandReplies[N];
  throw new Error(`${name} was refused: ${answer.refusal.detail}`);
}

/** A settlement, less the job and the token that it speaks for. */
type Outcome = Settlement extends infer Item
  ? Item extends Settlement
    ? Omit<Item, "id" | "token">
    : never
  : never;

/** Claims, and keeps the tokens; the ids of the jobs. */
export async function claim(queue: QueueHand, tokens: Tokens, input: CommandInputs["lease.claim"]) {
  const reply = await run(queue, "lease.claim", { worker: "w", max: 1, ...input });
  for (const { id, token } of reply.jobs) tokens.set(id, token);
  return reply.jobs.map(({ id }) => id);
}

/** Settles one item, which must not be refused. */
export async function settle(queue: QueueHand, tokens: Tokens, id: string, outcome: Outcome) {
  const item = { ...outcome, id, token: tokens.get(id) ?? "" };
  const { items } = await run(queue, "lease.settle", { items: [item] });
  if (!only(items).ok) throw new Error(`${id} was not settled: ${JSON.stringify(items)}`);
}
