/**
 * Whatever is said in a dialect of AGQ: each call has one reply, and none is a fault.
 * Invariant: the calls are drawn from a seed, which a failure names.
 */
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { ReplyScanner } from "../../src/redis/reply-scanner.ts";
import { openEngine } from "../engine-harness.ts";
import { Random } from "../simulation/random.ts";
import { AgqRig } from "./agq-rig.ts";

const names = (
  "PING AUTH GET SET DEL EXISTS TTL LPUSH RPOP BRPOP LLEN LRANGE LREM RPOPLPUSH BRPOPLPUSH ZADD ZRANGE ZRANGEBYSCORE ZREM ZSCORE " +
  "ZCARD HSET HGET HDEL HEXISTS HLEN HGETALL HINCRBY PLAN.SUBMIT PLAN.LIST PLAN.GET PLAN.DELETE PLAN.VERSION ACTION.SUBMIT " +
  "ACTION.LIST ACTION.GET ACTION.STATUS ACTION.CANCEL ACTION.RETRY JOB.GET JOB.STATUS JOB.UPDATE JOB.LIST JOB.RETRY JOB.CANCEL " +
  "BLPOP BLMOVE JOBS.LIST WORKER.REGISTER WORKER.HEARTBEAT WORKER.UNREGISTER WORKERS.LIST QUEUE.STATS QUEUE.PEEK QUEUE.PAUSE QUEUE.RESUME KEYS NOPE"
).split(" ");

const tasks = '"tasks":[{"task_number":1,"command":"true"}]';
const id = "q0000000-001-000000001";
const words = [
  ...["queue:ready", "queue:processing", "queue:scheduled", "queue:gpu", "a", "b"],
  ...[
    `job:${id}`,
    `job:${id}:stdout`,
    `job:${id}:status`,
    "job:",
    "job:\xff:stdout",
    "job:j:stderr",
  ],
  ...[
    "plan:p",
    "plan:",
    "plan:\xe9",
    "worker:w:tools",
    "worker::tools",
    "worker:\0:tools",
    "w",
    "p",
    "x",
  ],
  ...[
    "0",
    "1",
    "-1",
    "1.5",
    "-inf",
    "9999999999999999999",
    "1e308",
    "",
    "\xff\xfe",
    "\0",
    "completed",
    "failed",
  ],
  ...[
    "{}",
    "[]",
    "null",
    "{",
    '{"a":',
    `{"plan_id":"p",${tasks}}`,
    `{"job_id":"j","plan_id":"p",${tasks},"input":[1]}`,
  ],
  ...[
    '{"action_id":"x","plan_id":"p","inputs":[1,{"a":null}]}',
    '{"status":"failed","stderr":"no"}',
    id,
    "j",
  ],
  ...[
    '{"worker_id":"w","capabilities":["true"]}',
    '{"worker_id":"\\u00e9"}',
    `{"plan_id":null,${tasks}}`,
    "all",
  ],
  ...["__proto__", "constructor", '{"__proto__":1,"plan_id":"p","tasks":[null]}', "1795000060"],
];

test.each([1, 2, 3])("seed %s: every call has one reply, and none is a fault", async (seed) => {
  const random = new Random(seed);
  const pick = (from: readonly string[]) => from[random.below(from.length)] ?? "";
  const q = await openEngine();
  const rig = new AgqRig(q);
  for (const name of ["one", "two"]) rig.connect(name, name === "one" ? "agq-g1" : "agq-g2");
  for (let turn = 0; turn < 400; turn += 1) {
    const call = [pick(names)];
    const isWait = call[0]?.startsWith("B");
    for (let i = random.below(5); i > 0; i -= 1) call.push(pick(words));
    const client = pick(["one", "two"]);
    let sent = await rig.ask(client, call);
    // Connections outlive their instance, with what waits.
    if (random.below(10) === 0) await rig.reopen();
    if (isWait && sent === "") {
      await rig.advance(3_600_000);
      sent = rig.take(client);
      // One without end is left by its client.
      if (sent === "") {
        rig.hangUp(client);
        rig.connect(client, client === "one" ? "agq-g1" : "agq-g2");
        continue;
      }
    }
    const shown = `${client}: ${JSON.stringify(call)} → ${sent.slice(0, 300)}`;
    expect(new ReplyScanner().push(Buffer.from(sent, "latin1")), shown).toHaveLength(1);
    expect(sent, shown).not.toMatch(/^-ERR Sluice failed/);
    expect(rig.isClosed(client), shown).toBe(false);
  }
});
