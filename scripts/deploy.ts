/**
 * `npm run deploy [-- --dry-run]`: Sluice on Cloudflare, with a token, ready to be called.
 * Invariant: a deployment never replaces a token that is set, and a new token is in its file before it is anywhere else.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { run, Sentence } from "./sentence.ts";
import { firstCurl } from "./start.ts";
import { newToken, writeSecret } from "./token.ts";
import { type RunWrangler, root, wrangler as runWrangler } from "./wrangler.ts";

/** A new address may take this long until it is known everywhere. */
const healthMsMax = 180_000;
const healthPauseMs = 1_000;

/** The world around a deployment, to be replaced in tests. */
export interface Around {
  readonly wrangler: RunWrangler;
  readonly fetch: typeof fetch;
  readonly say: (line: string) => void;
  /** Where the token of the deployment is kept on this machine. */
  readonly tokenFile: string;
}

/** Deploys, and says how to reach what was deployed. Throws a `Sentence` when a step fails. */
export async function deploy(around: Around): Promise<void> {
  await logIn(around);
  const isSet = await isTokenSet(around);
  const url = await upload(around, isSet ? undefined : ownToken(around.tokenFile));
  await healthy(around, url);
  around.say(`Sluice runs at ${url}`);
  if (!existsSync(around.tokenFile)) {
    around.say(
      "Its token was set before, elsewhere: `npx wrangler secret put SLUICE_TOKEN` sets another.",
    );
    return;
  }
  around.say(`  token  ${readFileSync(around.tokenFile, "utf8").trim()}
  kept   ${around.tokenFile}
  try    ${firstCurl(url, around.tokenFile)}`);
}

/** Goes as far as possible without a network: builds and checks the Worker, and says what would follow. */
export async function rehearse({ wrangler, say, tokenFile }: Around): Promise<void> {
  const { isOk, output, errors } = await wrangler(["deploy", "--dry-run"]);
  if (!isOk) throw new Sentence(`The Worker cannot be deployed:\n${output}${errors}`);
  say(output.trim());
  say(`Not done: log in to Cloudflare if need be, upload, and wait for /health.
The token ${existsSync(tokenFile) ? "is" : "would be made and kept"} in ${tokenFile}.`);
}

async function logIn({ wrangler }: Around): Promise<void> {
  if ((await wrangler(["whoami", "--json"])).isOk) return;
  const { isOk } = await wrangler(["login"], { isShown: true });
  if (!isOk) throw new Sentence("Not logged in: try again, or set CLOUDFLARE_API_TOKEN.");
}

/** Whether the deployed Worker has a token. One that does not exist yet has none. */
async function isTokenSet({ wrangler }: Around): Promise<boolean> {
  const { isOk, output, errors } = await wrangler(["secret", "list", "--format", "json"]);
  if (isOk) {
    return (JSON.parse(output) as { name: string }[]).some(({ name }) => name === "SLUICE_TOKEN");
  }
  if (/Worker "[^"]*".* not found/.test(output + errors)) return false;
  throw new Sentence(`Cannot tell whether a token is set:\n${output}${errors}`);
}

/** The token in the file, which an attempt that failed may have left, or a new one. */
function ownToken(file: string): string {
  if (!existsSync(file)) {
    mkdirSync(join(file, ".."), { recursive: true });
    writeSecret(file, `${newToken()}\n`);
  }
  return readFileSync(file, "utf8").trim();
}

/** Uploads the Worker, with the token when there is one to set, and gives its address. */
async function upload({ wrangler }: Around, token: string | undefined): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-deploy-"));
  try {
    const report = join(folder, "report");
    const secrets = join(folder, "secrets.json");
    const args = ["deploy"];
    if (token !== undefined) {
      writeSecret(secrets, JSON.stringify({ SLUICE_TOKEN: token }));
      args.push("--secrets-file", secrets);
    }
    const env = { WRANGLER_OUTPUT_FILE_PATH: report };
    if (!(await wrangler(args, { isShown: true, env })).isOk) {
      throw new Sentence("The upload failed; wrangler's words are above.");
    }
    return addressIn(readFileSync(report, "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The first address in wrangler's report, which has a JSON object on each line. */
function addressIn(report: string): string {
  const lines = report.trim().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as { type: string; targets?: string[] });
  const target = entries.find(({ type }) => type === "deploy")?.targets?.[0];
  if (target === undefined)
    throw new Sentence("Uploaded, but the Worker has no address: give it a route.");
  return target.startsWith("https://") ? target : `https://${target}`;
}

async function healthy({ fetch, say }: Around, url: string): Promise<void> {
  say(`Waiting for ${url}/health`);
  const deadline = Date.now() + healthMsMax;
  let last = "";
  while (Date.now() < deadline) {
    try {
      const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(10_000) });
      if (response.ok) return;
      last = `${response.status} ${await response.text()}`;
    } catch (error) {
      last = String(error);
    }
    await sleep(healthPauseMs);
  }
  throw new Sentence(`Uploaded, but ${url}/health does not answer well: ${last}`);
}

if (import.meta.main) {
  await run(async () => {
    const { values } = parseArgs({ options: { "dry-run": { type: "boolean", default: false } } });
    const tokenFile = join(root, ".sluice/cloudflare-token");
    const around: Around = {
      wrangler: runWrangler,
      fetch,
      say: (line) => console.log(line),
      tokenFile,
    };
    await (values["dry-run"] ? rehearse(around) : deploy(around));
  });
}
