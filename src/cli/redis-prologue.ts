/**
 * What a Redis client said about itself, to be said again on a new connection, and whether a connection holds more than that.
 * Invariant: of calls that set the same thing the last one is kept; names that are watched and open transactions cannot be said again.
 */

export class RedisPrologue {
  readonly #said = new Map<string, readonly string[]>();
  #isOpen = false;
  #isWatching = false;

  /** Whether the connection has what a new one would lack. */
  get isHeld(): boolean {
    return this.#isOpen || this.#isWatching;
  }

  /** The calls that make a new connection what the old one was. */
  get calls(): readonly (readonly string[])[] {
    return [...this.#said.values()];
  }

  /** Hears a call on its way. */
  note(call: readonly string[]): void {
    const [name = "", word = "", option = ""] = call.map((each) => each.toLowerCase());
    if (name === "multi") this.#isOpen = true;
    else if (name === "watch") this.#isWatching = true;
    else if (name === "unwatch") this.#isWatching = false;
    else if (name === "exec" || name === "discard" || name === "reset") this.#end(name);
    else if (name === "auth") this.#say("auth", call);
    else if (name === "hello" && call.length > 1) this.#say("hello", call);
    else if (name === "client" && word === "setname") this.#say("name", call);
    else if (name === "client" && word === "setinfo") this.#say(`info ${option}`, call);
  }

  #end(name: string): void {
    this.#isOpen = false;
    this.#isWatching = false;
    if (name === "reset") this.#said.clear();
  }

  #say(what: string, call: readonly string[]): void {
    this.#said.delete(what);
    this.#said.set(what, call);
  }
}
