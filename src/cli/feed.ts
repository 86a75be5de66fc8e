/**
 * `sluice watch`: every event of a queue, as it happens.
 * Invariant: one line for each event, in order; a connection that is lost shows on standard error and leaves no gap.
 */
import type { Command } from "commander";
import type { FeedEvent, FeedEventType } from "../client/index.ts";
import type { Session } from "./session.ts";
import { timeText } from "./text.ts";
import { integer, list, queueArgument } from "./values.ts";

interface WatchFlags {
  readonly after: string;
  readonly types?: readonly string[];
  readonly payloads?: true;
  readonly count?: number;
}

export function addWatchCommand(program: Command, session: Session): void {
  program
    .command("watch")
    .description("show every event of a queue, as it happens; with --json as a line of JSON each")
    .addArgument(queueArgument())
    .option("--after <cursor>", "where to begin: a cursor, now, or first", "now")
    .option("--types <types>", "only these, as job.failed,job.completed", list)
    .option("--payloads", "also payloads, results, progress and outputs")
    .option("--count <n>", "end after so many events", integer)
    .action((queue: string, flags: WatchFlags) => watch(session, queue, flags));
}

async function watch(session: Session, queue: string, flags: WatchFlags): Promise<void> {
  const { after, types, payloads, count = Number.POSITIVE_INFINITY } = flags;
  let left = count;
  if (left < 1) return;
  const events = session.queue(queue).watch({
    after: after === "first" ? undefined : after,
    // What there is, the server knows, and says so.
    types: types as readonly FeedEventType[] | undefined,
    payloads,
    onRetry: (error) => session.io.err(`${error.message}; trying again.\n`),
  });
  for await (const event of events) {
    session.line(event, eventText);
    left -= 1;
    if (left < 1) return;
  }
}

/** An event on one line: when, what, of which, and what else is to be said. */
function eventText(event: FeedEvent): string {
  const { cursor: _, at, type, ...facts } = event;
  const texts = Object.entries(facts).map(([name, value]) =>
    name === "id" ? String(value) : `${name}=${wordOf(value)}`,
  );
  return [timeText(at), type, ...texts].join("  ");
}

const wordOf = (value: unknown): string =>
  typeof value === "string" && /^[\w.:@/+-]+$/.test(value) ? value : JSON.stringify(value);
