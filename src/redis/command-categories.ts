/**
 * The categories of commands, as COMMAND INFO tells them and COMMAND LIST FILTERBY ACLCAT asks for them.
 * Invariant: they are those of Redis 7.0.15, in its order.
 */
import type { RedisCommand, RedisFlag } from "../contract/redis-commands.ts";
import { subcommandsOf } from "../contract/redis-subcommands.ts";

const order = (
  "keyspace read write set sortedset list hash string pubsub admin fast slow blocking dangerous connection " +
  "transaction"
).split(" ");

/** Those of a group's commands, where it is not called as the group: of servers and channels the flags tell. */
const ofGroups: Readonly<Record<string, string | undefined>> = {
  generic: "keyspace",
  pubsub: undefined,
  server: undefined,
  "sorted-set": "sortedset",
  transactions: "transaction",
};

/** Those of commands that have others than their group, or more. */
const ofCommands: Readonly<Record<string, readonly string[]>> = {
  command: ["connection"],
  dbsize: ["keyspace"],
  flushall: ["keyspace", "dangerous"],
  flushdb: ["keyspace", "dangerous"],
  info: ["dangerous"],
  keys: ["keyspace", "dangerous"],
  lastsave: ["admin", "dangerous"],
  role: ["admin", "dangerous"],
  wait: ["connection"],
};

/** Those that follow from a flag. */
const ofFlags: Readonly<Partial<Record<RedisFlag, readonly string[]>>> = {
  admin: ["admin", "dangerous"],
  blocking: ["blocking"],
  fast: ["fast"],
  pubsub: ["pubsub"],
  readonly: ["read"],
  write: ["write"],
};

/** The categories of a command, without the sign that Redis puts before each. */
export function categoriesOf(command: RedisCommand): string[] {
  const { flags } = command;
  const speed = flags.includes("fast") ? [] : ["slow"];
  const all = new Set([...speed, ...flags.flatMap((flag) => ofFlags[flag] ?? []), ...own(command)]);
  return order.filter((each) => all.has(each));
}

/** What a command is about. */
function own(command: RedisCommand): readonly string[] {
  const { name, group } = command;
  const [family = name] = name.split("|", 1);
  const named = ofCommands[family];
  if (named !== undefined) return named;
  // A family does nothing but by its subcommands.
  if (subcommandsOf(command).length > 0) return [];
  const ofGroup = group in ofGroups ? ofGroups[group] : group;
  return ofGroup === undefined ? [] : [ofGroup];
}
