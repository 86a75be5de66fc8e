/**
 * Export, import and verify by hand, against a real server: from one queue into a file and into another queue.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Queue } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";
import { run } from "./run.ts";

let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), "sluice-snapshots-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

/** Runs the command. `output` is what it wrote to standard output as a stream. */
const sluice = (words: readonly string[], input = "") => run(server, words, input, { folder });

const queue = (name: string) => new Queue({ name, url: server.url, token: server.token });

async function filled(name: string, jobs: number): Promise<Queue> {
  const filling = queue(name);
  const payload = { text: 'ünïcödé \u2028 "quoted" '.repeat(20) };
  await filling.enqueueMany(Array.from({ length: jobs }, (_, i) => ({ payload, priority: i % 3 })));
  return filling;
}

describe("export and import", () => {
  test("a file of one queue makes another queue the same, to the digest", async () => {
    const source = await filled("source", 3000);
    const file = join(folder, "source.ndjson");
    const written = await sluice(["export", "source", file]);
    expect(written).toMatchObject({ code: 0, out: "" });
    const { current } = await source.snapshots.status();
    expect(written.err).toContain(`digest ${current?.digest}`);
    const lines = readFileSync(file, "utf8").split("\n");
    expect(JSON.parse(lines[0] ?? "")).toEqual(current);
    const rows = Object.values(current?.tables ?? {}).reduce((sum, table) => sum + table.rows, 0);
    expect(rows).toBeGreaterThan(6000);
    expect(lines).toHaveLength(1 + (current?.chunks ?? 0) + rows + 1);

    const taken = await sluice(["import", "target", file]);
    expect(taken).toMatchObject({ code: 0 });
    expect(taken.out).toContain(`target goes on in term 2: digest ${current?.digest}`);
    const target = queue("target");
    expect((await target.snapshots.build()).digest).toBe(current?.digest);
    expect((await target.stats()).counts.ready).toBe(3000);
    const [theirs] = (await source.claim({})).jobs;
    const [ours] = (await target.claim({})).jobs;
    expect({ ...ours, token: "", leaseUntil: 0 }).toEqual({ ...theirs, token: "", leaseUntil: 0 });
  });

  test("pipes through standard output and input; over jobs only when told", async () => {
    await filled("piped", 10);
    const { output, code } = await sluice(["export", "piped"]);
    expect(code).toBe(0);
    await filled("other", 1);
    const refused = await sluice(["import", "other"], output);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("over=true") });
    const taken = await sluice(["--json", "import", "other", "--over"], output);
    expect(taken.code).toBe(0);
    expect(JSON.parse(taken.out)).toMatchObject({ term: 2 });
    expect((await queue("other").stats()).counts.ready).toBe(10);
  });

  test.each([
    ["cut short", (file: string) => file.slice(0, -200), "snapshot_invalid"],
    ["with another byte", (file: string) => file.replace("quoted", "quotes"), "snapshot_invalid"],
    [
      "without its manifest",
      (file: string) => file.slice(file.indexOf("\n") + 1),
      "import_unknown",
    ],
    [
      "of a newer format",
      (file: string) => file.replace('"format":1', '"format":2'),
      "snapshot_newer",
    ],
    ["that is none", () => '{"hello":1}\n', "snapshot_invalid"],
    ["that is no JSON", () => "hello", "snapshot_invalid"],
  ])("a file %s is refused whole, and nothing changes", async (name, spoil, code) => {
    await filled("sound", 20);
    const { output } = await sluice(["export", "sound"]);
    const target = queue(`kept-${name.replaceAll(" ", "-")}`);
    await target.enqueue({ kept: true });
    const before = await target.info();
    const refused = await target.snapshots
      .import(Readable.from([Buffer.from(spoil(output))]), { over: true })
      .then(
        () => "taken",
        (error) => error.code,
      );
    expect(refused).toBe(code);
    expect(await target.info()).toEqual(before);
    expect((await target.stats()).counts.ready).toBe(1);
  });

  test("a file that is not there is a sentence", async () => {
    const { code, err } = await sluice(["import", "any", join(folder, "nowhere")]);
    expect(code).toBe(2);
    expect(err).toMatch(/nowhere cannot be used/);
  });
});

describe("verify", () => {
  test("finds a sound queue sound", async () => {
    await filled("verified", 500);
    const { code, out } = await sluice(["verify", "verified"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^Sound: \d+ entries and 1\d\d\d rows, up to entry \d+ of term 1\./);
  });

  test("of a queue that is not there is refused", async () => {
    expect(await sluice(["verify", "nobody"])).toMatchObject({ code: 1 });
  });
});

describe("a raw export", () => {
  test("has the tables and the log as they are", async () => {
    await filled("raw", 5);
    const file = join(folder, "raw.ndjson");
    expect((await sluice(["export", "raw", file, "--raw"])).code).toBe(0);
    const tables = readFileSync(file, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line).table);
    expect(tables).toContain("raft_state");
    expect(tables).toContain("raft_log_1");
    writeFileSync(file, "");
  });
});
