/**
 * Clients who speak Redis: runs of commands over a few names, and of those that they watch.
 * Invariant: they know only versions that they were told; of commands that the model knows they draw every one, with its errors.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import type { Wish } from "./clients.ts";
import type { Random } from "./random.ts";

type Calls = CommandInputs["redis.run"]["calls"];
type Watched = NonNullable<CommandInputs["redis.run"]["watched"]>[number];

const names = ["s1", "s2", "l1", "l2", "h1", "e1", "e2", "z1", "\xff\0n"] as const;
const watchedMax = 12;

/** Where the words come from that begin with `$`: names by what they mostly name, and what is said of them. */
const stocks: Readonly<Record<string, readonly [string, ...string[]]>> = {
  $s: ["s1", "s2", "s1", "s2", "\xff\0n"],
  $l: ["l1", "l2"],
  $h: ["h1"],
  $e: ["e1", "e2"],
  $z: ["z1"],
  $n: names,
  $v: ["a", "b", "é", "\xc3\xa9", "\0\xfe", "=x", "", "12"],
  $m: ["a", "b", "c", "d", "\xff", "f", "10"],
  $by: ["1", "-3", "40", "9223372036854775807", "x", "01"],
  $i: ["0", "1", "2", "-1", "-2", "5", "x"],
  $c: ["0", "1", "2", "-1"],
  $score: ["0", "1", "2.5", "-1", "7", "inf", "-inf", "x"],
  $ms: ["1", "40", "900", "5000", "60000", "0", "-5", "x", "9223372036854775807"],
  $end: ["LEFT", "RIGHT"],
};

/** Commands; of those that end with `…` the last two words come up to three times. */
const patterns: readonly (readonly [weight: number, pattern: string])[] = [
  ...many(6, "SET $s $v", "SET $s $v PX $ms", "LPUSH $l $v…", "RPUSH $l $v…", "HSET $h $m $v…"),
  ...many(6, "SADD $e $m…", "ZADD $z $score $m…", "PEXPIRE $n $ms"),
  ...many(2, "SET $s $v NX", "SET $s $v XX GET", "SET $n $v KEEPTTL", "SET $s $v NX XX"),
  ...many(2, "SET $s $v PX", "SETNX $n $v", "GETDEL $s", "GETEX $s PX $ms", "GETEX $s PERSIST"),
  ...many(2, "APPEND $s $v", "SETRANGE $s $i $v", "DECR $s", "INCRBY $s $by", "MSET $s $v $n $v"),
  ...many(1, "GET $n", "MGET $n $n", "STRLEN $s", "GETRANGE $s $i $i", "MSET $s $v $s", "GETEX $s"),
  ...many(2, "LPOP $l", "RPOP $l $c", "RPUSHX $l $v", "LSET $l $i $v", "LTRIM $l $i $i"),
  ...many(2, "LREM $l $c $v", "LINSERT $l BEFORE $v $v", "LINSERT $l AFTER $v $v"),
  ...many(2, "LMOVE $l $l $end $end", "LINDEX $l $i", "LRANGE $l $i $i"),
  ...many(1, "LLEN $n", "LPOP $n $c", "HSET $h $m", "HKEYS $n", "HLEN $h", "HGET $h $m"),
  ...many(2, "HDEL $h $m $m", "HINCRBY $h $m $by", "HGETALL $n", "SREM $e $m $m", "SMEMBERS $n"),
  ...many(2, "SMOVE $e $e $m", "SPOP $e", "SINTER $e $e", "SADD $n $m", "ZREM $z $m $m"),
  ...many(1, "SISMEMBER $e $m", "SCARD $n", "ZCARD $n", "ZSCORE $z $m", "ZRANGE $n $i $i"),
  ...many(2, "ZADD $z NX CH $score $m…", "ZADD $z XX GT $score $m", "ZADD $z LT $score $m"),
  ...many(1, "ZADD $z NX GT $score $m", "ZADD $z NX XX $score $m", "ZADD $z INCR $score $m…"),
  ...many(2, "ZINCRBY $z $score $m", "ZPOPMIN $z", "ZRANGE $z $i $i WITHSCORES"),
  ...many(3, "DEL $n $n", "RENAME $n $n", "COPY $n $n", "COPY $n $n REPLACE", "PERSIST $n"),
  ...many(2, "PEXPIRE $n $ms NX", "PEXPIRE $n $ms GT", "PEXPIRE $n $ms LT", "PEXPIRE $n $ms XX"),
  ...many(2, "UNLINK $n", "RENAMENX $n $n", "EXISTS $n $n", "TYPE $n", "PTTL $n", "KEYS *"),
  ...many(1, "PEXPIRETIME $n", "DBSIZE", "FLUSHDB", "PEXPIRE $n $ms ZZ", "NOSUCH $n", "GET"),
];

function many(weight: number, ...all: readonly string[]): (readonly [number, string])[] {
  return all.map((pattern) => [weight, pattern]);
}

/** A copy of what ends soon, and what becomes of it. */
const timedCopy = (random: Random): Calls => {
  const ms = `${random.between(1, 5000)}`;
  return [
    ["SET", "s1", "a", "PX", ms],
    ["COPY", "s1", "s2", "REPLACE"],
    random.pick([
      ["PTTL", "s2"],
      ["PERSIST", "s1"],
      ["SET", "s2", "b", "KEEPTTL"],
    ]),
  ];
};

/** What changes names, by the letter that they begin with. */
const changes = [
  ["l", "RPUSH $l $v"],
  ["h", "HSET $h $m $v"],
  ["e", "SADD $e $m"],
  ["z", "ZADD $z 1 $m"],
] as const;

/** More than go with their name: what is left of them is freed by sweeps. */
const large = 20;

export class Caller {
  /** Versions that were told, the newest last. */
  readonly #versions: Watched[] = [];
  #next: Wish[] = [];

  wish(random: Random): Wish {
    const next = random.chance(0.9) ? this.#next.shift() : undefined;
    if (next !== undefined) return next;
    if (random.chance(0.05)) return this.#look(random);
    if (random.chance(0.25)) {
      if (random.chance(0.1)) return { name: "redis.keyspace", input: {} };
      return { name: "redis.versions", input: { names: this.#names(random) } };
    }
    const calls = random.weighted([
      [8, () => this.#large(random)],
      [6, () => timedCopy(random)],
      [86, () => Array.from({ length: random.between(1, 5) }, () => draw(random))],
    ])();
    const isWatching = random.chance(0.3) && this.#versions.length > 0;
    const watched = isWatching ? { atomic: true, watched: this.#watched(random) } : {};
    return { name: "redis.run", input: { calls, ...watched } };
  }

  told({ name, input }: Wish, { versions = [] }: { readonly versions?: readonly number[] }): void {
    if (name !== "redis.versions") return;
    const asked = (input as CommandInputs["redis.versions"]).names;
    for (const [i, version] of versions.entries()) {
      this.#versions.push({ name: asked[i] ?? "", version });
      if (this.#versions.length > watchedMax) this.#versions.shift();
    }
  }

  /** Looks at a name, before it is changed and behind that. */
  #look(random: Random): Wish {
    const name = random.pick(names);
    const change = changes.find(([of]) => name.startsWith(of))?.[1] ?? "SET $s $v";
    const [command = "", , ...words] = change.split(" ");
    const call = [command, name, ...words.map((word) => random.pick(stocks[word] ?? [word]))];
    const look: Wish = { name: "redis.versions", input: { names: [name] } };
    this.#next = [{ name: "redis.run", input: { calls: [call] } }, look];
    return look;
  }

  #names(random: Random): string[] {
    return Array.from({ length: random.between(1, 4) }, () => random.pick(names));
  }

  /** Mostly what was told last. */
  #watched(random: Random): Watched[] {
    const old = random.chance(0.2) ? random.pickFrom(this.#versions) : undefined;
    const last = this.#versions.at(-1);
    return [old ?? last].filter((each) => each !== undefined);
  }

  /** A collection of many elements, or the end of one. */
  #large(random: Random): Calls {
    const elements = Array.from({ length: large }, (_, i) => `m${i}`);
    const end = random.pick([["DEL", "l1"], ["LTRIM", "l1", "2", "6"], ["FLUSHDB"]]);
    const begin = random.pick([
      ["RPUSH", "l1", ...elements],
      ["SADD", "e1", ...elements],
    ]);
    return random.chance(0.6) ? [begin] : [end];
  }
}

function draw(random: Random): string[] {
  const words = random.weighted(patterns).split(" ");
  const last = words.at(-1) ?? "";
  if (last.endsWith("…")) {
    const group = words.splice(words.at(-2)?.match(/^\$(m|score)$/) ? -2 : -1);
    for (let count = random.between(1, 3); count > 0; count -= 1) {
      words.push(...group.map((word) => word.replace("…", "")));
    }
  }
  return words.map((word) => {
    // Now and then a name that names something else.
    const isOther = /^\$[slhez]$/.test(word) && random.chance(0.06);
    const stock = isOther ? names : stocks[word];
    return stock === undefined ? word : random.pick(stock);
  });
}
