/**
 * What HELP tells of the commands that are families.
 * Invariant: each subcommand that there is stands in it, and no other, in Redis's words where these hold here.
 */
import type { GateCommand } from "./gate-command.ts";

const client = `
GETNAME
    Return the name of the current connection.
ID
    Return the ID of the current connection.
INFO
    Return information about the current client connection.
LIST [options ...]
    Return information about client connections. Options:
    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
      Return clients of specified type.
    * ID <clientid> [<clientid> ...]
      Return clients of specified IDs.
NO-EVICT (ON|OFF)
    Do nothing: no client is evicted.
NO-TOUCH (ON|OFF)
    Do nothing: it is not known when a key was used.
REPLY ON
    Do nothing: every call is answered.
SETINFO (LIB-NAME|LIB-VER) <value>
    Say which library the current connection is of.
SETNAME <name>
    Assign the name <name> to the current connection.
UNBLOCK <clientid> [TIMEOUT|ERROR]
    Unblock the specified blocked client.
`;

const command = `
(no subcommand)
    Return details about all Redis commands.
COUNT
    Return the total number of commands in this Redis server.
DOCS [<command-name> ...]
    Return documentation details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
GETKEYS <full-command>
    Return the keys from a full Redis command.
GETKEYSANDFLAGS <full-command>
    Return the keys and the access flags from a full Redis command.
INFO [<command-name> ...]
    Return details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]
    Return a list of all commands in this Redis server.
`;

const config = `
GET <pattern>
    Return parameters matching the glob-like <pattern> and their values.
RESETSTAT
    Be told what sets a queue instead.
SET <directive> <value>
    Be told what sets a queue instead.
`;

const pubsub = `
CHANNELS [<pattern>]
    Return the currently active channels matching a <pattern> (default: '*').
NUMPAT
    Return number of subscriptions to patterns.
NUMSUB [<channel> ...]
    Return the number of subscribers for the specified channels, excluding
    pattern subscriptions(default: no channels).
SHARDCHANNELS [<pattern>]
    Return the currently active shard level channels matching a <pattern> (default: '*').
SHARDNUMSUB [<shardchannel> ...]
    Return the number of subscribers for the specified shard level channel(s)
`;

/** Tells a text line by line, as Redis does, with what every family has. */
const telling =
  (name: string, text: string): GateCommand =>
  () =>
    [
      `${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
      ...text.trim().split("\n"),
      ...["HELP", "    Prints this help."],
    ].map((ok) => ({ ok }));

/** HELP of each family that the gate performs. */
export const helpCommands = {
  "client|help": telling("CLIENT", client),
  "command|help": telling("COMMAND", command),
  "config|help": telling("CONFIG", config),
  "pubsub|help": telling("PUBSUB", pubsub),
} as const satisfies Readonly<Record<string, GateCommand>>;
