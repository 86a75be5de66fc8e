/**
 * Commands over many jobs: redrive, purge, and the progress of either.
 * Invariant: a command ends once its work has begun; `operation` tells when it is done.
 */
import type { Command } from "commander";
import type { OperationRecord, PurgeInput, RedriveInput } from "../client/index.ts";
import type { Session } from "./session.ts";
import { jobCount } from "./text.ts";
import { idArgument, instant, list, queueArgument } from "./values.ts";

interface RedriveFlags {
  readonly state?: RedriveInput["states"];
  readonly label?: string;
  readonly endedAfter?: number;
  readonly endedBefore?: number;
}

export function addOperationCommands(program: Command, session: Session): void {
  program
    .command("redrive")
    .description("run ended jobs again: the named ones, or all that pass a filter")
    .addArgument(queueArgument())
    .argument("[ids...]", "ids of jobs")
    .option("--state <states>", "failed (the default), cancelled or expired", list)
    .option("--label <name[:value]>", "only jobs with this label")
    .option("--ended-after <time>", "only jobs that ended after this", instant)
    .option("--ended-before <time>", "only jobs that ended before this", instant)
    .action(async (queue: string, ids: string[], { state: states, ...same }: RedriveFlags) => {
      const input = ids.length > 0 ? { ids, states, ...same } : { states, ...same };
      session.show(await session.queue(queue).redrive(input), operationText);
    });
  program
    .command("purge")
    .description("remove all waiting jobs, or those in the states named")
    .addArgument(queueArgument())
    .option("--state <states>", "states, joined by commas", list)
    .action(async (queue: string, { state: states }: { state?: PurgeInput["states"] }) => {
      session.show(await session.queue(queue).purge({ states }), operationText);
    });
  program
    .command("operation")
    .description("show how far a redrive or a purge is")
    .addArgument(queueArgument())
    .addArgument(idArgument("the operation's id"))
    .action(async (queue: string, id: string) => {
      session.show(await session.queue(queue).operation(id), operationText);
    });
}

function operationText({ id, kind, status, changed, total }: OperationRecord): string {
  const what = kind === "purge" ? "removed" : "to run again";
  const soFar = status === "done" ? "Done" : `Running as ${id}`;
  return `${soFar}: ${jobCount(changed)} ${what}${status === "done" ? "" : ` of ${total}`}.`;
}
