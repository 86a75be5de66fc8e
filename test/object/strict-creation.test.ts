/**
 * Redis clients and AGQ's programs where queues are created by PUT alone.
 * Invariant: none of them creates one; what would have to is refused and says how, what finds nothing in a queue that is not there says so.
 */
import { expect, test } from "vitest";
import { bulk, error, expectAll, list, met, PLAN, TAKE } from "./agq-talk.ts";

const refused = error(
  "There is no queue mail: PUT it to create it; here nothing else does (SLUICE_AUTO_CREATE=false).",
);
const strict = { autoCreate: false } as const;

test("a Redis client is refused until there is a queue", async () => {
  const { q, say } = await met("redis", false, strict);
  await expectAll(say, [
    ["PING", "+PONG\r\n"],
    ["SET a 1", refused],
    ["GET a", refused],
    ["BLPOP a 1", refused],
    ["WATCH a", "+OK\r\n"],
    ["MULTI", "+OK\r\n"],
    ["GET a", "+QUEUED\r\n"],
    ["EXEC", refused.replace("-", "-EXECABORT Transaction discarded because of: ")],
    ["PUBLISH a b", ":0\r\n"],
    ["INFO keyspace", bulk("# Keyspace\r\n")],
  ]);
  expect(q.store.hard).toBeUndefined();
  await q.run("queue.configure", {});
  expect(await say("SET a 1")).toBe("+OK\r\n");
});

test("AGQ's programs are refused until there is a queue, whose lists are empty up to then", async () => {
  const { q, rig, say } = await met("agq-g2", false, strict);
  await expectAll(say, [
    ["PING", "+PONG\r\n"],
    ["PING w1", refused],
    ["SET worker:w1:tools sort", refused],
    ['WORKER.REGISTER \'{"worker_id":"w1"}\'', refused],
    [`PLAN.SUBMIT '${PLAN}'`, refused],
    ["SET a 1", refused],
    ["PLAN.LIST", "*0\r\n"],
    ["QUEUE.STATS", list("pending_jobs", "0", "scheduled_jobs", "0")],
    ["RPOPLPUSH queue:ready queue:processing", "$-1\r\n"],
    [TAKE, ""],
  ]);
  await rig.advance(5000);
  expect(rig.take("c")).toBe("$-1\r\n");
  expect(q.store.hard).toBeUndefined();
  await q.run("queue.configure", {});
  await expectAll(say, [
    ["PING w1", bulk("w1")],
    [`PLAN.SUBMIT '${PLAN}'`, bulk("p")],
  ]);
});
