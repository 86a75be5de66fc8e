/**
 * What a Redis client said about itself and which channels it follows, to be said again on a new connection, and whether a connection holds more than that.
 * Invariant: of calls that set the same thing the last one is kept; names that are watched and open transactions cannot be said again.
 */

export class RedisPrologue {
  readonly #said = new Map<string, readonly string[]>();
  readonly #followed = { channels: new Set<string>(), patterns: new Set<string>() };
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
  framesOf([command = "", ...names]: readonly string[]): number | undefined {
    const followed = this.#followedBy(command.toLowerCase());
    if (followed === undefined) return undefined;
    return Math.max(1, names.length > 0 ? names.length : followed.size);
  }

  #followedBy(name: string): Set<string> | undefined {
    if (name === "subscribe" || name === "unsubscribe") return this.#followed.channels;
    return name === "psubscribe" || name === "punsubscribe" ? this.#followed.patterns : undefined;
  }

  /** Hears a call on its way. */
  note(call: readonly string[]): void {
    const [name = "", word = "", option = ""] = call.map((each) => each.toLowerCase());
    const followed = this.#followedBy(name);
    if (followed !== undefined && !this.#isOpen) this.#follow(followed, call);
    else if (name === "multi") this.#isOpen = true;
    else if (name === "watch") this.#isWatching = true;
    else if (name === "unwatch") this.#isWatching = false;
    else if (name === "exec" || name === "discard" || name === "reset") this.#end(name);
    else if (name === "auth") this.#say("auth", call);
    else if (name === "hello" && call.length > 1) this.#say("hello", call);
    // So a worker of AGQ says who it is.
    else if (name === "ping" && call.length > 1) this.#say("ping", call);
    else if (name === "client" && word === "setname") this.#say("name", call);
    else if (name === "client" && word === "setinfo") this.#say(`info ${option}`, call);
  }

  #follow(followed: Set<string>, [command = "", ...names]: readonly string[]): void {
    const isMore = !/^p?unsub/i.test(command);
    if (!isMore && names.length === 0) followed.clear();
    for (const name of names) {
      if (isMore) followed.add(name);
      else followed.delete(name);
    }
  }

  #end(name: string): void {
    this.#isOpen = false;
    this.#isWatching = false;
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
