/**
 * `npm run mutants [-- --only NAME]`: breaks Sluice on purpose, in one way after the other, and shows which test notices.
 * Invariant: it exits with 0 only when every mutant was killed by a test, and the same tests pass without a mutant.
 */
import { parseArgs } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import { Copy, type Verdict } from "./mutants-copy.ts";
import { type Mutant, mutants } from "./mutants-table.ts";
import { run, Sentence } from "./sentence.ts";
import { root } from "./wrangler.ts";

/** Two cores are what every machine has. */
const copies = 2;

function chosen(): readonly Mutant[] {
  const { only } = parseArgs({ options: { only: { type: "string" } } }).values;
  if (only === undefined) return mutants;
  const named = mutants.filter(({ name }) => name === only);
  if (named.length > 0) return named;
  throw new Sentence(`There is no mutant ${only}; there are:\n  ${names().join("\n  ")}`);
}

const names = (): string[] => mutants.map(({ name }) => name);

async function main(): Promise<void> {
  const all = chosen();
  const startedAt = performance.now();
  const trees = makeCopies();
  await checkBaseline(trees, all);
  const tried = await tryAll(trees, all);
  for (const each of all) console.log(line(each, tried.get(each)));
  const alive = all.filter((each) => tried.get(each)?.failed === undefined);
  for (const { name, breaks } of alive) console.log(`Not killed: ${name}: ${breaks}`);
  const killed = all.length - alive.length;
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`${killed} of ${all.length} mutants killed, ${seconds} s`);
  if (killed < all.length) process.exitCode = 1;
}

/** The copies go when this process ends, also by Ctrl-C. */
function makeCopies(): readonly Copy[] {
  const trees: Copy[] = [];
  process.once("exit", () => {
    for (const each of trees) each.remove();
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  while (trees.length < copies) trees.push(new Copy(root));
  return trees;
}

/** Without a mutant all these tests pass, or their failures would say nothing. */
async function checkBaseline(trees: readonly Copy[], all: readonly Mutant[]): Promise<void> {
  const tests = [...new Set(all.flatMap((each) => each.tests))];
  const shares = trees.map((tree, n) => ({ tree, own: tests.filter((_, i) => i % copies === n) }));
  const running = shares.filter(({ own }) => own.length > 0).map(({ tree, own }) => tree.run(own));
  for (const { failed, trouble } of await Promise.all(running)) {
    const what = failed ?? trouble;
    if (what !== undefined) throw new Sentence(`Without any mutant, ${what} fails.`);
  }
}

/** Each copy takes the next mutant as soon as it is done with one. */
async function tryAll(
  trees: readonly Copy[],
  all: readonly Mutant[],
): Promise<ReadonlyMap<Mutant, Verdict>> {
  const tried = new Map<Mutant, Verdict>();
  const waiting = all.values();
  const bar = process.stderr.isTTY ? newBar(all.length) : undefined;
  const work = async (tree: Copy): Promise<void> => {
    // The copies share one iterator, so that none is tried twice.
    for (const mutant of waiting) {
      bar?.update({ name: mutant.name });
      tried.set(mutant, await tryOne(tree, mutant));
      bar?.increment();
    }
  };
  await Promise.all(trees.map(work));
  bar?.stop();
  return tried;
}

async function tryOne(tree: Copy, mutant: Mutant): Promise<Verdict> {
  try {
    return await tree.try(mutant);
  } catch (error) {
    return { trouble: error instanceof Error ? error.message : String(error) };
  }
}

function newBar(total: number): SingleBar {
  const format = "{bar} {value}/{total} mutants, {duration_formatted}, {name}";
  const bar = new SingleBar({ format }, Presets.shades_classic);
  bar.start(total, 0, { name: "" });
  return bar;
}

function line({ name, breaks }: Mutant, verdict: Verdict | undefined): string {
  const { failed, trouble } = verdict ?? { trouble: "was not tried" };
  const outcome = failed === undefined ? (trouble ?? "SURVIVED") : `killed by ${failed}`;
  return `${name}: ${breaks}\n    ${outcome}`;
}

if (import.meta.main) await run(main);
