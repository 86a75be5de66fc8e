/**
 * The mutants of ranks, and of what is read ahead for a run: ways in which what is counted in blocks could differ from what is there.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const suite = "test/store/node/ranks.test.ts";
const queue = "test/object/sorted-set-ranks.test.ts";

export const rankMutants: readonly Mutant[] = [
  {
    name: "blocks-do-not-hear-of-rows",
    breaks: "a block counts no row that is removed or comes back",
    file: "src/store/overlay.ts",
    from: "    this.#noteRows(key, before, next);",
    to: "",
    tests: [suite, queue],
  },
  {
    name: "unseen-blocks-not-caught-up",
    breaks: "an instance that did not look at a group's blocks leaves them as they were",
    file: "src/store/ranks.ts",
    from: "this.#stored.partsThere([...this.#changed])",
    to: "[...this.#changed].slice(0, 0)",
    tests: [suite],
  },
  {
    name: "stored-blocks-taken-for-all",
    breaks: "blocks that are read do not count what has changed since they were stored",
    file: "src/store/ranks.ts",
    from: "for (const [key, by] of this.#changes(group)) blocks.add(key, by);",
    to: "",
    tests: [suite],
  },
  {
    name: "block-keeps-its-low",
    breaks: "the first block of a group is cut in front of where it is stored",
    file: "src/store/blocks.ts",
    from: "const isLow = found === 0 && this.#compare(low, key) <= 0;",
    to: "const isLow = found === 0;",
    tests: [suite],
  },
  {
    name: "blocks-of-the-dead-stored",
    breaks: "blocks that were joined or are gone stay stored",
    file: "src/store/blocks.ts",
    from: "for (const low of this.#gone) if (!this.#hasLow(low)) yield [low, undefined];\n    for (const { low, count, isChanged }",
    to: "for (const { low, count, isChanged }",
    tests: [suite],
  },
  {
    name: "imported-over-blocks",
    breaks: "an import leaves the blocks of the sets that it replaces",
    file: "src/store/snapshot-import.ts",
    from: "gone.setAside(blocksName(table));",
    to: "blocksName(table);",
    tests: [queue],
  },
  {
    name: "blocks-not-verified",
    breaks: "a verification does not count the rows of blocks again",
    file: "src/object/verify.ts",
    from: "(verifyBlocks(store, place) ?? verifyChunk(snapshot, place))",
    to: "verifyChunk(snapshot, place)",
    tests: [queue],
  },
  {
    name: "run-not-read-ahead",
    breaks: "each call of a run asks storage for its own element",
    file: "src/machine/redis.ts",
    from: "    before(i);",
    to: "",
    tests: ["test/object/redis-ahead.test.ts"],
  },
];
