/**
 * The working directory and the environment that a job's processes get.
 * Invariant: nothing of the worker's environment is in it that is not named here or by the worker's user.
 */
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

const KEPT = ["LANG", "LC_ALL", "TZ"];

/** Makes an empty directory that only this user may enter, inside one that is there. */
export function makeJobDirectory(base: string): Promise<string> {
  return mkdtemp(join(base, "sluice-job-"));
}

/** Removes a job's directory with all that is in it, also where a task has taken the permission away. */
export async function removeJobDirectory(directory: string): Promise<void> {
  const options = { recursive: true, force: true, maxRetries: 3 };
  try {
    await rm(directory, options);
  } catch {
    await openUp(directory);
    await rm(directory, options);
  }
}

async function openUp(directory: string): Promise<void> {
  await chmod(directory, 0o700);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await openUp(join(directory, entry.name));
  }
}

/**
 * The environment of a job's processes. A name of `pass` comes through as the worker has it, HOME and TMPDIR too;
 * `own` stands above all.
 * @example jobEnvironment("/tmp/j", ["GIT_DIR"], { SLUICE_TASK: "1" })
 * // { PATH: "/usr/bin", HOME: "/tmp/j", TMPDIR: "/tmp/j", SLUICE_TASK: "1" }
 */
export function jobEnvironment(
  directory: string,
  pass: readonly string[],
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = {};
  // A relative place on the PATH would be the job's directory, where a task may put a program of any name.
  const places = process.env["PATH"]?.split(delimiter).filter((place) => isAbsolute(place));
  if (places !== undefined) env["PATH"] = places.join(delimiter);
  Object.assign(env, { HOME: directory, TMPDIR: directory });
  for (const name of [...KEPT, ...pass]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return { ...env, ...own };
}
