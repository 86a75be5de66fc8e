/**
 * AGQ's dialect of Redis: who may speak, plain names in AGQ's shapes, and its words for what is wrong.
 */
import { describe, test } from "vitest";
import { TOKEN } from "./agq-rig.ts";
import { AT, bulk, error, expectAll, list, met } from "./agq-talk.ts";

describe("a client that has not said who it is", () => {
  test("is heard only when it does", async () => {
    const { say } = await met("agq-g2", true);
    await expectAll(say, [
      ["PING", error("NOAUTH Authentication required")],
      ["FOO", error("NOAUTH Authentication required")],
      ["CLIENT SETINFO LIB-NAME redis-rs", error("NOAUTH Authentication required")],
      ["AUTH", error("AUTH requires exactly one argument")],
      ["AUTH a b", error("AUTH requires exactly one argument")],
      ['AUTH ""', error("AUTH key cannot be empty")],
      ["AUTH nearly", error("Invalid authentication key")],
      [`AUTH ${TOKEN}`, "+OK\r\n"],
      ["AUTH nearly", error("Invalid authentication key")],
      ["PING", "+PONG\r\n"],
      ["CLIENT SETINFO LIB-NAME redis-rs", "+OK\r\n"],
    ]);
  });
});

describe("plain names", () => {
  test("are all that OBJECT tells of", async () => {
    const { say } = await met();
    await expectAll(say, [
      ["OBJECT ENCODING a", "$-1\r\n"],
      [
        "OBJECT ENCODING job:1:status",
        error(
          "'OBJECT' cannot be used on job:1:status: it is a view of jobs, plans and workers, see the guide for what it knows",
        ),
      ],
    ]);
  });

  test("take a number also as AGQ reads it, where a Redis does not", async () => {
    const { say } = await met();
    await expectAll(say, [
      ["LPUSH l a", ":1\r\n"],
      ["LPUSH l b", ":2\r\n"],
      ["LRANGE l +0 -01", list("b", "a")],
      ["LREM l +01 b", ":1\r\n"],
      ["HINCRBY h f +1", ":1\r\n"],
      ["HINCRBY h f 01", ":2\r\n"],
      ["ZADD z 1e-400 m", ":1\r\n"],
      ["ZRANGE z 00 -1", list("m", "0")],
      ["ZRANGEBYSCORE z -1e-400 1", list("m", "0")],
    ]);
  });

  test("have AGQ's shapes of replies", async () => {
    const { say } = await met();
    await expectAll(say, [
      ["SET a 1", "+OK\r\n"],
      ["GET a", bulk("1")],
      ["GET none", "$-1\r\n"],
      ["EXISTS a", ":1\r\n"],
      ["TTL a", ":-1\r\n"],
      ["TTL none", ":-2\r\n"],
      ["SET a 2 PX 1500", "+OK\r\n"],
      ["TTL a", ":2\r\n"],
      ["SET a 2 EX 5 EX 90", "+OK\r\n"],
      ["TTL a", ":90\r\n"],
      ["SET a 2", "+OK\r\n"],
      ["TTL a", ":-1\r\n"],
      [`SET a 2 EXAT ${AT + 7}`, "+OK\r\n"],
      ["TTL a", ":7\r\n"],
      ["SET a 2 EX 0", "+OK\r\n"],
      ["GET a", "$-1\r\n"],
      ["DEL a", ":0\r\n"],
      ["LPUSH l x", ":1\r\n"],
      ["LPUSH l y", ":2\r\n"],
      ["LRANGE l 0 -1", list("y", "x")],
      ["LREM l 0 y", ":1\r\n"],
      ["BRPOP l 1", bulk("x")],
      ["RPOP l", "$-1\r\n"],
      ["LPUSH l z", ":1\r\n"],
      ["RPOPLPUSH l m", bulk("z")],
      ["BRPOPLPUSH m l 1", bulk("z")],
      ["LLEN l", ":1\r\n"],
      ["ZADD z 1700000000 b", ":1\r\n"],
      ["ZADD z 1.5 a", ":1\r\n"],
      ["ZADD z 1e21 c", ":1\r\n"],
      ["ZADD z 0.0000005 d", ":1\r\n"],
      ["ZADD z 1.5 a", ":0\r\n"],
      [
        "ZRANGE z 0 -1",
        list("d", "0.0000005", "a", "1.5", "b", "1700000000", "c", "1000000000000000000000"),
      ],
      ["ZRANGEBYSCORE z 1 2", list("a", "1.5")],
      ["ZSCORE z c", bulk("1000000000000000000000")],
      ["ZSCORE z none", "$-1\r\n"],
      ["ZCARD z", ":4\r\n"],
      ["ZREM z a", ":1\r\n"],
      ["HSET h f 1", ":1\r\n"],
      ["HSET h f 2", ":0\r\n"],
      ["HGET h f", bulk("2")],
      ["HEXISTS h f", ":1\r\n"],
      ["HINCRBY h f 3", ":5\r\n"],
      ["HGETALL h", list("f", "5")],
      ["HLEN h", ":1\r\n"],
      ["HDEL h f", ":1\r\n"],
      ["HINCRBY 'a hash' 'a field' 2", ":2\r\n"],
      // What AGQ lacks is a plain Redis's.
      ["RPUSH l 1 2", ":3\r\n"],
      ["EXPIRE l 10", ":1\r\n"],
      ["ECHO hello", bulk("hello")],
    ]);
  });

  test("have AGQ's words for what is wrong", async () => {
    const { say } = await met();
    const one = "AUTH GET DEL EXISTS TTL RPOP LLEN".split(" ");
    const key = "HGETALL HLEN ZCARD".split(" ");
    const two = "LPUSH BRPOP RPOPLPUSH".split(" ");
    const arity = [
      ...one.map((name) => [name, "one argument"]),
      ...key.map((name) => [name, "one argument (key)"]),
      ...two.map((name) => [name, "two arguments"]),
      ...["HGET", "HDEL", "HEXISTS"].map((name) => [name, "two arguments (key field)"]),
      ...["ZREM", "ZSCORE"].map((name) => [name, "two arguments (key member)"]),
      ...["LRANGE", "BRPOPLPUSH"].map((name) => [name, "three arguments"]),
      ["LREM", "three arguments: key count element"],
      ["HINCRBY", "three arguments: key field increment"],
      ["HSET", "three arguments (key field value)"],
      ["ZADD", "three arguments (key score member)"],
      ["ZRANGE", "three arguments (key start stop)"],
      ["ZRANGEBYSCORE", "three arguments (key min max)"],
    ] as const;
    for (const [name = "", words] of arity) {
      const reply = error(`${name} requires exactly ${words}`);
      await expectAll(say, [
        [name.toLowerCase(), reply],
        [`${name} a b c d`, reply],
      ]);
    }
    await expectAll(say, [
      ["SET a", error("SET requires at least two arguments")],
      ["SET a 1 NX", error("Unknown SET option: NX")],
      ["SET a 1 EX", error("EX requires a value")],
      ["SET a 1 EX soon", error("EX value must be an integer")],
      ["SET a 1 EX 999999999", error("Expiry time too far in future (max 10 years)")],
      ["SET a 1 EXAT 9999999999", error("Expiry timestamp too far in future (max 10 years)")],
      ["BRPOP l -1", error("BRPOP timeout must be a non-negative integer")],
      ["BRPOPLPUSH l m 1.5", error("BRPOPLPUSH timeout must be a non-negative integer")],
      ["LRANGE l a 1", error("LRANGE start must be an integer")],
      ["LRANGE l 9223372036854775808 1", error("LRANGE start must be an integer")],
      ["LREM l x y", error("LREM count must be an integer")],
      ["LREM l -9223372036854775808 y", error("Invalid count value")],
      ["ZADD z x m", error("ZADD score must be a valid number")],
      ["ZADD z inf m", error("Score must be a finite number")],
      ["ZRANGE z 0 x", error("ZRANGE stop must be an integer")],
      ["ZRANGEBYSCORE z (1 2", error("ZRANGEBYSCORE min must be a valid number")],
      ["ZRANGEBYSCORE z -inf 2", error("Scores must be finite numbers")],
      ["HINCRBY h f x", error("HINCRBY increment must be an integer")],
      ['HINCRBY "h\\x01" f 1', error("HINCRBY key contains invalid characters")],
      ['HINCRBY h "" 1', error("HINCRBY field must be between 1 and 256 characters")],
      ["HSET h f x", ":1\r\n"],
      ["HINCRBY h f 1", error("Protocol error: Hash field is not an integer")],
      ['"\\xc3\\xa9" a', `-ERR unknown command '\u00c3\u0089'\r\n`],
      ["foo a", error("unknown command 'FOO'")],
      ["MULTI", error("unknown command 'MULTI'")],
      ["HELLO 3", error("unknown command 'HELLO'")],
      ["PLAN.FOO", error("Protocol error: unknown command 'PLAN.FOO'")],
      ["PING a b", error("PING accepts 0 or 1 arguments")],
      [
        "PING a:b",
        error(
          "worker_id contains invalid characters (only alphanumeric, hyphens, and underscores allowed)",
        ),
      ],
      [`PING ${"a".repeat(65)}`, error("worker_id must be between 1 and 64 characters")],
    ]);
  });
});
