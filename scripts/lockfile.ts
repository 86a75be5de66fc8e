/**
 * Keeps package-lock.json installable on every platform Sluice promises: each optional platform package that a
 * dependency names must have an entry, also when the lockfile was written where the registry does not carry it
 * (npm then leaves the entry out, and `npm ci` refuses the lockfile).
 * Usage: `node scripts/lockfile.ts` checks, `node scripts/lockfile.ts --fix` completes.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface LockedPackage {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const file = "package-lock.json";
const lock = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, LockedPackage> };

/** Whether Node's resolution from the package at `path` finds `name` in the lockfile. */
function isLocked(path: string, name: string): boolean {
  for (let base = path; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    if (lock.packages[`${base === "" ? "" : `${base}/`}node_modules/${name}`]) return true;
    if (base === "" || !base.includes("/")) return false;
  }
}

/** The platform a package is for, read from its name, as every such package spells it. */
function platformOf(name: string): Pick<LockedPackage, "os" | "cpu" | "libc"> {
  const os = /(android|darwin|freebsd|linux|win32|windows)/.exec(name)?.[1];
  const cpu = /(arm64|x64|ia32|64$)/.exec(name)?.[1];
  if (os === undefined || cpu === undefined) {
    throw new Error(
      `${file}: cannot tell the platform of ${name} from its name; add its entry by hand`,
    );
  }
  const libc = name.endsWith("-musl") ? { libc: ["musl"] } : {};
  return { os: [os === "windows" ? "win32" : os], cpu: [cpu === "64" ? "x64" : cpu], ...libc };
}

const missing = Object.entries(lock.packages).flatMap(([path, locked]) =>
  Object.entries(locked.optionalDependencies ?? {})
    .filter(([name]) => !isLocked(path, name))
    .map(([name, version]) => ({ path, name, version, dev: locked.dev === true })),
);

if (missing.length > 0 && !process.argv.includes("--fix")) {
  console.error(`${file} lacks ${missing.map((m) => m.name).join(", ")}: run \`npm run fix\``);
  process.exit(1);
}
if (missing.length > 0) {
  for (const { name, version, dev } of missing) {
    lock.packages[`node_modules/${name}`] = {
      version: version.replace(/^[\^~]/, ""),
      ...platformOf(name),
      ...(dev ? { dev: true } : {}),
      optional: true,
    };
  }
  const [root, ...rest] = Object.entries(lock.packages);
  rest.sort(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries([...(root ? [root] : []), ...rest]);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${file}: added ${missing.map((m) => m.name).join(", ")}`);
}
