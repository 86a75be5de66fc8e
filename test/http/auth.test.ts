/**
 * Who is let in, and what is served to whom.
 * Invariant: what is refused never reaches an object.
 */
import { describe, expect, test } from "vitest";
import { problemIn, Recorder, token } from "./recorder.ts";

const open = (value: string | undefined) =>
  new Recorder(undefined, value === undefined ? { SLUICE_TOKEN: "" } : { SLUICE_TOKEN: value });

describe("the bearer token", () => {
  const job = JSON.stringify({ payload: 1 });
  test.each([
    ["none", undefined],
    ["a wrong one", "Bearer wrong"],
    ["one that is too short", `Bearer ${token.slice(0, -1)}`],
    ["one that is too long", `Bearer ${token}x`],
    ["one of equal length", `Bearer ${token.slice(0, -1)}x`],
    ["an empty one", "Bearer "],
    ["another scheme", `Basic ${token}`],
    ["no scheme", token],
  ])("%s is refused as unauthorized, and nothing passes", async (_, authorization) => {
    const gate = new Recorder();
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const init = { method: "POST", body: job, headers };
    const response = await gate.raw("/v1/queues/mail/jobs", init);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toContain("Bearer");
    expect(await problemIn(response)).toMatchObject({ code: "unauthorized", retryable: false });
    expect(gate.calls).toEqual([]);
  });

  test("lets a request in, whatever the case of the scheme", async () => {
    const gate = new Recorder();
    const headers = { authorization: `bEARER ${token}` };
    expect((await gate.raw("/v1/queues/mail", { headers })).status).toBe(200);
  });

  test("is asked for before an address is looked up", async () => {
    expect((await new Recorder().raw("/nowhere", {})).status).toBe(401);
    expect((await new Recorder().raw("/v1/queues", {})).status).toBe(401);
  });

  test("may end with a newline in the configuration", async () => {
    const gate = open(`${token}\n`);
    expect((await gate.send("GET", "/v1/queues/mail")).status).toBe(200);
  });

  test("follows the configuration of each request's deployment", async () => {
    expect((await open("another").send("GET", "/v1/queues/mail")).status).toBe(401);
    expect((await open(token).send("GET", "/v1/queues/mail")).status).toBe(200);
  });
});

describe("a deployment without a token", () => {
  test.each([
    ["GET", "/"],
    ["GET", "/health"],
    ["GET", "/v1/queues"],
    ["GET", "/v1/queues/mail"],
    ["POST", "/v1/queues/mail/jobs"],
    ["GET", "/nowhere"],
  ])("serves nothing: %s %s", async (method, path) => {
    for (const value of ["", " \n"]) {
      const gate = open(value);
      const response = await gate.send(method, path);
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("60");
      const problem = await problemIn(response);
      expect(problem.code).toBe("not_configured");
      expect(problem.detail).toContain("wrangler secret put SLUICE_TOKEN");
      expect(problem.detail).toContain("npm start");
      expect(gate.calls).toEqual([]);
    }
  });

  test("is not opened by an empty token", async () => {
    const gate = open("");
    const headers = { authorization: "Bearer " };
    expect((await gate.raw("/v1/queues/mail", { headers })).status).toBe(503);
  });
});

describe("without a token in the request", () => {
  test("the health is told", async () => {
    const response = await new Recorder().raw("/health", {});
    expect([response.status, await response.text()]).toEqual([200, '{"status":"ok"}']);
  });

  test("the index lists every route, as JSON or as a page", async () => {
    const gate = new Recorder();
    const json = (await (await gate.raw("/", {})).json()) as { links: { path: string }[] };
    expect(json.links.map(({ path }) => path)).toContain("/v1/queues/{queue}/jobs/{id}");
    const page = await gate.raw("/", { headers: { accept: "text/html,*/*" } });
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(await page.text()).toContain("/v1/queues/{queue}/settle");
  });
});
