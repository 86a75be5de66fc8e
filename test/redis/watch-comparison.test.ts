/**
 * What counts as a change of a name to who watches it, beside a real Redis: one client watches, another one says whatever there is to say, and the
 * first one's transaction is performed by both or by none.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeCall } from "../../src/redis/frames.ts";
import type { Call } from "../../src/redis/requests.ts";
import { RedisRig } from "../object/redis-rig.ts";
import { turns } from "../object/rig.ts";
import { Random } from "../simulation/random.ts";
import { patterns } from "./command-patterns.ts";
import { drawCommand } from "./drawn-commands.ts";
import { hasRedisServer, type RealClient, RealServer } from "./real-server.ts";

const hasServer = hasRedisServer();
if (!hasServer) console.warn("There is no redis-server 7.0 here: WATCH is not compared with it.");

const PASSWORD = "s3cret";
const steps = Number(process.env["COMMANDS"] ?? 4000);
const seed = Number(process.env["SEED"] ?? 1);

const names = ["s1", "s2", "l1", "l2", "h1", "z1", "z2", "e1", "e2", "none"];
/**
 * Both have the same elements only where none is drawn by chance. What Redis takes for a change though nothing has changed is none here: an LTRIM that
 * takes nothing off, an APPEND of nothing. FLUSHALL is one of all names here, of those that are there alone at Redis. Calls that wait are compared
 * elsewhere.
 */
const all = Object.values(patterns)
  .flat()
  .filter((pattern) => !/\b(SPOP|FLUSH|LTRIM|APPEND|B[LRZ])/.test(pattern));

describe.runIf(hasServer)("beside a real Redis", () => {
  let server: RealServer;
  let theirs: RealClient;
  beforeAll(async () => {
    server = await RealServer.start(PASSWORD);
    theirs = await server.connect(PASSWORD);
  });
  afterAll(() => server.stop());

  test("a transaction fails where a watched name has changed, and nowhere else", {
    timeout: 3_600_000,
  }, async () => {
    const random = new Random(seed);
    const rig = new RedisRig();
    const ours = { watcher: rig.client(), other: rig.client() };
    const other = await server.connect(PASSWORD);
    let failed = 0;
    const said: string[] = [];

    /** What both answer to the last of these calls; what others answer differs where Redis leaves it open. */
    const ask = async (client: "watcher" | "other", calls: readonly Call[]) => {
      const real = client === "watcher" ? theirs : other;
      // An answer of its own tells where those of the calls end.
      const end = ["ECHO", "the end"];
      real.send([...calls, end].map(encodeCall).join(""));
      const heard = await real.hearsUpTo("$7\r\nthe end\r\n");
      ours[client].call([...calls, end]);
      await turns();
      return [ours[client].heard(), heard] as const;
    };

    for (let step = 0; step < steps; step += 1) {
      const watched = Array.from({ length: 3 }, () => random.pickFrom(names) ?? "");
      await ask("watcher", [["WATCH", ...watched]]);
      const changes = Array.from({ length: random.between(1, 2) }, () =>
        drawCommand(random, random.pickFrom(all) ?? ""),
      );
      said.push(`${watched.join(" ")}: ${JSON.stringify(changes)}`);
      await ask("other", changes);
      const [mine, real] = await ask("watcher", [["MULTI"], ["EXEC"]]);
      if (real.includes("*-1")) failed += 1;
      expect(mine, `seed ${seed}, step ${step}, after\n  ${said.slice(-6).join("\n  ")}`).toBe(
        real,
      );
    }
    expect(failed).toBeGreaterThan(steps / 20);
    other.leave();
  });
});
