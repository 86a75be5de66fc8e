/**
 * Judges what claims that wait are given.
 * Invariant: what the engine gives is what the model would; of one that is given nothing the model finds nothing either.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import { hintOf, isEmptyClaim } from "./audited.ts";
import { toModel } from "./delivery.ts";
import { run } from "./model/model.ts";
import type { Turn } from "./model/turn.ts";
import type { ServeResult } from "./observer.ts";
import { demand, same } from "./violation.ts";

/** Settlements by what they say of which leases, in whatever order their members stand. */
export const nameOfItems = (
  items: readonly { readonly op: string; readonly id: string; readonly token: string }[],
): string => items.map(({ op, id, token }) => `${op} ${id} ${token}`).join();

export interface Lease {
  readonly id: string;
  readonly token: string;
}

/** What a claim that waited was given. */
interface Handed {
  /** Over whose channel it goes; undefined where it goes over none. */
  readonly session: string | undefined;
  readonly token: string;
  readonly ids: readonly string[];
}

const keyOf = ({ key }: CommandRequest): string => key?.key ?? "";

export class WaitAudit {
  /** By the keys of claims that waited, what must be durable before they are told. */
  readonly #positions = new Map<string, number>();

  /** By the tokens of claims that waited. */
  readonly #tokens = new Map<
    string,
    { readonly session: string | undefined; readonly position: number }
  >();
  #fresh: Handed[] = [];
  /** What was handed out to channels in entries that were written, and was not sent yet. */
  #underway: Handed[] = [];
  /** By the texts of settlements over channels, of each that was decided and not answered, in order: what is said twice is answered twice. */
  readonly #settled = new Map<string, number[]>();
  #deciding: string[] = [];

  /** Looks at what a claim was given in a turn. Returns whether it was served. */
  judge(turn: Turn, request: CommandRequest, served: Exclude<ServeResult, "full">): boolean {
    const actual = served === undefined ? undefined : toModel(served.answer);
    const expected = run(turn, request, actual === undefined ? {} : hintOf(actual));
    if (actual !== undefined) same("reply", "who waited", actual, expected);
    else demand(isEmptyClaim(expected), "I12", "a job is there for who waits", request, expected);
    if (served !== undefined) {
      const { session } = (request as CommandRequest<"lease.claim">).input;
      this.#fresh.push({ session, token: served.token, ids: served.ids });
    }
    return actual !== undefined;
  }

  /** Whether a claim finds a job in a turn that is thrown away. */
  wouldServe(turn: Turn, request: CommandRequest): boolean {
    return turn.state.queue !== undefined && !isEmptyClaim(run(turn, request, {}));
  }

  /** Claims that were served are told when this much is durable. */
  written(served: readonly CommandRequest[], position: number): void {
    for (const request of served) this.#positions.set(keyOf(request), position);
    for (const handed of this.#fresh.splice(0)) {
      this.#tokens.set(handed.token, { session: handed.session, position });
      if (handed.session !== undefined) this.#underway.push(handed);
    }
    for (const text of this.#deciding.splice(0)) {
      this.#settled.set(text, [...(this.#settled.get(text) ?? []), position]);
    }
  }

  /** A group was undone: nothing of it has happened. */
  undone(): void {
    this.#fresh = [];
    this.#deciding = [];
  }

  /** The instance is gone, and with it what it was about to send. */
  crashed(): void {
    this.undone();
    this.#underway = [];
    this.#settled.clear();
  }

  /** What was written behind a place is lost: its tokens are given again, perhaps to others. What is left is durable. */
  lost(behind: number): void {
    // Nor will a turn that was cut off be written.
    this.undone();
    for (const [token, { session, position }] of this.#tokens) {
      if (position > behind) this.#tokens.delete(token);
      else this.#tokens.set(token, { session, position: 0 });
    }
  }

  /** How many jobs are on their way to the channel of a session: credit that it says now comes too late for them. */
  underwayTo(session: string): number {
    const its = this.#underway.filter((handed) => handed.session === session);
    return its.reduce((sum, { ids }) => sum + ids.length, 0);
  }

  /** Jobs under a token were sent. */
  sent(token: string): void {
    this.#underway = this.#underway.filter((handed) => handed.token !== token);
  }

  /** The channel of a session is over. Returns what was on its way to it, and is not sent any more. */
  left(session: string): Lease[] {
    const its = this.#underway.filter((handed) => handed.session === session);
    this.#underway = this.#underway.filter((handed) => handed.session !== session);
    return its.flatMap(({ token, ids }) => ids.map((id) => ({ id, token })));
  }

  /** Settlements that came over a channel were decided, or such as the queue itself asked for. */
  decided({ name, input }: CommandRequest): void {
    if (name !== "lease.settle") return;
    this.#deciding.push(nameOfItems((input as CommandInputs["lease.settle"]).items));
  }

  /** What must be durable before the jobs of a token are told. */
  positionOfToken(token: string): number | undefined {
    return this.#tokens.get(token)?.position;
  }

  /** Over whose channel jobs went under a token. */
  sessionOfToken(token: string): string | undefined {
    return this.#tokens.get(token)?.session;
  }

  /** Settlements are answered. Returns what must be durable before; undefined where they were not decided. */
  answered(text: string): number | undefined {
    return this.#settled.get(text)?.shift();
  }

  /** What must be durable before a claim is told; undefined where it was not served. */
  positionOf(request: CommandRequest): number | undefined {
    return this.#positions.get(keyOf(request));
  }
}
