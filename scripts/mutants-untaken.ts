/**
 * The mutants of what Redis clients do not take of what they are sent: who waits, for how much, and who is ended.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const one = "src/redis/untaken.ts";
const all = "src/redis/all-untaken.ts";
const connectionCode = "src/redis/connection.ts";
const sockets = "src/object/resp.ts";
const connection = "test/redis/connection.test.ts";
const between = "test/redis/untaken.test.ts";
const ofObject = "test/object/resp-untaken.test.ts";

export const untakenMutants: readonly Mutant[] = [
  {
    name: "replies-without-a-window",
    breaks: "calls are performed for a client that takes no replies",
    file: one,
    from: "return this.#isOver || !this.#isSaid || this.#bytes <= this.#window;",
    to: "return true;",
    tests: [connection],
  },
  {
    name: "silent-taken-for-reading",
    breaks: "what was sent to a client that says nothing is held without a bound",
    file: connectionCode,
    from: "    this.#untaken.sent(bytes.length);",
    to: "    this.#untaken.heard();\n    this.#untaken.sent(bytes.length);",
    tests: [connection],
  },
  {
    name: "performed-behind-its-end",
    breaks: "calls are performed for a client that was ended",
    file: "src/redis/conversation.ts",
    from: "  return !session.isOver;",
    to: "  return true;",
    tests: [connection],
  },
  {
    name: "stalled-for-ever",
    breaks: "a client that takes nothing more keeps its object awake for ever",
    file: sockets,
    from: "if (live !== undefined) this.#remember(socket, live);\n      },",
    to: "},",
    tests: ["test/object/resp.test.ts"],
  },
  {
    name: "published-behind-a-stall",
    breaks: "what is published to a client whose calls wait is held without a bound",
    file: connectionCode,
    from: "if (!this.#isBusy || this.#untaken.isStalled) this.#flush();",
    to: "if (!this.#isBusy) this.#flush();",
    tests: [connection],
  },
  {
    name: "performed-for-nobody",
    breaks: "calls that waited for a client to take replies are performed once it has gone",
    file: connectionCode,
    from: "    if (this.#untaken.isStalled) {\n      this.#isEnded = true;\n      this.session.isOver = true;\n    }\n",
    to: "",
    tests: [connection],
  },
  {
    name: "windows-that-do-not-narrow",
    breaks: "each of many clients is sent a whole window that it does not take",
    file: one,
    from: "Math.min(respWindowBytes, this.#all.left)",
    to: "respWindowBytes",
    tests: [between],
  },
  {
    name: "all-room-to-everybody",
    breaks: "runs that are under way at once each find all room left",
    file: all,
    from: "(this.left - this.#promised) / 2",
    to: "this.left / 2",
    tests: [between],
  },
  {
    name: "gone-and-counted",
    breaks: "what a client was sent that has gone narrows the windows of others for ever",
    file: one,
    from: "    this.#count(0);\n    this.#isGone = true;",
    to: "    this.#isGone = true;",
    tests: [between],
  },
  {
    name: "narrowed-by-the-idle",
    breaks: "what clients have taken and need not say narrows the windows of others",
    file: one,
    from: "Math.max(0, bytes - limits.respUnsaidBytesMax);",
    to: "bytes;",
    tests: [between],
  },
  {
    name: "heard-behind-its-end",
    breaks: "what comes behind a QUIT is performed",
    file: sockets,
    from: "if (kept !== undefined) {",
    to: "if (kept?.isHeld) {",
    tests: [ofObject],
  },
  {
    name: "run-that-answers-all",
    breaks: "a run answers more than its client has room for",
    file: "src/machine/redis.ts",
    from: "limits.redisReplyBytesMax - room.bytes >= enoughBytes",
    to: "room.bytes > limits.redisReplyBytesMax",
    tests: ["test/machine/redis-replies.test.ts"],
  },
  {
    name: "error-among-messages",
    breaks: "a subscriber is told an error that answers nothing",
    file: connectionCode,
    from: "if (isAsked && !isToldOnly)",
    to: "if (isAsked || isToldOnly)",
    tests: [ofObject],
  },
  {
    name: "carried-on-untaken",
    breaks: "the bridge connects a client anew that the queue has ended",
    file: "src/cli/redis-client.ts",
    from: "untaken || this.#unanswered.isRefusing",
    to: "this.#unanswered.isRefusing",
    tests: ["test/cli/redis-client-end.test.ts"],
  },
];
