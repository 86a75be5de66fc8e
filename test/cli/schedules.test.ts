/**
 * `sluice schedule` against a real server: what it sends, what it prints, and how it ends.
 * Invariant: exit code 0 done, 1 refused, 2 not understood.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Queue } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";
import { outOf, run } from "./run.ts";

let server: TestServer;
let queue = "";
let queues = 0;

beforeAll(async () => {
  server = await startServer();
});
beforeEach(() => {
  queue = `c${++queues}`;
});
afterAll(() => server.stop());

/** Runs `sluice schedule VERB QUEUE …`. */
const schedule = (verb: string, words: readonly string[], input = "") =>
  run(server, ["schedule", verb, queue, ...words], input);

/** The same, of a command that must succeed; its output. */
const done = (verb: string, ...words: string[]) => outOf(schedule(verb, words));

/** The same with `--json`. */
async function value(verb: string, ...words: string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await done(verb, ...words, "--json")) as Record<string, unknown>;
}

const definition = async (id: string) => (await value("get", id))["definition"];

describe("sluice schedule", () => {
  test("takes a schedule by cron from put to removal", async () => {
    const cron = ["--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--payload", '{"n":1.0}'];
    expect(await done("put", "s", ...cron)).toMatch(/^s is due at \d{4}-\d\d-\d\d 0[01]:30:00Z\.$/);
    expect(await definition("s")).toEqual({
      cron: "30 2 * * *",
      timeZone: "Europe/Berlin",
      catchUp: "one",
      overlap: "allow",
      job: { payload: { n: 1 } },
    });
    const shown = await done("get", "s");
    expect(shown).toMatch(/\ntiming +30 2 \* \* \* Europe\/Berlin\n[\s\S]*\npayload +\{"n":1\.0\}/);
    expect(await done("list")).toMatch(/^ID +TIMING.*\ns +30 2 \* \* \* Europe\/Berlin +\d{4}-/);
    expect((await done("preview", "s", "--count", "3")).split("\n")).toHaveLength(3);
    expect(await done("pause", "s")).toBe("s is paused.");
    expect(await done("list")).toContain(" paused ");
    expect(await done("run", "s")).toMatch(/^s made job \S+\.$/);
    expect(await done("resume", "s")).toMatch(/^s is due at /);
    expect(await done("remove", "s")).toBe("s is removed.");
    expect(await done("list")).toBe("No schedules.");
  });

  test("puts an interval with all that may be said of it", async () => {
    const every = ["--every", "1h30m", "--start", "2030-01-01T00:00:00Z", "--payload", "1"];
    const more = ["--catch-up", "all", "--overlap", "skip", "--end-at", "2030-01-01T03:00:00Z"];
    expect(await done("put", "s", ...every, ...more)).toBe("s is due at 2030-01-01 00:00:00Z.");
    expect(await definition("s")).toEqual({
      everyMs: 5_400_000,
      startAt: Date.UTC(2030, 0, 1),
      endAt: Date.UTC(2030, 0, 1, 3),
      catchUp: "all",
      overlap: "skip",
      job: { payload: 1 },
    });
    expect(await done("get", "s")).toMatch(
      /\ntiming +every 1h30m\nstarts at +2030-01-01 00:00:00Z/,
    );
    expect(await done("preview", "s")).toBe(
      ["00:00", "01:30", "03:00"].map((time) => `2030-01-01 ${time}:00Z`).join("\n"),
    );
  });

  test("puts an instant, also one that is past", async () => {
    const at = (time: string) => done("put", "s", "--at", time, "--payload", "null");
    expect(await at("2030-01-01T00:00:00Z")).toBe("s is due at 2030-01-01 00:00:00Z.");
    expect(await at("5")).toBe("s is not due any more.");
    expect(await done("preview", "s")).toBe("It is not due any more.");
  });

  test("puts a plan with inputs, whose numbers keep their digits", async () => {
    const { url, token } = server;
    const { transport, path } = new Queue({ name: queue, url, token });
    const tasks = [{ task_number: 1, command: "true" }];
    await transport.write("PUT", `${path}/plans/p`, JSON.stringify({ tasks }));
    const inputs = ["--input", '{"n":12345678901234567890}', "--input", "2"];
    await done("put", "s", "--every", "1h", "--plan", "p", "--plan-version", "1", ...inputs);
    expect(await definition("s")).toMatchObject({ action: { plan: "p", version: 1 } });
    expect(await done("get", "s")).toMatch(/\ninputs +\[\{"n":12345678901234567890\},2\]$/);
    expect(await done("run", "s")).toMatch(/^s made action \S+\.$/);
  });

  test("reads a payload from standard input", async () => {
    const words = ["s", "--every", "1h", "--payload", "-"];
    expect((await schedule("put", words, '{"from":"stdin"}\n')).code).toBe(0);
    expect(await value("get", "s")).toMatchObject({
      definition: { job: { payload: { from: "stdin" } } },
    });
  });

  test("lists by a pattern, page by page", async () => {
    for (const id of ["a-1", "a-2", "b"]) await done("put", id, "--every", "1h", "--payload", "1");
    const page = await done("list", "--match", "a-*", "--limit", "1");
    const [, cursor = ""] = /\nMore: --cursor (\S+)$/.exec(page) ?? [];
    expect(page).toContain("a-1");
    const rest = await done("list", "--match", "a-*", "--cursor", cursor);
    expect(rest).toMatch(/\na-2 +every 1h /);
    expect(rest).not.toContain("More");
  });
});

describe("sluice schedule ends", () => {
  test.each([
    [["--every", "1h"], "exactly one of job and action"],
    [["--payload", "1"], "exactly one of cron, everyMs and at"],
    [["--every", "1h", "--at", "5", "--payload", "1"], "exactly one of cron, everyMs and at"],
    [["--every", "1h", "--payload", "1", "--plan", "p"], "exactly one of job and action"],
    [["--cron", "0 24 * * *", "--payload", "1"], 'the hour "24"'],
    [["--every", "1h", "--zone", "UTC", "--payload", "1"], "timeZone goes with cron only"],
    [["--every", "1h", "--input", "1"], "/action/plan"],
    [["--every", "1h", "--plan", "nope"], "There is no plan nope"],
    [["--every", "1h", "--payload", "1", "--catch-up", "two"], "/catchUp"],
  ])("with 1 and the server's sentence for %j", async (flags, sentence) => {
    const { code, out, err } = await schedule("put", ["s", ...flags]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(sentence);
  });

  test("with 1 where there is no such schedule", async () => {
    await done("put", "t", "--every", "1h", "--payload", "1");
    for (const verb of ["get", "remove", "pause", "resume", "run", "preview"]) {
      expect(await schedule(verb, ["s"])).toMatchObject({ code: 1, out: "" });
    }
  });

  test.each([
    ["put", []],
    ["put", ["s", "--every", "soon"]],
    ["put", ["s", "--at", "noon"]],
    ["put", ["s", "--every", "1h", "--payload", "{not json"]],
    ["put", ["s", "--every", "1h", "--plan", "p", "--input", "{not json"]],
    ["get", [".."]],
    ["preview", ["s", "--count", "x"]],
    ["bogus", ["s"]],
  ])("with 2 when it does not understand: %s %j", async (verb, words) => {
    expect(await schedule(verb, words)).toMatchObject({ code: 2, out: "" });
  });
});
