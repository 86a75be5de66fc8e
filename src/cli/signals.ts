/**
 * Ends a worker, or whatever goes on until then, as the system asks for it.
 * Invariant: the first signal drains; a second one ends the process as if nobody listened.
 */
import type { Worker } from "../client/index.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Stops a worker on SIGINT and SIGTERM. Returns what takes the listeners away. */
export function stopOnSignals<Payload, Result>(worker: Worker<Payload, Result>): () => void {
  const forget = (): void => {
    for (const signal of SIGNALS) process.off(signal, stop);
  };
  const stop = (): void => {
    forget();
    void worker.stop();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  return forget;
}

/** Resolves once the system asks this process to end; a second signal ends it as if nobody listened. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      for (const signal of SIGNALS) process.off(signal, stop);
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, stop);
  });
}
