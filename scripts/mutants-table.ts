/**
 * What a mutant is, all of them, and how one is put into a file.
 * Invariant: a mutant whose snippet does not stand exactly once in its file is no mutant any more, and never passed over.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { agqMutants } from "./mutants-agq.ts";
import { bridgeMutants } from "./mutants-bridge.ts";
import { deliveryMutants } from "./mutants-deliveries.ts";
import { feedMutants } from "./mutants-feed.ts";
import { flowMutants } from "./mutants-flows.ts";
import { keyMutants } from "./mutants-keys.ts";
import { limitMutants } from "./mutants-limits.ts";
import { listMutants } from "./mutants-lists.ts";
import { longMutants } from "./mutants-long.ts";
import { objectMutants } from "./mutants-object.ts";
import { planMutants } from "./mutants-plans.ts";
import { rankMutants } from "./mutants-ranks.ts";
import { redisMutants } from "./mutants-redis.ts";
import { snapshotMutants } from "./mutants-snapshot.ts";
import { storeMutants } from "./mutants-store.ts";
import { strangerMutants } from "./mutants-strangers.ts";
import { textMutants } from "./mutants-texts.ts";
import { turnMutants } from "./mutants-turns.ts";
import { uniqueMutants } from "./mutants-uniques.ts";
import { untakenMutants } from "./mutants-untaken.ts";
import { waitMutants } from "./mutants-waits.ts";

/** One way to break Sluice on purpose. */
export interface Mutant {
  readonly name: string;
  /** The promise that is broken, in a sentence. */
  readonly breaks: string;
  /** From the repository's root. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The test files of which one is to notice, the likeliest first. */
  readonly tests: readonly string[];
}

export const mutants: readonly Mutant[] = [
  ...objectMutants,
  ...keyMutants,
  ...uniqueMutants,
  ...flowMutants,
  ...textMutants,
  ...turnMutants,
  ...limitMutants,
  ...deliveryMutants,
  ...waitMutants,
  ...feedMutants,
  ...planMutants,
  ...storeMutants,
  ...listMutants,
  ...snapshotMutants,
  ...strangerMutants,
  ...agqMutants,
  ...rankMutants,
  ...bridgeMutants,
  ...untakenMutants,
  ...redisMutants,
  ...longMutants,
];

/** The text of a mutant's file with the mutant in it. Throws when it does not apply. */
export function mutate(tree: string, { name, file, from, to }: Mutant): string {
  const text = readFileSync(join(tree, file), "utf8");
  const [head, tail, ...others] = text.split(from);
  if (head === undefined || tail === undefined || others.length > 0) {
    const times = text.split(from).length - 1;
    throw new Error(`${name} no longer applies: its snippet stands ${times} times in ${file}`);
  }
  return head + to + tail;
}
