/**
 * Commands on flow keys: list, show, set, pause, resume, reset.
 * Invariant: what a command leaves out stays as it is.
 */
import type { Command } from "commander";
import type { KeyFilter, KeyPage, KeyRecord, Rate } from "../client/index.ts";
import { addKeyFlags, type KeyFlags, keyChange } from "./flow-flags.ts";
import type { Session } from "./session.ts";
import { type Cell, durationText, fields, jsonField, more, table, timeField } from "./text.ts";
import { integer, nameArgument, queueArgument } from "./values.ts";

export function addKeyCommands(program: Command, session: Session): void {
  const group = program.command("keys").description("limit, order and pause the jobs of keys");
  addList(group, session);
  const ofOne = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .addArgument(queueArgument())
      .addArgument(nameArgument("key", "the key"));
  ofOne("show", "show a key").action(async (queue: string, key: string) => {
    session.show(await session.queue(queue).keys.get(key), keyText);
  });
  addKeyFlags(ofOne("set", "change a key; default takes a setting back")).action(
    async (queue: string, key: string, flags: KeyFlags) => {
      session.show(await session.queue(queue).keys.put(key, keyChange(flags)), keyText);
    },
  );
  ofOne("pause", "hand out no more jobs of a key")
    .option("--reason <text>", "why")
    .action(async (queue: string, key: string, { reason }: { reason?: string }) => {
      const { keys } = session.queue(queue);
      session.show(await keys.pause(key, reason), () => `${key} is paused.`);
    });
  ofOne("resume", "hand out jobs of a key again, also of one that a release holds").action(
    async (queue: string, key: string) => {
      session.show(await session.queue(queue).keys.resume(key), () => `${key} hands out jobs.`);
    },
  );
  ofOne("reset", "leave a key to the queue's defaults, and resume it").action(
    async (queue: string, key: string) => {
      session.show(await session.queue(queue).keys.remove(key), keyText);
    },
  );
}

function addList(group: Command, session: Session): void {
  group
    .command("list", { isDefault: true })
    .description("list keys that have jobs, settings or a pause")
    .addArgument(queueArgument())
    .option("--state <state>", "limited, or paused")
    .option("--limit <n>", "keys on the page", integer, 50)
    .option("--cursor <cursor>", "go on where a page ended")
    .action(async (queue: string, filter: KeyFilter) => {
      session.show(await session.queue(queue).keys.list(filter), pageText);
    });
}

/** What holds a key back, and until when. */
const backText = ({ limitedBy, limitedUntil }: KeyRecord): string | undefined =>
  limitedUntil === undefined ? limitedBy : `${limitedBy} until ${timeField(limitedUntil)}`;

function pageText({ keys, cursor }: KeyPage): string {
  const rows = keys.map((key): Cell[] => [
    key.key,
    key.waiting,
    key.ready,
    key.running,
    backText(key) ?? "",
    Object.keys(key.settings).length === 0 ? "" : jsonField(key.settings),
  ]);
  const headings = ["KEY", "WAITING", "READY", "RUNNING", "HELD BACK BY", "SETTINGS"];
  return more(keys.length === 0 ? "No keys." : table(headings, rows), cursor);
}

/** A rate as it is written in a flag. @example rateText({ limit: 100, perMs: 1000 }) // "100/1s" */
export const rateText = ({ limit, perMs, burst }: Rate): string =>
  `${limit}/${durationText(perMs)}${burst === undefined ? "" : `/${burst}`}`;

function keyText(key: KeyRecord): string {
  const { limits } = key;
  return fields({
    key: key.key,
    waiting: key.waiting,
    ready: key.ready,
    running: key.running,
    lingering: key.lingering > 0 ? key.lingering : undefined,
    paused: key.paused ? (key.pausedReason ?? "yes") : "no",
    "parked by": key.parkedBy,
    "held back by": backText(key),
    order: limits.order,
    concurrency: limits.concurrency ?? "no limit",
    rate: limits.rate === null ? "no limit" : rateText(limits.rate),
    weight: limits.weight,
    "max backlog": limits.maxBacklog ?? "no limit",
    "on retry": limits.order === "fifo" ? limits.onRetry : undefined,
    "on fail": limits.order === "fifo" ? limits.onFail : undefined,
    settings: jsonField(key.settings),
  });
}
