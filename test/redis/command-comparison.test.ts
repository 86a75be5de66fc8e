/**
 * The table of commands beside a real Redis: what COMMAND tells of each.
 * Invariant: of what both have everything is compared but summaries, tips and places that Redis writes in a form of its own.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  hasNames,
  type RedisCommand,
  redisCommandTable,
} from "../../src/contract/redis-commands.ts";
import { redisSubcommandTable, subcommandsOf } from "../../src/contract/redis-subcommands.ts";
import { encodeReply } from "../../src/redis/frames.ts";
import { RealRedis, type Resp2 } from "./real-redis.ts";
import { hasRedisServer } from "./real-server.ts";
import { begin } from "./talk.ts";

const hasServer = hasRedisServer();
if (!hasServer)
  console.warn("There is no redis-server 7.0 here: the table of commands is not compared with it.");

/** Those of a later version, which clients say of themselves. */
const later = new Set(["client|no-touch", "client|setinfo"]);
const all: readonly RedisCommand[] = [
  ...redisCommandTable.values(),
  ...redisSubcommandTable.values(),
].filter(({ name }) => !later.has(name));

/** A value as the real one gives it: integers as texts. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, each) =>
    typeof each === "number" ? { integer: String(each) } : (each?.set ?? each),
  );

/** Pairs of names and values that stand one behind the other, or in a map. */
function fieldsOf(pairs: unknown): Map<string, unknown> {
  const flat = Array.isArray(pairs) ? pairs : (pairs as { map: unknown[] }).map.flat(1);
  return new Map(flat.flatMap((key, i) => (i % 2 === 0 ? [[String(key), flat[i + 1]]] : [])));
}

const origin = (docs: ReadonlyMap<string, unknown> | undefined) => [
  docs?.get("since"),
  docs?.get("group"),
];

describe.runIf(hasServer)("beside a real Redis", () => {
  let real: RealRedis;
  beforeAll(async () => {
    real = await RealRedis.start();
  });
  afterAll(() => real.stop());

  async function both(...call: readonly string[]): Promise<readonly [unknown, Resp2]> {
    const [[ours], [theirs = null]] = await Promise.all([begin().say(call), real.run([call])]);
    return [plain(ours), theirs];
  }

  test("COMMAND INFO tells the same of each: arity, flags, places and categories", async () => {
    const [ours, theirs] = await both("COMMAND", "INFO", ...all.map(({ name }) => name));
    const told = (rows: unknown) => (rows as unknown[][]).map((each) => each.slice(0, 7));
    expect(told(ours)).toEqual(told(theirs));
  });

  test("COMMAND DOCS tells the same of each, and of a family its subcommands", async () => {
    const [ours, theirs] = await both("COMMAND", "DOCS", ...all.map(({ name }) => name));
    const docs = [fieldsOf(ours), fieldsOf(theirs)] as const;
    expect([...docs[0].keys()].toSorted()).toEqual([...docs[1].keys()].toSorted());
    for (const command of all) {
      const [own, its] = docs.map((each) => fieldsOf(each.get(command.name)));
      expect(origin(own), command.name).toEqual(origin(its));
      const subcommands = subcommandsOf(command).filter(({ name }) => !later.has(name));
      expect(its?.has("subcommands"), command.name).toBe(subcommands.length > 0);
      for (const { name } of subcommands) {
        const [ofOwn, ofIts] = [own, its].map((each) => fieldsOf(each?.get("subcommands")));
        expect(origin(fieldsOf(ofOwn?.get(name))), name).toEqual(
          origin(fieldsOf(ofIts?.get(name))),
        );
      }
    }
  });

  test("COMMAND GETKEYSANDFLAGS tells the same of each command that has names, and of others why not", async () => {
    const calls = all.map((command) => {
      const words = [...command.name.split("|")];
      // A word that counts the names where there is one, and else is a name.
      while (words.length < Math.max(5, Math.abs(command.arity))) words.push("2");
      return command.arity > 0 ? words.slice(0, command.arity) : words;
    });
    const sets = [
      ["set", "a", "1", "px", "5", "GET"],
      ["SET", "a", "1", "getx"],
      ["set", "a", "get"],
    ];
    const broken = [
      ["nope", "a"],
      ["lmpop", "9", "a", "left"],
      ["object", "encoding"],
      ["get", "a", "b"],
    ];
    let told = 0;
    for (const call of [...calls, ...sets, ...broken]) {
      const [ours, theirs] = await both("COMMAND", "GETKEYSANDFLAGS", ...call);
      expect({ call, reply: ours }).toEqual({ call, reply: theirs });
      if (Array.isArray(theirs)) told += 1;
    }
    expect(told).toBeGreaterThanOrEqual(all.filter(hasNames).length);
  });
});

test("COMMAND GETKEYSANDFLAGS tells flags as a set in RESP3", async () => {
  const [reply = null] = await begin().say("COMMAND GETKEYSANDFLAGS copy a b");
  expect(encodeReply(reply, 3)).toBe(
    "*2\r\n*2\r\n$1\r\na\r\n~2\r\n+RO\r\n+access\r\n*2\r\n$1\r\nb\r\n~2\r\n+OW\r\n+update\r\n",
  );
});
