/**
 * `npm start [-- --port 8787] [--data-dir .sluice]`: Sluice on plain workerd, on this machine, kept on disk.
 * Invariant: the token is made once and never printed; everything that is kept is below the data directory.
 */
import { statSync } from "node:fs";
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.ts";
import { run, Sentence } from "./sentence.ts";
import { serve } from "./server.ts";
import { localToken } from "./token.ts";
import { root } from "./wrangler.ts";

/** What `npm start` and `npm run dev` may be given. */
export interface LocalOptions {
  readonly port: number;
  readonly dataDir: string;
}

const options = {
  port: { type: "string", default: "8787" },
  "data-dir": { type: "string", default: ".sluice" },
} as const;

/** Reads the options from the command line. Throws an error for people when they are wrong. */
export function localOptions(): LocalOptions {
  const { port, "data-dir": dataDir } = parseArgs({ options }).values;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new Sentence(`--port takes a number from 0 (any free port) to 65535, not ${port}.`);
  }
  const folder = resolve(root, dataDir);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw new Sentence(`${folder} is a file: name a folder with --data-dir.`);
  }
  return { port: Number(port), dataDir: folder };
}

/** A command that enqueues a job, to be pasted into a shell in the repository. */
export function firstCurl(url: string, tokenFile: string): string {
  const file = relative(process.cwd(), tokenFile) || tokenFile;
  return `curl ${url}/v1/queues/mail/jobs -H "Authorization: Bearer $(cat ${file})" -d '{"payload":{"to":"ada"}}'`;
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP. */
export function interrupted(): Promise<void> {
  const { promise, resolve: settle } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => settle());
  return promise;
}

async function start(): Promise<void> {
  const { port, dataDir } = localOptions();
  const { token, file } = localToken(dataDir);
  const interrupt = interrupted();
  const server = await serve({ bundle: await build(), dataDir, token, port });
  console.log(`Sluice listens on ${server.url}
  data   ${dataDir}
  token  ${file}
  try    ${firstCurl(server.url, file)}`);
  const isOurs = await Promise.race([interrupt.then(() => true), server.ended.then(() => false)]);
  if (!isOurs) throw new Sentence("The server ended by itself; its words are above.");
  await server.stop();
}

if (import.meta.main) await run(start);
