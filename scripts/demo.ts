/**
 * `npm run demo [-- FOLDER] [--keep]`: a plan of three commands over the files of a folder, submitted as one action, run by four
 * `sluice work` processes, one of which is killed halfway.
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
import { check, type FileInput, jobsByPath } from "./demo-check.ts";
import { type Crash, startCrew } from "./demo-crew.ts";
import { findFiles, plan } from "./demo-files.ts";
import { count, crashReport, rates, seconds, table } from "./demo-report.ts";
import { run, Sentence } from "./sentence.ts";
import { serve } from "./server.ts";
import { interrupted } from "./start.ts";
import { localToken } from "./token.ts";
import { root } from "./wrangler.ts";

type Files = Queue<FileInput, unknown>;

/** Of the repository itself only what somebody wrote. */
const leftOut = new Set([".dev.vars", ".git", ".sluice", ".wrangler", "dist", "node_modules"]);
/** Short, so that a dead worker's jobs are soon with another one; long enough for one that is alive on a busy machine. */
const leaseMs = 5_000;
/** A worker that dies has failed an attempt of what it held, and so has one that a busy machine keeps from extending its leases. */
const maxAttempts = 10;
const lookMs = 100;
/** Inputs of one action. */
const inputsMax = 1_000;

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

/** Submits the plan, and an action of it over the files; over more than one, where there are more than fit. Returns their ids. */
async function submit(queue: Files, files: readonly string[]): Promise<string[]> {
  await queue.configure({ leaseMs, retention: { completed: { count: files.length } } });
  const startedAt = performance.now();
  await queue.plans.submit(plan);
  const actions: string[] = [];
  for (let from = 0; from < files.length; from += inputsMax) {
    const inputs = files.slice(from, from + inputsMax).map((path) => ({ path }));
    const { action } = await queue.actions.submit(plan.plan_id, inputs, { maxAttempts });
    actions.push(action.id);
  }
  const took = seconds(performance.now() - startedAt);
  console.log(`Plan ${plan.plan_id} on ${count(files.length, "file")}: submitted in ${took} as`);
  for (const id of actions) console.log(`  action ${id}`);
  return actions;
}

/** Shows how many jobs have ended until all have. A bar on a terminal, a line now and then elsewhere. */
async function watch(queue: Files, total: number, onEnded: (ended: number) => void): Promise<void> {
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
      onEnded(ended);
    }
  } finally {
    bar.stop();
  }
}

/** Has the files measured by workers that end with it; gives the death of one of them, halfway. */
async function measureAll(
  queue: Files,
  token: string,
  dir: string,
  total: number,
  stop: Promise<void>,
) {
  const crew = startCrew({ queue, url: queue.transport.url, token, dir });
  const halfway = Promise.withResolvers<void>();
  let ended = 0;
  try {
    const interruption = stop.then(() => {
      throw new Sentence("Interrupted.");
    });
    const onEnded = (now: number) => {
      ended = now;
      if (ended >= Math.min(total - 1, total * 0.4)) halfway.resolve();
    };
    const death = halfway.promise.then(() => crew.kill(() => ended >= total));
    const all = Promise.all([death, watch(queue, total, onEnded)]);
    const [crash] = await Promise.race([all, crew.lost, interruption]);
    return crash;
  } finally {
    await crew.stop();
  }
}

/** What was asked for. */
interface Given {
  readonly folder: string;
  readonly files: readonly string[];
  readonly actions: readonly string[];
}

/** Compares all results with the truth, and says what came out. */
async function judge(
  queue: Files,
  { folder, files, actions }: Given,
  crash: Crash | undefined,
): Promise<void> {
  const byPath = await jobsByPath(queue, actions);
  const jobs = [...byPath.values()].flat();
  const death = crash === undefined ? "All was done before a worker could be killed." : "";
  console.log(`\n${table(jobs)}\n\n${death}${crash ? crashReport(crash, jobs, folder) : ""}`);
  console.log(rates(jobs));
  for (const id of actions) {
    const { status, counts } = await queue.actions.get(id);
    console.log(
      `Action ${id} has ${status}: ${counts.completed} completed, ${counts.failed} failed.`,
    );
  }
  const { rowsWritten } = (await queue.stats()).storage;
  console.log(
    `${(rowsWritten / files.length).toFixed(2)} rows written to storage per job (${rowsWritten})`,
  );
  const wrong = await check(files, byPath, crash?.holding ?? []);
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) throw new Sentence(`${count(wrong.length, "thing")} went wrong.`);
  console.log(`${count(files.length, "file")}, each with exactly one result, and all are right.`);
}

async function demo(): Promise<void> {
  const { folder, keep } = options();
  const files = choose(folder);
  if (files.length === 0) return console.log("There is nothing to do.");
  const dataDir = mkdtempSync(join(tmpdir(), "sluice-demo-"));
  const workDir = mkdtempSync(join(tmpdir(), "sluice-demo-work-"));
  const interrupt = interrupted();
  try {
    const { token, file } = localToken(dataDir);
    const server = await serve({ bundle: await build(), dataDir, token });
    console.log(`Sluice listens on ${server.url}, data in ${dataDir}, token in ${file}`);
    try {
      const queue: Files = new Queue({ name: "files", url: server.url, token });
      const actions = await submit(queue, files);
      const crash = await measureAll(queue, token, workDir, files.length, interrupt);
      await judge(queue, { folder, files, actions }, crash);
    } finally {
      await server.stop();
    }
  } finally {
    // The worker that was killed could not clean up behind itself.
    rmSync(workDir, { recursive: true });
    if (keep) console.log(`Kept; serve it with: npm start -- --data-dir ${dataDir}`);
    else rmSync(dataDir, { recursive: true });
  }
}

await run(demo);
// What an interrupt left under way would only wait for a server that is gone.
process.exit();
