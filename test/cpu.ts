/**
 * The time that a test's thread has worked, which others of the machine do not lengthen as they do the time of day.
 * Invariant: it only grows; nothing but a bound many times above what is usual is held against it.
 */

/** In milliseconds, since the thread began. */
export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
