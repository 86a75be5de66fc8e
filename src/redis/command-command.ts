/**
 * COMMAND: the table of commands, as clients read it.
 * Invariant: it tells of every command of the table and of no other.
 */
import type { RedisReply } from "../contract/redis.ts";
import {
  hasNames,
  namesOfCall,
  type RedisCommand,
  redisCommandTable,
  takesArguments,
} from "../contract/redis-commands.ts";
import type { GateCommand, Subcommands } from "./gate-command.ts";
import type { Call } from "./requests.ts";

/** The category of a group's commands, where it is not called as the group. */
const categories: Readonly<Record<string, string>> = {
  generic: "keyspace",
  "sorted-set": "sortedset",
  transactions: "transaction",
};

const commandNamed = (name: string): RedisCommand | undefined =>
  redisCommandTable.get(name.toLowerCase());

/** Name, arity, flags, places of the names, categories; then tips, key specifications and subcommands, of which none are told. */
function rowOf({ name, arity, flags, places, group }: RedisCommand): RedisReply {
  const acl = [
    ...(flags.includes("readonly") ? ["@read"] : []),
    ...(flags.includes("write") ? ["@write"] : []),
    `@${categories[group] ?? group}`,
    flags.includes("fast") ? "@fast" : "@slow",
    ...(flags.includes("blocking") ? ["@blocking"] : []),
  ];
  return [
    name,
    arity,
    { set: flags.map((flag) => ({ ok: flag })) },
    ...places,
    { set: acl.map((category) => ({ ok: category })) },
    [],
    [],
    [],
  ];
}

const docsOf = ({ name, since, group }: RedisCommand): readonly [RedisReply, RedisReply] => [
  name,
  {
    map: [
      ["since", since],
      ["group", group],
    ],
  },
];

const all = (): RedisCommand[] => [...redisCommandTable.values()];

/** The commands that are named, or all of them. */
const chosen = (call: Call): (RedisCommand | undefined)[] =>
  call.length > 2 ? call.slice(2).map(commandNamed) : all();

const info: GateCommand = (_, call) =>
  chosen(call).map((command) => (command === undefined ? null : rowOf(command)));

const docs: GateCommand = (_, call) => ({
  map: chosen(call).flatMap((command) => (command === undefined ? [] : [docsOf(command)])),
});

const getKeys: GateCommand = (_, [, , ...call]) => {
  const command = commandNamed(call[0] ?? "");
  if (command === undefined) return { error: "ERR Invalid command specified" };
  if (!hasNames(command)) return { error: "ERR The command has no key arguments" };
  if (!takesArguments(command, call.length)) {
    return { error: "ERR Invalid number of arguments specified for command" };
  }
  const names = namesOfCall(command, call);
  return names.length > 0 ? names : { error: "ERR Invalid arguments specified for command" };
};

/** All of the table, for who asks for nothing else. */
export const commandCommand: GateCommand = () => all().map(rowOf);

export const commandSubcommands: Subcommands = {
  count: [2, () => redisCommandTable.size],
  docs: [-2, docs],
  getkeys: [-4, getKeys],
  info: [-2, info],
  list: [2, () => all().map(({ name }) => name)],
};
