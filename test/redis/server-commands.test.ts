/**
 * What clients and tools ask about the server before they work.
 */
import { describe, expect, test } from "vitest";
import { redisCommandTable } from "../../src/contract/redis-commands.ts";
import { redisSubcommandTable } from "../../src/contract/redis-subcommands.ts";
import { refuse } from "../../src/contract/refusals.ts";
import { begin, error } from "./talk.ts";

const names = (words: string): string[] => words.split(" ").map((word) => `object|${word}`);

describe("about the server", () => {
  test("COMMAND tells the table", async () => {
    const { say } = begin();
    const none = { set: [] };
    const [count, list, all, infos, keys, nameless] = await say(
      "COMMAND COUNT",
      "COMMAND LIST",
      "COMMAND",
      "COMMAND INFO get nope",
      "COMMAND GETKEYS mset a 1 b 2",
      "COMMAND GETKEYS ping a",
    );
    expect(count).toBe(redisCommandTable.size);
    expect(list).toHaveLength((count as number) + redisSubcommandTable.size);
    expect(all).toHaveLength(count as number);
    expect(infos).toMatchObject([["get", 2, {}, 1, 1, 1, {}, none, none, none], null]);
    expect(keys).toEqual(["a", "b"]);
    expect(nameless).toEqual(error("ERR The command has no key arguments"));
  });

  test.each(["CLIENT", "COMMAND", "CONFIG", "PUBSUB"])(
    "%s HELP tells of each subcommand that there is",
    async (family) => {
      const { say } = begin();
      const [help, wrong] = await say(`${family} HELP`, `${family} HELP x`);
      const lines = (help as { ok: string }[]).map(({ ok }) => ok);
      expect(lines[0]).toBe(`${family} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
      const told = lines.slice(1).flatMap((line) => /^[A-Z]+(-[A-Z]+)?/.exec(line)?.[0] ?? []);
      const known = [...redisSubcommandTable.keys()].map((each) => each.toUpperCase().split("|"));
      const own = known.flatMap(([of, word]) => (of === family ? [word] : []));
      expect(told.toSorted()).toEqual(own.toSorted());
      const name = `${family.toLowerCase()}|help`;
      expect(wrong).toEqual(error(`ERR wrong number of arguments for '${name}' command`));
    },
  );

  test("COMMAND tells of the subcommands of a family, and of each by its own name", async () => {
    const { say } = begin();
    const [infos, some] = await say(
      "COMMAND INFO object OBJECT|FREQ object|nope",
      "COMMAND LIST FILTERBY PATTERN object*",
    );
    const [family, freq, nope] = infos as unknown[][];
    expect(freq?.slice(0, 2)).toEqual(["object|freq", 3]);
    expect(family?.at(-1)).toContainEqual(freq);
    expect(nope).toBeNull();
    expect(some).toEqual(["object", ...names("encoding freq help idletime refcount")]);
  });

  test("the gate performs every command and subcommand that the table gives to it", async () => {
    const rows = [...redisCommandTable.values(), ...redisSubcommandTable.values()];
    for (const { name, arity, performer } of rows) {
      if (performer !== "gate") continue;
      const words = name.split("|");
      while (words.length < Math.abs(arity)) words.push("1");
      const [reply] = await begin().say(words);
      expect(JSON.stringify(reply), name).not.toContain("is not supported");
    }
  });

  test("COMMAND GETKEYS refuses a call that counts more names than it has", async () => {
    const { say } = begin();
    const invalid = error("ERR Invalid arguments specified for command");
    expect(
      await say(
        "COMMAND GETKEYS lmpop 2 a left",
        "COMMAND GETKEYS lmpop 5 a left",
        "COMMAND GETKEYS zunionstore d 2 a",
      ),
    ).toEqual([["a", "left"], invalid, invalid]);
  });

  test("COMMAND DOCS has what redis-cli shows, and COMMAND LIST may be narrowed", async () => {
    const { say } = begin();
    const [docs, none, hashes, waiting, modules, ...wrong] = await say(
      "COMMAND DOCS get nope",
      "COMMAND DOCS nope",
      "COMMAND LIST FILTERBY ACLCAT hash",
      "COMMAND LIST FILTERBY PATTERN bz*",
      "COMMAND LIST FILTERBY MODULE json",
      "COMMAND LIST FILTERBY",
      "COMMAND LIST FILTERBY ACLCAT",
      "COMMAND LIST FILTERBY NAME x",
      "COMMAND LIST FILTERBY PATTERN a b",
    );
    const get = [
      ["summary", "https://redis.io/commands/get"],
      ["since", "1.0.0"],
      ["group", "string"],
    ];
    expect(docs).toEqual({ map: [["get", { map: get }]] });
    expect(none).toEqual({ map: [] });
    expect(hashes).toEqual(expect.arrayContaining(["hdel", "hvals", "hscan"]));
    expect(waiting).toEqual(["bzmpop", "bzpopmax", "bzpopmin"]);
    expect(modules).toEqual([]);
    expect(wrong).toEqual(wrong.map(() => error("ERR syntax error")));
  });

  test("INFO, CONFIG GET, TIME and ROLE tell what clients look for", async () => {
    const { queue, say } = begin();
    queue.set("a", "1");
    const [info, part, time, role, save] = await say(
      "INFO",
      "INFO keyspace",
      "TIME",
      "ROLE",
      "LASTSAVE",
    );
    const { verbatim } = info as { verbatim: string };
    for (const line of [
      "redis_version:7.0.15",
      "loading:0",
      "role:master",
      "sluice_queue:mail",
      "uptime_in_seconds:90000",
      "uptime_in_days:1",
      "used_memory:941632",
      "used_memory_human:919.56K",
      "maxmemory_human:8.85G",
      "total_commands_processed:2",
      "db0:keys=1,",
    ]) {
      expect(verbatim).toContain(line);
    }
    expect(part).toEqual({ verbatim: "# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n" });
    expect(time).toEqual(["1700000000", "123000"]);
    expect(role).toEqual(["master", 0, []]);
    expect(save).toBe(1_700_000_000);
    expect(
      await say("CONFIG GET save append*", "CONFIG GET *max*mem*y", "CONFIG SET save 1"),
    ).toEqual([
      {
        map: [
          ["appendfsync", "always"],
          ["appendonly", "yes"],
          ["save", ""],
        ],
      },
      {
        map: [
          ["maxmemory", "9500000000"],
          ["maxmemory-policy", "noeviction"],
        ],
      },
      error(expect.stringContaining("nothing can be set") as string),
    ]);
  });

  test("CONFIG GET tells a setting once, spelled as the first word has it that asks for it", async () => {
    const { say } = begin();
    expect(await say("CONFIG GET SAVE save sav?", "CONFIG GET sav? SAVE", "CONFIG GET")).toEqual([
      { map: [["SAVE", ""]] },
      { map: [["save", ""]] },
      error("ERR wrong number of arguments for 'config|get' command"),
    ]);
  });

  test("INFO is told also where there is no queue yet", async () => {
    const { queue, say } = begin();
    queue.refusal = refuse("queue_unknown", "none");
    expect(await say("INFO keyspace")).toEqual([{ verbatim: "# Keyspace\r\n" }]);
  });

  test.each([
    ["XADD s * a 1", "'XADD' is not supported: Sluice has no streams: use jobs"],
    ["hexpire h 1 FIELDS 1 a", "'hexpire' is not supported: Sluice has no times of fields"],
    ["JSON.GET a", "'JSON.GET' is not supported: Sluice has no JSON documents"],
    ["FT.SEARCH i *", "'FT.SEARCH' is not supported: Sluice has no indexes to search"],
    ["PLAN.LIST", "'PLAN.LIST' is not supported: Sluice speaks AGQ's commands in dialects"],
  ])("what a queue has not is refused with what to use instead: %s", async (line, words) => {
    const { say } = begin();
    expect(await say(line)).toEqual([error(expect.stringContaining(`ERR ${words}`) as string)]);
  });

  test("an unknown or misused subcommand is told with what there is", async () => {
    const { say } = begin();
    expect(
      await say("CLIENT KILL x", "CLIENT SETNAME", "CLIENT constructor", "CLIENT REPLY OFF"),
    ).toEqual([
      error(
        expect.stringMatching(
          /^ERR unknown subcommand 'KILL'. Sluice knows CLIENT GETNAME, HELP, ID/,
        ) as string,
      ),
      error("ERR wrong number of arguments for 'client|setname' command"),
      error(expect.stringMatching(/^ERR unknown subcommand 'constructor'/) as string),
      error("ERR CLIENT REPLY OFF and SKIP are not supported: every call is answered"),
    ]);
  });
});
