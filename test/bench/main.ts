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
import { sizeFigures } from "./backlog.ts";
import { generator } from "./ceiling.ts";
import { channel } from "./channel.ts";
import { feed } from "./feed.ts";
import { type Bench, type Figure, type Group, holds } from "./figure.ts";
import { flow } from "./flow.ts";
import { plans } from "./plans.ts";
import { profiled } from "./profile.ts";
import { redis } from "./redis.ts";
import { redisSize } from "./redis-size.ts";
import { number, type Result, table, writeJson } from "./report.ts";
import { rows, slowRows } from "./rows.ts";
import { type BenchServer, startBenchServer } from "./server.ts";
import { snapshot } from "./snapshots.ts";
import { throughput } from "./throughput.ts";
import { idleness, waiting } from "./waiting.ts";

/** All use the same queue of a million jobs, which the first of them makes. */
const size: Group = { name: "size", figures: [...sizeFigures, snapshot] };
const groups: readonly Group[] = [
  generator,
  throughput,
  channel,
  waiting,
  idleness,
  rows,
  slowRows,
  plans,
  flow,
  feed,
  redis,
  redisSize,
  size,
];
const PROFILE_MS = 5_000;

interface Options {
  readonly only: readonly string[];
  readonly json?: string | undefined;
  readonly verbose: boolean;
  readonly profile: boolean;
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", multiple: true, default: [] },
        json: { type: "string" },
        verbose: { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
      },
    });
    checkNames(values.only);
    return values;
  } catch (error) {
    throw error instanceof TypeError ? new Sentence(error.message) : error;
  }
}

function checkNames(names: readonly string[]): void {
  const known = groups.flatMap(({ name, figures }) => [name, ...figures.map((each) => each.name)]);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new Sentence(`There is no figure ${unknown}; there are ${known.join(", ")}.`);
}

/** The figures of a group that were asked for, by their names or the group's. What the generator can do is always told. */
function wantedOf(group: Group, { only, profile }: Options): readonly Figure[] {
  const isWhole = only.length === 0 || only.includes(group.name) || group === generator;
  const wanted = group.figures.filter(({ name }) => isWhole || only.includes(name));
  return profile ? wanted.filter(({ load }) => load !== undefined) : wanted;
}

/** Starts a server for `work` and stops it. */
async function withServer(
  { verbose, profile }: Options,
  work: (bench: Bench, server: BenchServer) => Promise<void>,
): Promise<void> {
  const server = await startBenchServer(profile);
  const detail = (line: string): void => {
    if (verbose) console.log(`    ${line}`);
  };
  try {
    await work({ server, detail }, server);
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

async function measureGroup(bench: Bench, group: Group, options: Options): Promise<Result[]> {
  const measuring: Promise<Result>[] = [];
  for (const figure of wantedOf(group, options)) {
    const result = measure(bench, figure);
    measuring.push(result);
    if (group.isParallel !== true) await result;
  }
  return Promise.all(measuring);
}

async function measureAll(options: Options): Promise<void> {
  const results: Result[] = [];
  for (const group of groups) {
    if (wantedOf(group, options).length === 0) continue;
    await withServer(options, async (bench) => {
      results.push(...(await measureGroup(bench, group, options)));
    });
  }
  console.log(`\n${table(results).join("\n")}`);
  if (options.json !== undefined) writeJson(options.json, results);
  const missed = results.filter(({ figure, measured }) => !holds(measured.value, figure.bound));
  console.log(`\n${results.length - missed.length} of ${results.length} figures hold.`);
  if (missed.length > 0) process.exitCode = 1;
}

/** Profiles instead of measuring: a profile slows what it sees. */
async function profileAll(options: Options): Promise<void> {
  const folder = join(root, "dist/profiles");
  mkdirSync(folder, { recursive: true });
  const wanted = groups.flatMap((group) => wantedOf(group, options));
  if (wanted.length === 0) throw new Sentence(`There is no profile of ${options.only.join(", ")}.`);
  for (const { name, load } of wanted) {
    const file = join(folder, `${name}.cpuprofile`);
    await withServer(options, async (bench, server) => {
      const top = await profiled(server, file, async () => load?.(bench, PROFILE_MS));
      console.log(`\n${file}\n${top.join("\n")}`);
    });
  }
}

await run(async () => {
  const options = readOptions();
  await (options.profile ? profileAll(options) : measureAll(options));
});
