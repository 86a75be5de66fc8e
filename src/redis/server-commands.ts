/**
 * Commands that ask about the server: what clients and tools look for before they work.
 * Invariant: nothing is told that is not so; what can be set in Redis cannot be set here.
 */
import { matcher } from "../contract/glob.ts";
import { limits } from "../contract/limits.ts";
import type { RedisReply } from "../contract/redis.ts";
import { bigintOf, NOT_INTEGER } from "../contract/redis-integers.ts";
import type { GateCommand } from "./gate-command.ts";

/** The Redis whose commands and replies these are. */
export const REDIS_VERSION = "7.0.15";

/** The settings that clients and tools ask for, as they are here. */
export const settings = {
  appendfsync: "always",
  appendonly: "yes",
  databases: "1",
  // The platform holds no more sockets for one object.
  maxclients: "32768",
  maxmemory: String(limits.databaseBytesMax),
  "maxmemory-policy": "noeviction",
  "notify-keyspace-events": "",
  save: "",
  timeout: "0",
} as const;

/** No name that is asked for is longer. */
export const NAME_CHARS_MAX = 64;

/** How a setting is told to who asks for it by a word, if it is: as it was said; by a pattern, by its own name. */
function naming(word: string): (name: string) => string | undefined {
  // It ends where C's texts do, which a name has to be without.
  const [pattern = ""] = word.split("\0", 1);
  if (!/[*?[]/.test(pattern)) return (name) => (word.toLowerCase() === name ? word : undefined);
  const isMatch = matcher(pattern.toLowerCase(), NAME_CHARS_MAX);
  return (name) => (isMatch(name) ? name : undefined);
}

/** Tells each setting once, as the first word has it that asks for it. */
const getSettings: GateCommand = (_, [, , ...words]) => {
  const namings = words.map(naming);
  const map = Object.entries(settings).flatMap(([name, value]) => {
    const told = namings.map((named) => named(name)).find((each) => each !== undefined);
    return told === undefined ? [] : [[told, value] as const];
  });
  return { map };
};

const notSet: GateCommand = () => ({
  error: "ERR nothing can be set by CONFIG: a queue's settings are set by PUT /v1/queues/{queue}",
});

const time: GateCommand = ({ ports }) => {
  const now = ports.now();
  return [String(Math.floor(now / 1000)), String((now % 1000) * 1000)];
};

/** There are no replicas to wait for: what is answered is durable. */
const wait: GateCommand = (_, [, replicas = "", timeout = ""]) => {
  if (bigintOf(replicas) === undefined) return { error: NOT_INTEGER };
  const ms = bigintOf(timeout);
  if (ms === undefined) return { error: "ERR timeout is not an integer or out of range" };
  return ms < 0n ? { error: "ERR timeout is negative" } : 0;
};

const role: RedisReply = ["master", 0, []];

export const serverCommands = {
  "config|get": getSettings,
  "config|resetstat": notSet,
  "config|set": notSet,
  info: ({ ports }, call) => ports.hub.perform(call),
  // Every answer is given once it is durable: what is saved last was saved now.
  lastsave: ({ ports }) => Math.floor(ports.now() / 1000),
  role: () => role,
  time,
  wait,
} as const satisfies Readonly<Record<string, GateCommand>>;
