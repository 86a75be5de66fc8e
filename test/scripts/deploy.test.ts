/**
 * The deployment, with a wrangler that only notes what it was asked; the rehearsal, with the real one and no network.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Around, deploy } from "../../scripts/deploy.ts";
import type { Ran, RunWrangler } from "../../scripts/wrangler.ts";

const ok = (output = ""): Ran => ({ isOk: true, output, errors: "" });
const refused = (errors: string): Ran => ({ isOk: false, output: "", errors });
const notFound = refused('✘ [ERROR] Worker "sluice" not found.');

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A Cloudflare account as `answers` describe it; other commands succeed. */
function account(answers: Readonly<Record<string, Ran>>) {
  const calls: string[] = [];
  const secrets: string[] = [];
  const said: string[] = [];
  const wrangler: RunWrangler = async (args, { env = {} } = {}) => {
    calls.push(args.slice(0, 2).join(" "));
    const secretsFile = args[args.indexOf("--secrets-file") + 1];
    if (args.includes("--secrets-file") && secretsFile !== undefined) {
      secrets.push(readFileSync(secretsFile, "utf8"));
    }
    const report = env["WRANGLER_OUTPUT_FILE_PATH"];
    if (report !== undefined) {
      writeFileSync(report, '{"type":"deploy","targets":["https://sluice.example.workers.dev"]}\n');
    }
    return answers[args.slice(0, 2).join(" ")] ?? ok();
  };
  const around: Around = {
    wrangler,
    fetch: async () => Response.json({ status: "ok" }),
    say: (line) => said.push(line),
    tokenFile: join(folder, "token"),
  };
  return { around, calls, secrets, said };
}

describe("deploy", () => {
  it("logs in, sets a new token with the first upload, and says how to call it", async () => {
    const { around, calls, secrets, said } = account({
      "whoami --json": refused("not logged in"),
      "secret list": notFound,
    });
    await deploy(around);
    expect(calls).toEqual(["whoami --json", "login", "secret list", "deploy --secrets-file"]);
    const token = readFileSync(around.tokenFile, "utf8").trim();
    expect(secrets).toEqual([JSON.stringify({ SLUICE_TOKEN: token })]);
    expect(statSync(around.tokenFile).mode & 0o777).toBe(0o600);
    expect(said.join("\n")).toContain("curl https://sluice.example.workers.dev/v1/queues/");
    expect(said.join("\n")).toContain(token);
  });

  it("leaves a token that is set as it is", async () => {
    const { around, secrets } = account({ "secret list": ok('[{"name":"SLUICE_TOKEN"}]') });
    await deploy(around);
    expect(secrets).toEqual([]);
    expect(existsSync(around.tokenFile)).toBe(false);
  });

  it("stops before the upload when it cannot tell whether a token is set", async () => {
    const { around, calls } = account({ "secret list": refused("fetch failed") });
    await expect(deploy(around)).rejects.toThrow(/^Cannot tell .*fetch failed/s);
    expect(calls).not.toContain("deploy");
  });

  it("uses the token that an attempt before this one left", async () => {
    const { around, secrets } = account({ "secret list": notFound });
    writeFileSync(around.tokenFile, "left\n");
    await deploy(around);
    expect(secrets).toEqual(['{"SLUICE_TOKEN":"left"}']);
  });
});

describe("deploy --dry-run", () => {
  it("builds and checks the Worker without any network", async () => {
    let requests = 0;
    const network = createServer(() => requests++).on("connect", () => requests++);
    await once(network.listen(0, "127.0.0.1"), "listening");
    const address = network.address();
    const proxy = `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`;
    const rehearsal = spawn(process.execPath, ["scripts/deploy.ts", "--dry-run"], {
      env: { PATH: process.env["PATH"], HOME: folder, HTTPS_PROXY: proxy, HTTP_PROXY: proxy },
    });
    const [output, [code]] = await Promise.all([text(rehearsal.stdout), once(rehearsal, "exit")]);
    network.close();
    expect(output).toContain("QueueObject");
    expect(output).toContain("Not done: log in");
    expect({ code, requests }).toEqual({ code: 0, requests: 0 });
  });
});
