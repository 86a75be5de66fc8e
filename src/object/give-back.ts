/**
 * Giving back jobs that somebody was handed who has not said that it has them.
 * Invariant: they go back uncounted, under the token that they were handed out with, so that nothing is given back twice.
 */
import { limits } from "../contract/limits.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";

/** Jobs in somebody's hands, before it said that it has them. */
export interface Given {
  readonly token: string;
  readonly ids: readonly string[];
}

interface GiveBackPorts {
  submit(request: CommandRequest): Promise<CommandAnswer>;
  report(error: unknown, what: string): void;
}

/** Gives jobs back. Resolves once that is done, or was reported to have failed: then their leases end. */
export async function giveBack(ports: GiveBackPorts, given: readonly Given[]): Promise<void> {
  const all = given.flatMap(({ token, ids }) =>
    ids.map((id) => ({ op: "release", id, token }) as const),
  );
  for (let at = 0; at < all.length; at += limits.itemsPerSettleMax) {
    const items = all.slice(at, at + limits.itemsPerSettleMax);
    try {
      const request = { v: 1, name: "lease.settle", input: { items }, bytes: 0 } as const;
      const answer = await ports.submit(request);
      if ("refusal" in answer) ports.report(answer.refusal.detail, "give back");
    } catch (error) {
      ports.report(error, "give back");
    }
  }
}
