/**
 * Commands as a gate hands them to an object, and replies read back.
 * Invariant: nothing here checks anything; a test says what it expects.
 */
import { hash } from "node:crypto";
import type { CommandInputs, CommandName, CommandReplies } from "../../src/contract/commands.ts";
import type { JobSpec } from "../../src/contract/jobs.ts";
import type { ClaimedJob, Settlement } from "../../src/contract/leases.ts";
import type { RefusalCode } from "../../src/contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";

interface Options {
  /** An Idempotency-Key; equal keys come with equal bodies unless `body` differs. */
  readonly key?: string;
  readonly body?: string;
  readonly bytes?: number;
}

const digest = (text: string): string => hash("sha256", text).slice(0, 32);

/** A command, as a gate makes it. */
export function command<N extends CommandName>(
  name: N,
  input: CommandInputs[N],
  options: Options = {},
): CommandRequest {
  const { key, body = JSON.stringify(input), bytes = body.length } = options;
  const request = { v: 1, name, input, bytes } as const;
  return key === undefined ? request : { ...request, key: { key, bodyHash: digest(body) } };
}

/** Enqueues jobs; a job without a payload has `null`. */
export function enqueue(jobs: readonly Partial<JobSpec>[], options: Options = {}): CommandRequest {
  const specs = jobs.map((job) => {
    const fingerprint = digest(JSON.stringify([job.id, job.payload]));
    return { payload: "null", ...(job.id === undefined ? {} : { fingerprint }), ...job };
  });
  return command("job.enqueue", { jobs: specs }, options);
}

export const claim = (max = 1, leaseMs?: number): CommandRequest =>
  command("lease.claim", leaseMs === undefined ? { max } : { max, leaseMs });

export const settle = (items: readonly Settlement[], options: Options = {}): CommandRequest =>
  command("lease.settle", { items }, options);

export const complete = ({ id, token }: ClaimedJob): Settlement => ({ op: "complete", id, token });

/** The reply of a command; `N` is the command that was asked. Throws when it was refused. */
export function replyOf<N extends CommandName>(_name: N, answer: CommandAnswer): CommandReplies[N] {
  if ("refusal" in answer) {
    throw new Error(`refused: ${answer.refusal.refusalCode}: ${answer.refusal.detail}`);
  }
  return JSON.parse(answer.reply) as CommandReplies[N];
}

/** The code of a refusal; undefined for a reply. */
export const codeOf = (answer: CommandAnswer): RefusalCode | undefined =>
  "refusal" in answer ? answer.refusal.refusalCode : undefined;

/** The ids that an enqueue gave. Throws when one was refused. */
export function idsOf(answer: CommandAnswer): string[] {
  return replyOf("job.enqueue", answer).results.map((result) => {
    if ("problem" in result) throw new Error(`a job was refused: ${result.problem.detail}`);
    return result.id;
  });
}

/** The jobs that a claim handed out. */
export const jobsOf = (answer: CommandAnswer): readonly ClaimedJob[] =>
  replyOf("lease.claim", answer).jobs;

/** The one element of a list. */
export function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined || items.length > 1) throw new Error(`${items.length} items, not one`);
  return item;
}
