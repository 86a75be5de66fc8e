/**
 * Flow control through `sluice`, against a real server: what it sends, what it prints, and how it ends.
 * Invariant: exit code 0 done, 1 refused or not so, 2 not understood.
 */
import { InvalidArgumentError } from "commander";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { rate } from "../../src/cli/flow-flags.ts";
import { Queue } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";
import { outOf, run } from "./run.ts";

let server: TestServer;
let queue: Queue;
let queues = 0;

beforeAll(async () => {
  server = await startServer();
});
beforeEach(() => {
  queue = new Queue({ name: `c${++queues}`, url: server.url, token: server.token });
});
afterAll(() => server.stop());

const sluice = (...words: string[]) => run(server, words);

/** The same, of a command that must succeed; its output. */
const done = (...words: string[]) => outOf(sluice(...words));

describe("sluice keys", () => {
  test("sets, shows, lists, pauses, resumes and resets a key", async () => {
    const { name } = queue;
    await queue.configure();
    expect(await done("keys", name)).toBe("No keys.");
    const flags = [
      "--concurrency",
      "2",
      "--rate",
      "100/1s/20",
      "--weight",
      "3",
      "--max-backlog",
      "9",
    ];
    const shown = await done("keys", "set", name, "tenant/7", ...flags);
    expect(shown).toMatch(/^key +tenant\/7\n/);
    expect(shown).toMatch(/\nconcurrency +2\nrate +100\/1s\/20\nweight +3\nmax backlog +9\n/);
    expect(await queue.keys.get("tenant/7")).toMatchObject({
      settings: {
        concurrency: 2,
        rate: { limit: 100, perMs: 1000, burst: 20 },
        weight: 3,
        maxBacklog: 9,
      },
    });
    await done("keys", "set", name, "tenant/7", "--rate", "default", "--weight", "default");
    expect((await queue.keys.get("tenant/7")).settings).toEqual({ concurrency: 2, maxBacklog: 9 });

    await queue.enqueue(1, { key: "tenant/7" });
    expect(await done("keys", "pause", name, "tenant/7", "--reason", "unpaid")).toBe(
      "tenant/7 is paused.",
    );
    expect(await done("keys", "list", name, "--state", "paused")).toMatch(
      /^KEY +WAITING +READY +RUNNING +HELD BACK BY +SETTINGS\ntenant\/7 +1 +1 +0 +paused +\{/,
    );
    expect(await done("keys", "show", name, "tenant/7")).toMatch(/\npaused +unpaid\n/);
    expect(await done("keys", "resume", name, "tenant/7")).toBe("tenant/7 hands out jobs.");
    expect(await done("keys", "reset", name, "tenant/7")).toMatch(/\nsettings +\{\}$/);
    expect(JSON.parse(await done("keys", name, "--json"))).toMatchObject({
      keys: [{ key: "tenant/7", settings: {}, paused: false }],
    });
  });

  test("orders a key, and says what that means for retries and failures", async () => {
    await queue.configure();
    const flags = ["--order", "fifo", "--on-retry", "rejoin", "--on-fail", "park"];
    const shown = await done("keys", "set", queue.name, "k", ...flags);
    expect(shown).toMatch(/\norder +fifo\n[\s\S]*\non retry +rejoin\non fail +park\n/);
    expect((await sluice("keys", "set", queue.name, "k", "--order", "lifo")).code).toBe(1);
  });

  test.each([
    ["set", "k", "--concurrency", "many"],
    ["set", "k", "--rate", "fast"],
    ["show", ".."],
    ["show"],
  ])("%s %s %s %s is not understood", async (verb, ...words) => {
    expect((await sluice("keys", verb, queue.name, ...words)).code).toBe(2);
  });

  test("tells what holds a key back, and until when", async () => {
    await queue.enqueue(1, { key: "api" });
    const [job] = (await queue.claim()).jobs;
    const { id = "", token = "" } = job ?? {};
    await done("release", queue.name, id, token, "--hold-key", "1h");
    const until = /\nheld back by +held until \d{4}-\d\d-\d\d /;
    expect(await done("keys", "show", queue.name, "api")).toMatch(until);
  });
});

test("sluice configure limits the queue and its keys, and takes the limits back", async () => {
  const { name } = queue;
  const ofKeys = ["--key-concurrency", "2", "--key-rate", "5/1m", "--key-order", "fifo"];
  const shown = await done(
    "configure",
    name,
    ...["--concurrency", "10", "--rate", "100/1s", "--key-weight", "4", "--key-max-backlog", "7"],
    ...ofKeys,
  );
  expect(shown).toMatch(/\nconcurrency +10\nrate +100\/1s\nkeys +\{/);
  const { config } = await queue.info();
  expect(config).toMatchObject({
    concurrency: 10,
    rate: { limit: 100, perMs: 1000 },
    keys: {
      concurrency: 2,
      rate: { limit: 5, perMs: 60_000 },
      weight: 4,
      maxBacklog: 7,
      order: "fifo",
    },
  });
  await done("configure", name, "--concurrency", "none", "--rate", "none", "--key-rate", "none");
  expect((await queue.info()).config).toMatchObject({
    concurrency: null,
    rate: null,
    keys: { concurrency: 2, rate: null, weight: 4 },
  });
});

describe("sluice enqueue", () => {
  test("names the key, the unique key and the jobs to wait for", async () => {
    const { name } = queue;
    await done("enqueue", name, "1", "--id", "a");
    await done("enqueue", name, "2", "--id", "b");
    const flow = ["--key", "k", "--after", "a", "--after", "b:continue"];
    const unique = ["--unique", "u", "--unique-until", "10m", "--on-conflict", "replace"];
    const id = await done("enqueue", name, "3", ...flow, ...unique);
    expect(await queue.get(id)).toMatchObject({
      state: "blocked",
      key: "k",
      pending: 2,
      after: [{ id: "a" }, { id: "b", onFail: "continue" }],
      unique: { key: "u", until: { ms: 600_000 }, onConflict: "replace" },
    });
    expect(await done("get", name, id)).toMatch(/\nafter +a, b:continue \(2 not ended\)\n/);
    expect(await done("enqueue", name, "4", ...unique)).toBe(`${id} (has this payload now)`);
    expect(await done("enqueue", name, "5", "--unique", "u")).toBe(`${id} (was there already)`);
    expect(
      (await sluice("enqueue", name, "6", "--unique", "u", "--on-conflict", "reject")).code,
    ).toBe(1);
    expect(await done("parents", name, id)).toMatch(/^ID +STATE\s*\na +ready\s*\nb +ready$/);
    expect(await done("parents", name, "a")).toBe("No parents.");
  });

  test("of two with one idempotency key the second is the first", async () => {
    const words = ["enqueue", queue.name, "1", "--idempotency-key", "i"];
    const id = await done(...words);
    expect(await done(...words)).toBe(`${id} (was there already)`);
  });

  test.each([
    [["--after", "a:b:c"]],
    [["--after", ":continue"]],
    [["--after", "a:"]],
    [["--after", "a/b"]],
    [["--on-conflict", "reject"]],
    [["--unique-until", "done"]],
    [["--unique", "u", "--unique-until", "tomorrow"]],
  ])("with %j is not understood", async (flags) => {
    expect((await sluice("enqueue", queue.name, "1", ...flags)).code).toBe(2);
  });
});

test("sluice enqueue --after names what may be said of a job to wait for, where something else is", async () => {
  const { name } = queue;
  await done("enqueue", name, "1", "--id", "a");
  const { code, err } = await sluice("enqueue", name, "2", "--after", "a:bogus");
  expect(code).toBe(2);
  expect(err).toMatch(/Write a job to wait for as id, id:fail, id:continue or id:cancel;/);
  expect((await queue.stats()).counts.ready).toBe(1);
  const id = await done("enqueue", name, "2", "--after", "a:fail");
  expect((await queue.get(id)).after).toEqual([{ id: "a", onFail: "fail" }]);
});

describe("sluice result", () => {
  test("prints a result, or tells that there is none yet, or why there is none", async () => {
    const { name } = queue;
    const { id } = await queue.enqueue(1);
    const { id: other } = await queue.enqueue(2);
    expect(await sluice("result", name, id)).toMatchObject({
      code: 1,
      out: "",
      err: `Job ${id} has not ended.`,
    });
    const [job] = (await queue.claim()).jobs;
    await queue.settle([{ op: "complete", id, token: job?.token ?? "", result: { n: [1] } }]);
    expect(await done("result", name, id)).toBe('{"n":[1]}');
    await queue.cancel(other, "late");
    expect(await sluice("result", name, other)).toMatchObject({
      code: 1,
      out: "",
      err: `Job ${other} is cancelled: late`,
    });
  });

  test("keeps all digits of a number", async () => {
    const { name } = queue;
    const id = await done("enqueue", name);
    const [job] = (await queue.claim()).jobs;
    await done("complete", name, id, job?.token ?? "", "12345678901234567890");
    expect(await done("result", name, id)).toBe("12345678901234567890");
  });
});

test("sluice finds a label however it is written, and changes all ended jobs only where that is said", async () => {
  const { name } = queue;
  await done("enqueue", name, "1", "--label", "tenant:7");
  const id = await done("enqueue", name, "2", "--label", "tenant=8");
  for (const { id: each } of await Array.fromAsync(queue.jobs({}))) await queue.cancel(each);
  for (const label of ["tenant=8", "tenant:8"]) {
    expect(await done("list", name, "--label", label)).toMatch(new RegExp(`^${id} `, "m"));
  }
  const ended = ["--state", "cancelled"];
  for (const words of [[], ["--all", id], ["--all", "--label", "tenant"]]) {
    expect(await sluice("discard", name, ...words)).toMatchObject({
      code: 2,
      err: expect.stringContaining("say --all alone") as unknown,
    });
  }
  expect((await sluice("redrive", name)).code).toBe(2);
  expect(await done("discard", name, ...ended, "--label", "tenant=8")).toBe("Done: 1 job removed.");
  expect(await done("discard", name, "--all")).toBe("Done: 0 jobs removed.");
  expect(await done("discard", name, ...ended)).toBe("Done: 1 job removed.");
});

test("sluice list, redrive and discard narrow by key, error and the time of the end", async () => {
  const { name } = queue;
  for (const [id, key] of [
    ["a", "k"],
    ["b", "l"],
    ["c", "l"],
  ] as const) {
    await queue.enqueue(null, { id, key });
    const [job] = (await queue.claim()).jobs;
    const error = id === "c" ? "no such address" : "timeout";
    await queue.settle([{ op: "fail", id, token: job?.token ?? "", error, retryable: false }]);
  }
  const listed = await done("list", name, "--state", "failed", "--key", "l", "--error", "time");
  expect(listed.match(/^\w+ /gm)).toEqual(["ID ", "b "]);
  const early = ["--ended-before", "2020-01-01T00:00:00Z"];
  expect(await done("discard", name, ...early)).toBe("Done: 0 jobs removed.");
  expect(await done("redrive", name, "--key", "k")).toBe("Done: 1 job to run again.");
  const late = ["--error", "address", "--ended-after", "2020-01-01T00:00:00Z"];
  expect(await done("discard", name, ...late)).toBe("Done: 1 job removed.");
  expect(await done("discard", name, "b", "a")).toBe("Done: 1 job removed.");
  expect((await queue.stats()).counts).toMatchObject({ failed: 0, ready: 1 });
  expect((await sluice("discard", name, "a", "--key", "k")).code).toBe(1);
});

test("sluice redrive tells of one that goes on how many jobs it has looked at", async () => {
  const { name } = queue;
  const jobs = Array.from({ length: 1500 }, (_, n) => ({ payload: n, labels: { n: `${n}` } }));
  await queue.enqueueMany(jobs);
  for (;;) {
    const claimed = await queue.claim({ max: 1000 });
    if (claimed.jobs.length === 0) break;
    const end = { op: "fail", error: "e", retryable: false } as const;
    await queue.settle(claimed.jobs.map(({ id, token }) => ({ ...end, id, token })));
  }
  expect(await done("redrive", name, "--label", "n=8")).toMatch(
    /^Running as \S+: 1 job to run again, 1000 of 1500 looked at\.$/,
  );
});

test("sluice operation tells of keys that new defaults open or shut", async () => {
  const { name } = queue;
  await queue.enqueueMany([1, 2].map((payload) => ({ payload, key: "k" })));
  await queue.claim();
  await queue.configure({ keys: { concurrency: 1 } });
  for await (const event of queue.watch({ types: ["operation.started"] })) {
    expect(await done("operation", name, String(event["id"]))).toBe(
      "Done: 1 key brought up to date.",
    );
    break;
  }
});

test("sluice get shows how each attempt ended, also those before a redrive", async () => {
  const { name } = queue;
  const { id } = await queue.enqueue(1, { maxAttempts: 2, backoff: { kind: "fixed", delayMs: 0 } });
  const end = async (worker: string, error: string) => {
    const [job] = (await queue.claim({ worker })).jobs;
    await queue.settle([{ op: "fail", id, token: job?.token ?? "", error }]);
  };
  expect(await done("get", name, id)).not.toContain("ATTEMPT");
  await end("w1", "timeout");
  await end("w2", "no such\n  address");
  await done("redrive", name, id);
  await end("w3", "once more");
  const [, attempts = ""] = (await done("get", name, id)).split("\n\n");
  const time = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +\d+m?s/g;
  expect(attempts.replace(time, "TIME").replace(/ +/g, " ").split("\n")).toEqual([
    "RUN ATTEMPT ENDED TOOK OUTCOME WORKER ERROR",
    " 1 1 TIME failed w1 timeout",
    " 1 2 TIME failed w2 no such address",
    " 2 1 TIME failed w3 once more",
  ]);
});

describe("a rate", () => {
  test.each([
    ["100/1s", { limit: 100, perMs: 1000 }],
    ["100/s", { limit: 100, perMs: 1000 }],
    ["5/1h30m/2", { limit: 5, perMs: 5_400_000, burst: 2 }],
  ])("%s is %j", (word, meant) => {
    expect(rate(word)).toEqual(meant);
  });

  test.each(["100", "100/", "/1s", "100/1x", "100/1s/", "-1/1s", "1.5/1s", "100/1s/2/3"])(
    "%j is not understood",
    (word) => {
      expect(() => rate(word)).toThrow(InvalidArgumentError);
    },
  );
});
