/**
 * AGQ's names, plans and actions: the reply and the error texts of each, over a real engine.
 */
import { describe, expect, test } from "vitest";
import { AT, bulk, error, expectAll, job, list, met, PLAN, TAKE, withAction } from "./agq-talk.ts";

describe("the names of AGQ", () => {
  test("refuse what is no view of theirs", async () => {
    const { say } = await met();
    const calls = [
      "GET queue:ready",
      "DEL queue:ready",
      "RPOP queue:ready",
      "BRPOP queue:ready 1",
      "LPUSH queue:processing x",
      "LPUSH queue:gpu x",
      "RPUSH queue:ready x",
      "EXPIRE job:1 5",
      "SET job:1 x",
      "SET plan:1 x",
      "HGETALL job:1",
      "SET worker:w:tags cpu",
      "RPOPLPUSH queue:ready mine",
      "RENAME mine queue:ready",
    ];
    for (const call of calls) {
      expect(`${call} → ${await say(call)}`).toMatch(/→ -ERR '[A-Z]+' cannot be used on .*\r\n$/);
    }
    expect(await say("SET job:1:status completed EX 5")).toBe(
      error("SET job:1:status takes no options"),
    );
  });

  test("are empty where there is no queue yet, and that makes none", async () => {
    const { q, say } = await met();
    await expectAll(say, [
      ["LLEN queue:ready", ":0\r\n"],
      ["LRANGE queue:ready 0 -1", "*0\r\n"],
      ["ZRANGE queue:scheduled 0 -1", "*0\r\n"],
      ["ZCARD queue:scheduled", ":0\r\n"],
      ["GET job:x", "$-1\r\n"],
      ["GET plan:x", "$-1\r\n"],
      ["GET worker:x:tools", "$-1\r\n"],
      ["RPOPLPUSH queue:ready queue:processing", "$-1\r\n"],
      ["LREM queue:processing 1 x", ":0\r\n"],
      ["PLAN.LIST", "*0\r\n"],
      ["PLAN.LIST 0 10", bulk("[]")],
      ["JOBS.LIST", "*0\r\n"],
      ["WORKERS.LIST", "*0\r\n"],
      ["QUEUE.STATS", list("pending_jobs", "0", "scheduled_jobs", "0")],
      ["JOB.STATUS x", "$-1\r\n"],
    ]);
    expect((await q.refused("queue.get", {})).refusalCode).toBe("queue_unknown");
  });

  test("show the queue's jobs: what was pushed last stands first, and the right end is next", async () => {
    const { say } = await withAction("[1,2,3]");
    await expectAll(say, [
      ["LLEN queue:ready", ":3\r\n"],
      ["LRANGE queue:ready 0 -1", list(job(3), job(2), job(1))],
      ["LRANGE queue:ready -1 -1", list(job(1))],
      ["LRANGE queue:ready 1 1", list(job(2))],
      ["QUEUE.PEEK queue:ready 2", list(job(1), job(2))],
      ["RPOPLPUSH queue:ready queue:processing", bulk(job(1))],
      ["LRANGE queue:processing 0 -1", list(job(1))],
      [`ZADD queue:scheduled ${AT + 60} ${job(2)}`, ":1\r\n"],
      [`ZADD queue:scheduled ${AT + 61.5} ${job(2)}`, ":0\r\n"],
      ["ZCARD queue:scheduled", ":1\r\n"],
      ["LLEN queue:scheduled", ":1\r\n"],
      ["ZRANGE queue:scheduled 0 -1", list(job(2), String(AT + 61.5))],
      [`ZRANGEBYSCORE queue:scheduled ${AT} ${AT + 61}`, "*0\r\n"],
      [`ZRANGEBYSCORE queue:scheduled ${AT} ${AT + 62}`, list(job(2), String(AT + 61.5))],
      [`ZSCORE queue:scheduled ${job(2)}`, bulk(String(AT + 61.5))],
      [`ZSCORE queue:scheduled ${job(3)}`, "$-1\r\n"],
      ["QUEUE.STATS", list("pending_jobs", "1", "scheduled_jobs", "1")],
      [`LPUSH queue:ready ${job(2)}`, ":2\r\n"],
      [
        `LPUSH queue:ready ${job(1)}`,
        error(`Job ${job(1)} is running, and cannot be put on the queue`),
      ],
      ["LPUSH queue:ready nobody", error("Job not found: nobody")],
      [
        `LREM queue:processing 1 ${job(1)}`,
        error(`Job ${job(1)} is running: say first by SET job:${job(1)}:status what it came to`),
      ],
      ["QUEUE.PAUSE", "+OK\r\n"],
      ["RPOPLPUSH queue:ready queue:processing", "$-1\r\n"],
      ["QUEUE.RESUME", "+OK\r\n"],
    ]);
  });
});

describe("a job that is scheduled anew once it has ended", () => {
  test("comes to nobody who waits before its time", async () => {
    const { rig, say } = await withAction("[1]");
    await say(TAKE, "w");
    await say(`SET job:${job(1)}:status failed`, "w");
    rig.say("w", "BRPOPLPUSH queue:ready queue:processing 0".split(" "));
    await expectAll(say, [
      [`ZADD queue:scheduled ${AT + 60} ${job(1)}`, ":1\r\n"],
      [`ZSCORE queue:scheduled ${job(1)}`, bulk(String(AT + 60))],
    ]);
    await rig.advance(59_999);
    expect(rig.take("w")).toBe("");
    await rig.advance(1);
    expect(rig.take("w")).toBe(bulk(job(1)));
  });

  test("comes at once where its time is past", async () => {
    const { say } = await withAction("[1]");
    await say(TAKE, "w");
    await say(`SET job:${job(1)}:status failed`, "w");
    await expectAll(say, [
      [`ZADD queue:scheduled ${AT - 60} ${job(1)}`, ":1\r\n"],
      ["LRANGE queue:ready 0 -1", list(job(1))],
    ]);
  });

  test("keeps its time where it has to wait for others first", async () => {
    const { q, rig, say } = await withAction("[]");
    await q.run("job.cancel", { id: job(1) });
    await q.enqueue({ id: "parent" });
    const child = { id: "child", plan: "p", planVersion: 1, after: [{ id: "parent" }] };
    await q.enqueue(child);
    await expectAll(say, [
      [
        `ZADD queue:scheduled ${AT + 60} child`,
        error("Job child is blocked, and cannot be put on the queue"),
      ],
      ["JOB.CANCEL child", "+OK\r\n"],
      [`ZADD queue:scheduled ${AT + 60} child`, ":1\r\n"],
      ["ZCARD queue:scheduled", ":0\r\n"],
    ]);
    // What the log says of it, another instance reads the same.
    await rig.reopen();
    const { token } = await q.claimOne();
    await q.settle({ op: "complete", id: "parent", token });
    expect(await say("ZRANGE queue:scheduled 0 -1")).toBe(list("child", String(AT + 60)));
    await rig.advance(60_000);
    expect(await say(TAKE, "w")).toBe(bulk("child"));
  });

  test("is refused where it was completed", async () => {
    const { say } = await withAction("[1]");
    await say(TAKE, "w");
    await say(`SET job:${job(1)}:status completed`, "w");
    const refused = error(
      `Job ${job(1)} is completed; only a failed, cancelled or expired job can be changed so.`,
    );
    await expectAll(say, [
      [`ZADD queue:scheduled ${AT + 60} ${job(1)}`, refused],
      [`LPUSH queue:ready ${job(1)}`, refused],
    ]);
  });
});

test("a job that is pushed while a worker waits is counted, as by Redis, though it is that worker's already", async () => {
  const { rig, say } = await withAction("[1]");
  await say(`JOB.CANCEL ${job(1)}`);
  rig.say("w", TAKE.split(" "));
  expect(await say(`LPUSH queue:ready ${job(1)}`)).toBe(":1\r\n");
  expect(rig.take("w")).toBe(bulk(job(1)));
  expect(await say("LLEN queue:ready")).toBe(":0\r\n");
});

describe("an element that names no job", () => {
  test("stands in no list of a G1 program, and in none of a G2 program", async () => {
    const { rig } = await met("agq-g1");
    rig.connect("two", "agq-g2");
    for (const element of ["{", "{}", "\xff", "no job"]) {
      for (const client of ["c", "two"]) {
        const removal = ["LREM", "queue:processing", "1", element];
        expect(await rig.ask(client, removal)).toBe(":0\r\n");
        const look = ["ZSCORE", "queue:scheduled", element];
        expect(await rig.ask(client, look)).toBe("$-1\r\n");
      }
    }
  });
});

/** What is said of a name with a space in it. */
const badCharacters = (what: string): string =>
  `${what} contains invalid characters (only alphanumeric, hyphens, and underscores allowed)`;

describe("plans and actions", () => {
  test("are submitted with what AGX adds, and refused in AGQ's words", async () => {
    const { say } = await met();
    const submit = (json: string) => `PLAN.SUBMIT '${json}'`;
    const wrong = (text: string) => error(`Plan validation failed: ${text}`);
    const task = (fields: string) => submit(`{"plan_id":"p","tasks":[{${fields}}]}`);
    await expectAll(say, [
      ["PLAN.SUBMIT", error("PLAN.SUBMIT requires exactly one argument (plan JSON)")],
      [submit('"p"'), wrong('"p" is not of type "object"')],
      [submit("{}"), wrong('"plan_id" is a required property, "tasks" is a required property')],
      [submit('{"plan_id":"p","tasks":[]}'), wrong("[] has less than 1 item")],
      [task('"task_number":null,"command":"a"'), wrong('null is not of type "integer"')],
      [task('"task_number":1'), wrong('"command" is a required property')],
      [task('"task_number":0,"command":"a"'), wrong("0 is less than the minimum of 1")],
      [
        task('"task_number":2,"command":"a"'),
        wrong("/tasks/0/task_number: must be 1: numbers rise by one from 1"),
      ],
      [
        submit(`{"plan_id":"${"p".repeat(65)}","tasks":[{"task_number":1,"command":"a"}]}`),
        wrong(`"${"p".repeat(65)}" is longer than 64 characters`),
      ],
      [task('"task_number":1,"command":""'), wrong('"" is shorter than 1 character')],
      [
        task(`"task_number":1,"command":"${"c".repeat(257)}"`),
        wrong(`"${"c".repeat(257)}" is longer than 256 characters`),
      ],
      [
        submit('{"plan_id":"","tasks":[]}'),
        wrong('"" is shorter than 1 character, [] has less than 1 item'),
      ],
      [submit(PLAN.replace('"p"', '"p q"')), error(badCharacters("plan_id"))],
      [task('"task_number":1,"command":"a","args":null,"tags":["x"]'), bulk("p")],
      ["PLAN.GET 'p q'", error(badCharacters("plan_id"))],
      ['PLAN.GET ""', error("plan_id must be between 1 and 64 characters")],
      ["PLAN.GET none", error("Plan not found: none")],
      [
        "PLAN.LIST 0 1",
        bulk(
          `[{"created_at":${AT},"last_used":0,"plan_description":"","plan_id":"p","task_count":1,"total_actions":0,"total_jobs":0}]`,
        ),
      ],
      ["PLAN.LIST x", error("offset must be a non-negative integer")],
      ["PLAN.LIST 0 0", error("offset must be >= 0 and limit must be > 0")],
      [`PLAN.VERSION none '${PLAN}'`, error("Plan not found: none")],
      [
        `PLAN.VERSION p '${PLAN.replace("true", "b")}'`,
        bulk('{"parent":1,"plan_id":"p","version":2}'),
      ],
      ["PLAN.DELETE none", ":0\r\n"],
    ]);
    expect(await say("PLAN.SUBMIT {")).toMatch(/^-ERR Invalid JSON: .*\r\n$/);
    const act = (json: string) => `ACTION.SUBMIT '${json}'`;
    await expectAll(say, [
      ["ACTION.SUBMIT", error("ACTION.SUBMIT requires exactly one argument (action JSON)")],
      [act("[]"), error("Missing required field: action_id")],
      [act("{}"), error("Missing required field: action_id")],
      [act('{"action_id":"a"}'), error("Missing required field: plan_id")],
      [act('{"action_id":"a b","plan_id":"p"}'), error(badCharacters("action_id"))],
      [act('{"action_id":"a","plan_id":""}'), error("plan_id must be between 1 and 64 characters")],
      [
        act('{"action_id":"a","plan_id":"p"}'),
        error("Missing or invalid field: inputs (must be array)"),
      ],
      [act('{"action_id":"a","plan_id":"none","inputs":[]}'), error("Plan not found: none")],
      [
        act('{"action_id":"a","plan_id":"p","inputs":[]}'),
        bulk(`{"action_id":"a","job_ids":["${job(1)}"],"jobs_created":1,"plan_id":"p"}`),
      ],
      [
        act('{"action_id":"a","plan_id":"p","inputs":[ ]}'),
        bulk(`{"action_id":"a","job_ids":["${job(1)}"],"jobs_created":1,"plan_id":"p"}`),
      ],
      [act('{"action_id":"a","plan_id":"p","inputs":[1]}'), error("Action ID already exists: a")],
      ["PLAN.DELETE p", error("Cannot delete plan with active jobs")],
      ["ACTION.GET none", error("Action not found: none")],
      ["ACTION.GET 'a b'", error(badCharacters("action_id"))],
      ["ACTION.GET a x", error("job_offset must be a non-negative integer")],
      ["ACTION.GET a 0 x", error("job_limit must be a positive integer")],
      ["ACTION.GET a 0 0", error("job_offset must be >= 0 and job_limit must be > 0")],
      [
        "ACTION.STATUS a",
        bulk(
          `{"action_id":"a","cancelled":0,"completed":0,"completed_jobs_at":null,"created_at":${AT},"dead":0,"failed":0,"pending":1,"plan_id":"p","running":0,"total_jobs":1}`,
        ),
      ],
      [
        "ACTION.LIST none",
        error("status must be one of: pending, running, completed, failed, all"),
      ],
      ["ACTION.LIST all x", error("offset must be a non-negative integer")],
      ["ACTION.LIST all 0 x", error("limit must be a positive integer")],
      ["ACTION.LIST all -1", error("offset must be non-negative")],
      ["ACTION.LIST all 0 0", error("limit must be positive")],
      ["ACTION.LIST completed", bulk("[]")],
      [
        "ACTION.LIST running 0 5",
        bulk(
          `[{"action_id":"a","created_at":${AT},"jobs_completed":0,"jobs_failed":0,"jobs_pending":1,"jobs_total":1,"plan_id":"p","status":"running"}]`,
        ),
      ],
      ["ACTION.CANCEL a", ":1\r\n"],
      ["PLAN.DELETE p", ":1\r\n"],
    ]);
  });

  test("tell of inputs that are too many, too large, or not what the plan names", async () => {
    const { say } = await met();
    await say(`PLAN.SUBMIT '${PLAN.replace('"true"', '"true","args":["{{input.f}}"]')}'`);
    const act = (inputs: string) =>
      say(`ACTION.SUBMIT '{"action_id":"a","plan_id":"p","inputs":[${inputs}]}'`);
    expect(await act(Array(1001).fill("1").join())).toBe(
      error("inputs array exceeds maximum of 1000 inputs per Action"),
    );
    expect(await act(`1,"${"x".repeat(262_143)}"`)).toBe(
      error("Input 1 exceeds maximum size of 262144 bytes (got 262145 bytes)"),
    );
    expect(await act('{"g":1}')).toMatch(/^-ERR \/inputs\/0: Task 1, args\[0\]: .* no field f\./);
  });
});
