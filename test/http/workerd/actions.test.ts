/**
 * The routes of actions and workers, good and bad, through the real Worker and its real objects.
 * Invariant: what is refused changes no job and appends no entry.
 */
import { describe, expect, test } from "vitest";
import { able, caller, greet } from "./caller.ts";

const { call, ok, refused, submit, claimOne } = caller("a");

describe("actions", () => {
  test("become one job for each input, whose texts are kept as they were sent", async () => {
    await submit({ tasks: [{ task_number: 1, command: "echo" }] });
    const inputs = ["12345678901234567890", '{"a" : 1,"a":2}', '"\\u0061"', "null"];
    const reply = await call("POST", "/plans/greet/actions", `{"inputs":[${inputs.join(" , ")}]}`);
    expect([reply.status, reply.json]).toMatchObject([
      201,
      { action: { plan: "greet", planVersion: 1, status: "running", round: 1, total: 4 } },
    ]);
    const jobs = reply.json["jobs"] as string[];
    const texts = await Promise.all(
      jobs.map(async (job) => (await call("GET", `/jobs/${job}`)).text),
    );
    for (const [index, input] of inputs.entries()) {
      expect(texts[index]).toContain(`"payload":${input}`);
      expect(JSON.parse(texts[index] ?? "")).toMatchObject({ job: { inputIndex: index } });
    }
    const { id } = reply.json["action"] as { id: string };
    const { jobs: listed } = await ok("GET", `/jobs?action=${id}`);
    expect(listed).toMatchObject(jobs.map((job) => ({ id: job, action: id })));
  });

  test("without inputs are one job with null", async () => {
    await submit({ tasks: [{ task_number: 1, command: "echo" }] });
    const { jobs } = await ok("POST", "/plans/greet/actions", undefined, 201);
    const [id] = jobs as string[];
    expect(await ok("GET", `/jobs/${id}`)).toMatchObject({ job: { payload: null } });
  });

  test("of an id that is taken are there already, or refused", async () => {
    for (const id of ["greet", "other"]) await submit(greet, id);
    const body = { action: "a", inputs: [{ to: "x" }, { to: "y" }] };
    const { jobs } = await ok("POST", "/plans/greet/actions", body, 201);
    const again = await ok("POST", "/plans/greet/actions", body);
    expect(again).toMatchObject({ deduplicated: true, action: { id: "a" }, jobs });
    const other = { ...body, inputs: [{ to: "x" }] };
    await refused("POST", "/plans/greet/actions", other, 409, "action_exists");
    await refused("POST", "/plans/other/actions", body, 409, "action_exists");
    expect((await ok("GET", "/actions"))["actions"]).toHaveLength(1);
  });

  test("are taken whole, or not at all", async () => {
    await submit();
    const inputs = [{ to: "x" }, { for: "y" }, { to: null }, 7];
    const { errors } = await refused(
      "POST",
      "/plans/greet/actions",
      { inputs },
      422,
      "input_mismatch",
    );
    expect(errors?.map(({ pointer }) => pointer)).toEqual(["/inputs/1", "/inputs/3"]);
    await refused("POST", "/plans/none/actions", {}, 404, "plan_unknown");
    await refused("POST", "/plans/greet/actions", { version: 2 }, 404, "plan_unknown");
    await refused("POST", "/plans/greet/actions", { inputs: 1 }, 422, "input_invalid");
    await ok("PUT", "", { maxJobs: 1 });
    const two = { inputs: [{ to: "x" }, { to: "y" }] };
    await refused("POST", "/plans/greet/actions", two, 507, "queue_full");
  });

  test("are listed, cancelled and run again", async () => {
    await submit();
    const inputs = [{ to: "x" }, { to: "y" }];
    await ok("POST", "/plans/greet/actions", { action: "a", inputs }, 201);
    await ok("POST", "/plans/greet/actions", { action: "b", inputs }, 201);
    const held = await claimOne();
    await ok("POST", "/settle", { items: [{ op: "fail", ...held, error: "no" }] });
    expect(await ok("POST", "/actions/a/cancel", { reason: "why" })).toMatchObject({
      changed: 1,
      action: { id: "a", status: "failed", counts: { failed: 1, cancelled: 1, ready: 0 } },
    });
    expect(await ok("POST", "/actions/a/cancel")).toMatchObject({ changed: 0 });
    expect(await ok("GET", "/actions?status=failed")).toMatchObject({ actions: [{ id: "a" }] });
    expect(await ok("GET", "/actions?plan=none")).toMatchObject({ actions: [] });
    expect(await ok("POST", "/actions/a/retry")).toMatchObject({
      changed: 1,
      action: { status: "running", round: 2, counts: { ready: 1, cancelled: 1 } },
    });
    expect((await ok("GET", "/actions/a"))["action"]).not.toHaveProperty("endedAt");
    for (const [method, path] of [
      ["GET", "/actions/none"],
      ["POST", "/actions/none/cancel"],
      ["POST", "/actions/none/retry"],
    ] as const) {
      await refused(method, path, undefined, 404, "action_unknown");
    }
  });

  test("keep their jobs until they have ended", async () => {
    await submit();
    const inputs = [{ to: "x" }, { to: "y" }];
    const body = { action: "a", inputs };
    const { jobs } = (await ok("POST", "/plans/greet/actions", body, 201)) as { jobs: string[] };
    const [first = "", second = ""] = jobs;
    await ok("POST", `/jobs/${first}/cancel`);
    await refused("DELETE", `/jobs/${first}`, undefined, 409, "job_state");
    await ok("POST", "/purge");
    expect(await ok("GET", `/jobs/${second}`)).toMatchObject({
      job: { state: "cancelled", reason: "purged" },
    });
    expect(await ok("GET", "/actions/a")).toMatchObject({ action: { status: "cancelled" } });
    await ok("POST", `/jobs/${second}/retry`);
    expect(await ok("GET", "/actions/a")).toMatchObject({
      action: { status: "running", round: 2 },
    });
    await refused("DELETE", `/jobs/${first}`, undefined, 409, "job_state");
    await ok("POST", "/actions/a/cancel");
    await ok("DELETE", `/jobs/${first}`);
    expect(await ok("GET", "/actions/a")).toMatchObject({
      action: { total: 2, counts: { cancelled: 1 } },
    });
  });

  test("with one Idempotency-Key are one", async () => {
    await submit();
    const body = { inputs: [{ to: "x" }] };
    const headers = { "idempotency-key": "k" };
    const first = await call("POST", "/plans/greet/actions", body, headers);
    const again = await call("POST", "/plans/greet/actions", body, headers);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.json["jobs"]).toEqual(first.json["jobs"]);
    const other = await call("POST", "/plans/greet/actions", {}, headers);
    expect([other.status, other.json["code"]]).toEqual([422, "idempotency_key_reused"]);
  });
});

describe("workers", () => {
  const name = "w:1@host";
  const address = `/workers/${encodeURIComponent(name)}`;

  test("register, are heard of, drained and removed, by any name", async () => {
    const said = { ...able, slots: 2, ttlMs: 60_000, info: "v1" };
    expect(await ok("PUT", address, said)).toMatchObject({
      worker: { name, state: "alive", running: 0, ...said },
      jobs: [],
    });
    await submit();
    await ok("POST", "/jobs", { id: "j", plan: "greet", payload: { to: "ada" } }, 201);
    // A registered worker need not say again what it can do.
    expect(await ok("POST", "/claim", { worker: name })).toMatchObject({ jobs: [{ id: "j" }] });
    expect(await ok("POST", `${address}/heartbeat`)).toMatchObject({ worker: { running: 1 } });
    expect(await ok("POST", `/workers/${name}/drain`)).toMatchObject({
      worker: { state: "draining" },
      jobs: ["j"],
    });
    expect(await ok("POST", "/claim", { worker: name })).toMatchObject({ draining: true });
    expect(await ok("GET", "/workers?state=draining")).toMatchObject({ workers: [{ name }] });
    expect(await ok("PUT", address, said)).toMatchObject({ worker: { state: "alive" } });
    expect(await ok("DELETE", address)).toMatchObject({ removed: true, released: 1 });
    expect(await ok("GET", "/jobs/j")).toMatchObject({ job: { state: "ready", attempt: 1 } });
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/heartbeat"],
      ["POST", "/drain"],
    ] as const) {
      await refused(method, `${address}${path}`, undefined, 404, "worker_unknown");
    }
  });

  test("have the queue's time to live unless they say another one", async () => {
    await ok("PUT", "", { workerTtlMs: 5000 });
    expect(await ok("PUT", address)).toMatchObject({
      worker: { ttlMs: 5000, kinds: ["payload"], capabilities: [] },
    });
    await ok("POST", "/jobs", { payload: 1, requires: ["gpu"] }, 201);
    expect(await ok("GET", "/stats")).toMatchObject({
      workers: { alive: 1, draining: 0, dead: 0 },
      unclaimable: [{ kind: "payload", requires: ["gpu"], ready: 1 }],
    });
    await ok("PUT", "/workers/other", { capabilities: ["gpu"] });
    expect(await ok("GET", "/stats")).toMatchObject({ workers: { alive: 2 }, unclaimable: [] });
    await refused("PUT", "/workers/a%20b", {}, 422, "input_invalid");
    await refused("PUT", address, { ttlMs: 1 }, 422, "input_invalid");
  });

  test("are listed page by page, by name", async () => {
    for (const each of ["b", "a@1", "c:2"]) await ok("PUT", `/workers/${each}`);
    const first = await ok("GET", "/workers?limit=2");
    expect(first).toMatchObject({ workers: [{ name: "a@1" }, { name: "b" }], cursor: "b" });
    const rest = await ok("GET", `/workers?limit=2&cursor=${first["cursor"]}`);
    expect(rest).toMatchObject({ workers: [{ name: "c:2" }] });
    expect(rest).not.toHaveProperty("cursor");
  });
});
