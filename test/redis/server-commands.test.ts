/**
 * What clients and tools ask about the server before they work.
 */
import { describe, expect, test } from "vitest";
import { refuse } from "../../src/contract/refusals.ts";
import { begin, error } from "./talk.ts";

describe("about the server", () => {
  test("COMMAND tells the table", async () => {
    const { say } = begin();
    const [count, list, all, infos, keys, none] = await say(
      "COMMAND COUNT",
      "COMMAND LIST",
      "COMMAND",
      "COMMAND INFO get nope",
      "COMMAND GETKEYS mset a 1 b 2",
      "COMMAND GETKEYS ping a",
    );
    expect(list).toHaveLength(count as number);
    expect(all).toHaveLength(count as number);
    expect(infos).toMatchObject([["get", 2, {}, 1, 1, 1, {}, [], [], []], null]);
    expect(keys).toEqual(["a", "b"]);
    expect(none).toEqual(error("ERR The command has no key arguments"));
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
          ["maxmemory", "0"],
          ["maxmemory-policy", "noeviction"],
        ],
      },
      error(expect.stringContaining("nothing can be set") as string),
    ]);
  });

  test("INFO is told also where there is no queue yet", async () => {
    const { queue, say } = begin();
    queue.refusal = refuse("queue_unknown", "none");
    expect(await say("INFO keyspace")).toEqual([{ verbatim: "# Keyspace\r\n" }]);
  });

  test("an unknown or misused subcommand is told with what there is", async () => {
    const { say } = begin();
    expect(
      await say("CLIENT KILL x", "CLIENT SETNAME", "CLIENT constructor", "CLIENT REPLY OFF"),
    ).toEqual([
      error(
        expect.stringMatching(
          /^ERR unknown subcommand 'KILL'. Sluice knows CLIENT GETNAME, ID/,
        ) as string,
      ),
      error("ERR wrong number of arguments for 'client|setname' command"),
      error(expect.stringMatching(/^ERR unknown subcommand 'constructor'/) as string),
      error("ERR CLIENT REPLY OFF and SKIP are not supported: every call is answered"),
    ]);
  });
});
