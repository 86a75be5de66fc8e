/**
 * The part of the history in which names name strings, lists, hashes, sets and sorted sets.
 * Invariant: it changes no job, and in the end there are names of every type, one that is to expire, and a collection to be freed.
 */
import { limits } from "../../src/contract/limits.ts";
import { type Change, type QueueHand, run } from "./queue-hand.ts";

type Call = readonly string[];

const perform = (queue: QueueHand, ...calls: readonly Call[]) =>
  run(queue, "redis.run", { calls: calls.map((call) => [...call]) });

/** More members than are freed with their name. */
const many = Array.from({ length: 20 }, (_, i) => `m${i}`);

const useStrings = (queue: QueueHand) =>
  perform(
    queue,
    ["SET", "plain", "1"],
    ["SET", "b\0\xff", "\0\xff"],
    ["APPEND", "plain", "\xc3\xa9"],
    ["SET", "short", "1", "PX", "2000"],
    ["INCR", "count"],
    ["PEXPIRE", "count", "900000"],
    ["COPY", "count", "copy"],
    ["RENAME", "plain", "text"],
    ["DEL", "copy"],
    ["SET", "long", "\xc3\xa9".repeat(limits.textInRowMax)],
    ["COPY", "long", "longer"],
    ["APPEND", "longer", "\0"],
    ["RENAME", "long", "as long"],
    ["PEXPIRE", "as long", "900000"],
  );

const useCollections = (queue: QueueHand) =>
  perform(
    queue,
    ["RPUSH", "list", "a", "b", "\0", "d", "e", "f"],
    ["LPUSH", "list", "="],
    ["LPOP", "list"],
    ["LSET", "list", "0", "A"],
    ["LINSERT", "list", "AFTER", "b", "between"],
    ["LREM", "list", "1", "d"],
    ["LTRIM", "list", "1", "-1"],
    ["HSET", "hash", "f\xfe", "v", "g", "\0"],
    ["HDEL", "hash", "g"],
    ["SADD", "set", "a", "b\0"],
    ["SREM", "set", "a"],
    ["ZADD", "sorted", "1.5", "a", "-inf", "\xff", "2", "c"],
    ["ZREM", "sorted", "c"],
  );

/** Names from before are flushed, and what they named is freed. */
async function flush(queue: QueueHand): Promise<void> {
  await perform(queue, ["SADD", "before", ...many], ["SET", "gone", "1"], ["FLUSHALL"]);
  await queue.advance(1_000);
}

export const nameChanges: readonly Change[] = [
  { name: "names are flushed", take: flush, changes: {} },
  { name: "names name strings", take: useStrings, changes: {} },
  { name: "a name expires", take: (queue) => queue.advance(3_000), changes: {} },
  { name: "names name collections", take: useCollections, changes: {} },
];

/** Names of every type that no sender has, and a collection to be freed. */
export const nameOthers = (queue: QueueHand) =>
  perform(
    queue,
    ["SET", "other", "1", "PX", "9000000"],
    ["SET", "other-long", "9".repeat(limits.textInRowMax + 1)],
    ["RPUSH", "other-list", "1"],
    ["HSET", "other-hash", "f", "1"],
    ["SADD", "other-set", "1"],
    ["ZADD", "other-sorted", "1", "1"],
    ["SADD", "other-many", ...many],
    ["DEL", "other-many"],
  );

/** A collection is left that nothing names any more. */
export const leavings: Change = {
  name: "a name of many members is deleted",
  take: (queue) => perform(queue, ["SADD", "many", ...many], ["DEL", "many"]),
  changes: {},
};
