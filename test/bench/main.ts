/**
 * The benchmark: starts workerd, measures the figures, and says which of them keep their bounds.
 * Invariant: the exit code is 0 only if every figure that was asked for was measured and holds.
 * Usage: npm run bench -- [--only NAME]… [--json FILE] [--verbose] [--profile]
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run, Sentence } from "../../scripts/sentence.ts";
import { root } from "../../scripts/wrangler.ts";
import { size } from "./backlog.ts";
import { ceiling } from "./ceiling.ts";
import { type Bench, type Figure, type Group, holds } from "./figure.ts";
import { profiled } from "./profile.ts";
import { number, type Result, table, writeJson } from "./report.ts";
import { rows } from "./rows.ts";
import { startBenchServer } from "./server.ts";
import { throughput } from "./throughput.ts";

const groups: readonly Group[] = [throughput, rows, size];
const PROFILE_MS = 5_000;

const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    json: { type: "string" },
    verbose: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
  },
});

/** Whether a figure was asked for, by its name or its group's. */
function isWanted(group: Group, { name }: Figure): boolean {
  return (
    options.only.length === 0 || options.only.some((each) => each === name || each === group.name)
  );
}

function checkNames(): void {
  const known = groups.flatMap(({ name, figures }) => [name, ...figures.map((each) => each.name)]);
  const unknown = options.only.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new Sentence(`There is no figure ${unknown}; there are ${known.join(", ")}.`);
}

function detail(line: string): void {
  if (options.verbose) console.log(`    ${line}`);
}

/** Starts a server for `work` and stops it. */
async function withServer<T>(work: (bench: Bench) => Promise<T>): Promise<T> {
  const server = await startBenchServer();
  try {
    return await work({ server, detail });
  } finally {
    await server.stop();
  }
}

/** Measures a figure; a fault in it is shown, and leaves the others to be measured. */
async function measure(bench: Bench, figure: Figure): Promise<Result> {
  console.log(`${figure.name}: about ${figure.seconds} s …`);
  try {
    const measured = await figure.run(bench);
    const verdict = holds(measured.value, figure.bound) ? "" : ", MISSED";
    console.log(`${figure.name}: ${number(measured.value)} ${figure.unit}${verdict}`);
    return { figure, measured };
  } catch (error) {
    console.error(error);
    return { figure, measured: { value: Number.NaN } };
  }
}

async function measureAll(): Promise<void> {
  const { beside = {} } = await withServer(ceiling);
  const { hellos_per_s: hellos = 0, noops_per_s: noops = 0 } = beside;
  console.log(
    `The load generator reaches ${number(hellos)} hellos/s, and ${number(noops)} no-ops/s.`,
  );
  const results: Result[] = [];
  for (const group of groups) {
    const wanted = group.figures.filter((figure) => isWanted(group, figure));
    if (wanted.length === 0) continue;
    await withServer(async (bench) => {
      for (const figure of wanted) results.push(await measure(bench, figure));
    });
  }
  console.log(`\n${table(results).join("\n")}`);
  if (options.json !== undefined) writeJson(options.json, results);
  const missed = results.filter(({ figure, measured }) => !holds(measured.value, figure.bound));
  console.log(`\n${results.length - missed.length} of ${results.length} figures hold.`);
  if (missed.length > 0) process.exitCode = 1;
}

/** Profiles instead of measuring: a profile slows what it sees. */
async function profileAll(): Promise<void> {
  const folder = join(root, "dist/profiles");
  mkdirSync(folder, { recursive: true });
  for (const group of groups) {
    for (const figure of group.figures) {
      const { name, load } = figure;
      if (load === undefined || !isWanted(group, figure)) continue;
      const server = await startBenchServer(true);
      const file = join(folder, `${name}.cpuprofile`);
      try {
        const work = () => load({ server, detail }, PROFILE_MS);
        console.log(`\n${file}\n${(await profiled(server, file, work)).join("\n")}`);
      } finally {
        await server.stop();
      }
    }
  }
}

await run(async () => {
  checkNames();
  await (options.profile ? profileAll() : measureAll());
});
