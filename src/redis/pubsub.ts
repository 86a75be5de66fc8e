/**
 * Commands of channels: who is told of what is published.
 * Invariant: replies and errors are those of Redis 7.0.15; what a connection follows stands in its session.
 */
import { limits } from "../contract/limits.ts";
import { isLongName, type RedisCommand } from "../contract/redis-commands.ts";
import type { GateReply } from "./frames.ts";
import type { GateCommand, GateContext } from "./gate-command.ts";
import type { Call } from "./requests.ts";
import type { Session } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** What is followed: one channel, or all that a pattern matches. */
export type Followed = "channels" | "patterns";

/** How many channels and patterns a connection follows. */
export const following = ({ channels, patterns }: Session): number =>
  channels.length + patterns.length;

/** What a client in RESP2 may say that follows something: all else would look like what it is told unasked. */
const sayable = new Set("ping psubscribe punsubscribe quit reset subscribe unsubscribe".split(" "));

/** Why a client may not say this while it follows something. */
export function refusedWhileFollowing(session: Session, name: string) {
  if (session.protocol === 3 || following(session) === 0 || sayable.has(name)) return undefined;
  return `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
}

const TOO_MANY = `ERR a connection follows at most ${limits.redisFollowedMax} channels`;

const TOO_LONG = `ERR a channel may have at most ${limits.redisNameBytesMax} bytes`;

/** Whether a command changes what is followed, and answers each name with a frame. */
export const changesFollowed = ({ name }: RedisCommand): boolean => /^p?(un)?subscribe$/.test(name);

/** The names of which a call wants to be told. */
export const namesToFollow = ([command = "", ...names]: Call): readonly string[] =>
  /^p?subscribe$/i.test(command) ? names : [];

/** Why names are not followed, beside so many others. */
function refusedToFollow(names: readonly string[], others: number): string | undefined {
  if (names.some(isLongName)) return TOO_LONG;
  return others + names.length > limits.redisFollowedMax ? TOO_MANY : undefined;
}

/**
 * Why a call is not queued behind MULTI: at EXEC it might follow too much. There, an error in the place of its frames would leave the bridge
 * waiting for them.
 */
export function refusedBeforeExec(
  session: Session,
  transaction: Transaction,
  call: Call,
): string | undefined {
  const names = namesToFollow(call);
  if (names.length === 0) return undefined;
  return refusedToFollow(names, following(session) + transaction.toFollow);
}

/** What is told of each name: each is a frame of its own, also within the reply to EXEC, which has as many elements as there were calls. */
const toldOf = (command: string, name: string | null, session: Session): GateReply => ({
  push: [command, name, following(session)],
});

const subscribe =
  (what: Followed, command: string): GateCommand =>
  ({ session, ports }, [, ...names]) => {
    const more = names.filter((name) => !session[what].includes(name));
    const error = refusedToFollow(more, following(session));
    if (error !== undefined) return { error };
    const several = names.map((name) => {
      if (!session[what].includes(name)) {
        session[what] = [...session[what], name];
        ports.hub.follow(what, name);
      }
      return toldOf(command, name, session);
    });
    return { several };
  };

/** Follows a name no longer. */
function unfollow({ session, ports }: GateContext, what: Followed, name: string): void {
  if (!session[what].includes(name)) return;
  session[what] = session[what].filter((each) => each !== name);
  ports.hub.unfollow(what, name);
}

const unsubscribe =
  (what: Followed, command: string): GateCommand =>
  (context, [, ...named]) => {
    const { session } = context;
    const names = named.length > 0 ? named : session[what];
    if (names.length === 0) return toldOf(command, null, session);
    const several = names.map((name) => {
      unfollow(context, what, name);
      return toldOf(command, name, session);
    });
    return { several };
  };

/** Follows nothing any more, and is told nothing of it. */
export function followNothing(context: GateContext): void {
  for (const name of context.session.channels) unfollow(context, "channels", name);
  for (const name of context.session.patterns) unfollow(context, "patterns", name);
}

const byHub: GateCommand = ({ ports }, call) => ports.hub.perform(call);

export const pubsubCommands = {
  psubscribe: subscribe("patterns", "psubscribe"),
  publish: byHub,
  "pubsub|channels": byHub,
  "pubsub|numpat": byHub,
  "pubsub|numsub": byHub,
  "pubsub|shardchannels": byHub,
  "pubsub|shardnumsub": byHub,
  punsubscribe: unsubscribe("patterns", "punsubscribe"),
  subscribe: subscribe("channels", "subscribe"),
  unsubscribe: unsubscribe("channels", "unsubscribe"),
} as const satisfies Readonly<Record<string, GateCommand>>;
