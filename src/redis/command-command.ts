/**
 * COMMAND: the table of commands, as clients read it.
 * Invariant: it tells of every command of the table and of no other.
 */
import { matcher } from "../contract/glob.ts";
import type { RedisReply } from "../contract/redis.ts";
import {
  hasNames,
  namesOfCall,
  type RedisCommand,
  redisCommandTable,
  takesArguments,
} from "../contract/redis-commands.ts";
import { commandOf, redisSubcommandTable, subcommandsOf } from "../contract/redis-subcommands.ts";
import { accessOf } from "./command-access.ts";
import { categoriesOf } from "./command-categories.ts";
import type { GateCommand } from "./gate-command.ts";
import type { Call } from "./requests.ts";
import { NAME_CHARS_MAX } from "./server-commands.ts";

function commandNamed(word: string): RedisCommand | undefined {
  const name = word.toLowerCase();
  return redisCommandTable.get(name) ?? redisSubcommandTable.get(name);
}

/** Name, arity, flags, places of the names, categories; then the sets of tips and key specifications, of which none are told; and the subcommands. */
function rowOf(command: RedisCommand): RedisReply {
  const { name, arity, flags, places } = command;
  const subcommands = subcommandsOf(command);
  return [
    name,
    arity,
    { set: flags.map((flag) => ({ ok: flag })) },
    ...places,
    { set: categoriesOf(command).map((category) => ({ ok: `@${category}` })) },
    { set: [] },
    { set: [] },
    subcommands.length === 0 ? { set: [] } : subcommands.map(rowOf),
  ];
}

/** What a command does is Redis's to tell: redis-cli shows a summary, and `(null)` where there is none. */
function docsOf(command: RedisCommand): readonly [RedisReply, RedisReply] {
  const { name, since, group } = command;
  const subcommands = subcommandsOf(command);
  const map: (readonly [string, RedisReply])[] = [
    ["summary", `https://redis.io/commands/${name.replace("|", "-")}`],
    ["since", since],
    ["group", group],
  ];
  if (subcommands.length > 0) map.push(["subcommands", { map: subcommands.map(docsOf) }]);
  return [name, { map }];
}

const all = (): RedisCommand[] => [...redisCommandTable.values()];

/** Those of families as well. */
const listed = (): RedisCommand[] =>
  all().flatMap((command) => [command, ...subcommandsOf(command)]);

/** The commands that are named, or all of them. */
const chosen = (call: Call): (RedisCommand | undefined)[] =>
  call.length > 2 ? call.slice(2).map(commandNamed) : all();

const info: GateCommand = (_, call) =>
  chosen(call).map((command) => (command === undefined ? null : rowOf(command)));

const docs: GateCommand = (_, call) => ({
  map: chosen(call).flatMap((command) => (command === undefined ? [] : [docsOf(command)])),
});

/** Tells of the names in a call. */
const tellingNames =
  (
    tell: (names: readonly string[], command: RedisCommand, call: Call) => RedisReply,
  ): GateCommand =>
  (_, [, , ...call]) => {
    const command = commandOf(call);
    if (command === undefined) return { error: "ERR Invalid command specified" };
    if (!hasNames(command)) return { error: "ERR The command has no key arguments" };
    if (!takesArguments(command, call.length)) {
      return { error: "ERR Invalid number of arguments specified for command" };
    }
    const names = namesOfCall(command, call);
    if (names.length === 0) return { error: "ERR Invalid arguments specified for command" };
    return tell(names, command, call);
  };

const withFlags = (names: readonly string[], command: RedisCommand, call: Call): RedisReply => {
  const [first, others] = accessOf(command, call);
  return names.map((name, i) => [name, { set: (i === 0 ? first : others).map((ok) => ({ ok })) }]);
};

const list: GateCommand = (_, [, , by, filter = "", text = "", ...more]) => {
  if (by === undefined) return listed().map(({ name }) => name);
  const filterBy = filters.get(filter.toLowerCase());
  if (!/^filterby$/i.test(by) || filterBy === undefined || text === "" || more.length > 0) {
    return { error: "ERR syntax error" };
  }
  return listed()
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
      const isMatch = matcher(text.toLowerCase(), NAME_CHARS_MAX);
      return ({ name }) => isMatch(name);
    },
  ],
]);

export const commandCommands = {
  /** All of the table, for who asks for nothing else. */
  command: () => all().map(rowOf),
  "command|count": () => redisCommandTable.size,
  "command|docs": docs,
  "command|getkeys": tellingNames((names) => names),
  "command|getkeysandflags": tellingNames(withFlags),
  "command|info": info,
  "command|list": list,
} as const satisfies Readonly<Record<string, GateCommand>>;
