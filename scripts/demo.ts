/**
 * `npm run demo [-- FOLDER] [--keep]`: a queue of a folder's files, four worker processes, one of them killed.
 * Invariant: it succeeds only when each file has exactly one result, equal to what this process computes itself.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import { Queue } from "../src/client/index.ts";
import { build } from "./build.ts";
import { check, type FilePayload, jobsByPath } from "./demo-check.ts";
import { type Crash, startCrew } from "./demo-crew.ts";
import { type Digest, findFiles } from "./demo-files.ts";
import { count, crashReport, rates, seconds, table } from "./demo-report.ts";
import { run, Sentence } from "./sentence.ts";
import { serve } from "./server.ts";
import { interrupted } from "./start.ts";
import { localToken } from "./token.ts";
import { root } from "./wrangler.ts";

type Files = Queue<FilePayload, Digest>;

/** Of the repository itself only what somebody wrote. */
const leftOut = new Set([".dev.vars", ".git", ".sluice", ".wrangler", "dist", "node_modules"]);
/** Short, so that a dead worker's jobs are soon with another one. */
const leaseMs = 2_000;
const lookMs = 100;

function options(): { folder: string; keep: boolean } {
  const { values, positionals } = parseArgs({
    options: { keep: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const folder = resolve(positionals[0] ?? root);
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) throw new Sentence(`${folder} does not exist: name a folder.`);
  if (!stat.isDirectory()) throw new Sentence(`${folder} is a file: name the folder it is in.`);
  return { folder, keep: values.keep };
}

/** The files to digest; says which ones are not among them, and why. */
function choose(folder: string): readonly string[] {
  const { files, unreadable, skipped } = findFiles(
    folder,
    (name) => folder === root && leftOut.has(name),
  );
  console.log(`${folder}: ${count(files.length, "file")}`);
  for (const path of unreadable) console.log(`  left out, not readable: ${path}`);
  if (skipped > 0) console.log(`  left out, symbolic links and the like: ${skipped}`);
  return files;
}

async function enqueue(queue: Files, files: readonly string[]): Promise<void> {
  await queue.configure({ leaseMs, retention: { completed: { count: files.length } } });
  const startedAt = performance.now();
  const outcomes = await queue.enqueueMany(files.map((path) => ({ payload: { path } })));
  for (const outcome of outcomes) if ("error" in outcome) throw outcome.error;
  console.log(
    `${count(files.length, "job")} enqueued in ${seconds(performance.now() - startedAt)}`,
  );
}

/** Shows how many jobs have ended until all have. A bar on a terminal, a line now and then elsewhere. */
async function watch(queue: Files, total: number): Promise<void> {
  const bar = new SingleBar(
    {
      format: process.stdout.isTTY ? "{bar} {value}/{total} jobs" : "{value}/{total} jobs",
      stream: process.stdout,
      noTTYOutput: true,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  try {
    for (let ended = 0; ended < total; await sleep(lookMs)) {
      const { completed, failed, cancelled, expired } = (await queue.stats()).counts;
      ended = completed + failed + cancelled + expired;
      bar.update(ended);
    }
  } finally {
    bar.stop();
  }
}

/** Has the files digested by workers that end with it; gives the death of one of them. */
async function digestAll(queue: Files, token: string, total: number, interrupt: Promise<void>) {
  const crew = startCrew({ url: queue.transport.url, token, queue: queue.name, jobCount: total });
  try {
    const interruption = interrupt.then(() => {
      throw new Sentence("Interrupted.");
    });
    const all = Promise.all([crew.crash, watch(queue, total)]);
    const [crash] = await Promise.race([all, crew.lost, interruption]);
    return crash;
  } finally {
    await crew.stop();
  }
}

/** Compares all results with the truth, and says what came out. */
async function judge(queue: Files, folder: string, files: readonly string[], crash: Crash) {
  const byPath = await jobsByPath(queue);
  const jobs = [...byPath.values()].flat();
  console.log(`\n${table(jobs)}\n\n${crashReport(crash, jobs, folder)}\n${rates(jobs)}`);
  const { rowsWritten } = (await queue.stats()).storage;
  console.log(
    `${(rowsWritten / files.length).toFixed(2)} rows written to storage per job (${rowsWritten})`,
  );
  const wrong = await check(files, byPath, crash.holding);
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) throw new Sentence(`${count(wrong.length, "thing")} went wrong.`);
  console.log(`${count(files.length, "file")}, each with exactly one result, and all are right.`);
}

async function demo(): Promise<void> {
  const { folder, keep } = options();
  const files = choose(folder);
  if (files.length === 0) return console.log("There is nothing to do.");
  const dataDir = mkdtempSync(join(tmpdir(), "sluice-demo-"));
  const interrupt = interrupted();
  try {
    const { token, file } = localToken(dataDir);
    const server = await serve({ bundle: await build(), dataDir, token });
    console.log(`Sluice listens on ${server.url}, data in ${dataDir}, token in ${file}`);
    try {
      const queue: Files = new Queue({ name: "files", url: server.url, token });
      await enqueue(queue, files);
      const crash = await digestAll(queue, token, files.length, interrupt);
      await judge(queue, folder, files, crash);
    } finally {
      await server.stop();
    }
  } finally {
    if (keep) console.log(`Kept; serve it with: npm start -- --data-dir ${dataDir}`);
    else rmSync(dataDir, { recursive: true });
  }
}

await run(demo);
// What an interrupt left under way would only wait for a server that is gone.
process.exit();
