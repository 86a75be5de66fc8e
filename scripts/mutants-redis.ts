/**
 * The mutants of what Redis commands look at and of what they answer in corners: ways in which one call could freeze its object, or differ from Redis.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const scans = "test/machine/name-scans.test.ts";
const combinations = "test/machine/combinations.test.ts";
const names = "test/machine/names.test.ts";
const heavy = "test/machine/redis-bytes.test.ts";
const pubsub = "test/object/pubsub.test.ts";

export const redisMutants: readonly Mutant[] = [
  {
    name: "pattern-read-for-each-name",
    breaks: "a pattern is read anew for each name, and to its end",
    file: "src/machine/redis-patterns.ts",
    from: "return (text) => isTaken(text, again);",
    to: "return (text) => isTaken(text, again) || matcher(pattern)(text, again);",
    tests: [scans],
  },
  {
    name: "pattern-compared-for-ever",
    breaks: "one call compares names with a slow pattern for as long as it takes",
    file: "src/machine/redis-patterns.ts",
    from: "left -= characters;",
    to: "left -= characters * 0;",
    tests: [scans, pubsub],
  },
  {
    name: "star-takes-nothing",
    breaks: "an empty name or channel is taken by stars, which it is not by Redis",
    file: "src/contract/glob.ts",
    from: 'if (text === "" || pattern === "") return text === pattern;',
    to: 'if (pattern === "") return text === pattern;',
    tests: [scans, pubsub],
  },
  {
    name: "expired-names-do-not-count",
    breaks: "one step of a scan walks past all names that have expired",
    file: "src/machine/name-scans.ts",
    from: "    seen += 1;\n    const isOfType",
    to: "    seen += isOver(row.until, call.tx.at) ? 0 : 1;\n    const isOfType",
    tests: [scans],
  },
  {
    name: "randomkey-gives-up",
    breaks: "RANDOMKEY says that there is no name where expired ones are in the way of it",
    file: "src/machine/name-scans.ts",
    from: "nextToExpire(call) ?? firstOfAll(call)",
    to: "nextToExpire(call)",
    tests: [scans],
  },
  {
    name: "members-taken-away-never",
    breaks: "a difference looks each member of a large set up in each of many small ones",
    file: "src/machine/combining.ts",
    from: "if (members < first.size * others.length) {",
    to: "if (members < 0) {",
    tests: [combinations],
  },
  {
    name: "look-ups-not-counted",
    breaks: "the intersection of many sets looks up each member in all of them, uncounted",
    file: "src/machine/sets.ts",
    from: "    lookUp(member);\n    return has(call, other, member);",
    to: "    return has(call, other, member);",
    tests: ["test/object/looked-up-members.test.ts"],
  },
  {
    name: "heavy-elements-count-as-light",
    breaks: "one call reads gigabytes of heavy elements",
    file: "src/machine/redis-call.ts",
    from: "    this.#room.seen -= bytes + OVERHEAD_BYTES;",
    to: "    this.#room.seen -= OVERHEAD_BYTES;",
    tests: [heavy],
  },
  {
    name: "copies-count-as-light",
    breaks: "a pipeline of COPYs fills memory with heavy elements",
    file: "src/machine/copies.ts",
    from: "call.moved(bytes);",
    to: "call.moved(0 * bytes);",
    tests: [heavy],
  },
  {
    name: "one-half-done",
    breaks: "a transaction is refused for what it would copy, and the calls before have copied",
    file: "src/machine/redis.ts",
    from: "tx.whole(() => runCalls(tx, input))",
    to: "runCalls(tx, input)",
    tests: [heavy],
  },
  {
    name: "due-with-the-refused",
    breaks: "what time had done is undone with a command that met it and was refused",
    file: "src/object/group.ts",
    from: "(decisions[name] as Decide<typeof name>)(this.#tx, input as never);",
    to: "this.#tx.whole(() => (decisions[name] as Decide<typeof name>)(this.#tx, input as never));",
    tests: ["test/simulation/simulation.test.ts"],
  },
  {
    name: "performed-twice-behind-an-error",
    breaks: "a call behind one that is too much alone is performed, and sent again as the next run",
    file: "src/machine/redis.ts",
    from: "const isEnough = isSpent || ",
    to: "const isEnough = ",
    tests: [heavy],
  },
  {
    name: "scan-step-never-full",
    breaks: "a step of a scan errs where its elements are heavier than a reply, instead of ending",
    file: "src/machine/elements.ts",
    from: "redisElementsSeenMax) || isFull;",
    to: "redisElementsSeenMax) || (isFull && seen < 0);",
    tests: ["test/object/heavy-elements.test.ts"],
  },
  {
    name: "heavy-keys-count-as-light",
    breaks:
      "changed rows of heavy members wait in memory for a checkpoint until their number makes it due",
    file: "src/store/table.ts",
    from: "units += String(at[i]).length;",
    to: "units += 0 * String(at[i]).length;",
    tests: ["test/store/node/table.test.ts"],
  },
  {
    name: "tie-rounded-up",
    breaks: "a score that lies between two with seventeen digits is written as the larger one",
    file: "src/machine/redis-numbers.ts",
    from: "return isHalfway && ",
    to: "return !isHalfway && ",
    tests: ["test/machine/redis-numbers.test.ts"],
  },
  {
    name: "zero-times-infinity-is-least",
    breaks: "zero times infinity counts as zero among the least and the largest scores",
    file: "src/machine/sorted-set-combinations.ts",
    from: "return score === undefined ? undefined : score * weight;",
    to: "return score === undefined ? undefined : orZero(score * weight);",
    tests: [combinations],
  },
  {
    name: "draw-bounded-as-a-change",
    breaks: "a command that only draws is refused for what it would change",
    file: "src/machine/elements.ts",
    from: "  call.seen(count);",
    to: "  call.bounded(count);",
    tests: [names],
  },
  {
    name: "indexes-as-doubles",
    breaks: "GETRANGE takes two integers that are the same double for the same index",
    file: "src/machine/strings.ts",
    from: "from < 0n && to < 0n && from > to",
    to: "from < 0n && to < 0n && Number(from) > Number(to)",
    tests: ["test/redis/as-redis.test.ts"],
  },
  {
    name: "names-past-the-end",
    breaks: "a call that counts more names than it has is taken to name what it has",
    file: "src/contract/redis-commands.ts",
    from: "if (!isCount || countAt + count >= call.length) return [];",
    to: "if (!isCount) return [];",
    tests: ["test/redis/server-commands.test.ts"],
  },
];
