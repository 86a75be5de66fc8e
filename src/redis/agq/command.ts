/**
 * What a command of AGQ's is, what it works with, and how it errs.
 * Invariant: whatever is wrong is thrown as an `AgqError` or a `Refused`, and becomes the one reply of its call.
 */
import type { CommandInputs, CommandName, CommandReplies } from "../../contract/commands.ts";
import type { HeldLease } from "../../contract/leases.ts";
import type { RedisReply } from "../../contract/redis.ts";
import type { Refusal, RefusalCode } from "../../contract/refusals.ts";
import type { CommandAnswer } from "../../contract/rpc.ts";
import { binaryOf, textOf } from "../binary.ts";
import type { Waiting } from "../conversation.ts";
import type { GateReply } from "../frames.ts";
import type { RedisPorts } from "../gate-command.ts";
import type { Call } from "../requests.ts";
import type { AgqMemory, Session } from "../session.ts";

/** A queue, as AGQ's commands need it beside what a plain Redis does. */
export interface AgqPorts extends Pick<RedisPorts, "now" | "isToken"> {
  /** Performs a command that Sluice has. */
  command<N extends CommandName>(name: N, input: CommandInputs[N]): Promise<CommandAnswer>;
  /** What the claims of a worker are known by, whichever connection they come on. */
  sessionOf(worker: string): string;
  /** The leases that a worker has by such claims. */
  leasesOf(worker: string): readonly HeldLease[];
}

export interface AgqContext {
  readonly session: Session;
  readonly memory: AgqMemory;
  readonly ports: AgqPorts;
  /** Performs a call as a plain Redis. */
  plain(call: Call): Promise<RedisReply>;
  /** The same of a call that may wait. */
  plainOrWait(call: Call): Promise<AgqReply>;
}

/** In place of a reply: the call waits, as this one does, and is answered later. */
export interface Waits {
  readonly waits: Pick<Waiting, "call" | "ms">;
}

export type AgqReply = RedisReply | Waits;

export const isWaits = (reply: GateReply | Waits): reply is Waits =>
  typeof reply === "object" && reply !== null && "waits" in reply;

/** Performs a command; its arguments stand behind its name, and are as many as it takes. */
export type AgqPerform = (
  context: AgqContext,
  args: readonly string[],
) => Promise<AgqReply> | AgqReply;

/** A command: how many arguments it takes, what is said of other numbers, and what it does. */
export interface AgqCommand {
  readonly least: number;
  readonly most: number;
  /** Behind the command's name. */
  readonly says: string;
  readonly perform: AgqPerform;
}

/** One that takes an exact number of arguments. */
export const exactly = (count: number, words: string, perform: AgqPerform): AgqCommand => ({
  ...{ least: count, most: count, perform },
  says: `requires exactly ${words}`,
});

/** One that takes a range of them. */
export const between = (
  least: number,
  most: number,
  says: string,
  perform: AgqPerform,
): AgqCommand => ({ least, most, says, perform });

/** What a call errs with, in AGQ's words, without their `ERR`. */
export class AgqError extends Error {
  override readonly name = "AgqError";
}

/** A command of Sluice was refused. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

/** The JSON text of the reply to a command of Sluice. Throws a `Refused`. */
export async function textOfReply<N extends CommandName>(
  { ports }: AgqContext,
  name: N,
  input: CommandInputs[N],
): Promise<string> {
  const answer = await ports.command(name, input);
  if ("refusal" in answer) throw new Refused(answer.refusal);
  return answer.reply;
}

/** The reply to a command of Sluice. Throws a `Refused`. */
export const ask = async <N extends CommandName>(
  context: AgqContext,
  name: N,
  input: CommandInputs[N],
): Promise<CommandReplies[N]> =>
  JSON.parse(await textOfReply(context, name, input)) as CommandReplies[N];

/** What a request comes to; undefined where it is refused for one of these reasons. */
export async function unless<T>(
  request: Promise<T>,
  ...absences: readonly RefusalCode[]
): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof Refused && absences.includes(error.refusal.refusalCode)) return undefined;
    throw error;
  }
}

/** A text as a bulk string. */
export const bulk = (text: string): string => binaryOf(text);

/** An argument as a text. Throws where it is none. */
export function textArgument(binary: string): string {
  const text = textOf(binary);
  if (binaryOf(text) === binary) return text;
  throw new AgqError("Protocol error: Invalid UTF-8 in argument");
}

export const OK: RedisReply = { ok: "OK" };
