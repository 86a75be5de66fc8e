/**
 * One client's calls, in order: what the queue performs is gathered into runs, the rest is performed here.
 * Invariant: every call has exactly one reply, in the order of the calls; between MULTI and EXEC nothing is performed, and then all of it in one
 * run; behind a call that waits nothing is performed.
 */
import { limits } from "../contract/limits.ts";
import { type RedisReply, repliesTooLarge } from "../contract/redis.ts";
import { type RedisCommand, takesArguments, wrongArity } from "../contract/redis-commands.ts";
import { commandOf, unknownCall } from "../contract/redis-subcommands.ts";
import { clientCommands } from "./client-command.ts";
import { commandCommands } from "./command-command.ts";
import { connectionCommands } from "./connection-commands.ts";
import { errorOf } from "./errors.ts";
import { encodeReply, type GateReply } from "./frames.ts";
import type { GateCommand, GateContext, RedisPorts } from "./gate-command.ts";
import { helpCommands } from "./help.ts";
import {
  changesFollowed,
  pubsubCommands,
  refusedBeforeExec,
  refusedWhileFollowing,
} from "./pubsub.ts";
import { bytesOf, type Call } from "./requests.ts";
import { serverCommands } from "./server-commands.ts";
import type { Session } from "./session.ts";
import { type Queued, Transaction } from "./transaction.ts";

const gateCommands: Readonly<Record<string, GateCommand>> = {
  ...clientCommands,
  ...commandCommands,
  ...connectionCommands,
  ...helpCommands,
  ...pubsubCommands,
  ...serverCommands,
};

/** What is performed at once also between MULTI and EXEC. */
const neverQueued = new Set(["discard", "exec", "multi", "quit", "reset", "watch"]);

/** A call that waits, for which whoever holds the conversation finds the reply. */
export interface Waiting {
  readonly call: Call;
  /** For how long; 0: for ever. */
  readonly ms: number;
  /** What is to be performed behind it. */
  readonly behind: readonly Call[];
}

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

  /** Bytes of the calls between MULTI and EXEC. */
  get heldBytes(): number {
    return this.#context.transaction.bytes;
  }

  /**
   * Performs calls, and tells the reply to each as soon as it is known. Before it performs anything it waits for room for the replies. What is said behind
   * a QUIT, or by who was ended, is not heard. Returns the call at which it stopped, if one waits.
   */
  async perform(
    calls: readonly Call[],
    tell: Tell,
    room: Room = unbounded,
  ): Promise<Waiting | undefined> {
    let run: Call[] = [];
    let bytes = 0;
    for (const [i, call] of calls.entries()) {
      if (this.session.isOver) return undefined;
      const admitted = this.#admit(call);
      const isRefused = "error" in admitted;
      const isForQueue = !isRefused && this.#isForQueue(admitted.command);
      const size = bytesOf(call);
      const isEnough = run.length >= limits.redisCallsMax || bytes + size > limits.respRunBytesMax;
      if (!isForQueue || isEnough) {
        const waiting = await this.#run(run, tell, room);
        if (waiting !== undefined)
          return { ...waiting, behind: [...waiting.behind, ...calls.slice(i)] };
        run = [];
        bytes = 0;
      }
      if (isForQueue) {
        run.push(call);
        bytes += size;
        continue;
      }
      if (!(await goesOn(this.session, room))) return undefined;
      const reply = isRefused
        ? this.#refuse(admitted)
        : await this.#performHere(admitted.command, call);
      tell(reply);
    }
    return await this.#run(run, tell, room);
  }

  /** The command of a call, or why it is not performed; changes nothing, for what is before the call may still wait. */
  #admit(call: Call): { readonly command: RedisCommand } | Refused {
    const command = commandOf(call);
    if (command === undefined) return { error: unknownCall(call) };
    if (!takesArguments(command, call.length)) return { error: wrongArity(command.name), command };
    if (!this.session.isAuthorized && !command.flags.includes("no_auth")) {
      return { error: "NOAUTH Authentication required.", command };
    }
    const refused = refusedWhileFollowing(this.session, command.name);
    if (refused !== undefined) return { error: refused, command };
    const { transaction } = this.#context;
    const tooMany = transaction.isOpen && refusedBeforeExec(this.session, transaction, call);
    return tooMany ? { error: tooMany, command } : { command };
  }

  /** A call that cannot even be queued discards what is, at EXEC; an EXEC itself, at once. */
  #refuse({ error, command }: Refused): GateReply {
    const { transaction } = this.#context;
    if (command?.name !== "exec") {
      transaction.abort();
      return { error };
    }
    transaction.end();
    // Redis repeats what is wrong with the call without the prefix that every error has.
    return { error: discardedBy(error.replace(/^ERR /, "")) };
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
    const perform = gateCommands[name];
    if (perform === undefined) return { error: `ERR '${name}' is not supported` };
    return await perform(this.#context, call);
  }

  /** Has the queue perform calls: in one run, unless it answers only the first of them, or one entry has no room for all. Returns the one that waits. */
  async #run(calls: readonly Call[], tell: Tell, room: Room): Promise<Waiting | undefined> {
    for (let rest = calls; rest.length > 0; ) {
      if (!(await goesOn(this.session, room))) return undefined;
      const input = { calls: rest.map((call) => [...call]), blocks: true };
      const answer = await this.#context.ports.run({ ...input, enoughBytes: room.promise() });
      if ("refusal" in answer) {
        if (answer.refusal.refusalCode === "entry_too_large" && rest.length > 1) {
          return await this.#runHalves(rest, tell, room);
        }
        for (const _ of rest) tell({ error: errorOf(answer.refusal) });
        return undefined;
      }
      const { replies, blocked } = answer;
      for (const reply of replies ?? []) tell(reply);
      const [next, ...behind] = rest.slice(replies?.length);
      if (blocked !== undefined && next !== undefined)
        return { call: next, ms: blocked.ms, behind };
      if (!replies?.length) throw new Error("a run has no replies");
      rest = next === undefined ? [] : [next, ...behind];
    }
    return undefined;
  }

  /** Has the queue perform calls of which it refused the whole, and so did nothing: alone they may be small enough. */
  async #runHalves(calls: readonly Call[], tell: Tell, room: Room): Promise<Waiting | undefined> {
    const middle = Math.ceil(calls.length / 2);
    const second = calls.slice(middle);
    const waiting = await this.#run(calls.slice(0, middle), tell, room);
    if (waiting === undefined) return await this.#run(second, tell, room);
    return { ...waiting, behind: [...waiting.behind, ...second] };
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
    let bytes = 0;
    for (const each of queued) {
      if (isForQueue(each)) {
        all.push(theirs.next().value ?? null);
        continue;
      }
      // Of what is followed whoever reads the reply counts the frames: there is no error in their place.
      if (bytes > limits.redisReplyBytesMax && !changesFollowed(each.command)) {
        all.push({ error: `ERR ${repliesTooLarge}` });
        continue;
      }
      const ours = await this.#atGate(each.command, each.call);
      bytes += encodeReply(ours, this.session.protocol).length;
      all.push(ours);
    }
    return all;
  }
}

/** What EXEC answers where an error discards what was queued. */
export const discardedBy = (error: string): string =>
  `EXECABORT Transaction discarded because of: ${error}`;

/** Why a call is not performed, and its command, if it has one. */
interface Refused {
  readonly error: string;
  readonly command?: RedisCommand;
}

/** Is told the reply to a call. */
export type Tell = (reply: GateReply) => void;

/** Room for replies. */
export interface Room {
  /** Resolves once there is some for another one; undefined: there is. */
  wait(): Promise<void> | undefined;
  /** Behind how many bytes the next run has answered enough; undefined: it answers all that it may. */
  promise(): number | undefined;
}

const unbounded: Room = { wait: () => undefined, promise: () => undefined };

/** Waits for room for a reply. Returns whether its call is still heard then. */
export async function goesOn(session: Session, room: Room): Promise<boolean> {
  const full = room.wait();
  if (full !== undefined) await full;
  return !session.isOver;
}

const isForQueue = ({ command }: Queued): boolean => command.performer === "queue";
