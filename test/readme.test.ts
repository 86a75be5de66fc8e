/**
 * The README and the documents, taken at their word: what they show is run, and what they name is looked for.
 * Invariant: an example runs as it is printed, but for the address, the token and the ids, which differ everywhere.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";
import packageJson from "../package.json" with { type: "json" };
import { build } from "../scripts/build.ts";
import { root, settings, wrangler } from "../scripts/wrangler.ts";
import { Queue } from "../src/client/index.ts";
import { startServer, type TestServer } from "./server.ts";

const run = promisify(execFile);
const { name, compatibility_date: compatibilityDate } = unstable_readConfig({ config: settings });
const readme = readFileSync(join(root, "README.md"), "utf8");
/** The id of the queue in the README's examples. */
const shownQueueId = /"id":"([0-9a-z]{8})-/.exec(readme)?.[1] ?? "";
/** Within the package, so that `import "sluice/client"` means this Sluice, and ignored by git. */
let folder = "";
let server: TestServer;

beforeAll(async () => {
  mkdirSync(join(root, "dist"), { recursive: true });
  folder = mkdtempSync(join(root, "dist/readme-"));
  server = await startServer();
  writeFileSync(join(folder, "token"), server.token);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** The README's code blocks in a language, in order. */
const blocks = (language: string): string[] =>
  [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, own]) => own === language)
    .map(([, , code = ""]) => code);

/** A code block that contains a text. */
function block(language: string, text: string): string {
  const found = blocks(language).find((code) => code.includes(text));
  if (found === undefined) throw new Error(`README.md has no ${language} block with ${text}.`);
  return found;
}

/** An example, on the test's server instead of the user's. */
const here = (code: string): string =>
  code
    .replaceAll("http://127.0.0.1:8787", server.url)
    .replaceAll(".sluice/token", join(folder, "token"));

const timeless = (json: string): string => json.replaceAll(/\b\d{13}\b/g, "TIME");

async function curlVersion(): Promise<string> {
  try {
    return (await run("curl", ["--version"])).stdout;
  } catch (error) {
    throw new Error("The README's first screen calls curl: install it to run this test.", {
      cause: error,
    });
  }
}

describe("the first screen", () => {
  it("enqueues, claims and settles a job with curl, and shows what is answered to the byte", async () => {
    await curlVersion();
    const commands = blocks("sh").filter((code) => code.includes("curl "));
    const setup = /^export .*$/m.exec(commands[0] ?? "")?.[0] ?? "";
    const mail = new Queue({ name: "mail", url: server.url, token: server.token });
    const said: string[] = [];
    let queueId = shownQueueId;
    for (const command of commands) {
      const script = here(`${setup}\n${command.replaceAll(shownQueueId, queueId)}`);
      const { stdout } = await run("sh", ["-euc", script]);
      ({ queueId } = await mail.info());
      said.push(timeless(`${stdout.replaceAll(queueId, shownQueueId)}\n`));
    }
    expect(said).toHaveLength(3);
    expect(said).toEqual(blocks("json").map(timeless));
  });

  it("enqueues and works off two jobs from Node", async () => {
    const file = join(folder, "mail.ts");
    writeFileSync(file, here(block("ts", "new Worker(")));
    const { stdout } = await run(join(root, "node_modules/.bin/node"), [file], { cwd: root });
    const lines = stdout.trimEnd().split("\n").sort();
    expect(lines).toEqual(["mail to ada, attempt 1", "mail to bob, attempt 1"]);
    const mail = new Queue({ name: "mail", url: server.url, token: server.token });
    expect((await mail.stats()).counts.ready).toBe(0);
  });
});

it("submits a plan, an action and a schedule, and works on them", async () => {
  const sluice = `"${process.execPath}" "${join(root, "src/cli/main.ts")}"`;
  const env = { ...process.env, SLUICE_URL: server.url, SLUICE_TOKEN: server.token };
  const script = block("sh", "plan submit")
    .replace(/^export SLUICE_URL=.*$/m, "")
    .replaceAll("npm run sluice --", sluice);
  const [before = "", work = "", after = ""] = script.split(/^(.* work files .*)$/m);
  const options = { cwd: folder, env };
  await run("sh", ["-euc", before], options);
  const worker = spawn("sh", ["-euc", `exec ${work.replace(/#.*$/, "")}`], options);
  const files = new Queue({ name: "files", url: server.url, token: server.token });
  const { actions } = await files.actions.list();
  const { id = "" } = actions[0] ?? {};
  while ((await files.actions.get(id)).status === "running");
  expect(await files.actions.get(id)).toMatchObject({ status: "completed", total: 2 });
  const exited = once(worker, "exit");
  worker.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  expect((await run("sh", ["-euc", after], options)).stdout).toContain("nightly");
});

it("waits for a job, and has it", async () => {
  const sluice = `"${process.execPath}" "${join(root, "src/cli/main.ts")}"`;
  const env = { ...process.env, SLUICE_URL: server.url, SLUICE_TOKEN: server.token };
  const script = block("sh", "--wait 30s").replaceAll("npm run sluice --", sluice);
  const { stdout } = await run("sh", ["-euc", script], { cwd: folder, env });
  expect(stdout).toContain('{"page":3}');
});

it("limits a key, and enqueues jobs of it and one that waits for them", async () => {
  const sluice = `"${process.execPath}" "${join(root, "src/cli/main.ts")}"`;
  const env = { ...process.env, SLUICE_URL: server.url, SLUICE_TOKEN: server.token };
  const shop = new Queue({ name: "shop", url: server.url, token: server.token });
  const script = block("sh", "keys set").replaceAll("npm run sluice --", sluice);
  const { stdout } = await run("sh", ["-euc", script], { cwd: folder, env });
  expect(stdout).toMatch(/\ntenant-7 +2 +2 +0 +\{"concurrency":2,/);
  expect(stdout).toContain("Done: 0 jobs removed.");
  expect(await shop.get("report")).toMatchObject({
    state: "blocked",
    pending: 2,
    after: [{ id: "page-1" }, { id: "page-2", onFail: "continue" }],
    unique: { key: "report-7" },
  });
});

describe("the Worker", () => {
  /** Bundles the example as its user would, with the service binding that the README names. */
  async function mailer(): Promise<{ scriptPath: string; binding: string; service: string }> {
    const [line = "", binding = "", service = ""] =
      /services = \[\{ binding = "(\w+)", service = "(\w+)" \}\]/.exec(readme) ?? [];
    const toml = join(folder, "wrangler.toml");
    writeFileSync(join(folder, "worker.ts"), block("ts", "env.SLUICE"));
    writeFileSync(
      toml,
      `name = "mailer"\nmain = "worker.ts"\ncompatibility_date = "${compatibilityDate}"\n${line}\n`,
    );
    const outdir = join(folder, "mailer");
    const built = await wrangler(["deploy", "--config", toml, "--dry-run", "--outdir", outdir]);
    expect(built).toMatchObject({ isOk: true });
    return { scriptPath: join(outdir, "worker.js"), binding, service };
  }

  it("enqueues by a service binding to Sluice", async () => {
    const { scriptPath, binding, service } = await mailer();
    expect(service).toBe(name);
    const shared = { modules: true, compatibilityDate, bindings: { SLUICE_TOKEN: "a-token" } };
    const serviceBindings = { [binding]: service };
    const durableObjects = {
      QUEUE: { className: "QueueObject", useSQLite: true },
      DIRECTORY: { className: "DirectoryObject", useSQLite: true },
    };
    const { module } = await build();
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        workers: [
          { ...shared, name: "mailer", scriptPath, serviceBindings },
          { ...shared, name: service, scriptPath: module, durableObjects },
        ],
      }),
    );
    try {
      const mailerUrl = (await miniflare.ready).href;
      const response = await fetch(mailerUrl, { method: "POST", body: "ada@example.com" });
      const { id } = (await response.json()) as { id: string };
      const sluice = await miniflare.getWorker(service);
      const job = await sluice.fetch(`http://sluice/v1/queues/mail/jobs/${id}`, {
        headers: { authorization: "Bearer a-token" },
      });
      expect(await job.json()).toMatchObject({
        job: { id, state: "scheduled", payload: { to: "ada@example.com" } },
      });
    } finally {
      await miniflare.dispose();
    }
  });
});

it("the examples are right in types, as strictly as Sluice itself is", async () => {
  const files = blocks("ts").map((code, n) => {
    writeFileSync(join(folder, `example-${n}.ts`), code);
    return `example-${n}.ts`;
  });
  const project = join(folder, "tsconfig.json");
  writeFileSync(project, JSON.stringify({ extends: "../../tsconfig.json", files, include: [] }));
  const tsc = join(root, "node_modules/.bin/tsc");
  const complaints = await run(tsc, ["--project", project]).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
  expect(complaints).toBe("");
});

it("the file of a queue is where the README says", async () => {
  const { storage } = await new Queue({
    name: "mail",
    url: server.url,
    token: server.token,
  }).stats();
  const [, path = ""] = /`\.sluice\/(objects\/[^`]*<objectId>\.sqlite)`/.exec(readme) ?? [];
  expect(existsSync(join(server.dataDir, path.replace("<objectId>", storage.objectId)))).toBe(true);
});

it("every command that the README names exists", () => {
  const named = [...readme.matchAll(/\bnpm (?:run ([\w-]+)|(start|test))\b/g)];
  const scripts = new Set(named.map(([, script, short]) => script ?? short ?? ""));
  expect(scripts.size).toBeGreaterThan(7);
  expect(Object.keys(packageJson.scripts)).toEqual(expect.arrayContaining([...scripts]));
});

describe.each(globSync(["*.md", "docs/**/*.md"], { cwd: root }).sort())("%s", (file) => {
  const text = readFileSync(join(root, file), "utf8");

  it("links only to what is there", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(
      ([, link = ""]) => link,
    );
    expect(links.filter((link) => !existsSync(join(root, dirname(file), link)))).toEqual([]);
  });

  it("names only source files that are there", () => {
    const files = [...text.matchAll(/`([\w/-]+\/[\w-]+\.ts)`/g)].map(([, path = ""]) => path);
    const isThere = (path: string) =>
      existsSync(join(root, path)) || existsSync(join(root, "src", path));
    expect(files.filter((path) => !isThere(path))).toEqual([]);
  });
});
