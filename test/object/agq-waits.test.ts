/**
 * AGQ's calls that wait: over a sleeping object, through its end, and for clients that go meanwhile.
 */
import { describe, expect, test } from "vitest";
import { splitInline } from "../../src/redis/inline.ts";
import { openEngine } from "../engine-harness.ts";
import { Random } from "../simulation/random.ts";
import { AgqRig } from "./agq-rig.ts";
import { bulk, error, job, list, met, PLAN } from "./agq-talk.ts";

const TAKE_EVER = "BRPOPLPUSH queue:ready queue:processing 0";
const submit = (action: string, inputs: string) =>
  `ACTION.SUBMIT '{"action_id":"${action}","plan_id":"p","inputs":${inputs}}'`;

/** A worker `w` that waits for a job of plan `p`, of which there is none. */
async function waiting(dialect: "agq-g1" | "agq-g2" = "agq-g2") {
  const all = await met();
  await all.say(`PLAN.SUBMIT '${PLAN}'`);
  all.rig.connect("w", dialect);
  await all.say("PING w1", "w");
  await all.say(TAKE_EVER, "w");
  // The queue is registered, and no alarm is armed for that any more.
  await all.q.alarm();
  return all;
}

describe("a claim that waits", () => {
  test("keeps its object awake by nothing: its time is the alarm's", async () => {
    const { q, rig, say } = await waiting();
    rig.connect("x", "agq-g2");
    await say("BRPOPLPUSH queue:ready queue:processing 5", "x");
    expect(rig.timers).toBe(0);
    expect(JSON.parse(rig.kept("x"))).toMatchObject({ isHeld: false, blocked: { order: 2 } });
    expect(q.armedAt).toBe(q.now + 5_000);
    await rig.advance(5_000);
    expect([rig.take("x"), rig.take("w")]).toEqual(["$-1\r\n", ""]);
    // It waits no longer.
    await say(submit("a", "[1,2]"));
    expect([rig.take("x"), rig.take("w")]).toEqual(["", bulk(job(1))]);
    expect(await say("LLEN queue:ready")).toBe(":1\r\n");
  });

  test("stands in one line with all others that wait for jobs, also after the object slept", async () => {
    const { q, rig, say } = await waiting();
    const waiter = await q.waitForJobs({ kinds: ["plan"], capabilities: ["true"] });
    rig.connect("x", "agq-g2");
    await say(TAKE_EVER, "x");
    await rig.reopen();
    await say(submit("a", "[1,2,3]"));
    expect([rig.take("w"), waiter.jobs, rig.take("x")]).toEqual([
      bulk(job(1)),
      [job(2)],
      bulk(job(3)),
    ]);
  });

  test("is told by the next instance of the job that it was given by one that could not say so", async () => {
    const { q, rig, say } = await waiting();
    const before = rig.kept("w");
    await say(submit("a", "[1]"));
    rig.rewind("w", before);
    await rig.reopen();
    expect(rig.take("w")).toBe(bulk(job(1)));
    expect(await say(`SET job:${job(1)}:status completed`, "w")).toBe("+OK\r\n");
    expect((await q.job(job(1))).deliveries).toBe(1);
  });

  test("claims anew where that job is not its own any more", async () => {
    const { q, rig, say } = await waiting();
    const before = rig.kept("w");
    await say(submit("a", "[1]"));
    rig.rewind("w", before);
    q.now += 91_000;
    await rig.reopen();
    expect(rig.take("w")).toBe(bulk(job(1)));
    expect((await q.job(job(1))).deliveries).toBe(2);
  });

  test("goes on where its worker drains, until that works again", async () => {
    const { q, rig, say } = await waiting();
    await q.run("worker.drain", { id: "w1" });
    await say(submit("a", "[1]"));
    expect(rig.take("w")).toBe("");
    await say("SET worker:w1:tools true");
    await say("PING w1");
    await q.settled();
    expect(rig.take("w")).toBe(bulk(job(1)));
  });

  test.each(["agq-g1", "agq-g2"] as const)(
    "%s: gives its job back where its client went while that was on its way",
    async (dialect) => {
      for (const turns of [0, 2, 5, 10, 20, 40]) {
        const { q, rig, say } = await waiting(dialect);
        rig.say("c", ["ACTION.SUBMIT", '{"action_id":"a","plan_id":"p","inputs":[1]}']);
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        const isTold = rig.take("w") !== "";
        rig.hangUp("w");
        await q.settled();
        await q.settled();
        rig.take("c");
        const state = isTold ? "running" : "ready";
        expect(`${turns}: ${(await q.job(job(1))).state}`).toBe(`${turns}: ${state}`);
        expect(await say("QUEUE.PEEK queue:ready")).toBe(isTold ? "*0\r\n" : list(job(1)));
      }
    },
  );

  test("gives its job back where its client went, and nobody has heard of that", async () => {
    const { q, rig, say } = await waiting();
    rig.close("w");
    await say(submit("a", "[1]"));
    await q.settled();
    expect((await q.job(job(1))).state).toBe("ready");
  });

  test("holds up the calls behind it, and they are performed behind its answer", async () => {
    const { rig, say } = await waiting("agq-g1");
    rig.connect("x", "agq-g1");
    const calls = [TAKE_EVER.split(" "), ["PING", "w2"], ["LLEN", "queue:processing"]];
    expect(await rig.ask("x", ...calls)).toBe("");
    await say("GET a", "x");
    await rig.reopen();
    await say(submit("a", "[1,2]"));
    expect(rig.take("x")).toMatch(
      /^\$\d+\r\n\{"input":2,"input_index":1,.*\}\r\n\$2\r\nw2\r\n:2\r\n\$-1\r\n$/,
    );
  });

  test("waits for jobs, and not for a plain Redis's list of that name", async () => {
    const { rig, say } = await waiting();
    rig.connect("r", "redis");
    expect(await say("RPUSH queue:ready x", "r")).toBe(":1\r\n");
    expect(rig.take("w")).toBe("");
    expect(await say("LPOP queue:ready", "r")).toBe("$1\r\nx\r\n");
  });
});

test("nothing is waited for at a queue that must not be used", async () => {
  const { q, rig, say } = await waiting();
  const [[log] = [""]] = q.sql.rows<[name: string]>(
    "SELECT name FROM sqlite_master WHERE name LIKE 'raft\\_log\\_%' ESCAPE '\\'",
  );
  q.sql.run(`DELETE FROM ${log} WHERE log_index = (SELECT max(log_index) - 1 FROM ${log})`);
  await q.crash();
  rig.connect("x", "agq-g2");
  // Its connection goes on.
  expect(await rig.ask("x", TAKE_EVER.split(" "), ["PING"])).toMatch(
    /^-READONLY .*\r\n\+PONG\r\n$/,
  );
  expect(await say("BRPOPLPUSH queue:ready queue:processing 1", "x")).toMatch(/^-READONLY /);
});

describe("a call that waits for a plain name", () => {
  test("is answered in AGQ's shape, or in Redis's where AGQ lacks it", async () => {
    const { rig, say } = await met();
    for (const name of ["d", "e", "f"]) rig.connect(name, "agq-g2");
    await say("BRPOP a 0", "c");
    await say("brpoplpush b z 0", "d");
    await say("BLPOP a 0", "e");
    expect(await say("BRPOP none 1.5", "f")).toBe(
      error("BRPOP timeout must be a non-negative integer"),
    );
    await say("BRPOP none 2", "f");
    await rig.reopen();
    rig.connect("g", "agq-g2");
    await say("LPUSH a 1", "g");
    await say("LPUSH a 2", "g");
    await say("LPUSH b 3", "g");
    await rig.advance(2_000);
    expect(["c", "d", "e", "f"].map((name) => rig.take(name))).toEqual([
      bulk("1"),
      bulk("3"),
      list("a", "2"),
      "$-1\r\n",
    ]);
  });
});

test("channels are a plain Redis's", async () => {
  const rig = new AgqRig(await openEngine());
  for (const name of ["c", "d"]) rig.connect(name, "agq-g2");
  const say = (name: string, ...call: string[]) => rig.ask(name, call);
  expect(await say("c", "SUBSCRIBE", "job:updates")).toBe(
    "*3\r\n$9\r\nsubscribe\r\n$11\r\njob:updates\r\n:1\r\n",
  );
  expect(await say("d", "PUBLISH", "job:updates", "x")).toBe(":1\r\n");
  expect(rig.take("c")).toBe(list("message", "job:updates", "x"));
  expect(await say("c", "GET", "a")).toMatch(/^-ERR Can't execute 'get'/);
  expect(await say("c", "PING")).toBe(list("pong", ""));
  await say("c", "UNSUBSCRIBE");
  expect(await say("c", "PING", "w1")).toBe(bulk("w1"));
});

test.each([1, 2])(
  "seed %s: whatever happens, no worker waits while a job is ready, and no job is held by one that went",
  async (seed) => {
    const random = new Random(seed);
    const rig = new AgqRig(await openEngine());
    const ask = (name: string, line: string) => rig.ask(name, splitInline(line) ?? []);
    rig.connect("c", "agq-g2");
    await ask("c", `PLAN.SUBMIT '${PLAN}'`);
    /** What each worker was handed; empty while it waits. */
    const held = new Map<string, string>();
    let submitted = 0;
    let completed = 0;
    const steps: (() => Promise<unknown>)[] = [
      async () => {
        const name = `w${held.size}x${random.below(1e9)}`;
        rig.connect(name, "agq-g2");
        if (random.below(2) === 0) await ask(name, `PING ${name}`);
        held.set(name, "");
        rig.say(name, TAKE_EVER.split(" "));
      },
      () => ask("c", submit(`a${submitted++}`, "[1]")),
      async () => {
        const [name] = [...held.keys()].slice(random.below(held.size));
        if (name === undefined) return;
        rig.hangUp(name);
        held.delete(name);
      },
      async () => {
        const [name, id] = [...held].find(([, each]) => each !== "") ?? [];
        if (name === undefined) return;
        const reply = await ask(name, `SET job:${id}:status completed`);
        if (reply === "+OK\r\n") completed += 1;
        held.set(name, "");
        rig.say(name, TAKE_EVER.split(" "));
      },
      () => rig.reopen(),
      () => rig.advance(20_000),
    ];
    for (let turn = 0; turn < 80; turn += 1) {
      const ready = await ask("c", "LLEN queue:ready");
      for (const [name, id] of held) {
        const [, given = id] = rig.take(name).split("\r\n");
        held.set(name, given);
      }
      if ([...held.values()].includes("")) expect(`${turn}: ${ready}`).toBe(`${turn}: :0\r\n`);
      await steps[random.below(steps.length)]?.();
    }
    for (const name of held.keys()) rig.hangUp(name);
    await rig.advance(400_000);
    expect(await ask("c", "LLEN queue:processing")).toBe(":0\r\n");
    expect(submitted).toBeGreaterThan(5);
    expect(completed).toBeGreaterThan(1);
  },
);
