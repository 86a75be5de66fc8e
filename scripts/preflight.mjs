/**
 * Says in one sentence each what this machine lacks to run Sluice, before anything fails in a stranger way.
 * Invariant: plain JavaScript that Node 12.20 understands, no dependency, nothing started, nothing written.
 */
import fs from "node:fs";
import path from "node:path";
import url from "node:url";

const wantedNode = [22, 12];
const wantedGlibc = [2, 35];
const workerds = {
  "darwin arm64": "workerd-darwin-arm64",
  "darwin x64": "workerd-darwin-64",
  "linux arm64": "workerd-linux-arm64",
  "linux x64": "workerd-linux-64",
};

/** @param {string} version @param {number[]} wanted */
function isAtLeast(version, wanted) {
  const [major, minor] = version.split(".").map(Number);
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1]);
}

/** The glibc that Node runs on; undefined on another C library. */
function glibc() {
  // Without this the report resolves the name of every open connection, which takes seconds.
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime;
}

/** @param {string} file */
function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What is wrong, the most fundamental first; undefined when nothing is. */
function complaint() {
  const modules = path.resolve(url.fileURLToPath(import.meta.url), "../../node_modules");
  const machine = `${process.platform} ${process.arch}`;
  if (!fs.existsSync(modules)) return "The dependencies are not installed: run `npm ci` first.";
  if (!isAtLeast(process.versions.node, wantedNode)) {
    const wanted = wantedNode.join(".");
    return `Sluice needs Node ${wanted} or later and this is ${process.version}: run \`npm ci\`, which installs one for the npm scripts, and start it through them.`;
  }
  if (!(machine in workerds)) {
    return `workerd does not run on ${machine}: use Linux or macOS on x64 or arm64 (on Windows, WSL 2).`;
  }
  if (process.platform === "linux") {
    const version = glibc();
    const wanted = wantedGlibc.join(".");
    if (version === undefined) {
      return `workerd needs glibc ${wanted} or later and this Linux has another C library: use Debian 12, Ubuntu 22.04, Fedora 36 or later.`;
    }
    if (!isAtLeast(version, wantedGlibc)) {
      return `workerd needs glibc ${wanted} or later and this machine has ${version}: use Debian 12, Ubuntu 22.04, Fedora 36 or later.`;
    }
  }
  const workerd = path.join(modules, "@cloudflare", workerds[machine], "bin/workerd");
  if (!fs.existsSync(workerd)) {
    return `workerd for ${machine} is not installed: run \`npm ci\` on this machine, with optional dependencies.`;
  }
  if (!isExecutable(workerd)) return `${workerd} may not be executed: run \`chmod +x\` on it.`;
  return undefined;
}

const problem = complaint();
if (problem !== undefined) {
  console.error(problem);
  process.exit(1);
}
