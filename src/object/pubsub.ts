/**
 * What is published by Redis clients of a queue, and who is told of it.
 * Invariant: nothing of it is in the log, nor outlives its moment: whoever does not follow a channel when something is published is never told of it.
 */
import { type Matcher, matcher } from "../contract/glob.ts";
import { RedisError } from "../machine/redis-call.ts";
import { comparedAgain } from "../machine/redis-patterns.ts";
import { misused } from "../redis/errors.ts";
import type { GateReply } from "../redis/frames.ts";
import type { Followed } from "../redis/pubsub.ts";
import type { Call } from "../redis/requests.ts";

/** A connection that is told. */
interface Follower {
  push(told: readonly GateReply[]): void;
}

type Followers = Map<string, Set<Follower>>;

export class PubSub {
  readonly #followers: Readonly<Record<Followed, Followers>> = {
    channels: new Map(),
    patterns: new Map(),
  };
  /** Of the patterns that are followed: each is read once, and compared with whatever is published. */
  readonly #matchers = new Map<string, Matcher>();

  /** How many channels and patterns are followed, and by how many connections. */
  get counts(): Readonly<Record<Followed | "followers", number>> {
    const { channels, patterns } = this.#followers;
    const followers = new Set<Follower>();
    for (const some of [...channels.values(), ...patterns.values()]) {
      for (const follower of some) followers.add(follower);
    }
    return { channels: channels.size, patterns: patterns.size, followers: followers.size };
  }

  follow(what: Followed, name: string, follower: Follower): void {
    const all = this.#followers[what];
    all.set(name, (all.get(name) ?? new Set()).add(follower));
    if (what === "patterns" && !this.#matchers.has(name)) this.#matchers.set(name, matcher(name));
  }

  unfollow(what: Followed, name: string, follower: Follower): void {
    const all = this.#followers[what];
    const left = all.get(name);
    left?.delete(follower);
    if (left?.size !== 0) return;
    all.delete(name);
    if (what === "patterns") this.#matchers.delete(name);
  }

  /** Performs PUBLISH or PUBSUB. */
  perform(call: Call): GateReply {
    try {
      return this.#perform(call);
    } catch (error) {
      if (error instanceof RedisError) return { error: error.message };
      throw error;
    }
  }

  #perform([command = "", ...words]: Call): GateReply {
    const { channels, patterns } = this.#followers;
    const [first = "", ...rest] = words;
    if (command.toLowerCase() === "publish") return this.#publish(first, rest[0] ?? "");
    switch (first.toLowerCase()) {
      case "numpat":
        return patterns.size;
      case "numsub":
        return rest.flatMap((name) => [name, channels.get(name)?.size ?? 0]);
      // A queue has no shards: nobody follows a channel of one.
      case "shardnumsub":
        return rest.flatMap((name) => [name, 0]);
      case "shardchannels":
        return rest.length > 1 ? misused(first, "PUBSUB") : [];
      default:
        if (rest.length > 1) return misused(first, "PUBSUB");
        return this.#channels(rest[0]);
    }
  }

  /** The channels that are followed, or those of them that a pattern matches. */
  #channels(pattern: string | undefined): string[] {
    const all = [...this.#followers.channels.keys()];
    if (pattern === undefined) return all;
    const [isTold, again] = [matcher(pattern), comparedAgain("pubsub")];
    return all.filter((name) => isTold(name, again));
  }

  /** Tells who follows a channel, and returns how many were told, each as often as it follows it. */
  #publish(channel: string, text: string): number {
    const again = comparedAgain("publish");
    // Before anybody is told: where it takes too long, nobody is.
    const matching = [...this.#matchers].filter(([, isMatch]) => isMatch(channel, again));
    let told = 0;
    const tell = (followers: Iterable<Follower>, message: readonly GateReply[]): void => {
      for (const follower of followers) {
        follower.push(message);
        told += 1;
      }
    };
    tell(this.#followers.channels.get(channel) ?? [], ["message", channel, text]);
    for (const [pattern] of matching) {
      const followers = this.#followers.patterns.get(pattern) ?? [];
      tell(followers, ["pmessage", pattern, channel, text]);
    }
    return told;
  }
}
