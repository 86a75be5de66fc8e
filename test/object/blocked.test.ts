/**
 * Redis clients whose calls wait: who is answered when, in which order, what outlives the instance, and that nothing is lost.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { randomOf } from "../redis/bytes.ts";
import { type RedisClient, RedisRig } from "./redis-rig.ts";
import { failOnce, turns } from "./rig.ts";

const popped = (name: string, value: string) =>
  `*2\r\n$${name.length}\r\n${name}\r\n$${value.length}\r\n${value}\r\n`;
const NIL = "*-1\r\n";

describe("a call that finds nothing waits", () => {
  test("and is answered by who pushes, whose own reply and next call come as Redis has them", async () => {
    const rig = new RedisRig();
    const [waiter, pusher] = [rig.client(), rig.client()];
    expect(await waiter.says("BLPOP l 0")).toBe("");
    expect(await pusher.says("RPUSH l a b", "LLEN l")).toBe(":2\r\n:1\r\n");
    expect(waiter.heard()).toBe(popped("l", "a"));
  });

  test("first come, first served, by name", async () => {
    const rig = new RedisRig();
    const clients = [rig.client(), rig.client(), rig.client()];
    for (const client of clients) await client.says("BRPOP l m 0");
    const pusher = rig.client();
    expect(await pusher.says("RPUSH m 1", "RPUSH l 2", "RPUSH l 3 4")).toBe(":1\r\n:1\r\n:2\r\n");
    expect(clients.map((client) => client.heard())).toEqual([
      popped("m", "1"),
      popped("l", "2"),
      popped("l", "4"),
    ]);
    expect(await pusher.says("LRANGE l 0 -1")).toBe("*1\r\n$1\r\n3\r\n");
  });

  test("until its time is over, by the alarm, to the millisecond of a fraction", async () => {
    const rig = await RedisRig.quiet();
    const client = rig.client();
    expect(await client.says("BLMOVE l m LEFT LEFT 0.0015", "PING")).toBe("");
    expect(rig.armed).toBe(rig.now + 2);
    await rig.fire();
    expect(client.heard()).toBe(`${NIL}+PONG\r\n`);
    expect(await rig.client().says("RPUSH l a")).toBe(":1\r\n");
    expect(client.heard()).toBe("");
  });

  test("in MULTI nothing waits, and who waits is served behind the whole EXEC", async () => {
    const rig = new RedisRig();
    const [waiter, other] = [rig.client(), rig.client()];
    await waiter.says("BLPOP l 0");
    const said = await other.says("MULTI", "BLPOP m 0", "RPUSH l a", "LLEN l", "RPUSH l b", "EXEC");
    expect(said).toMatch(/\*4\r\n\*-1\r\n:1\r\n:1\r\n:2\r\n$/);
    expect(waiter.heard()).toBe(popped("l", "a"));
    await waiter.says("BLPOP k 0");
    await other.says("MULTI", "RPUSH k a", "DEL k", "EXEC");
    expect(waiter.heard()).toBe("");
  });

  test("what one that is served pushes serves the next one", async () => {
    const rig = new RedisRig();
    const clients = [rig.client(), rig.client(), rig.client()] as const;
    await clients[0].says("BLPOP c 0");
    await clients[1].says("BLMOVE b c LEFT LEFT 0");
    await clients[2].says("BRPOPLPUSH a b 0");
    expect(await rig.client().says("LPUSH a x", "EXISTS a b c")).toBe(":1\r\n:0\r\n");
    expect(clients.map((client) => client.heard())).toEqual([
      popped("c", "x"),
      "$1\r\nx\r\n",
      "$1\r\nx\r\n",
    ]);
  });

  test("what is behind it waits its turn, also when the client quits behind it", async () => {
    const rig = new RedisRig();
    const client = rig.client();
    expect(await client.says("PING", "BLPOP l 0", "SET a 1", "BLPOP m 0")).toBe("+PONG\r\n");
    await client.says("QUIT");
    const other = rig.client();
    expect(await other.says("EXISTS a", "RPUSH l x")).toBe(":0\r\n:1\r\n");
    expect(client.heard()).toBe(`${popped("l", "x")}+OK\r\n`);
    await other.says("RPUSH m y");
    expect(client.heard()).toBe(`${popped("m", "y")}+OK\r\n`);
    expect(client.socket.closed).toBe(1);
  });

  test("nothing is taken for a client that has gone", async () => {
    const rig = new RedisRig();
    const [gone, closing, there] = [rig.client(), rig.client(), rig.client()];
    for (const client of [gone, closing, there]) await client.says("BLPOP l 0", "SET a 1");
    gone.leave();
    // Its socket has closed, and the object was not told of it yet.
    closing.socket.closed += 1;
    expect(await rig.client().says("RPUSH l x", "EXISTS a")).toBe(":1\r\n:0\r\n");
    expect(there.heard()).toBe(`${popped("l", "x")}+OK\r\n`);
    expect([gone.heard(), closing.heard()]).toEqual(["", ""]);
  });

  test("a value that has no room beside the push that brings it is moved in the next entry, before the next call", async () => {
    const rig = new RedisRig();
    const waiter = rig.client();
    await waiter.says("BLMOVE l m LEFT LEFT 0");
    const large = "x".repeat(limits.redisValueBytesMax);
    expect(await rig.client().says(`RPUSH l ${large}`, "EXISTS l m")).toBe(":1\r\n:1\r\n");
    expect(waiter.heard().length).toBeGreaterThan(large.length);
    expect(rig.faults).toEqual([]);
  });
});

describe("CLIENT UNBLOCK", () => {
  /** A client that waits, also for an instance that has not heard it, and its number. */
  async function waiting(rig: RedisRig, ...behind: readonly string[]) {
    const client = rig.client();
    const id = (await client.says("CLIENT ID")).slice(1, -2);
    await client.says("BLPOP l 0", ...behind);
    await rig.evict();
    return { client, id };
  }

  test.each([
    ["", NIL],
    [" TIMEOUT", NIL],
    [" error", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"],
  ])("%s ends the waiting of a client, and what is behind is performed", async (reason, told) => {
    const rig = await RedisRig.quiet();
    const { client, id } = await waiting(rig, "PING");
    const other = rig.client();
    expect(await other.says(`CLIENT UNBLOCK ${id}${reason}`)).toBe(":1\r\n");
    expect(client.heard()).toBe(`${told}+PONG\r\n`);
    expect(await other.says(`CLIENT UNBLOCK ${id}`, "RPUSH l a", "LLEN l")).toBe(
      ":0\r\n:1\r\n:1\r\n",
    );
    expect(client.heard()).toBe("");
  });

  test("finds one client by its number, which no other has, also over instances within one instant", async () => {
    const rig = await RedisRig.quiet();
    const { client, id } = await waiting(rig);
    const next = await waiting(rig);
    expect(Number(next.id)).toBeGreaterThan(Number(id));
    await rig.client().says(`CLIENT UNBLOCK ${next.id}`);
    expect([client.heard(), next.client.heard()]).toEqual(["", NIL]);
  });

  test("leaves one alone that does not wait, or is answered already", async () => {
    const rig = await RedisRig.quiet();
    const { client, id } = await waiting(rig);
    const other = rig.client();
    expect(await other.says("CLIENT UNBLOCK 1", "MULTI", "RPUSH l a", "EXEC")).toMatch(/^:0\r\n/);
    expect(await other.says(`CLIENT UNBLOCK ${id} ERROR`)).toBe(":0\r\n");
    expect(client.heard()).toBe(popped("l", "a"));
  });

  test("of a client whose answer is not durable yet does nothing to it", async () => {
    const rig = await RedisRig.quiet();
    const { client, id } = await waiting(rig);
    const [pusher, other] = [rig.client(), rig.client()];
    rig.sql.isHeld = true;
    pusher.send("RPUSH l a");
    await turns();
    other.send(`CLIENT UNBLOCK ${id} ERROR`);
    await turns();
    expect([client.heard(), other.heard()]).toEqual(["", ":0\r\n"]);
    await rig.sql.settle();
    expect(client.heard()).toBe(popped("l", "a"));
  });
});

describe("a client that waits costs nothing", () => {
  test("outlives its instance: its place, its time, and what is behind it", async () => {
    const rig = await RedisRig.quiet();
    const [first, second] = [rig.client(), rig.client()];
    await first.says("BLPOP l m 10", "PING");
    await second.says("BRPOP m 0");
    expect(rig.timers.size).toBe(0);
    await rig.evict();
    await rig.client().says("RPUSH m a");
    expect(first.heard()).toBe(`${popped("m", "a")}+PONG\r\n`);
    await first.says("BLPOP l 10");
    await rig.evict();
    await rig.fire();
    expect(first.heard()).toBe(NIL);
    expect(second.heard()).toBe("");
    await rig.client().says("RPUSH m b");
    expect(second.heard()).toBe(popped("m", "b"));
  });

  test.each([
    ["", ""],
    ["PING\r\n", "+PONG\r\n"],
  ])(
    "with a protocol error behind it, after %j: the next instance performs nothing behind that, and ends the connection with it",
    async (between, pong) => {
      const rig = await RedisRig.quiet();
      const [client, other] = [rig.client(), rig.client()];
      client.bytes(`BLPOP l 0\r\n${between}*x\r\n`);
      await turns();
      expect(rig.timers.size).toBe(0);
      await rig.evict();
      expect(await client.says("SET m 1")).toBe("");
      await other.says("RPUSH l a");
      const error = "-ERR Protocol error: invalid multibulk length\r\n";
      expect(client.heard()).toBe(popped("l", "a") + pong + error);
      expect(client.socket.closed).toBe(1);
      expect(await other.says("EXISTS m")).toBe(":0\r\n");
    },
  );

  test("unless its call is too long to be kept: then it is held for a time, and ended", async () => {
    const rig = await RedisRig.quiet();
    const long = "n".repeat(limits.redisNameBytesMax);
    const names = Array.from({ length: 9 }, (_, i) => long.slice(1) + i).join(" ");
    const [held, lost, served] = [rig.client(), rig.client(), rig.client()];
    for (const client of [held, lost, served]) await client.says(`BLPOP ${names} l 0`);
    expect([...rig.timers].map(({ at }) => at - rig.now)).toEqual(
      Array.from({ length: 3 }, () => limits.respHeldMsMax),
    );
    await rig.client().says("RPUSH l a");
    expect(held.heard()).toBe(popped("l", "a"));
    expect(rig.timers.size).toBe(2);
    const [timer] = rig.timers;
    timer?.work();
    expect(lost.heard()).toMatch(/^-ERR the connection was silent/);
    await rig.evict();
    expect(served.heard()).toMatch(/^-ERR the queue began anew/);
    expect(served.socket.closed).toBe(1);
  });

  test("is ended where it was answered by an instance that could not tell it so", async () => {
    const rig = new RedisRig();
    const waiter = rig.client();
    await waiter.says("BLPOP l 0");
    rig.sql.isHeld = true;
    rig.client().send("RPUSH l a");
    await turns();
    rig.sql.isHeld = false;
    await rig.evict();
    expect(waiter.heard()).toMatch(/^-ERR the queue began anew/);
    expect(waiter.socket.closed).toBe(1);
    expect(await rig.client().says("LLEN l")).toBe(":0\r\n");
  });
});

describe("nothing is lost", () => {
  test("when an entry fails: who it would have served waits as before, and in its place", async () => {
    const rig = await RedisRig.quiet();
    const [first, second] = [rig.client(), rig.client()];
    await first.says("BLPOP l 0");
    await second.says("BLPOP l 0");
    failOnce(rig.sql, /log/i);
    const pusher = rig.client();
    expect(await pusher.says("RPUSH l a")).toMatch(/^-ERR The entry could not be written/);
    expect(first.heard()).toBe("");
    expect(await pusher.says("LLEN l", "RPUSH l b c")).toBe(":0\r\n:2\r\n");
    expect([first.heard(), second.heard()]).toEqual([popped("l", "b"), popped("l", "c")]);
  });

  test("whatever comes between: all that was pushed is popped once, and nobody waits where something is", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = randomOf(seed);
      const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
      const rig = await RedisRig.quiet();
      const clients: RedisClient[] = Array.from({ length: 6 }, () => rig.client());
      const heard: string[] = [];
      const listen = (): void => {
        for (const client of clients) heard.push(client.heard());
      };
      let pushed = 0;
      for (let step = 0; step < 80; step++) {
        const chance = random();
        const client = pick(clients);
        const name = pick(["a", "b"]);
        if (chance < 0.4) {
          if (!client.isWaiting) client.send(`${pick(["BLPOP", "BRPOP"])} ${name} c 3`);
        } else if (chance < 0.75) {
          rig.client().send(`RPUSH ${name} v${pushed++}.`);
        } else if (chance < 0.8) {
          rig.sql.isHeld = !rig.sql.isHeld;
        } else if (chance < 0.85) {
          await turns();
        } else if (chance < 0.9 && rig.armed !== null) {
          // It ends when its writes are durable.
          rig.fire().catch(rig.abort);
        } else {
          while (rig.sql.waiting > 0) await rig.sql.settle();
        }
        listen();
      }
      rig.sql.isHeld = false;
      for (let i = 0; i < 20; i++) {
        while (rig.sql.waiting > 0) await rig.sql.settle();
        await turns();
      }
      listen();
      await rig.evict();
      const left = await rig.client().says("LRANGE a 0 -1", "LRANGE b 0 -1");
      const found = `${heard.join("")}${left}`.match(/v\d+\./g) ?? [];
      expect({ seed, found: found.sort() }).toEqual({
        seed,
        found: Array.from({ length: pushed }, (_, i) => `v${i}.`).sort(),
      });
      const isWaiting = (name: string) =>
        clients.some(({ socket }) => socket.kept()?.blocked?.call.includes(name));
      expect({ seed, a: isWaiting("a") && left.startsWith("*0") }).toEqual({
        seed,
        a: isWaiting("a"),
      });
      expect([...rig.faults, ...rig.aborts]).toEqual([]);
    }
  });
});
