/**
 * Commands over many jobs: redrive, discard, purge, and the progress of each.
 * Invariant: a command ends once its work has begun; `operation` tells when it is done.
 */
import { type Command, InvalidArgumentError } from "commander";
import type { OperationRecord, PurgeInput } from "../client/index.ts";
import { addEndedFlags, type EndedFlags } from "./flow-flags.ts";
import type { Session } from "./session.ts";
import { countText, jobCount } from "./text.ts";
import { idArgument, list, queueArgument } from "./values.ts";

export function addOperationCommands(program: Command, session: Session): void {
  const ofEnded = (name: string, description: string) =>
    program
      .command(name)
      .description(`${description}: the named ones, or all that pass a filter`)
      .addArgument(queueArgument())
      .argument("[ids...]", "ids of jobs");
  const redriven = "failed (the default), cancelled or expired";
  addEndedFlags(ofEnded("redrive", "run ended jobs again"), redriven).action(
    async (queue: string, ids: string[], flags: EndedFlags) => {
      session.show(await session.queue(queue).redrive(endedJobs(ids, flags)), operationText);
    },
  );
  const discarded = "failed (the default), completed, cancelled or expired";
  addEndedFlags(ofEnded("discard", "remove the records of ended jobs"), discarded).action(
    async (queue: string, ids: string[], flags: EndedFlags) => {
      session.show(await session.queue(queue).discard(endedJobs(ids, flags)), operationText);
    },
  );
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
    .description("show how far a redrive, a discard or a purge is")
    .addArgument(queueArgument())
    .addArgument(idArgument("the operation's id"))
    .action(async (queue: string, id: string) => {
      session.show(await session.queue(queue).operation(id), operationText);
    });
}

/** What to change. That it is all is said: words that another program was to give, and did not, must not mean it. */
function endedJobs(ids: string[], { state: states, all, ...same }: EndedFlags) {
  const filter = { states, ...same };
  const isAll = ids.length === 0 && Object.values(filter).every((value) => value === undefined);
  if (isAll !== (all === true)) {
    throw new InvalidArgumentError("Name jobs, or narrow them by a filter, or say --all alone.");
  }
  return ids.length > 0 ? { ids, ...filter } : filter;
}

const DONE: Readonly<Record<OperationRecord["kind"], string>> = {
  purge: "removed",
  discard: "removed",
  redrive: "to run again",
  release: "given back",
  resize: "brought up to date",
};

/** What an operation has changed, and while it runs how many of all it has looked at. */
function operationText(operation: OperationRecord): string {
  const { id, kind, status, changed, examined, total } = operation;
  const what = `${kind === "resize" ? countText(changed, "key") : jobCount(changed)} ${DONE[kind]}`;
  return status === "done"
    ? `Done: ${what}.`
    : `Running as ${id}: ${what}, ${examined} of ${total} looked at.`;
}
