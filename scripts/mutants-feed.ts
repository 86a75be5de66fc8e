/**
 * The mutants of the feed.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const feed = "test/object/feed.test.ts";
const readers = "test/object/feed-readers.test.ts";
const contract = "test/contract/feed.test.ts";

export const feedMutants: readonly Mutant[] = [
  {
    name: "feed-shows-grants",
    breaks: "the feed shows the number in a lease's token",
    file: "src/contract/feed.ts",
    from: '"job.claimed": ["id", "leaseUntil", "worker"],',
    to: '"job.claimed": ["id", "leaseUntil", "worker", "grant"],',
    tests: [contract, feed],
  },
  {
    name: "feed-payloads-unasked",
    breaks: "what users wrote is in the feed whether it was asked for or not",
    file: "src/object/feed-pages.ts",
    from: 'texts: include === "payload",',
    to: "texts: true,",
    tests: [feed],
  },
  {
    name: "feed-entry-one-further",
    breaks: "a reader that goes on within an entry misses an event",
    file: "src/object/feed-pages.ts",
    from: "index === from.index ? from.n : 0",
    to: "index === from.index ? from.n + 1 : 0",
    tests: [feed],
  },
  {
    name: "feed-goes-on-in-another-history",
    breaks: "a cursor of an undone history is taken for one of the present history",
    file: "src/object/feed-pages.ts",
    from: "if (term !== purged.term) return diverged(store, place, turnOf(store, term));",
    to: "",
    tests: [feed],
  },
  {
    name: "feed-of-another-queue",
    breaks: "a cursor of a queue that was deleted is taken for one of the next queue of its name",
    file: "src/object/feed-pages.ts",
    from: "if (queueId !== store.hard?.queueId) return",
    to: "if (queueId === undefined) return",
    tests: [feed],
  },
  {
    name: "feed-before-it-is-durable",
    breaks: "readers are told of an entry before it is durable",
    file: "src/object/feed.ts",
    from: "return [{ tell: () => this.#reach(index), undo: () => undefined }];",
    to: "this.#reach(index); return [];",
    tests: ["test/object/feed-faults.test.ts"],
  },
  {
    name: "feed-without-bound",
    breaks: "a reader is sent more than it says that it has",
    file: "src/object/feed.ts",
    from: "if (reader.unread >= limits.feedFramesMax) return undefined;",
    to: "",
    tests: [readers],
  },
  {
    name: "feed-log-in-one-turn",
    breaks: "for a reader that wants little of it a whole log is read in one turn",
    file: "src/object/feed.ts",
    from: "const isQuiet = isAtEnd && stretch",
    to: "const isQuiet = stretch",
    tests: [readers],
  },
  {
    name: "feed-slow-reader-untold",
    breaks: "a reader whose place the log has dropped is told nothing",
    file: "src/object/feed.ts",
    from: "this.#checked.set(socket, store.hard);",
    to: "return undefined;",
    tests: [readers],
  },
];
