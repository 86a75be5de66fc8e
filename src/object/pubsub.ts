/**
 * What is published by Redis clients of a queue, and who is told of it.
 * Invariant: nothing of it is in the log, nor outlives its moment: whoever does not follow a channel when something is published is never told of it.
 */
import { matches } from "../machine/glob.ts";
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

  follow(what: Followed, name: string, follower: Follower): void {
    const all = this.#followers[what];
    all.set(name, (all.get(name) ?? new Set()).add(follower));
  }

  unfollow(what: Followed, name: string, follower: Follower): void {
    const all = this.#followers[what];
    const left = all.get(name);
    left?.delete(follower);
    if (left?.size === 0) all.delete(name);
  }

  /** Performs PUBLISH or PUBSUB. */
  perform([command = "", ...words]: Call): GateReply {
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
        return [...channels.keys()].filter((name) => matches(rest[0] ?? "*", name));
    }
  }

  /** Tells who follows a channel, and returns how many were told, each as often as it follows it. */
  #publish(channel: string, text: string): number {
    let told = 0;
    const tell = (followers: Iterable<Follower>, message: readonly GateReply[]): void => {
      for (const follower of followers) {
        follower.push(message);
        told += 1;
      }
    };
    tell(this.#followers.channels.get(channel) ?? [], ["message", channel, text]);
    for (const [pattern, followers] of this.#followers.patterns) {
      if (matches(pattern, channel)) tell(followers, ["pmessage", pattern, channel, text]);
    }
    return told;
  }
}
