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
import { asking } from "./server-commands.ts";

/** The category of a group's commands, where it is not called as the group. */
const categories: Readonly<Record<string, string>> = {
  generic: "keyspace",
  "sorted-set": "sortedset",
  transactions: "transaction",
};

const commandNamed = (name: string): RedisCommand | undefined =>
  redisCommandTable.get(name.toLowerCase());

const categoriesOf = ({ flags, group }: RedisCommand): string[] => [
  ...(flags.includes("readonly") ? ["read"] : []),
  ...(flags.includes("write") ? ["write"] : []),
  categories[group] ?? group,
  flags.includes("fast") ? "fast" : "slow",
  ...(flags.includes("blocking") ? ["blocking"] : []),
];

/** Name, arity, flags, places of the names, categories; then the sets of tips, key specifications and subcommands, of which none are told. */
function rowOf(command: RedisCommand): RedisReply {
  const { name, arity, flags, places } = command;
  return [
    name,
    arity,
    { set: flags.map((flag) => ({ ok: flag })) },
    ...places,
    { set: categoriesOf(command).map((category) => ({ ok: `@${category}` })) },
    { set: [] },
    { set: [] },
    { set: [] },
  ];
}

/** What a command does is Redis's to tell: redis-cli shows a summary, and `(null)` where there is none. */
const docsOf = ({ name, since, group }: RedisCommand): readonly [RedisReply, RedisReply] => [
  name,
  {
    map: [
      ["summary", `https://redis.io/commands/${name}`],
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

const list: GateCommand = (_, [, , by, filter = "", text = "", ...more]) => {
  if (by === undefined) return all().map(({ name }) => name);
  const filterBy = filters.get(filter.toLowerCase());
  if (!/^filterby$/i.test(by) || filterBy === undefined || text === "" || more.length > 0) {
    return { error: "ERR syntax error" };
  }
  return all()
    .filter(filterBy(text))
    .map(({ name }) => name);
};

/** What a list of commands may be narrowed to. */
const filters = new Map<string, (text: string) => (command: RedisCommand) => boolean>([
  ["aclcat", (text) => (command) => categoriesOf(command).includes(text.toLowerCase())],
  // There are none.
  ["module", () => () => false],
  [
    "pattern",
    (text) => {
      const isAsked = asking([text]);
      return ({ name }) => isAsked(name);
    },
  ],
]);

/** All of the table, for who asks for nothing else. */
export const commandCommand: GateCommand = () => all().map(rowOf);

export const commandSubcommands: Subcommands = {
  count: [2, () => redisCommandTable.size],
  docs: [-2, docs],
  getkeys: [-4, getKeys],
  info: [-2, info],
  list: [-2, list],
};
