/**
 * One client's calls, in order: what the queue performs is gathered into runs, the rest is performed here.
 * Invariant: every call has exactly one reply, in the order of the calls; between MULTI and EXEC nothing is performed, and then all of it in one run.
 */
import { limits } from "../contract/limits.ts";
import type { RedisReply } from "../contract/redis.ts";
import {
  type RedisCommand,
  redisCommandTable,
  takesArguments,
  unknownCommand,
  wrongArity,
} from "../contract/redis-commands.ts";
import { commandCommand } from "./command-command.ts";
import { connectionCommands } from "./connection-commands.ts";
import { errorOf } from "./errors.ts";
import type { GateReply } from "./frames.ts";
import type { GateCommand, GateContext, RedisPorts } from "./gate-command.ts";
import { bytesOf, type Call } from "./requests.ts";
import { serverCommands } from "./server-commands.ts";
import type { Session } from "./session.ts";
import { subcommandOf } from "./subcommands.ts";
import { type Queued, Transaction } from "./transaction.ts";

const gateCommands: Readonly<Record<string, GateCommand>> = {
  ...connectionCommands,
  ...serverCommands,
  command: commandCommand,
};

/** What is performed at once also between MULTI and EXEC. */
const neverQueued = new Set(["discard", "exec", "multi", "quit", "reset", "watch"]);

export class Conversation {
  readonly #context: GateContext;

  constructor(session: Session, ports: RedisPorts) {
    this.#context = { session, ports, transaction: new Transaction() };
  }

  get session(): Session {
    return this.#context.session;
  }

  /** Whether there is more to remember than the session: calls between MULTI and EXEC, or names that are watched. */
  get isHeld(): boolean {
    return this.#context.transaction.isHeld;
  }

  /** Performs calls, and tells the reply to each as soon as it is known. What is said behind a QUIT is not heard. */
  async perform(calls: readonly Call[], tell: Tell): Promise<void> {
    let run: Call[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      const gathered = run;
      run = [];
      bytes = 0;
      await this.#run(gathered, tell);
    };
    for (const call of calls) {
      const admitted = this.#admit(call);
      if ("command" in admitted && this.#isForQueue(admitted.command)) {
        const size = bytesOf(call);
        const isEnough =
          run.length >= limits.redisCallsMax || bytes + size > limits.respRunBytesMax;
        if (isEnough) await flush();
        run.push(call);
        bytes += size;
        continue;
      }
      await flush();
      tell("error" in admitted ? admitted : await this.#performHere(admitted.command, call));
      if (this.session.isOver) return;
    }
    await flush();
  }

  /** The command of a call, or why it is not performed. */
  #admit(call: Call): { readonly command: RedisCommand } | { readonly error: string } {
    const command = redisCommandTable.get((call[0] ?? "").toLowerCase());
    if (command === undefined) return this.#refuse(unknownCommand(call));
    if (!takesArguments(command, call.length)) {
      return this.#refuse(wrongArity(command.name), command);
    }
    const subcommand = subcommandOf(command.name, call);
    if (subcommand !== undefined && "error" in subcommand) return this.#refuse(subcommand.error);
    if (!this.session.isAuthorized && !command.flags.includes("no_auth")) {
      return this.#refuse("NOAUTH Authentication required.", command);
    }
    return { command };
  }

  /** A call that cannot even be queued discards what is, at EXEC; an EXEC itself, at once. */
  #refuse(error: string, command?: RedisCommand): { readonly error: string } {
    const { transaction } = this.#context;
    if (command?.name !== "exec") {
      transaction.abort();
      return { error };
    }
    transaction.end();
    return { error: discardedBy(error) };
  }

  #isForQueue({ performer }: RedisCommand): boolean {
    return performer === "queue" && !this.#context.transaction.isOpen;
  }

  async #performHere(command: RedisCommand, call: Call): Promise<GateReply> {
    const { transaction } = this.#context;
    if (transaction.isOpen && !neverQueued.has(command.name)) {
      return transaction.queue({ command, call });
    }
    return command.name === "exec" ? await this.#exec() : await this.#atGate(command, call);
  }

  async #atGate({ name }: RedisCommand, call: Call): Promise<GateReply> {
    const perform = subcommandOf(name, call) ?? gateCommands[name];
    if (perform === undefined || "error" in perform)
      return { error: `ERR '${name}' is not supported` };
    return await perform(this.#context, call);
  }

  /** Has the queue perform calls: in one run, unless it answers only the first of them because their replies are many bytes. */
  async #run(calls: readonly Call[], tell: Tell): Promise<void> {
    for (let rest = calls; rest.length > 0; ) {
      const answer = await this.#context.ports.run({ calls: rest.map((call) => [...call]) });
      if ("refusal" in answer) {
        for (const _ of rest) tell({ error: errorOf(answer.refusal) });
        return;
      }
      const { replies } = answer;
      if (replies === null || replies.length === 0) throw new Error("a run has no replies");
      for (const reply of replies) tell(reply);
      rest = rest.slice(replies.length);
    }
  }

  /** Performs what was queued: the queue's part as one, then the gate's, each with its reply in its place. */
  async #exec(): Promise<GateReply> {
    const { transaction, ports } = this.#context;
    if (!transaction.isOpen) return { error: "ERR EXEC without MULTI" };
    const { queued, watched, isAborted } = transaction.end();
    if (isAborted) {
      return { error: "EXECABORT Transaction discarded because of previous errors." };
    }
    const calls = queued.filter(isForQueue).map(({ call }) => [...call]);
    let replies: readonly RedisReply[] = [];
    if (calls.length > 0 || watched.length > 0) {
      const answer = await ports.run({ calls, atomic: true, watched: [...watched] });
      if ("refusal" in answer) {
        return { error: discardedBy(errorOf(answer.refusal)) };
      }
      if (answer.replies === null) return { nilArray: true };
      replies = answer.replies;
    }
    const theirs = replies.values();
    const all: GateReply[] = [];
    for (const each of queued) {
      const ours = isForQueue(each) ? undefined : await this.#atGate(each.command, each.call);
      all.push(ours === undefined ? (theirs.next().value ?? null) : ours);
    }
    return all;
  }
}

const discardedBy = (error: string): string =>
  `EXECABORT Transaction discarded because of: ${error}`;

/** Is told the reply to a call. */
type Tell = (reply: GateReply) => void;

const isForQueue = ({ command }: Queued): boolean => command.performer === "queue";
