/**
 * Checks the shape of `src/`: who may import whom, how nouns are named, and that nothing is dead.
 * Invariant: imports only point down the strata; what is erased (`import type`) is judged apart from what runs.
 * Usage: `node scripts/layers.ts [folder]` prints each breach and exits with 1 when there is one.
 */
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

interface Law {
  /** Folders of src/ it may import to run. */
  readonly run: readonly string[];
  /** Folders of which it may run the files that import no package but Node's own, nor run one that does. */
  readonly bare?: readonly string[];
  /** Folders of which it may use the types as well. */
  readonly types: readonly string[];
  /** Packages it may import to run. */
  readonly packages: RegExp;
}

interface Import {
  readonly file: string;
  readonly target: string;
  readonly isType: boolean;
}

const none = /^$/;
const laws: Readonly<Record<string, Law>> = {
  contract: { run: [], types: [], packages: /^(croner|ipaddr\.js|zod)$/ },
  store: {
    run: ["contract"],
    types: [],
    packages: /^(sorted-btree|zod|node:buffer|node:crypto|node:sqlite)$/,
  },
  machine: { run: ["contract", "store"], types: [], packages: none },
  redis: { run: ["contract"], types: [], packages: /^node:buffer$/ },
  object: {
    run: ["contract", "store", "machine", "redis", "auth"],
    types: [],
    packages: /^(cloudflare:workers|node:crypto|standardwebhooks)$/,
  },
  auth: { run: ["contract"], types: [], packages: /^node:crypto$/ },
  http: {
    run: ["contract", "auth", "redis"],
    types: ["object"],
    packages: /^(hono(\/.+)?|node:buffer|node:crypto)$/,
  },
  client: { run: [], types: ["contract"], packages: none },
  cli: {
    run: ["client"],
    bare: ["contract", "redis"],
    types: ["contract"],
    packages: /^(commander|node:.+)$/,
  },
};
/** Where a program begins: everything in src/ serves one of them. */
const entries = ["index.ts", "client/index.ts", "cli/main.ts"];
/** The adapter that runs the store outside Workers: what the tests of store and machine stand on. */
const foundations = ["store/sql-node.ts"];
const nouns = new Set(
  (
    "queue jobs leases operations snapshots plans actions tasks workers schedules keys flows uniques feed names " +
    "strings lists hashes sets sorted-sets redis deliveries tokens"
  ).split(" "),
);

/** The imports of a file, read from its text: the formatter lets each begin at the start of a line. */
function importsOf(src: string, file: string): Import[] {
  const text = readFileSync(join(src, file), "utf8");
  const statements = text.matchAll(
    /^(?:import|export) (type )?(?:[^;"'`]*? from )?"([^"]+)";|\bimport\("([^"]+)"\)/gm,
  );
  return [...statements].map(([, type, fixed, dynamic]) => {
    const name = fixed ?? dynamic ?? "";
    const target = name.startsWith(".") ? join(dirname(file), name) : name;
    return { file, target, isType: type !== undefined };
  });
}

const folderOf = (file: string): string => (file.includes("/") ? (file.split("/")[0] ?? "") : "");

/** Whether a file runs nothing but files of src/ and what Node has, and so do they. */
function isBare(start: string, files: ReadonlySet<string>, imports: readonly Import[]): boolean {
  const reached = new Set([start]);
  for (const file of reached) {
    for (const each of imports) {
      if (each.file !== file || each.isType) continue;
      if (each.target.startsWith("node:")) continue;
      if (!files.has(each.target)) return false;
      reached.add(each.target);
    }
  }
  return true;
}

/** What an import breaks, or nothing. The files of src/ itself join the strata and may import all. */
function breach(
  { file, target, isType }: Import,
  files: ReadonlySet<string>,
  imports: readonly Import[],
): string[] {
  const from = folderOf(file);
  const law = laws[from];
  if (from === "") return [];
  if (law === undefined) return [`src/${file}: the folder ${from} has no law in scripts/layers.ts`];
  if (files.has(target)) {
    const to = folderOf(target);
    const isLawful =
      to === from ||
      law.run.includes(to) ||
      (isType && law.types.includes(to)) ||
      (law.bare?.includes(to) === true && isBare(target, files, imports));
    return isLawful
      ? []
      : [`src/${file}: ${from} must not ${isType ? "use types of" : "run"} ${target}`];
  }
  const isLawful = isType || law.packages.test(target);
  return isLawful ? [] : [`src/${file}: ${from} must not import ${target}`];
}

/** A name that stands in two strata is a noun; a noun with a meaning has words. */
function misnamed(files: ReadonlySet<string>): string[] {
  const strata = new Map<string, string[]>();
  for (const file of files) {
    const folder = folderOf(file);
    if (!["contract", "store", "machine"].includes(folder)) continue;
    const noun = basename(file, ".ts");
    strata.set(noun, [...(strata.get(noun) ?? []), folder]);
  }
  return [...strata].flatMap(([name, folders]) => {
    if (folders.length > 1 && !nouns.has(name)) {
      return [
        `src/{${folders}}/${name}.ts: not a noun of scripts/layers.ts, yet in several strata`,
      ];
    }
    const isMeaningless =
      nouns.has(name) && folders.includes("machine") && !folders.includes("contract");
    return isMeaningless ? [`src/machine/${name}.ts: the noun ${name} is missing in contract`] : [];
  });
}

/** Files that no entry reaches. */
function dead(files: ReadonlySet<string>, imports: readonly Import[]): string[] {
  const live = new Set([...entries, ...foundations]);
  for (const file of live) {
    for (const each of imports)
      if (each.file === file && files.has(each.target)) live.add(each.target);
  }
  return [...files].filter((file) => !live.has(file)).map((file) => `src/${file}: nothing uses it`);
}

/** Every breach of the law in a `src` folder. */
export function breaches(src: string): string[] {
  const files = new Set(globSync("**/*.ts", { cwd: src }).sort());
  const imports = [...files].flatMap((file) => importsOf(src, file));
  return [
    ...imports.flatMap((each) => breach(each, files, imports)),
    ...misnamed(files),
    ...dead(files, imports),
  ];
}

if (import.meta.main) {
  const found = breaches(process.argv[2] ?? "src");
  for (const line of found) console.error(line);
  process.exitCode = found.length > 0 ? 1 : 0;
}
