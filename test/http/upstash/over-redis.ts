/**
 * A real Redis behind `@upstash/redis`: what the package asks for is said to it, and its replies are what the package is told.
 * Invariant: only single calls, in Redis's own words; nothing of Sluice's is between the two.
 */
import type { Requester } from "@upstash/redis";
import type { RealRedis, Resp2 } from "../../redis/real-redis.ts";

const wordOf = (argument: unknown): string =>
  Buffer.from(typeof argument === "string" ? argument : JSON.stringify(argument)).toString(
    "latin1",
  );

/** A reply as JSON has it. */
function toJson(reply: Resp2): unknown {
  if (typeof reply === "string") return Buffer.from(reply, "latin1").toString();
  if (reply === null || "nilArray" in reply) return null;
  if ("ok" in reply) return reply.ok;
  if ("integer" in reply) return Number(reply.integer);
  return "error" in reply ? reply : reply.map(toJson);
}

/** What the package takes in place of an address and a token. */
export const requesterOf = (redis: RealRedis): Requester => ({
  async request<TResult>({ body }: { readonly body?: unknown }) {
    const [reply = null] = await redis.run([(body as unknown[]).map(wordOf)]);
    if (typeof reply === "object" && reply !== null && "error" in reply) return reply;
    return { result: toJson(reply) as TResult };
  },
});
