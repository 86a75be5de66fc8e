/**
 * What a Redis client said about itself and which channels it follows, to be said again on a new connection, and whether a connection holds more than that.
 * Invariant: of calls that set the same thing the last one is kept; names that are watched and open transactions cannot be said again.
 */

/** Channels and patterns that a connection follows. */
interface FollowedNames {
  readonly channels: Set<string>;
  readonly patterns: Set<string>;
}

const isSubscription = (name: string): boolean => /^p?(un)?subscribe$/.test(name);

/** The names that a call changes; undefined of one that changes none. */
function changedBy(
  { channels, patterns }: FollowedNames,
  [command = ""]: readonly string[],
): Set<string> | undefined {
  const name = command.toLowerCase();
  if (!isSubscription(name)) return undefined;
  return name.startsWith("p") ? patterns : channels;
}

function framesOf(followed: FollowedNames, call: readonly string[]): number | undefined {
  const names = changedBy(followed, call);
  if (names === undefined) return undefined;
  return Math.max(1, call.length > 1 ? call.length - 1 : names.size);
}

function follow(followed: FollowedNames, call: readonly string[]): void {
  const all = changedBy(followed, call);
  const [command = "", ...names] = call;
  const isMore = !/^p?unsub/i.test(command);
  if (!isMore && names.length === 0) all?.clear();
  for (const name of names) {
    if (isMore) all?.add(name);
    else all?.delete(name);
  }
}

export class RedisPrologue {
  readonly #said = new Map<string, readonly string[]>();
  #followed: FollowedNames = { channels: new Set(), patterns: new Set() };
  /** Calls between MULTI and EXEC that change what is followed, until it is known what became of them. */
  #queued: (readonly string[])[] = [];
  #isOpen = false;
  #isWatching = false;

  /** Whether the connection has what a new one would lack. */
  get isHeld(): boolean {
    return this.#isOpen || this.#isWatching;
  }

  /** Whether it is between MULTI and EXEC, where nothing waits. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The calls that make a new connection what the old one was. */
  get calls(): readonly (readonly string[])[] {
    const { channels, patterns } = this.#followed;
    return [
      ...this.#said.values(),
      ...(channels.size > 0 ? [["subscribe", ...channels]] : []),
      ...(patterns.size > 0 ? [["psubscribe", ...patterns]] : []),
    ];
  }

  /** Whether the client is told of what is published. */
  get isFollowing(): boolean {
    return this.#followed.channels.size + this.#followed.patterns.size > 0;
  }

  /** How many frames answer a call that changes what is followed, if it is not refused; undefined of any other. To be asked before it is noted. */
  framesOf(call: readonly string[]): number | undefined {
    if (!this.#isOpen) return framesOf(this.#followed, call);
    if (call[0]?.toLowerCase() !== "exec" || this.#queued.length === 0) return undefined;
    return 1 + this.#rehearsed().more;
  }

  /** What is followed behind the calls that are queued, and how many frames they have more than one each. */
  #rehearsed(): { readonly followed: FollowedNames; readonly more: number } {
    const { channels, patterns } = this.#followed;
    const followed = { channels: new Set(channels), patterns: new Set(patterns) };
    let more = 0;
    for (const call of this.#queued) {
      more += (framesOf(followed, call) ?? 1) - 1;
      follow(followed, call);
    }
    return { followed, more };
  }

  /** EXEC is answered: what was queued is done, or never will be. */
  settle(isDone: boolean): void {
    if (isDone) this.#followed = this.#rehearsed().followed;
    this.#queued = [];
  }

  /** Hears a call on its way. */
  note(call: readonly string[]): void {
    const [name = "", word = "", option = ""] = call.map((each) => each.toLowerCase());
    if (isSubscription(name)) {
      if (this.#isOpen) this.#queued.push(call);
      else follow(this.#followed, call);
    } else if (name === "multi") this.#isOpen = true;
    else if (name === "watch") this.#isWatching = true;
    else if (name === "unwatch") this.#isWatching = false;
    else if (name === "exec" || name === "discard" || name === "reset") this.#end(name);
    else if (name === "auth") this.#say("auth", call);
    // One with fewer options leaves alone what the others set, of which AUTH must not be lost.
    else if (name === "hello" && call.length > 1) this.#say(`hello ${call.length}`, call);
    // So a worker of AGQ says who it is.
    else if (name === "ping" && call.length > 1) this.#say("ping", call);
    else if (name === "client" && word === "setname") this.#say("name", call);
    else if (name === "client" && word === "setinfo") this.#say(`info ${option}`, call);
  }

  #end(name: string): void {
    this.#isOpen = false;
    this.#isWatching = false;
    if (name !== "exec") this.#queued = [];
    if (name !== "reset") return;
    this.#said.clear();
    this.#followed.channels.clear();
    this.#followed.patterns.clear();
  }

  #say(what: string, call: readonly string[]): void {
    this.#said.delete(what);
    this.#said.set(what, call);
  }
}
