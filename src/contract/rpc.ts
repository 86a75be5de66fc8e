/**
 * What passes between the Worker and the objects. Replies are JSON texts, encoded once by the object.
 * Invariant: a Worker and an object one version apart understand each other; `v` rises when they could not.
 */
import type { CommandInputs, CommandName } from "./commands.ts";
import type { QueueListInput, QueueListing, QueueListReply } from "./queue.ts";
import type { Refusal } from "./refusals.ts";

/** The key under which a write's first answer is kept, and a hash of the whole request. */
export interface IdempotencyKey {
  readonly key: string;
  readonly bodyHash: string;
}

/** One command for a queue. `bytes` is the size of the request's body, for the bounds of a group. */
export interface CommandRequest<N extends CommandName = CommandName> {
  readonly v: 1;
  readonly name: N;
  readonly input: CommandInputs[N];
  readonly key?: IdempotencyKey;
  readonly bytes: number;
}

/** The JSON text of the reply, or why not. */
export type CommandAnswer = { readonly reply: string } | { readonly refusal: Refusal };

/** What a QueueObject answers by RPC. */
export interface QueueRpc {
  /** Runs a command, and resolves with its answer once all it saw is durable; both packed, see `packing.ts`. */
  ask(message: string): Promise<string>;
}

/** A QueueObject as the Worker reaches it. */
export interface QueueStub extends QueueRpc {
  /** Opens a socket for a wait, or for a reader of the feed: see `waits.ts` and `feed.ts`. */
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** What the DirectoryObject answers by RPC. */
export interface DirectoryRpc {
  register(listing: QueueListing): Promise<void>;
  /** Forgets a queue, unless another of that name has been registered since; whichever is listed, where its id is not known. */
  forget(name: string, queueId: string | undefined): Promise<void>;
  list(input: QueueListInput): Promise<QueueListReply | { readonly refusal: Refusal }>;
}
