/**
 * The queue's keyspace, as Redis connections of its object reach it.
 * Invariant: what they are told is durable, or a refusal.
 */
import type { RedisKeyspaceReply, RedisRunReply, RedisVersionsReply } from "../contract/redis.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import type { RedisPorts } from "../redis/gate-command.ts";
import { bytesOf } from "../redis/requests.ts";

/** What runs commands of the queue. */
export interface RespQueue {
  submit(request: CommandRequest<"redis.run">): Promise<CommandAnswer>;
  read(request: CommandRequest<"redis.keyspace" | "redis.versions">): Promise<CommandAnswer>;
}

/** A reply as it is, or the refusal. */
const outcomeOf = <Reply>(answer: CommandAnswer) =>
  "reply" in answer ? (JSON.parse(answer.reply) as Reply) : answer;

/** What conversations ask of the queue. */
export const queuePorts = (queue: RespQueue): Pick<RedisPorts, "run" | "versions"> => ({
  run: async (input) => {
    const bytes = input.calls.reduce((sum, call) => sum + bytesOf(call), 0);
    return outcomeOf<RedisRunReply>(await queue.submit({ v: 1, name: "redis.run", input, bytes }));
  },
  versions: async (names) => {
    const input = { names: [...names] };
    return outcomeOf<RedisVersionsReply>(
      await queue.read({ v: 1, name: "redis.versions", input, bytes: 0 }),
    );
  },
});

/** What INFO tells of the keyspace; undefined where there is none that can be read. */
export async function keyspaceOf(queue: RespQueue): Promise<RedisKeyspaceReply | undefined> {
  const answer = await queue.read({ v: 1, name: "redis.keyspace", input: {}, bytes: 0 });
  const outcome = outcomeOf<RedisKeyspaceReply>(answer);
  return "refusal" in outcome ? undefined : outcome;
}
