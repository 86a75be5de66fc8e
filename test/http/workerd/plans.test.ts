/**
 * The routes of plans, their jobs and the tasks of those, good and bad, through the real Worker and its real objects.
 * Invariant: what is refused changes no job and appends no entry.
 */
import { describe, expect, test } from "vitest";
import { able, type Claimed, caller, greet } from "./caller.ts";

const { call, ok, refused, submit, claimOne } = caller("p");

describe("plans", () => {
  test("are submitted in versions: 201 for a new one, 200 for an equal one", async () => {
    expect(await submit()).toMatchObject({ id: "greet", version: 1, created: true });
    const equal = { plan_id: "greet", tasks: greet.tasks, plan_description: "says hello" };
    expect(await submit(equal, "greet", 200)).toMatchObject({ version: 1, created: false });
    expect(await submit({ tasks: greet.tasks })).toMatchObject({ version: 2, created: true });
    expect(await submit(greet)).toMatchObject({ version: 3 });
  });

  test("are read, each version as it is run, with their lineage", async () => {
    await submit();
    await submit({ tasks: greet.tasks });
    expect(await ok("GET", "/plans/greet")).toMatchObject({
      plan: { id: "greet", version: 2, latest: 2, parent: 1, taskCount: 2 },
    });
    const { plan } = await ok("GET", "/plans/greet?version=1");
    expect(plan).toMatchObject({
      version: 1,
      parent: null,
      lineage: [
        { version: 2, parent: 1 },
        { version: 1, parent: null },
      ],
      plan: { plan_id: "greet", ...greet },
      usage: { actions: 0, jobs: 0, openJobs: 0, lastUsedAt: null },
    });
    await refused("GET", "/plans/greet?version=3", undefined, 404, "plan_unknown");
    await refused("GET", "/plans/none", undefined, 404, "plan_unknown");
  });

  test.each(["*", "mail-?", "[l-n]*", "[日m]*", "[\nm]*", "日本*"])(
    "are listed page by page where they match %j",
    async (match) => {
      for (const id of ["a", "mail-1", "mail-2", "mail-3", "z"]) await submit(greet, id);
      const seen: string[] = [];
      let cursor = "";
      do {
        const query = `?limit=1&match=${encodeURIComponent(match)}${cursor && `&cursor=${cursor}`}`;
        const page = await ok("GET", `/plans${query}`);
        seen.push(...(page["plans"] as { id: string }[]).map(({ id }) => id));
        cursor = (page["cursor"] as string | undefined) ?? "";
      } while (cursor !== "");
      const mails = ["mail-1", "mail-2", "mail-3"];
      const expected = match === "*" ? ["a", ...mails, "z"] : /^[m[]/.test(match) ? mails : [];
      expect(seen).toEqual(expected);
    },
  );

  test("have cursors of their own list", async () => {
    for (const id of ["a", "b"]) await submit(greet, id);
    const { cursor } = await ok("GET", `/plans?limit=1&match=${"%E6%97%A5".repeat(200)}*`);
    expect(cursor).toBeUndefined();
    const page = await ok("GET", "/plans?limit=1&match=%3F");
    await ok("GET", `/plans?limit=1&match=%3F&cursor=${page["cursor"]}`);
    const others = [`/plans?cursor=${page["cursor"]}`, `/actions?cursor=${page["cursor"]}`];
    for (const path of [...others, "/plans?cursor=%20"]) {
      await refused("GET", path, undefined, 400, "cursor_invalid");
    }
  });

  test("are removed when no open job uses them", async () => {
    await submit();
    const { id } = await ok("POST", "/jobs", { plan: "greet", payload: { to: "a" } }, 201);
    await refused("DELETE", "/plans/greet", undefined, 409, "plan_in_use");
    await ok("POST", `/jobs/${id}/cancel`);
    expect(await ok("DELETE", "/plans/greet")).toMatchObject({ removed: true });
    await refused("GET", "/plans/greet", undefined, 404, "plan_unknown");
    await refused("POST", `/jobs/${id}/retry`, undefined, 404, "plan_unknown");
    expect(await submit()).toMatchObject({ version: 2, created: true });
    await refused("POST", `/jobs/${id}/retry`, undefined, 404, "plan_unknown");
  });

  test("create their queue, but what is refused does not", async () => {
    expect((await call("PUT", "/plans/p", { tasks: [] })).status).toBe(422);
    expect((await call("POST", "/plans/p/actions", {})).json["code"]).toBe("queue_unknown");
    expect((await call("GET", "")).status).toBe(404);
    await submit();
    expect((await call("GET", "")).status).toBe(200);
  });
});

describe("jobs of plans", () => {
  test("are claimed with their plan, by those who can run it", async () => {
    await submit();
    const body = '{"plan":"greet","payload":{"to":"ada","n":12345678901234567890,"n":1.0}}';
    const { json } = await call("POST", "/jobs", body);
    expect(await ok("POST", "/claim", {})).toMatchObject({ jobs: [], unclaimable: 1 });
    const unable = { kinds: ["plan"], capabilities: ["echo"] };
    expect(await ok("POST", "/claim", unable)).toMatchObject({ jobs: [], unclaimable: 1 });
    const { text } = await call("POST", "/claim", able);
    expect(text).toContain('"payload":{"to":"ada","n":12345678901234567890,"n":1.0}');
    const { jobs, plans } = JSON.parse(text) as Claimed;
    expect(jobs).toMatchObject([
      { id: json["id"], kind: "plan", plan: "greet", planVersion: 1, maxAttempts: 1 },
    ]);
    const plan = { plan_id: "greet", ...greet };
    expect(plans).toEqual([{ plan: "greet", version: 1, body: plan }]);
  });

  test("are claimed again with their plan by a repeat, while they are held", async () => {
    await submit();
    await submit({ tasks: [{ task_number: 1, command: "cat" }] }, "other");
    for (const plan of ["greet", "other"]) {
      await ok("POST", "/jobs", { id: plan, plan, payload: { to: "a" } }, 201);
    }
    const again = async () => {
      const headers = { "idempotency-key": "k" };
      return await call("POST", "/claim", { ...able, max: 2 }, headers);
    };
    const { jobs, plans } = (await again()).json as unknown as Claimed;
    expect([jobs.length, plans?.length]).toEqual([2, 2]);
    const end = async (id: string) => {
      const { token } = jobs.find((job) => job.id === id) ?? {};
      await ok("POST", "/settle", { items: [{ op: "complete", id, token }] });
      await ok("DELETE", `/plans/${id}`);
    };
    await end("greet");
    const rest = (await again()).json as unknown as Claimed;
    expect(rest.jobs.map(({ id }) => id)).toEqual(["other"]);
    expect(rest.plans?.map(({ plan }) => plan)).toEqual(["other"]);
    await end("other");
    const gone = await again();
    expect([gone.status, gone.json["code"]]).toEqual([410, "answer_gone"]);
  });

  test("keep the version that they were enqueued with", async () => {
    await submit();
    await submit({ tasks: greet.tasks });
    await ok("POST", "/jobs", { plan: "greet", planVersion: 1, payload: { to: "a" } }, 201);
    await ok("POST", "/jobs", { plan: "greet", payload: { to: "a" } }, 201);
    const { jobs, plans } = (await ok("POST", "/claim", {
      ...able,
      max: 2,
    })) as unknown as Claimed;
    expect(jobs.map(({ planVersion }) => planVersion)).toEqual([1, 2]);
    expect(plans?.map(({ version }) => version)).toEqual([1, 2]);
  });

  test("that their plan cannot run are refused, each by itself", async () => {
    await submit();
    const wrong = { plan: "greet", payload: { to: ["x"] } };
    const { errors } = await refused("POST", "/jobs", wrong, 422, "input_mismatch");
    expect(errors).toMatchObject([{ pointer: "/payload" }]);
    await refused("POST", "/jobs", { plan: "none" }, 404, "plan_unknown");
    const two = { plan: "greet", planVersion: 2, payload: { to: "a" } };
    await refused("POST", "/jobs", two, 404, "plan_unknown");
    const reply = await ok("POST", "/jobs", { jobs: [wrong, { payload: 1 }] });
    expect(reply).toMatchObject({
      results: [{ problem: { code: "input_mismatch" } }, {}],
      refused: 1,
    });
  });

  test("whose plan would make more arguments of their input than anybody can hold are refused", async () => {
    const args = Array.from({ length: 100 }, () => "{{input.to}}");
    const tasks = Array.from({ length: 100 }, (_, i) => ({
      task_number: i + 1,
      command: "ls",
      args,
    }));
    await submit({ tasks });
    const job = (length: number) => ({ plan: "greet", payload: { to: "x".repeat(length) } });
    const { detail } = await refused("POST", "/jobs", job(300), 422, "input_mismatch");
    expect(detail).toContain("all arguments have more than 2097152 UTF-16 units");
    const { id } = await ok("POST", "/jobs", job(200), 201);
    expect((await ok("GET", `/jobs/${id}/tasks`))["tasks"]).toHaveLength(100);
  });

  test("have tasks, which are reported while they run", async () => {
    await submit();
    await ok("POST", "/jobs", { id: "j", plan: "greet", payload: { to: "ada" } }, 201);
    const waiting = [
      { task: 1, command: "echo", args: ["hello ada"], status: "waiting" },
      { task: 2, command: "cat", args: [], status: "waiting" },
    ];
    const before = await ok("GET", "/jobs/j/tasks");
    expect(before).toMatchObject({ plan: "greet", planVersion: 1, run: 1, delivery: 0 });
    expect(before["tasks"]).toEqual(waiting);
    const held = await claimOne();
    const first = { op: "task", ...held, task: 1, exitCode: 0, stdout: "hello ada\n" };
    expect(await ok("POST", "/settle", { items: [first] })).toMatchObject({
      items: [{ ok: true, state: "running" }],
    });
    const ran = await ok("GET", "/jobs/j/tasks");
    expect(ran["tasks"]).toMatchObject([
      { task: 1, status: "completed", exitCode: 0, stdout: "hello ada\n" },
      { task: 2, status: "waiting" },
    ]);
    const cut = { stdout: "y", stdoutBytes: 9, stdoutTruncated: true };
    const items = [
      { op: "task", ...held, task: 2, exitCode: null, signal: "SIGKILL", timedOut: true, ...cut },
      { op: "task", ...held, task: 3, exitCode: 0 },
      { op: "complete", ...held },
      { op: "task", ...held, task: 1, exitCode: 1 },
    ];
    expect(await ok("POST", "/settle", { items })).toMatchObject({
      items: [
        { ok: true },
        { ok: false, problem: { code: "task_unknown", status: 422 } },
        { ok: true, state: "completed" },
        { ok: false, problem: { code: "already_settled" } },
      ],
    });
    expect((await ok("GET", "/jobs/j/tasks"))["tasks"]).toMatchObject([
      { status: "completed" },
      { status: "failed", signal: "SIGKILL", timedOut: true, ...cut },
    ]);
  });

  test("alone have tasks", async () => {
    await ok("POST", "/jobs", { id: "j", payload: 1 }, 201);
    const { detail } = await refused("GET", "/jobs/j/tasks", undefined, 404, "plan_unknown");
    expect(detail).toBe("Job j is of no plan, and has no tasks.");
    await refused("GET", "/jobs/none/tasks", undefined, 404, "job_unknown");
  });
});
