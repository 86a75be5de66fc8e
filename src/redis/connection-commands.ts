/**
 * Commands of one connection: who it is, how it speaks, and its transaction.
 * Invariant: replies and errors are those of Redis 7.0.15; a client that failed to prove who it is has no more rights than before.
 */
import { limits } from "../contract/limits.ts";
import { versionOfNothing } from "../contract/names.ts";
import type { RedisReply } from "../contract/redis.ts";
import { isLongName, LONG_NAME, wrongArity } from "../contract/redis-commands.ts";
import {
  bigintOf,
  INT32_MAX,
  INT32_MIN,
  NOT_INTEGER,
  notBetween,
} from "../contract/redis-integers.ts";
import { badName, isClientName } from "./client-command.ts";
import { errorOf } from "./errors.ts";
import type { GateReply, Protocol } from "./frames.ts";
import type { GateCommand, GateContext } from "./gate-command.ts";
import { following, followNothing } from "./pubsub.ts";
import type { Call } from "./requests.ts";
import { REDIS_VERSION } from "./server-commands.ts";
import type { Session } from "./session.ts";
import type { Watched } from "./transaction.ts";

const ok: RedisReply = { ok: "OK" };
const syntaxError: RedisReply = { error: "ERR syntax error" };

/** The one user that there is: what tells callers apart is their token. */
const USER = "default";

/** Proves who a client is. Returns why it did not. */
function login(
  { session, ports }: GateContext,
  user: string,
  password: string,
): RedisReply | undefined {
  if (user !== USER || !ports.isToken(password)) {
    return { error: "WRONGPASS invalid username-password pair or user is disabled." };
  }
  session.isAuthorized = true;
  return undefined;
}

const auth: GateCommand = (context, [, first = "", second, ...more]) => {
  if (more.length > 0) return syntaxError;
  return (second === undefined ? login(context, USER, first) : login(context, first, second)) ?? ok;
};

/** What a HELLO asks for. */
interface Greeting {
  protocol: Protocol | undefined;
  login: readonly [user: string, password: string] | undefined;
  name: string | undefined;
}

const hello: GateCommand = (context, call) => {
  const { session } = context;
  const greeting = greetingOf(call);
  if ("error" in greeting) return greeting;
  const refused = greeting.login && login(context, ...greeting.login);
  if (refused !== undefined) return refused;
  if (!session.isAuthorized) return helloUnauthorized;
  session.protocol = greeting.protocol ?? session.protocol;
  session.name = greeting.name ?? session.name;
  return {
    map: [
      ["server", "redis"],
      ["version", REDIS_VERSION],
      ["proto", session.protocol],
      ["id", session.id],
      ["mode", "standalone"],
      ["role", "master"],
      ["modules", []],
    ],
  };
};

const helloUnauthorized: RedisReply = {
  error:
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
};

function greetingOf([, version, ...options]: Call): Greeting | { readonly error: string } {
  const greeting: Greeting = { protocol: undefined, login: undefined, name: undefined };
  if (version === undefined) return greeting;
  if (bigintOf(version) === undefined) {
    return { error: "ERR Protocol version is not an integer or out of range" };
  }
  if (version !== "2" && version !== "3") return { error: "NOPROTO unsupported protocol version" };
  greeting.protocol = version === "2" ? 2 : 3;
  for (let at = 0; at < options.length; ) {
    const option = options[at] ?? "";
    const [first, second] = options.slice(at + 1, at + 3);
    if (/^auth$/i.test(option) && first !== undefined && second !== undefined) {
      greeting.login = [first, second];
      at += 3;
    } else if (/^setname$/i.test(option) && first !== undefined) {
      if (!isClientName(first)) return badName;
      greeting.name = first;
      at += 2;
    } else {
      return { error: `ERR Syntax error in HELLO option '${option}'` };
    }
  }
  return greeting;
}

const ping: GateCommand = ({ session }, [, text, ...more]) => {
  if (more.length > 0) return { error: wrongArity("ping") };
  // To who follows something in RESP2, everything is an array.
  if (session.protocol === 2 && following(session) > 0) return ["pong", text ?? ""];
  return text ?? { ok: "PONG" };
};

const select: GateCommand = (_, [, index = ""]) => {
  const number = bigintOf(index);
  if (number === undefined) return { error: NOT_INTEGER };
  if (number < INT32_MIN || number > INT32_MAX) return { error: notBetween(INT32_MIN, INT32_MAX) };
  return number === 0n ? ok : { error: "ERR DB index is out of range" };
};

const quit: GateCommand = ({ session }) => {
  session.isOver = true;
  return ok;
};

const reset: GateCommand = (context) => {
  const { session, transaction } = context;
  transaction.end();
  followNothing(context);
  Object.assign(session, {
    isAuthorized: !session.needsAuth,
    protocol: 2,
    name: "",
  } satisfies Partial<Session>);
  return { ok: "RESET" };
};

const multi: GateCommand = ({ transaction }) => {
  if (transaction.isOpen) return { error: "ERR MULTI calls can not be nested" };
  transaction.open();
  return ok;
};

const discard: GateCommand = ({ transaction }) => {
  if (!transaction.isOpen) return { error: "ERR DISCARD without MULTI" };
  transaction.end();
  return ok;
};

/** Remembers the versions of names as of now; a name that is watched already keeps the one that it has. */
const watch = async ({ transaction, ports }: GateContext, call: Call): Promise<GateReply> => {
  if (transaction.isOpen) return { error: "ERR WATCH inside MULTI is not allowed" };
  if (call.slice(1).some(isLongName)) return { error: LONG_NAME };
  const names = transaction.unwatched(call.slice(1));
  if (transaction.watching + names.length > limits.redisWatchedMax) {
    return { error: `ERR a connection watches at most ${limits.redisWatchedMax} names` };
  }
  const watched: Watched[] = [];
  for (let at = 0; at < names.length; at += VERSIONS_AT_ONCE) {
    const some = names.slice(at, at + VERSIONS_AT_ONCE);
    const answer = await ports.versions(some);
    // Where there is no queue yet, the first command makes it.
    const isNew = "refusal" in answer && answer.refusal.refusalCode === "queue_unknown";
    if ("refusal" in answer && !isNew) return { error: errorOf(answer.refusal) };
    for (const [i, name] of some.entries()) {
      const version = "versions" in answer ? answer.versions[i] : versionOfNothing;
      if (version === undefined) throw new Error("watch: a name has no version");
      watched.push({ name, version });
    }
  }
  for (const each of watched) transaction.watch(each);
  return ok;
};

/** A string is read for its version, however long it is: others have their turn between so many. */
const VERSIONS_AT_ONCE = 32;

const unwatch: GateCommand = ({ transaction }) => {
  transaction.unwatch();
  return ok;
};

export const connectionCommands = {
  auth,
  discard,
  echo: (_, [, text = ""]) => text,
  hello,
  multi,
  ping,
  quit,
  reset,
  select,
  unwatch,
  watch,
} as const satisfies Readonly<Record<string, GateCommand>>;
