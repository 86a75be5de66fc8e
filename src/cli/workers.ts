/**
 * Commands on the workers that are registered: list, get, drain, remove.
 * Invariant: what is done to a worker is told by its name, whether it lives or not.
 */
import type { Command } from "commander";
import type { WorkerDetail, WorkerFilter, WorkerPage } from "../client/index.ts";
import type { Session } from "./session.ts";
import {
  type Cell,
  durationText,
  fields,
  jobCount,
  more,
  table,
  timeField,
  timeText,
} from "./text.ts";
import { integer, nameArgument, queueArgument } from "./values.ts";

export function addWorkerCommands(program: Command, session: Session): void {
  const workers = program.command("workers").description("look after registered workers");
  const command = (name: string, description: string) =>
    workers.command(name).description(description).addArgument(queueArgument());
  const ofOne = (name: string, description: string) =>
    command(name, description).addArgument(nameArgument("worker", "the worker's name"));

  command("list", "list workers")
    .option("--state <state>", "alive, draining or dead")
    .option("--limit <n>", "workers on the page", integer, 50)
    .option("--cursor <cursor>", "go on where a page ended")
    .action(async (queue: string, filter: WorkerFilter) => {
      session.show(await session.queue(queue).workers.list(filter), pageText);
    });
  ofOne("get", "show a worker and the jobs in its hands").action(
    async (queue: string, name: string) => {
      session.show(await session.queue(queue).workers.get(name), workerText);
    },
  );
  ofOne("drain", "give a worker no more jobs").action(async (queue: string, name: string) => {
    session.show(
      await session.queue(queue).workers.drain(name),
      ({ worker }) => `${worker.name} is ${worker.state}, with ${jobCount(worker.running)}.`,
    );
  });
  ofOne("remove", "unregister a worker; its jobs go back to their place").action(
    async (queue: string, name: string) => {
      const released = await session.queue(queue).workers.remove(name);
      session.show(
        { removed: true, released },
        () => `${name} is removed: ${jobCount(released)} given back.`,
      );
    },
  );
}

function workerText({ worker, jobs }: WorkerDetail): string {
  return fields({
    name: worker.name,
    state: worker.state,
    info: worker.info,
    kinds: worker.kinds.join(", "),
    capabilities: worker.capabilities.join(", ") || undefined,
    slots: worker.slots,
    "dead after": durationText(worker.ttlMs),
    registered: timeText(worker.registeredAt),
    seen: timeText(worker.seenAt),
    died: timeField(worker.diedAt),
    jobs: [worker.running, ...jobs].join(" "),
  });
}

function pageText({ workers, cursor, now }: WorkerPage): string {
  const rows = workers.map((worker): Cell[] => [
    worker.name,
    worker.state,
    worker.running,
    worker.slots,
    durationText(now - worker.seenAt),
    [...worker.kinds, ...worker.capabilities].join(" "),
  ]);
  const headings = ["NAME", "STATE", "RUNNING", "SLOTS", "SEEN", ""];
  return more(workers.length === 0 ? "No workers." : table(headings, rows), cursor);
}
