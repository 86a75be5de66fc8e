/**
 * Wakes the queues of a development server that has reloaded, whose alarms may have stopped (workerd#3566).
 * Invariant: waking changes no job; it reads what each queue says of itself, and a woken queue sees to its alarm.
 */
import { stripVTControlCharacters } from "node:util";
import { type ConnectOptions, Queue, queues, SluiceError } from "../src/client/index.ts";

/** Whether wrangler says in this line that it serves: for the first time, or again after a reload. */
export function isServing(line: string): boolean {
  return /^(?:\[wrangler:info\] Ready on |⎔ Local server updated and ready)/.test(
    stripVTControlCharacters(line),
  );
}

/** Asks every queue for its statistics, as soon as the server answers. Gives the names of those that were there. */
export async function wakeQueues(server: ConnectOptions): Promise<string[]> {
  const woken: string[] = [];
  for await (const { name } of queues(server)) {
    try {
      await new Queue({ ...server, name }).stats();
      woken.push(name);
    } catch (error) {
      // The directory may not have heard yet that a queue was deleted.
      if (!(error instanceof SluiceError && error.code === "queue_unknown")) throw error;
    }
  }
  return woken;
}
