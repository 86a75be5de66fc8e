/**
 * `npm run dev [-- --port 8787] [--data-dir .sluice]`: wrangler's development server, which reloads what changes.
 * Invariant: it works on the same objects, with the same token and the same lock as `npm start`, and no queue sleeps
 * through its alarm because of a reload.
 */
import { lstatSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { ConnectOptions } from "../src/client/index.ts";
import { keep } from "./kept.ts";
import { run, Sentence } from "./sentence.ts";
import { checkPort, host } from "./server.ts";
import { firstCurl, interrupted, localOptions } from "./start.ts";
import { localToken } from "./token.ts";
import { isServing, wakeQueues } from "./wake.ts";
import { quiet, wranglerScript } from "./wrangler.ts";

/** What is read line by line is no terminal: wrangler has to be told that it ends up on one. */
const colors = { FORCE_COLOR: "1" };

/** Leads wrangler, which keeps objects in `v3/do` below a folder of its own, to those of the data directory. */
function shareObjects(dataDir: string): string {
  const folder = join(dataDir, "dev");
  const link = join(folder, "v3/do");
  mkdirSync(join(dataDir, "objects"), { recursive: true });
  mkdirSync(join(folder, "v3"), { recursive: true });
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) {
    symlinkSync("../../objects", link, "dir");
  }
  return folder;
}

async function wake(server: ConnectOptions): Promise<void> {
  try {
    await wakeQueues(server);
  } catch (error) {
    console.error(`Not all queues were woken after the reload: ${error}`);
  }
}

async function dev(): Promise<void> {
  const { port, dataDir } = localOptions();
  await checkPort(port);
  const { token, file } = localToken(dataDir);
  const url = `http://${host}:${port}`;
  const interrupt = interrupted();
  const args = [
    ...["dev", "--ip", host, "--port", String(port), "--persist-to", shareObjects(dataDir)],
    ...["--var", "SLUICE_DELIVER_HERE:true"],
  ];
  const kept = await keep({
    dataDir,
    command: process.execPath,
    args: [wranglerScript, ...args, "--show-interactive-dev-session=false"],
    env: { ...quiet, ...(process.stdout.isTTY && process.stdout.hasColors() && colors) },
    onLine: (line) => {
      console.log(line);
      if (isServing(line)) void wake({ url, token });
    },
  });
  console.log(`data   ${dataDir}
token  ${file}
try    ${firstCurl(url, file)}`);
  const isOurs = await Promise.race([interrupt.then(() => true), kept.ended.then(() => false)]);
  if (!isOurs) throw new Sentence("wrangler ended by itself; its words are above.");
  await kept.stop();
}

if (import.meta.main) {
  await run(dev);
  // A queue that was just being woken would only wait for a server that is gone.
  process.exit();
}
