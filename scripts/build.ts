/**
 * Bundles a Worker exactly as `wrangler deploy` would, with the configuration that plain workerd needs to serve it.
 * Invariant: `dist/<entry>/` is never older than what it was made of, and nothing is built that is fresh. No network.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { lock } from "./lock.ts";
import { run, Sentence } from "./sentence.ts";
import { root, settings, wrangler } from "./wrangler.ts";

const buildMsMax = 120_000;

/** Where a bundle is. */
export interface Bundle {
  /** The bundled module. */
  readonly module: string;
  /** The configuration for `workerd serve`. */
  readonly config: string;
}

/**
 * Gives the bundle of `main` (by default the Worker of wrangler.toml), building it unless it is fresh.
 * Safe to call from several processes at once. Throws a `Sentence` with the bundler's words when it does not build.
 */
export async function build(main = join(root, "src/index.ts")): Promise<Bundle> {
  const name = relative(root, resolve(main)).replace(/[^A-Za-z0-9]+/g, "-");
  const folder = join(root, "dist", name);
  const bundle = { module: join(folder, "index.js"), config: join(folder, "config.capnp") };
  if (isFresh(folder, bundle)) return bundle;
  mkdirSync(folder, { recursive: true });
  const locked = lock(join(folder, "lock"), buildMsMax);
  if ("holder" in locked) throw new Sentence(`Process ${locked.holder} is still building ${main}.`);
  try {
    if (!isFresh(folder, bundle)) await make(main, folder, bundle);
  } finally {
    locked.release();
  }
  return bundle;
}

/** The configuration is written last and bears the time at which its build began. */
function isFresh(folder: string, bundle: Bundle): boolean {
  if (!existsSync(bundle.config)) return false;
  const builtMs = statSync(bundle.config).mtimeMs;
  const meta = JSON.parse(readFileSync(join(folder, "bundle-meta.json"), "utf8")) as {
    inputs: Record<string, unknown>;
  };
  const inputs = Object.keys(meta.inputs).map((input) => join(root, input));
  return [settings, join(root, "package-lock.json"), ...inputs].every((input) => {
    const stat = statSync(input, { throwIfNoEntry: false });
    return stat !== undefined && stat.mtimeMs < builtMs;
  });
}

async function make(main: string, folder: string, bundle: Bundle): Promise<void> {
  const startedAt = new Date();
  rmSync(bundle.config, { force: true });
  const args = ["deploy", resolve(main), "--config", settings, "--dry-run"];
  const { isOk, output, errors } = await wrangler([...args, "--metafile", "--outdir", folder]);
  if (!isOk) throw new Sentence(`${relative(root, main)} does not build:\n${output}${errors}`);
  // Reading wrangler.toml loads all of wrangler, for which a fresh bundle need not wait.
  const { writeCapnp } = await import("./capnp.ts");
  writeCapnp(settings, bundle.config);
  utimesSync(bundle.config, startedAt, startedAt);
}

if (import.meta.main) {
  await run(async () => {
    const { module } = await build();
    const kib = (statSync(module).size / 1024).toFixed(0);
    console.log(`${relative(process.cwd(), module)} is up to date (${kib} KiB).`);
  });
}
