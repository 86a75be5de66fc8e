/**
 * What the commands of names mean, whatever they name.
 * Invariant: as `redis-call.ts` has it.
 */
import type { RedisReply } from "../contract/redis.ts";
import { shown } from "../contract/redis-commands.ts";
import { type NameRow, readKeyspace } from "../store/names.ts";
import { unpackBytes } from "../store/packed.ts";
import { copy } from "./copies.ts";
import { nameScanCommands } from "./name-scans.ts";
import { type TimeUnit, timeOf } from "./redis-arguments.ts";
import { type Call, noSuchName, OK, type Perform, RedisError, syntaxError } from "./redis-call.ts";
import { encodingOfString } from "./strings.ts";

const del: Perform = (call) => {
  call.bounded(call.args.length);
  const there: string[] = [];
  for (const [name, row] of call.namedEach([...new Set(call.args)])) {
    if (row !== undefined) there.push(name);
  }
  for (const name of there) call.tx.emit("name.removed", { name });
  return there.length;
};

const exists: Perform = (call) => {
  let there = 0;
  for (const [, row] of call.namedEach(call.args)) if (row !== undefined) there += 1;
  return there;
};

const type: Perform = (call) => ({ ok: call.named(call.arg(0))?.type ?? "none" });

/** When a time may be set beside one that there is. */
function expireOptions(call: Call): ReadonlySet<string> {
  const words = call.args.slice(2).map((each) => each.toLowerCase());
  const unknown = words.findIndex((word) => !["nx", "xx", "gt", "lt"].includes(word));
  if (unknown >= 0) throw new RedisError(`ERR Unsupported option ${shown(call.arg(2 + unknown))}`);
  const options = new Set(words);
  const isOther = options.has("xx") || options.has("gt") || options.has("lt");
  if (options.has("nx") && isOther) {
    throw new RedisError("ERR NX and XX, GT or LT options at the same time are not compatible");
  }
  if (options.has("gt") && options.has("lt")) {
    throw new RedisError("ERR GT and LT options at the same time are not compatible");
  }
  return options;
}

/** Whether the options let a time take the place of one, or of none. */
function mayExpire(options: ReadonlySet<string>, until: number, old: number | undefined): boolean {
  if (options.has("nx") && old !== undefined) return false;
  if (options.has("xx") && old === undefined) return false;
  if (options.has("gt") && (old === undefined || until <= old)) return false;
  return !(options.has("lt") && old !== undefined && until >= old);
}

const expireIn =
  (unit: TimeUnit): Perform =>
  (call) => {
    const name = call.arg(0);
    const options = expireOptions(call);
    const until = timeOf(call, call.arg(1), unit);
    const row = call.named(name);
    if (row === undefined || !mayExpire(options, until, row.until)) return 0;
    if (until <= call.tx.at) call.remove(name);
    else call.tx.emit("name.expires", { name, until });
    return 1;
  };

const persist: Perform = (call) => {
  const name = call.arg(0);
  if (call.named(name)?.until === undefined) return 0;
  call.tx.emit("name.expires", { name });
  return 1;
};

/** A reply about the time of a name: none of a name that is not there is −2, of one without a time −1. */
const timed =
  (show: (until: number, at: number) => number): Perform =>
  (call) => {
    const row = call.named(call.arg(0));
    if (row === undefined) return -2;
    return row.until === undefined ? -1 : show(row.until, call.tx.at);
  };

const inSeconds = (ms: number): number => Math.floor((ms + 500) / 1000);

const rename: Perform = (call) => {
  const [from, to] = [call.arg(0), call.arg(1)];
  if (call.named(from) === undefined) throw noSuchName();
  if (from !== to) call.tx.emit("name.renamed", { from, to });
  return OK;
};

const renamenx: Perform = (call) => {
  const [from, to] = [call.arg(0), call.arg(1)];
  if (call.named(from) === undefined) throw noSuchName();
  if (call.named(to) !== undefined) return 0;
  call.tx.emit("name.renamed", { from, to });
  return 1;
};

const dbsize: Perform = (call) => readKeyspace(call.tx.tables).names;

const flush: Perform = (call) => {
  const isUnknown = call.args.length === 1 && !["async", "sync"].includes(call.word(0));
  if (call.args.length > 1 || isUnknown) throw syntaxError();
  if (readKeyspace(call.tx.tables).names > 0) call.tx.emit("names.flushed", {});
  return OK;
};

/** Elements up to which Redis keeps a collection in one piece. */
const SMALL_MAX = 128;

function encodingOf({ type: of, content, size = 0 }: NameRow): string {
  // None that stands apart is short, or a number.
  if (of === "string")
    return content === undefined ? "raw" : encodingOfString(unpackBytes(content));
  if (of === "list") return "quicklist";
  if (of === "set" || size > SMALL_MAX) return of === "zset" ? "skiplist" : "hashtable";
  return "listpack";
}

const NO_FREQUENCY =
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";

/** A reply of OBJECT about a name. */
const told =
  (show: (row: NameRow) => RedisReply): Perform =>
  (call) => {
    const row = call.named(call.arg(1));
    return row === undefined ? null : show(row);
  };

const notCounted = (): never => {
  throw new RedisError(NO_FREQUENCY);
};

const objectHelp = `OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
ENCODING <key>
    Return the kind of internal representation used in order to store the value
    associated with a <key>.
FREQ <key>
    Return the access frequency index of the <key>. The returned integer is
    proportional to the logarithm of the recent access frequency of the key.
IDLETIME <key>
    Return the idle time of the <key>, that is the approximated number of
    seconds elapsed since the last access to the key.
REFCOUNT <key>
    Return the number of references of the value associated with the specified
    <key>.
HELP
    Prints this help.`.split("\n");

export const nameCommands: Readonly<Record<string, Perform>> = {
  ...nameScanCommands,
  copy,
  dbsize,
  del,
  exists,
  expire: expireIn("ex"),
  expireat: expireIn("exat"),
  expiretime: timed(inSeconds),
  flushall: flush,
  flushdb: flush,
  "object|encoding": told(encodingOf),
  "object|freq": told(notCounted),
  "object|help": () => objectHelp.map((ok) => ({ ok })),
  "object|idletime": told(() => 0),
  "object|refcount": told(() => 1),
  persist,
  pexpire: expireIn("px"),
  pexpireat: expireIn("pxat"),
  pexpiretime: timed((until) => until),
  pttl: timed((until, at) => until - at),
  rename,
  renamenx,
  touch: exists,
  ttl: timed((until, at) => inSeconds(until - at)),
  type,
  unlink: del,
};
