/**
 * The Redis commands that are families, `CLIENT SETNAME` or `OBJECT ENCODING`: each subcommand is a command of its own, whose name Redis writes `client|setname`.
 * Invariant: a family has no other subcommands than stand here; their rows are as those of `redis-commands.ts`.
 */
import {
  type RedisCommand,
  redisCommandTable,
  row,
  shown,
  unknownCommand,
} from "./redis-commands.ts";

const rows = [
  // Performed by the queue.
  row("queue", "generic", "object|encoding", 3, "r", [2, 2, 1], "2.2.3"),
  row("queue", "generic", "object|freq", 3, "r", [2, 2, 1], "4.0.0"),
  row("queue", "generic", "object|help", 2, "lt", [0, 0, 0], "6.2.0"),
  row("queue", "generic", "object|idletime", 3, "r", [2, 2, 1], "2.2.3"),
  row("queue", "generic", "object|refcount", 3, "r", [2, 2, 1], "2.2.3"),
  // Performed by the gate.
  row("gate", "connection", "client|getname", 2, "slt", [0, 0, 0], "2.6.9"),
  row("gate", "connection", "client|help", 2, "lt", [0, 0, 0], "5.0.0"),
  row("gate", "connection", "client|id", 2, "slt", [0, 0, 0], "5.0.0"),
  row("gate", "connection", "client|info", 2, "slt", [0, 0, 0], "6.2.0"),
  row("gate", "connection", "client|list", -2, "aslt", [0, 0, 0], "2.4.0"),
  row("gate", "connection", "client|no-evict", 3, "aslt", [0, 0, 0], "7.0.0"),
  row("gate", "connection", "client|no-touch", 3, "slt", [0, 0, 0], "7.2.0"),
  row("gate", "connection", "client|reply", 3, "slt", [0, 0, 0], "3.2.0"),
  row("gate", "connection", "client|setinfo", 4, "slt", [0, 0, 0], "7.2.0"),
  row("gate", "connection", "client|setname", 3, "slt", [0, 0, 0], "2.6.9"),
  row("gate", "connection", "client|unblock", -3, "aslt", [0, 0, 0], "5.0.0"),
  row("gate", "pubsub", "pubsub|channels", -2, "plt", [0, 0, 0], "2.8.0"),
  row("gate", "pubsub", "pubsub|help", 2, "lt", [0, 0, 0], "6.2.0"),
  row("gate", "pubsub", "pubsub|numpat", 2, "plt", [0, 0, 0], "2.8.0"),
  row("gate", "pubsub", "pubsub|numsub", -2, "plt", [0, 0, 0], "2.8.0"),
  row("gate", "pubsub", "pubsub|shardchannels", -2, "plt", [0, 0, 0], "7.0.0"),
  row("gate", "pubsub", "pubsub|shardnumsub", -2, "plt", [0, 0, 0], "7.0.0"),
  row("gate", "server", "command|count", 2, "lt", [0, 0, 0], "2.8.13"),
  row("gate", "server", "command|docs", -2, "lt", [0, 0, 0], "7.0.0"),
  row("gate", "server", "command|getkeys", -4, "lt", [0, 0, 0], "2.8.13"),
  row("gate", "server", "command|getkeysandflags", -4, "lt", [0, 0, 0], "7.0.0"),
  row("gate", "server", "command|help", 2, "lt", [0, 0, 0], "5.0.0"),
  row("gate", "server", "command|info", -2, "lt", [0, 0, 0], "2.8.13"),
  row("gate", "server", "command|list", -2, "lt", [0, 0, 0], "7.0.0"),
  row("gate", "server", "config|get", -3, "aslt", [0, 0, 0], "2.0.0"),
  row("gate", "server", "config|help", 2, "lt", [0, 0, 0], "5.0.0"),
  row("gate", "server", "config|resetstat", 2, "aslt", [0, 0, 0], "2.0.0"),
  row("gate", "server", "config|set", -4, "aslt", [0, 0, 0], "2.0.0"),
] as const;

/** Every subcommand by its name with its family's, in small letters. */
export const redisSubcommandTable: ReadonlyMap<string, RedisCommand> = new Map(
  rows.map((each) => [each.name, each]),
);

const families: ReadonlyMap<string, readonly RedisCommand[]> = Map.groupBy(
  rows,
  ({ name }) => name.split("|", 1)[0] ?? "",
);

/** Of these families a queue has all that Redis has. */
const whole = new Set(["object", "pubsub"]);

/** The subcommands of a command; none of one that is no family. */
export const subcommandsOf = ({ name }: RedisCommand): readonly RedisCommand[] =>
  families.get(name) ?? [];

/** The command of a call: its subcommand, where it says one. Undefined of what is not known. */
export function commandOf([word = "", second]: readonly string[]): RedisCommand | undefined {
  const name = word.toLowerCase();
  if (second === undefined || !families.has(name)) return redisCommandTable.get(name);
  return redisSubcommandTable.get(`${name}|${second.toLowerCase()}`);
}

/** What is answered to a call of no known command: of a subcommand, what there is. */
export function unknownCall(call: readonly string[]): string {
  const [word = "", second = ""] = call;
  const family = families.get(word.toLowerCase());
  if (family === undefined) return unknownCommand(call);
  const [unknown, known] = [`ERR unknown subcommand '${shown(second)}'`, word.toUpperCase()];
  if (whole.has(word.toLowerCase())) return `${unknown}. Try ${known} HELP.`;
  const names = family.map(({ name }) => name.slice(word.length + 1).toUpperCase());
  return `${unknown}. Sluice knows ${known} ${names.join(", ")}.`;
}
