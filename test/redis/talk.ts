/**
 * A conversation for tests: lines in, replies out, before a stand-in for the queue.
 * Invariant: what is said is split as an inline command, unless it is a call already.
 */
import { Conversation } from "../../src/redis/conversation.ts";
import type { GateReply } from "../../src/redis/frames.ts";
import { splitInline } from "../../src/redis/inline.ts";
import type { Call } from "../../src/redis/requests.ts";
import { newSession } from "../../src/redis/session.ts";
import { FakeQueue } from "./fake-queue.ts";

/** Begins a conversation with a queue of its own. */
export function begin(needsAuth = false, queue = new FakeQueue()) {
  const conversation = new Conversation(newSession(7, queue.now() - 5_000, { needsAuth }), queue);
  const say = async (...said: readonly (string | Call)[]): Promise<GateReply[]> => {
    const replies: GateReply[] = [];
    const calls = said.map((each) => (typeof each === "string" ? (splitInline(each) ?? []) : each));
    await conversation.perform(calls, (reply) => replies.push(reply));
    return replies;
  };
  return { conversation, queue, say };
}

export const OK = { ok: "OK" } as const;
export const QUEUED = { ok: "QUEUED" } as const;
export const error = (text: string) => ({ error: text });
