/**
 * Judges what claims that wait are given.
 * Invariant: what the engine gives is what the model would; of one that is given nothing the model finds nothing either.
 */
import type { CommandRequest } from "../../src/contract/rpc.ts";
import { hintOf, isEmptyClaim } from "./audited.ts";
import { toModel } from "./delivery.ts";
import { run } from "./model/model.ts";
import type { Turn } from "./model/turn.ts";
import type { ServeResult } from "./observer.ts";
import { demand, same } from "./violation.ts";

const keyOf = ({ key }: CommandRequest): string => key?.key ?? "";

export class WaitAudit {
  /** By the keys of claims that waited, what must be durable before they are told. */
  readonly #positions = new Map<string, number>();

  /** Looks at what a claim was given in a turn. Returns whether it was served. */
  judge(turn: Turn, request: CommandRequest, served: Exclude<ServeResult, "full">): boolean {
    const actual = served === undefined ? undefined : toModel(served.answer);
    const expected = run(turn, request, actual === undefined ? {} : hintOf(actual));
    if (actual !== undefined) same("reply", "who waited", actual, expected);
    else demand(isEmptyClaim(expected), "I12", "a job is there for who waits", request, expected);
    return actual !== undefined;
  }

  /** Whether a claim finds a job in a turn that is thrown away. */
  wouldServe(turn: Turn, request: CommandRequest): boolean {
    return turn.state.queue !== undefined && !isEmptyClaim(run(turn, request, {}));
  }

  /** Claims that were served are told when this much is durable. */
  written(served: readonly CommandRequest[], position: number): void {
    for (const request of served) this.#positions.set(keyOf(request), position);
  }

  /** What must be durable before a claim is told; undefined where it was not served. */
  positionOf(request: CommandRequest): number | undefined {
    return this.#positions.get(keyOf(request));
  }
}
