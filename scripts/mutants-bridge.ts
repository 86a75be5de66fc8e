/**
 * The mutants of what Redis clients say through the bridge and over HTTP: calls that are refused, batches, and pipelines that are too much for one run.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const client = "src/cli/redis-client.ts";
const unanswered = "src/cli/redis-unanswered.ts";
const writer = "src/cli/redis-writer.ts";
const prologue = "src/cli/redis-prologue.ts";
const said = "test/cli/redis-prologue.test.ts";
const written = "test/cli/redis-writer.test.ts";
const requests = "src/redis/requests.ts";
const parsed = "test/redis/requests.test.ts";
const pubsub = "test/object/pubsub.test.ts";
const respTest = "test/object/resp.test.ts";
const ends = "test/cli/redis-client-end.test.ts";

export const bridgeMutants: readonly Mutant[] = [
  {
    name: "refused-as-done",
    breaks: "what is refused is said again on another link, in the place of what was not",
    file: unanswered,
    from: "if (isRefused) this.#prologue.refuse(call);\n    else ",
    to: "",
    tests: [said],
  },
  {
    name: "queued-as-done",
    breaks: "what was discarded is performed on another link",
    file: prologue,
    from: 'else if (this.#isOpen && name !== "discard" && name !== "reset") this.#queued.push(call);',
    to: "",
    tests: [said],
  },
  {
    name: "refused-with-all-frames",
    breaks: "behind a SUBSCRIBE that is refused nothing of a client is performed any more",
    file: unanswered,
    from: "next.frames = isRefused ? 0 : (next.frames",
    to: "next.frames = (next.frames",
    tests: [said],
  },
  {
    name: "erred-as-done",
    breaks: "what erred within an EXEC is said again on another link",
    file: prologue,
    from: "if (!erred.has(at)) this.#note(call);",
    to: "this.#note(call);",
    tests: [said],
  },
  {
    name: "token-too-late",
    breaks: "a client that has shown its token twice loses its name with its link",
    file: prologue,
    from: "...(proof === undefined || proof === said[0] ? [] : [proof]),",
    to: "",
    tests: [said],
  },
  {
    name: "batch-cut-off",
    breaks: "a client that ends its side at once behind its calls has no reply to them",
    file: client,
    from: "if (this.#mayWait && performance.now() - this.#waitsSince > BATCH_WITHIN_MS) {",
    to: "if (this.#mayWait) {",
    tests: ["test/cli/redis-client-end.test.ts"],
  },
  {
    name: "run-without-room",
    breaks: "a call errs because of the replies to those before it in its pipeline",
    file: "src/machine/redis.ts",
    from: "if (!atomic && i > 0 && isSpent) return { replies };",
    to: "",
    tests: ["test/machine/names.test.ts"],
  },
  {
    name: "run-refused-whole",
    breaks: "a call is refused because of what others of its pipeline change",
    file: "src/redis/conversation.ts",
    from: "return await this.#runHalves(rest, tell, room);",
    to: "",
    tests: ["test/redis/conversation.test.ts"],
  },
  {
    name: "half-forgotten",
    breaks: "where a call waits in the first half of a run, the second is never performed",
    file: "src/redis/conversation.ts",
    from: "behind: [...waiting.behind, ...second]",
    to: "behind: waiting.behind",
    tests: ["test/redis/conversation.test.ts"],
  },
  {
    name: "number-as-null",
    breaks: "a number by HTTP that JavaScript has no room for is kept as the text null",
    file: "src/http/redis-calls.ts",
    from: "|\\de[+-]?\\d{3}/i",
    to: "/",
    tests: ["test/http/redis.test.ts"],
  },
  {
    name: "unnoticed-hang-up",
    breaks: "what is pushed within a minute is taken for a caller who hung up while a call waited",
    file: "src/http/redis-waits.ts",
    from: "const told = await within(reply, PULSE_MS);",
    to: "const told = { come: await reply };",
    tests: ["test/http/redis-hang-up.test.ts"],
  },
  {
    name: "error-forgotten-asleep",
    breaks:
      "what stands behind a protocol error is performed where the object slept over a call before it",
    file: "src/object/resp-kept.ts",
    from: "behind, error, claim",
    to: "behind, claim",
    tests: ["test/object/blocked.test.ts"],
  },
  {
    name: "channel-of-any-length",
    breaks: "a connection follows names of 8 MiB, a thousand of them",
    file: "src/redis/pubsub.ts",
    from: "if (names.some(isLongName)) return TOO_LONG;",
    to: "",
    tests: [pubsub],
  },
  {
    name: "stranger-of-any-size",
    breaks: "a client that has not shown the token has calls of 8 MiB kept",
    file: requests,
    from: 'this.#trust === "stranger" && before.length === 0',
    to: "before.length < 0",
    tests: [parsed],
  },
  {
    name: "proof-too-late",
    breaks: "a large call that comes at once behind the token ends its connection",
    file: requests,
    from: 'this.#trust === "stranger" && before.length === 0',
    to: 'this.#trust !== "known"',
    tests: [parsed],
  },
  {
    name: "held-by-who-has-gone",
    breaks: "what a client had said counts against the others when it has gone",
    file: "src/object/resp-live.ts",
    from: "    this.#heldBytes -= this.#all.get(socket)?.heldBytes ?? 0;\n",
    to: "",
    tests: [respTest],
  },
  {
    name: "taken-before-it-is",
    breaks: "the bridge says of what it holds for its client that this has taken it",
    file: client,
    from: "this.#writer.write(bytes.subarray(from), (taken) => link?.taken(taken));",
    to: "this.#writer.write(bytes.subarray(from), () => undefined);\n    link?.taken(bytes.length - from);",
    tests: [ends],
  },
  {
    name: "not-read-for-unread",
    breaks: "a client that writes before it reads is read from no more, and hangs",
    file: client,
    from: "this.#unanswered.bytes + this.#behindBytes > this.#callBytesMax();",
    to: "this.#unanswered.bytes + this.#behindBytes > this.#callBytesMax() ||\n      this.#writer.isBehind;",
    tests: [ends],
  },
  {
    name: "taken-with-all-behind",
    breaks: "a client that reads slowly is ended: nothing counts as taken before its whole backlog",
    file: writer,
    from: "if (this.#isWriting) return;",
    to: "",
    tests: [written],
  },
  {
    name: "one-reply-a-write",
    breaks: "a thousand small replies to a client that was slow are a thousand writes",
    file: writer,
    from: "if (room < 0) break;",
    to: "if (room < 0 || count > 0) break;",
    tests: [written],
  },
  {
    name: "end-before-the-rest",
    breaks: "a client that reads slowly and says QUIT is not told the last of its replies",
    file: writer,
    from: "else if (this.#isEnding) this.#socket.end();",
    to: "if (this.#isEnding) this.#socket.end();",
    tests: [written],
  },
];
