/**
 * AGQ's lists of many jobs: how far each is read, and what is said where that is not enough.
 * Invariant: what is read for a reply grows with what it tells, never with its square, nor with what stands behind it.
 */
import { describe, expect, test, vi } from "vitest";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import { splitInline } from "../../src/redis/inline.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { AgqRig } from "./agq-rig.ts";
import { AT, bulk, error, PLAN } from "./agq-talk.ts";

const TOO_FAR = error("This looks through at most 10000 elements: use the lists of the HTTP API");

/** A queue with plan `p`, and a client of it in each dialect: what it is answered, and what of the queue was read for that. */
async function reading() {
  const q = await openEngine();
  const rig = new AgqRig(q);
  for (const name of ["g1", "g2"] as const) rig.connect(name, `agq-${name}`);
  const read = vi.spyOn(q.engine, "read");
  const say = async (line: string, name: "g1" | "g2" = "g1") => {
    read.mockClear();
    rig.say(name, splitInline(line) ?? []);
    let reply = "";
    while (reply === "") {
      await q.settled();
      reply = rig.take(name);
    }
    return reply;
  };
  const reads = () => read.mock.calls.map(([request]) => request as CommandRequest);
  await say(`PLAN.SUBMIT '${PLAN}'`);
  return { q, say, read, reads };
}

/** Enqueues jobs `j0`, `j1` … of plan `p`, each a second later than the one before where they have times. */
async function enqueue(q: Harness, count: number, payload: string, runAt?: number): Promise<void> {
  const together = Math.min(1000, Math.floor(1_000_000 / payload.length));
  for (let first = 0; first < count; first += together) {
    const jobs = Array.from({ length: Math.min(together, count - first) }, (_, i) => ({
      ...{ id: `j${first + i}`, plan: "p", planVersion: 1, payload },
      ...(runAt !== undefined && { runAt: (runAt + first + i) * 1000 }),
    }));
    await q.run("job.enqueue", { jobs });
  }
}

/** How a job stands in a list of the first generation. */
const whole = (n: number, payload: string): string =>
  bulk(
    `{"input":${payload},"input_index":0,"job_id":"j${n}","plan_id":"p","tasks":[{"command":"true","task_number":1}]}`,
  );

const large = `"${"x".repeat(200_000)}"`;

describe("a list of whole jobs", () => {
  test("is read by pages, each of them once, and its plan once", async () => {
    const { q, say, reads } = await reading();
    await enqueue(q, 2500, "1.0");
    const reply = await say("LRANGE queue:ready 0 -1");
    const all = Array.from({ length: 2500 }, (_, i) => whole(2499 - i, "1.0"));
    expect(reply).toBe(`*2500\r\n${all.join("")}`);
    const names = reads().map(({ name }) => name);
    expect(names.sort()).toEqual(["job.list", "job.list", "job.list", "plan.get", "queue.stats"]);
  });

  test("is refused where it is too much for a reply, and not read beyond that", async () => {
    const { q, say, reads } = await reading();
    await enqueue(q, 50, large);
    const refused = error(
      "the replies would be over 8388608 bytes: ask for less at once, or in steps with a cursor",
    );
    expect(await say("LRANGE queue:ready 0 -1")).toBe(refused);
    expect(reads().filter(({ name }) => name === "job.list")).toHaveLength(3);
    expect(await say("LRANGE queue:ready -40 -1")).toMatch(/^\*40\r\n/);
    expect(await say("LRANGE queue:ready 0 -1", "g2")).toMatch(/^\*50\r\n/);
  });

  test("is read from where the range begins", async () => {
    const { q, say, reads } = await reading();
    await enqueue(q, 25, large);
    expect(await say("LRANGE queue:ready 0 0")).toBe(`*1\r\n${whole(24, large)}`);
    const lists = reads().flatMap(({ name, input }) => (name === "job.list" ? [input] : []));
    expect(lists).toMatchObject([{ limit: 24 }, { include: "payload", limit: 1 }]);
    expect(lists[0]).not.toHaveProperty("include");
  });

  test("is refused beyond its first 10,000, wherever the range begins", async () => {
    const { q, say, reads } = await reading();
    await enqueue(q, 10_001, "1");
    expect(await say("LRANGE queue:ready 0 0")).toBe(TOO_FAR);
    expect(await say("LRANGE queue:ready 0 0", "g2")).toBe(TOO_FAR);
    expect(reads()).toHaveLength(1);
    expect(await say("LRANGE queue:ready 1 1")).toBe(`*1\r\n${whole(9999, "1")}`);
  });
});

describe("ZRANGEBYSCORE queue:scheduled", () => {
  test("tells what is due first, however many are scheduled, and looks no further", async () => {
    const { q, say, reads } = await reading();
    await enqueue(q, 10_001, "1", AT + 1000);
    const pairs = (numbers: readonly number[], told: (n: number) => string) =>
      `*${2 * numbers.length}\r\n${numbers.map((n) => told(n) + bulk(String(AT + 1000 + n))).join("")}`;
    const ask = (from: number, to: number) =>
      `ZRANGEBYSCORE queue:scheduled ${AT + 1000 + from} ${AT + 1000 + to}`;
    const id = (n: number) => bulk(`j${n}`);
    expect(await say(`ZRANGEBYSCORE queue:scheduled 0 ${AT + 1001}`, "g2")).toBe(pairs([0, 1], id));
    expect(reads().length).toBeLessThanOrEqual(2);
    expect(await say(ask(998, 1001))).toBe(pairs([998, 999, 1000, 1001], (n) => whole(n, "1")));
    expect(await say(ask(9998, 9999), "g2")).toBe(TOO_FAR);
    expect(await say(ask(9997, 9998), "g2")).toBe(pairs([9997, 9998], id));
    expect(await say("ZRANGEBYSCORE queue:scheduled 5 1", "g2")).toBe("*0\r\n");
    expect(await say("ZRANGEBYSCORE queue:scheduled 0 1e300", "g2")).toBe(TOO_FAR);
    await q.run("job.cancel", { id: "j10000" });
    expect(await say(ask(9998, 9999), "g2")).toBe(pairs([9998, 9999], id));
  });
});

test("a list whose pages would be too much to hold is refused", async () => {
  const { say, read } = await reading();
  const page = JSON.stringify({ workers: [], cursor: "w", more: "x".repeat(9 * 1024 * 1024) });
  read.mockResolvedValue({ reply: page });
  expect(await say("WORKERS.LIST")).toBe(
    error(
      "This looks through at most 16777216 characters of what is told of its elements: use the lists of the HTTP API",
    ),
  );
});
