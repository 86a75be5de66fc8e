/**
 * A connection in a dialect of AGQ: its calls, each with the reply that AGQ's programs know.
 * Invariant: calls are performed one after the other; only AUTH is heard of a client that has not said who it is; what AGQ lacks is what
 * a plain Redis makes of it, unless it is about a name of AGQ's.
 */
import type { RedisReply } from "../../contract/redis.ts";
import { namesOfCall, redisCommandTable } from "../../contract/redis-commands.ts";
import { commandOf } from "../../contract/redis-subcommands.ts";
import type { CommandAnswer, CommandRequest } from "../../contract/rpc.ts";
import { textOf } from "../binary.ts";
import { Conversation, goesOn, type Room, type Tell, type Waiting } from "../conversation.ts";
import { errorOf } from "../errors.ts";
import type { GateReply } from "../frames.ts";
import type { RedisPorts } from "../gate-command.ts";
import { following } from "../pubsub.ts";
import type { Call } from "../requests.ts";
import type { AgqMemory, Session } from "../session.ts";
import { actionCommands } from "./actions.ts";
import {
  type AgqCommand,
  type AgqContext,
  AgqError,
  type AgqPerform,
  type AgqPorts,
  type AgqReply,
  bulk,
  exactly,
  isWaits,
  OK,
  Refused,
  type Waits,
} from "./command.ts";
import { jobCommands } from "./jobs.ts";
import { claimOf } from "./leases.ts";
import { isAgqName, noView, plainCommands } from "./plain.ts";
import { planCommands } from "./plans.ts";
import { handOut, queueCommands } from "./queue-views.ts";
import { workerCommands } from "./workers.ts";

const auth: AgqPerform = ({ session, ports }, [key = ""]) => {
  if (key === "") throw new AgqError("AUTH key cannot be empty");
  if (!ports.isToken(key)) throw new AgqError("Invalid authentication key");
  session.isAuthorized = true;
  return OK;
};

const table: ReadonlyMap<string, AgqCommand> = new Map(
  Object.entries({
    ...actionCommands,
    ...jobCommands,
    ...plainCommands,
    ...planCommands,
    ...queueCommands,
    ...workerCommands,
    AUTH: exactly(1, "one argument", auth),
  }),
);

/** What AGQ lacks and the gate performs here as for a plain Redis: it neither changes the protocol nor queues calls. */
const alsoKnown = new Set(
  (
    "client command config echo info lastsave psubscribe publish pubsub punsubscribe quit role select subscribe time unsubscribe " +
    "wait"
  ).split(" "),
);

/** Whether a call that waits does so for a job. */
export const isClaim = ([command, name]: Call): boolean =>
  name === "queue:ready" && command === "BRPOPLPUSH";

export class AgqConversation {
  readonly #session: Session;
  readonly #context: AgqContext;
  readonly #plain: Conversation;

  constructor(session: Session, memory: AgqMemory, ports: RedisPorts & AgqPorts) {
    this.#session = session;
    this.#plain = new Conversation(session, ports);
    const plain = async (call: Call) => {
      const reply = await this.#said(call);
      if (isWaits(reply)) throw new Error("a call waits that was not to");
      return reply;
    };
    this.#context = { session, memory, ports, plain, plainOrWait: (call) => this.#said(call) };
  }

  get session(): Session {
    return this.#session;
  }

  get isHeld(): boolean {
    return this.#plain.isHeld;
  }

  get heldBytes(): number {
    return this.#plain.heldBytes;
  }

  /**
   * Performs calls, and tells the reply to each as soon as it is known. Before each it waits for room for the reply. What is said behind a QUIT, or by who was
   * ended, is not heard. Returns the call at which it stopped, if one waits.
   */
  async perform(calls: readonly Call[], tell: Tell, room: Room): Promise<Waiting | undefined> {
    for (const [i, call] of calls.entries()) {
      if (!(await goesOn(this.#session, room))) return undefined;
      const reply = await this.#perform(call);
      if (isWaits(reply)) return { ...reply.waits, behind: calls.slice(i + 1) };
      tell(reply);
    }
    return undefined;
  }

  /** What a call that waits for a job claims: by its key an instance finds again what it was given by the one before. */
  claim(): CommandRequest<"lease.claim"> {
    const { memory } = this.#context;
    memory.waits = (memory.waits ?? 0) + 1;
    const key = { key: `agq ${this.#session.id} ${memory.waits}`, bodyHash: "" };
    return { v: 1, name: "lease.claim", input: claimOf(this.#context), key, bytes: 0 };
  }

  /** What came of it, as a reply. */
  claimed(answer: CommandAnswer): Promise<GateReply> {
    return orError(() => handOut(this.#context, answer));
  }

  async #perform([word = "", ...args]: Call): Promise<GateReply | Waits> {
    const name = textOf(word).toUpperCase();
    return await orError(async () => {
      if (!this.#session.isAuthorized && name !== "AUTH") {
        throw new AgqError("NOAUTH Authentication required");
      }
      // As by a plain Redis it may only say what changes that then.
      if (following(this.#session) > 0) return await this.#said([word, ...args]);
      const command = table.get(name);
      if (command === undefined) return await this.#other(name, [word, ...args]);
      const { least, most, says, perform } = command;
      if (args.length < least || args.length > most) throw new AgqError(`${name} ${says}`);
      return await perform(this.#context, args);
    });
  }

  /** What AGQ itself does not know. */
  async #other(name: string, call: Call): Promise<AgqReply> {
    const command = redisCommandTable.get(name.toLowerCase());
    const isKnown =
      command !== undefined && (command.performer === "queue" || alsoKnown.has(command.name));
    if (!isKnown) {
      const isFamily = /^(PLAN|ACTION)\./.test(name);
      throw new AgqError(
        `${isFamily ? "Protocol error: " : ""}unknown command '${name.slice(0, 128)}'`,
      );
    }
    const names = namesOfCall(commandOf(call) ?? command, call);
    if (names.some(isAgqName)) throw noView(name, names.filter(isAgqName));
    return await this.#said(call);
  }

  /** Says a call to a plain Redis. */
  async #said(call: Call): Promise<AgqReply> {
    let said: GateReply = null;
    const waits = await this.#plain.perform([call], (reply) => {
      said = reply;
    });
    // What the queue performs is answered plainly, and what the gate does is only handed on.
    return waits === undefined ? (said as RedisReply) : { waits };
  }
}

/** What a call comes to, or what is wrong with it. */
async function orError<R>(perform: () => Promise<R>): Promise<R | { readonly error: string }> {
  try {
    return await perform();
  } catch (error) {
    if (error instanceof AgqError) return { error: `ERR ${bulk(error.message)}` };
    if (error instanceof Refused) return { error: errorOf(error.refusal) };
    throw error;
  }
}
