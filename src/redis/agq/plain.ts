/**
 * Redis's commands as AGQ has them: fewer arguments, its own words for what is wrong, and its own shapes of some replies.
 * Invariant: a name of AGQ's is what its view says, and every other one is a plain name of the queue.
 */
import { isRedisError, type RedisReply } from "../../contract/redis.ts";
import { textOf } from "../binary.ts";
import type { Call } from "../requests.ts";
import { checkInteger, numberIn, plainInteger, plainNumber } from "./arguments.ts";
import {
  type AgqCommand,
  type AgqContext,
  AgqError,
  type AgqPerform,
  between,
  exactly,
  isWaits,
} from "./command.ts";
import { jobViews } from "./jobs.ts";
import { rustNumber } from "./json.ts";
import { viewPlan } from "./plans.ts";
import { queueViews, WAIT_SECS_MAX } from "./queue-views.ts";
import { workerViews } from "./workers.ts";

const views: ReadonlyMap<string, AgqPerform> = new Map(
  Object.entries({ ...jobViews, ...queueViews, ...workerViews, "get plan:*": viewPlan }),
);

const AGQ_NAME = /^(queue|job|plan|worker):/;

/** Whether a name is AGQ's. */
export const isAgqName = (name: string): boolean => AGQ_NAME.test(name);

/** A name with its id left out. @example formOf("job:7:stdout") // "job:*:stdout" */
const formOf = (name: string): string => name.replace(/^(job|plan|worker):[^:]*/, "$1:*");

/** What is said of a command that a name of AGQ's has not. */
export const noView = (command: string, names: readonly string[]): AgqError =>
  new AgqError(
    `'${command}' cannot be used on ${textOf(names.join(" "))}: it is a view of jobs, plans and workers, see the guide for what it knows`,
  );

/** A command on names: what is checked first, and how a plain Redis is asked and understood. */
interface Wording {
  /** How many of the arguments, from the first on, are names. */
  readonly names?: number;
  readonly check?: (args: readonly string[]) => void;
  /** What a plain Redis is told in place of the same. */
  readonly tell?: (args: readonly string[]) => readonly string[];
  readonly hear?: (reply: RedisReply) => RedisReply;
}

const performed =
  (command: string, wording: Wording, otherwise?: AgqPerform): AgqPerform =>
  async (context, args) => {
    const { names: count = 1, check, tell, hear } = wording;
    check?.(args);
    const names = args.slice(0, count);
    if (names.some(isAgqName)) {
      const view = views.get([command.toLowerCase(), ...names.map(formOf)].join(" "));
      if (view === undefined) throw noView(command, names);
      return await view(context, args);
    }
    if (otherwise !== undefined) return await otherwise(context, args);
    const reply = await context.plainOrWait(tell === undefined ? [command, ...args] : tell(args));
    return hear === undefined || isWaits(reply) || isRedisError(reply) ? reply : hear(reply);
  };

/** What a call that waited is answered, as AGQ's programs read it. */
export function heardBy([command = ""]: Call, reply: RedisReply): RedisReply {
  const isOwn = command === "BRPOP" || command === "BRPOPLPUSH";
  return isOwn && !isRedisError(reply) ? poppedIn(reply) : reply;
}

const row = (command: string, count: number, words: string, wording: Wording = {}) =>
  [command, exactly(count, words, performed(command, wording))] as const;

/** A score as Rust writes it. */
function score(reply: RedisReply): RedisReply {
  const text =
    typeof reply === "object" && reply !== null && "double" in reply ? reply.double : reply;
  return typeof text === "string" ? rustNumber(Number(text)) : text;
}

/** Members and their scores, one behind the other. */
function withScores(reply: RedisReply): RedisReply {
  const isPairs = typeof reply === "object" && reply !== null && "pairs" in reply;
  return isPairs ? reply.pairs.flatMap(([member, each]) => [member, score(each)]) : reply;
}

/** The reply to a pop: the value alone. */
const poppedIn = (reply: RedisReply): RedisReply => {
  if (typeof reply === "object" && reply !== null && "nilArray" in reply) return null;
  return Array.isArray(reply) ? (reply[1] ?? null) : reply;
};

function checkTimeout(command: string, text: string): void {
  if (!/^\+?\d{1,19}$/.test(text)) {
    throw new AgqError(`${command} timeout must be a non-negative integer`);
  }
}

const capped = (timeout: string): string => String(Math.min(Number(timeout), WAIT_SECS_MAX));

/** A range by rank, of which more may be asked for than AGQ's programs say. */
const ranks = (command: string, ...options: readonly string[]): Wording => ({
  check: ([, start = "", stop = ""]) => {
    checkInteger(start, `${command} start`);
    checkInteger(stop, `${command} stop`);
  },
  tell: ([name = "", start = "", stop = ""]) => {
    return [command, name, plainInteger(start), plainInteger(stop), ...options];
  },
});

const INT64_MIN = "-9223372036854775808";
const PRINTABLE = /^[\x20-\x7e]*$/;

function checkPrintable(text: string, what: string): void {
  if (text.length < 1 || text.length > 256) {
    throw new AgqError(`HINCRBY ${what} must be between 1 and 256 characters`);
  }
  if (!PRINTABLE.test(text)) throw new AgqError(`HINCRBY ${what} contains invalid characters`);
}

const TEN_YEARS_SECS = 3650 * 24 * 3600;

/** When a value that is set ends, in seconds; undefined for one that does not. The last option counts. */
function endOf(options: readonly string[], nowMs: number): number | undefined {
  const now = Math.floor(nowMs / 1000);
  let end: number | undefined;
  for (let i = 0; i < options.length; i += 2) {
    const option = (options[i] ?? "").toUpperCase();
    if (!/^(EX|PX|EXAT|PXAT)$/.test(option)) throw new AgqError(`Unknown SET option: ${option}`);
    const text = options[i + 1];
    if (text === undefined) throw new AgqError(`${option} requires a value`);
    if (!/^\+?\d{1,20}$/.test(text)) throw new AgqError(`${option} value must be an integer`);
    const said = option.startsWith("P") ? Math.ceil(Number(text) / 1000) : Number(text);
    const isInstant = option.endsWith("AT");
    end = isInstant ? said : now + said;
    if (end > now + TEN_YEARS_SECS) {
      const what = isInstant ? "timestamp" : "time";
      throw new AgqError(`Expiry ${what} too far in future (max 10 years)`);
    }
  }
  return end;
}

/** SET of a plain name: one that ends at once is gone at once. */
const set: AgqPerform = async (context, [name = "", value = "", ...options]) => {
  const now = context.ports.now();
  const end = endOf(options, now);
  if (end === undefined) return await context.plain(["SET", name, value]);
  const isOver = end * 1000 <= now;
  const reply = await context.plain(
    isOver ? ["SET", name, value, "PX", "1"] : ["SET", name, value, "EXAT", String(end)],
  );
  if (isOver && !isRedisError(reply)) await context.plain(["DEL", name]);
  return reply;
};

/** SET of a name of AGQ's takes no options, but for NX of a worker's tools. */
const checkSet = ([name = "", , ...options]: readonly string[]): void => {
  if (!isAgqName(name) || options.length === 0) return;
  const isNew = formOf(name) === "worker:*:tools" && /^nx$/i.test(options.join(" "));
  if (!isNew) throw new AgqError(`SET ${name} takes no options`);
};

const hincrby: AgqPerform = async (context: AgqContext, [key = "", field = "", increment = ""]) => {
  const reply = await context.plain(["HINCRBY", key, field, plainInteger(increment)]);
  if (!isRedisError(reply)) return reply;
  if (reply.error === "ERR hash value is not an integer") {
    throw new AgqError("Protocol error: Hash field is not an integer");
  }
  if (reply.error === "ERR increment or decrement would overflow") {
    throw new AgqError("Protocol error: Integer overflow in HINCRBY");
  }
  return reply;
};

const checkIncrement = ([key = "", field = "", increment = ""]: readonly string[]): void => {
  checkPrintable(key, "key");
  checkPrintable(field, "field");
  checkInteger(increment, "HINCRBY increment");
};

const checkScores = ([, min = "", max = ""]: readonly string[]): void => {
  numberIn(min, "ZRANGEBYSCORE min", "Scores must be finite numbers");
  numberIn(max, "ZRANGEBYSCORE max", "Scores must be finite numbers");
};

export const plainCommands: Readonly<Record<string, AgqCommand>> = Object.fromEntries([
  row("GET", 1, "one argument"),
  row("DEL", 1, "one argument"),
  row("EXISTS", 1, "one argument"),
  row("TTL", 1, "one argument"),
  row("RPOP", 1, "one argument"),
  row("LLEN", 1, "one argument"),
  row("HGETALL", 1, "one argument (key)"),
  row("HLEN", 1, "one argument (key)"),
  row("ZCARD", 1, "one argument (key)"),
  row("LPUSH", 2, "two arguments"),
  row("BRPOP", 2, "two arguments", {
    check: ([, timeout = ""]) => checkTimeout("BRPOP", timeout),
    tell: ([name = "", timeout = ""]) => ["BRPOP", name, capped(timeout)],
    hear: poppedIn,
  }),
  row("RPOPLPUSH", 2, "two arguments", { names: 2 }),
  row("HGET", 2, "two arguments (key field)"),
  row("HDEL", 2, "two arguments (key field)"),
  row("HEXISTS", 2, "two arguments (key field)"),
  row("ZREM", 2, "two arguments (key member)"),
  row("ZSCORE", 2, "two arguments (key member)", { hear: score }),
  row("LRANGE", 3, "three arguments", ranks("LRANGE")),
  row("BRPOPLPUSH", 3, "three arguments", {
    names: 2,
    check: ([, , timeout = ""]) => checkTimeout("BRPOPLPUSH", timeout),
    tell: ([from = "", to = "", timeout = ""]) => ["BRPOPLPUSH", from, to, capped(timeout)],
    hear: poppedIn,
  }),
  row("LREM", 3, "three arguments: key count element", {
    check: ([, count = ""]) => {
      checkInteger(count, "LREM count");
      if (plainInteger(count) === INT64_MIN) throw new AgqError("Invalid count value");
    },
    tell: ([name = "", count = "", element = ""]) => [
      ...["LREM", name, plainInteger(count), element],
    ],
  }),
  row("HSET", 3, "three arguments (key field value)"),
  row("ZADD", 3, "three arguments (key score member)", {
    check: ([, text = ""]) => numberIn(text, "ZADD score", "Score must be a finite number"),
    tell: ([name = "", text = "", member = ""]) => ["ZADD", name, plainNumber(text), member],
  }),
  row("ZRANGE", 3, "three arguments (key start stop)", {
    ...ranks("ZRANGE", "WITHSCORES"),
    hear: withScores,
  }),
  row("ZRANGEBYSCORE", 3, "three arguments (key min max)", {
    check: checkScores,
    tell: ([name = "", min = "", max = ""]) => [
      ...["ZRANGEBYSCORE", name, plainNumber(min), plainNumber(max), "WITHSCORES"],
    ],
    hear: withScores,
  }),
  [
    "HINCRBY",
    exactly(
      3,
      "three arguments: key field increment",
      performed("HINCRBY", { check: checkIncrement }, hincrby),
    ),
  ],
  [
    "SET",
    between(
      2,
      Number.POSITIVE_INFINITY,
      "requires at least two arguments",
      performed("SET", { check: checkSet }, set),
    ),
  ],
]);
