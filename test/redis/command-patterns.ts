/**
 * Patterns of the commands of each type, as `drawn-commands.ts` reads them.
 * Invariant: every command that the queue performs is in one of them.
 */
import { type RedisCommand, redisCommandTable } from "../../src/contract/redis-commands.ts";

const strings = [
  "SET $s $v",
  "SET $s $int",
  "SET $k $v [{NX|XX}] [GET] [{EX $far|PX $far|EXAT $at|PXAT $atms|KEEPTTL}]",
  "SETNX $s $v",
  "SETEX $s $far $v",
  "PSETEX $s $far $v",
  "GET $s",
  "GET $k",
  "GETSET $s $v",
  "GETDEL $k",
  "GETEX $k [{EX $far|PX $far|EXAT $at|PXAT $atms|PERSIST}]",
  "MGET <$k>",
  "MSET <$s $v>",
  "MSETNX <$s $v>",
  "STRLEN $s",
  "APPEND $s $v",
  "SETRANGE $s $off $v",
  "GETRANGE $s $i $i",
  "GETRANGE $s $int $int",
  "SUBSTR $s $i $i",
  "INCR $s",
  "DECR $s",
  "INCRBY $s $by",
  "DECRBY $s $by",
  "INCRBY $s $int",
  "DECRBY $s $int",
  "INCRBYFLOAT $s $f",
  "SET $s $f",
];

const names = [
  "DEL <$k>",
  "UNLINK $s",
  "DEL $z",
  "EXISTS <$k>",
  "TOUCH <$k>",
  "TYPE $k",
  // Times from now on differ between the two by how long they took: they are not compared with one another.
  "EXPIRE $k $far [{NX|XX}] [{NX|XX}]",
  "PEXPIRE $k $far [{NX|XX|GT LT}]",
  "EXPIREAT $k $at [{NX|XX|GT|LT}] [{NX|XX|GT|LT}]",
  "PEXPIREAT $k $atms [{NX|XX|GT|LT|XX LT|QX}]",
  "TTL $k",
  "PTTL $k",
  "EXPIRETIME $k",
  "PEXPIRETIME $k",
  "PERSIST $k",
  "RENAME $k $k",
  "RENAMENX $k $k",
  "COPY $k $k [REPLACE] [DB 0]",
  "KEYS $glob",
  "SCAN 0 COUNT 1000 [MATCH $glob] [TYPE {string|list|hash|zset|set|foo}]",
  "SCAN {x|0} COUNT {0|x|1000}",
  "SCAN $cursor COUNT 1000",
  "{HSCAN|ZSCAN} $k $cursor [$any $any]",
  "SSCAN $k $cursor COUNT 1000 [$any $any]",
  "COPY $k $k DB {99999999999|-1|x}",
  "RANDOMKEY",
  "DBSIZE",
  "OBJECT ENCODING $s",
  "OBJECT REFCOUNT none",
  "OBJECT FOO $s",
  "OBJECT HELP",
  "FLUSHDB {ASYNC|SYNC|x y}",
  "FLUSHALL",
  "NOPE $v $k",
];

const lists = [
  "{LPUSH|RPUSH} $l <$v>",
  "{LPUSH|RPUSH} $l <$m>",
  "{LPUSH|RPUSH} $l <$m>",
  "{LPUSHX|RPUSHX} $l <$v>",
  "{LPOP|RPOP} $l [$n]",
  "LLEN $l",
  "LRANGE $l $i $i",
  "LRANGE $l 0 -1",
  "LINDEX $l $i",
  "LSET $l $i $v",
  "LINSERT $l {BEFORE|AFTER|x} $m $v",
  "LREM $l $n $m",
  "LTRIM $l $i $i",
  "LTRIM $l $i -1",
  "LPOS $l $m [RANK $n] [COUNT $n] [MAXLEN $n]",
  "RPOPLPUSH $l $l",
  "LMOVE $l $l {LEFT|RIGHT} {LEFT|RIGHT|x}",
  "LMPOP {1 $l|2 $l $l|0|x $l} {LEFT|RIGHT} [COUNT $n]",
  "LPUSH $k $v",
  "LMOVE $k $k LEFT RIGHT",
  "LMPOP 2 $l $k LEFT",
  "BLPOP $l {0.01|x|-1}",
  "BRPOP $l $l 0.01",
  "BRPOPLPUSH $l $l 0.01",
  "BLMOVE $l $l {LEFT|RIGHT} LEFT 0.01",
  "BLMPOP 0.01 {1 $l|2 $l $l} {LEFT|RIGHT} [COUNT $n]",
];

const hashes = [
  "HSET $h <$m $v>",
  "HSET $h $m $int",
  "HMSET $h <$m $v>",
  "HSETNX $h $m $v",
  "HGET $h $m",
  "HMGET $h <$m>",
  "HDEL $h <$m>",
  "HLEN $h",
  "HSTRLEN $h $m",
  "HEXISTS $h $m",
  "HKEYS $h",
  "HVALS $h",
  "HGETALL $h",
  "HINCRBY $h $m $by",
  "HINCRBYFLOAT $h $m $f",
  "HRANDFIELD $h [{$n|$n WITHVALUES|$n x}]",
  "HSCAN $h 0 COUNT 1000 [MATCH $glob]",
  "HSET $k $m $v",
  "HGET $k $m",
];

const sortedSets = [
  "ZADD $z <$d $m>",
  "ZADD $z <0 $m>",
  "ZADD $z [{NX|XX}] [{GT|LT}] [CH] <$d $m>",
  "ZADD $z [{NX|XX|GT|LT}] INCR $d $m",
  "ZADD $k $d $m",
  "ZINCRBY $z $d $m",
  "ZREM $z <$m>",
  "ZCARD $z",
  "ZSCORE $z $m",
  "ZMSCORE $z <$m>",
  "{ZRANK|ZREVRANK} $z $m",
  "ZCOUNT $z $min $max",
  "ZLEXCOUNT $z $lmin $lmax",
  "ZRANGE $z $i $i [REV] [WITHSCORES]",
  "ZRANGE $z $min $max BYSCORE [LIMIT $n $n] [WITHSCORES]",
  "ZRANGE $z $max $min BYSCORE REV [LIMIT $n $n] [WITHSCORES]",
  "ZRANGE $z $lmin $lmax BYLEX [LIMIT $n $n]",
  "ZRANGE $z $lmax $lmin BYLEX REV [LIMIT $n $n]",
  "ZRANGE $z 0 -1 LIMIT $n -1",
  "ZRANGE $z 0 -1 [{BYLEX|BYSCORE|REV REV|LIMIT 0 1}] [WITHSCORES]",
  "ZREVRANGE $z $i $i [WITHSCORES]",
  "ZRANGEBYSCORE $z $min $max [WITHSCORES] [LIMIT $n $n]",
  "ZREVRANGEBYSCORE $z $max $min [WITHSCORES] [LIMIT $n $n]",
  "ZRANGEBYLEX $z $lmin $lmax [LIMIT $n $n]",
  "ZREVRANGEBYLEX $z $lmax $lmin [LIMIT $n $n]",
  "ZRANGESTORE $z $z $i $i [REV]",
  "ZRANGESTORE $z $z $min $max BYSCORE [LIMIT $n $n]",
  "ZREMRANGEBYRANK $z $i $i",
  "ZREMRANGEBYSCORE $z $min $max",
  "ZREMRANGEBYLEX $z $lmin $lmax",
  "{ZPOPMIN|ZPOPMAX} $z [$n]",
  "{BZPOPMIN|BZPOPMAX} $z [$z] 0.01",
  "ZMPOP {1 $z|2 $z $z} {MIN|MAX} [COUNT $n]",
  "BZMPOP 0.01 {1 $z|2 $z $z} {MIN|MAX} [COUNT $n]",
  "ZRANDMEMBER $z [{$n|$n WITHSCORES|$n x}]",
  "ZSCAN $z 0 COUNT 1000 [MATCH $glob]",
  "{ZUNION|ZINTER} {1 $z|2 $z $z|2 $z $e|3 $z $z $z|0 $z|x} [WEIGHTS <$w>] [AGGREGATE {SUM|MIN|MAX}] [WITHSCORES]",
  "ZUNION 2 $z $z WEIGHTS $w $w [AGGREGATE {SUM|MIN|MAX}] WITHSCORES",
  "ZDIFF {1 $z|2 $z $z|2 $z $e} [WITHSCORES]",
  "{ZUNION|ZINTER} 2 $z {$z|$e} WEIGHTS $w0 $w0 [AGGREGATE {SUM|MIN|MAX}] WITHSCORES",
  "{ZUNIONSTORE|ZINTERSTORE} $z {1 $z|2 $z $z|2 $z $e} [AGGREGATE {SUM|MIN|MAX}]",
  "ZDIFFSTORE $z {1 $z|2 $z $z|2 $z $e}",
  "ZINTERCARD {1 $z|2 $z $z|2 $z $k} [LIMIT $n]",
  "ZUNION 2 $z $k",
];

const sets = [
  "SADD $e <$m>",
  "SADD $e <$m>",
  "SREM $e <$m>",
  "SISMEMBER $e $m",
  "SMISMEMBER $e <$m>",
  "SCARD $e",
  "SMEMBERS $e",
  "SMOVE $e $e $m",
  "{SINTER|SUNION|SDIFF} <$e>",
  "{SINTERSTORE|SUNIONSTORE|SDIFFSTORE} $e <$e>",
  "{SINTER|SUNION|SDIFF} $e $k",
  "SINTERCARD {1 $e|2 $e $e|0 $e|3 $e} [LIMIT $n]",
  "SRANDMEMBER $e [$n]",
  "SPOP $e [$n]",
  "SSCAN $e 0 COUNT 1000 [MATCH $glob]",
  "SADD $k $m",
];

/** What is compared elsewhere: what depends on how much time has passed, and what Redis has other bounds for or computes with what has none. */
const notAny = /expire|setex$|^flush|scan$|^(setrange|lpos)$/;

/** A command with any names where it has names, and any words where it has words. */
function ofAnyWords({ name, arity, places: [first, last] }: RedisCommand): string {
  const words = Array.from({ length: Math.abs(arity) - 1 }, (_, i) => {
    const isName = first > 0 && i + 1 >= first && (last < 0 || i + 1 <= last);
    return isName ? "$k" : "$any";
  });
  const more = arity < 0 ? ["[$any]", "[$any]", "[$k]"] : [];
  return [name.toUpperCase(), ...words, ...more].join(" ");
}

/** Every command, said as by somebody who does not know it. */
export const anyWords: readonly string[] = [...redisCommandTable.values()]
  .filter(({ name, performer }) => performer === "queue" && !notAny.test(name))
  .map(ofAnyWords);

/** By the types whose commands they are; those of names go with each of them. */
export const patterns = { strings, lists, hashes, sortedSets, sets, names } as const;
export type PatternsOf = keyof typeof patterns;
