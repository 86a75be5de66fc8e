/**
 * What a Redis client said about itself and which channels it follows, to be said again on a new connection, and whether a connection holds more than that.
 * Invariant: a call counts from its reply on and only if that is no error, one between MULTI and EXEC from the reply to EXEC on; of calls that set the
 * same thing the last one is kept; names that are watched and open transactions cannot be said again.
 */
import type { Dialect } from "../contract/dialects.ts";

/** Channels and patterns that a connection follows. */
interface FollowedNames {
  readonly channels: Set<string>;
  readonly patterns: Set<string>;
}

/** What a call makes of a connection depends on its reply. */
const telling =
  /^(auth|client|discard|exec|hello|multi|ping|p?(un)?subscribe|reset|(un)?watch|worker\.unregister)$/i;

/** Whether a worker of AGQ says what it can do. To a Redis the same is a value like any other. */
const isOfTools = ([command = "", name = ""]: readonly string[]): boolean =>
  /^set$/i.test(command) && /^worker:[^:]*:tools$/.test(name);

/** Whether a call may change what is known of a connection, or has more than one frame: such a one is to be settled. */
export const isTelling = (call: readonly string[]): boolean =>
  telling.test(call[0] ?? "") || isOfTools(call);

const isSubscription = (name: string): boolean => /^p?(un)?subscribe$/.test(name);

/** Whether a call shows the token. */
const isProof = ([command = "", ...words]: readonly string[]): boolean =>
  /^auth$/i.test(command) ||
  (/^hello$/i.test(command) && words.some((word) => /^auth$/i.test(word)));

/** The names that a call changes; undefined of one that changes none. */
function changedBy(
  { channels, patterns }: FollowedNames,
  [command = ""]: readonly string[],
): Set<string> | undefined {
  const name = command.toLowerCase();
  if (!isSubscription(name)) return undefined;
  return name.startsWith("p") ? patterns : channels;
}

function framesOf(followed: FollowedNames, call: readonly string[]): number {
  const names = changedBy(followed, call);
  if (names === undefined) return 1;
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
  readonly #isRedis: boolean;
  readonly #said = new Map<string, readonly string[]>();
  readonly #followed: FollowedNames = { channels: new Set(), patterns: new Set() };
  /** All calls between MULTI and EXEC, of some no words, until it is known what became of them. */
  #queued: (readonly string[])[] = [];
  #isOpen = false;
  #isWatching = false;
  #isResp3 = false;

  constructor(dialect: Dialect) {
    this.#isRedis = dialect === "redis";
  }

  /** Whether the connection has what a new one would lack. */
  get isHeld(): boolean {
    return this.#isOpen || this.#isWatching;
  }

  /** Whether it is between MULTI and EXEC, where nothing waits. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether it has shown the token. */
  get isProven(): boolean {
    return [...this.#said.values()].some(isProof);
  }

  /** What is published comes as pushes: an array is a reply, whatever it says. */
  get isResp3(): boolean {
    return this.#isResp3;
  }

  /** The calls that make a new connection what the old one was. */
  get calls(): readonly (readonly string[])[] {
    const { channels, patterns } = this.#followed;
    const said = [...this.#said.values()];
    // Without the token nothing else is performed: who has shown it again since shows it twice.
    const proof = said.find(isProof);
    return [
      ...(proof === undefined || proof === said[0] ? [] : [proof]),
      ...said,
      ...(channels.size > 0 ? [["subscribe", ...channels]] : []),
      ...(patterns.size > 0 ? [["psubscribe", ...patterns]] : []),
    ];
  }

  /** Whether the client is told of what is published. */
  get isFollowing(): boolean {
    return this.#followed.channels.size + this.#followed.patterns.size > 0;
  }

  /** How many frames answer a call, if it is not refused. To be asked once every call before it is settled. */
  framesOf(call: readonly string[]): number {
    if (!this.#isOpen) return framesOf(this.#followed, call);
    return call[0]?.toLowerCase() === "exec" ? 1 + this.#moreFrames() : 1;
  }

  /** How many frames the calls that are queued have, more than one each. */
  #moreFrames(): number {
    const { channels, patterns } = this.#followed;
    const followed = { channels: new Set(channels), patterns: new Set(patterns) };
    let more = 0;
    for (const call of this.#queued) {
      more += framesOf(followed, call) - 1;
      follow(followed, call);
    }
    return more;
  }

  /** A call is answered by an error or by nothing, and has done nothing. */
  refuse([command = "", ...words]: readonly string[]): void {
    // However an EXEC is answered, nothing is queued behind it; one that says too much forgets also what is watched.
    const isMisused = words.length > 0;
    if (command.toLowerCase() === "exec" && (this.#isOpen || isMisused)) this.#end();
  }

  /** A call is answered otherwise; `errors`: which of the replies in it are errors, below 0 counted from the last one. */
  settle(call: readonly string[], errors: readonly number[] = []): void {
    const name = call[0]?.toLowerCase() ?? "";
    if (name === "exec") this.#exec(errors);
    else if (this.#isOpen && name !== "discard" && name !== "reset") this.#queued.push(call);
    else this.#note(call);
  }

  /** All that was queued is performed, but what erred. */
  #exec(errors: readonly number[]): void {
    const queued = this.#queued;
    const replies = queued.length + this.#moreFrames();
    const erred = new Set(errors.map((place) => (place < 0 ? replies + place : place)));
    this.#end();
    let at = 0;
    for (const call of queued) {
      const frames = framesOf(this.#followed, call);
      if (!erred.has(at)) this.#note(call);
      at += frames;
    }
  }

  /** A call is performed. */
  #note(call: readonly string[]): void {
    const [name = "", word = "", option = ""] = call.map((each) => each.toLowerCase());
    if (isSubscription(name)) follow(this.#followed, call);
    else if (name === "multi") this.#isOpen = true;
    else if (name === "watch") this.#isWatching = true;
    else if (name === "unwatch") this.#isWatching = false;
    else if (name === "discard") this.#end();
    else if (name === "reset") this.#reset();
    else if (name === "auth") this.#say("auth", call);
    else if (name === "hello" && call.length > 1) this.#greet(call);
    // So a worker of AGQ says what it can do: again only if the queue does not know, since that makes it work which was to have no more jobs.
    else if (!this.#isRedis && isOfTools(call)) this.#say("tools", [...call.slice(0, 3), "NX"]);
    // And so who it is.
    else if (name === "ping" && call.length > 1) this.#say("ping", call);
    else if (!this.#isRedis && name === "worker.unregister") this.#unregister(call);
    else if (name === "client" && word === "setname") this.#say("name", call);
    else if (name === "client" && word === "setinfo") this.#say(`info ${option}`, call);
  }

  #greet(call: readonly string[]): void {
    this.#isResp3 = call[1] === "3";
    // One with fewer options leaves alone what the others set, of which AUTH must not be lost.
    this.#say(`hello ${call.length}`, call);
  }

  /** A worker of AGQ is to be known no more: to say who it is would register it anew. */
  #unregister([, id = ""]: readonly string[]): void {
    if (this.#said.get("ping")?.[1] === id) this.#said.delete("ping");
    if (this.#said.get("tools")?.[1] === `worker:${id}:tools`) this.#said.delete("tools");
  }

  /** Nothing is queued any more, and nothing watched. */
  #end(): void {
    this.#isOpen = false;
    this.#isWatching = false;
    this.#queued = [];
  }

  #reset(): void {
    this.#end();
    this.#isResp3 = false;
    this.#said.clear();
    this.#followed.channels.clear();
    this.#followed.patterns.clear();
  }

  #say(what: string, call: readonly string[]): void {
    this.#said.delete(what);
    this.#said.set(what, call);
  }
}
