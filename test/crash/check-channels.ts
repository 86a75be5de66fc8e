/**
 * Channels: no more comes than was allowed, and deliveries are numbered one by one.
 * Invariant: what a worker said is taken as heard or not, whichever allows more.
 */
import type { Violation } from "./history.ts";
import type { Story } from "./story.ts";

export function checkChannels({ requests }: Story): Violation[] {
  return requests.flatMap(({ ask, tries }): Violation[] => {
    if (ask.kind !== "push") return [];
    const wrong = [
      ...(ask.isAllowed ? [] : [["credit", "a channel was sent more than its credit"] as const]),
      ...(ask.isNext ? [] : [["deliveries", "a channel was sent a delivery out of turn"] as const]),
    ];
    return wrong.map(([rule, what]) => ({ rule, what, exchanges: tries }));
  });
}
