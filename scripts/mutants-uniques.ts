/**
 * Mutants of unique keys, and of jobs that are replaced by others with theirs.
 * Invariant: each breaks one promise of `docs/semantics.md`.
 */
import type { Mutant } from "./mutants-table.ts";

const properties = "test/machine/flow-properties.test.ts";
const uniques = "test/machine/uniques.test.ts";
const replacing = "test/machine/unique-replace.test.ts";

const ofUniques: readonly Mutant[] = [
  {
    name: "window-stays",
    breaks: "a unique key that stands for a time never comes free",
    file: "src/store/uniques.ts",
    from: 'tables.timers.insert([at + until.ms, "unique", key], {});',
    to: 'tables.timers.insert([at + until.ms * 2, "unique", key], {});',
    tests: [uniques, properties],
  },
  {
    name: "started-keeps-key",
    breaks: "a job that has started keeps the key that it had until then",
    file: "src/store/uniques.ts",
    from: 'return until === "started" && after.state === "running";',
    to: 'return until === "started" && after.state === "ready";',
    tests: [uniques],
  },
  {
    name: "follow-up-lost",
    breaks: "a follow-up does not take the key when the holder lets go of it",
    file: "src/store/uniques.ts",
    from: "if (follow !== undefined && isOpen) takeUnique",
    to: "if (follow === undefined && isOpen) takeUnique",
    tests: [replacing, uniques, properties],
  },
  {
    name: "reject-returns",
    breaks: "a job that is to be refused is answered by the one that has its key",
    file: "src/machine/uniques.ts",
    from: 'if (onConflict === "reject") return',
    to: "if (onConflict === undefined) return",
    tests: [uniques],
  },
  {
    name: "follow-up-beside-holder",
    breaks: "a job that follows another one of its unique key is handed out while that runs",
    file: "src/machine/uniques.ts",
    from: 'return isNamed ? after : [...after, { id, onFail: "continue" as const }];',
    to: "return isNamed ? [...after, { id }] : after;",
    tests: [replacing],
  },
  {
    name: "retry-beside-holder",
    breaks: "an ended job runs again beside the one that has its unique key",
    file: "src/machine/uniques.ts",
    from: "if (row === undefined || row.id === id) return undefined;\n  return conflict",
    to: "if (row === undefined || row.id !== id) return undefined;\n  return conflict",
    tests: [uniques],
  },
];

const ofReplacing: readonly Mutant[] = [
  {
    name: "late-complete-of-replaced",
    breaks: "a payload that replaced another one is lost to a late complete of that",
    file: "src/machine/uniques.ts",
    from: 'const anew = job.outcome === "expired" || job.progress',
    to: "const anew = job.progress",
    tests: [replacing],
  },
  {
    name: "progress-of-replaced",
    breaks: "a payload that replaced another one has the progress of that",
    file: "src/store/job-writers.ts",
    from: "  progress: undefined,\n  ...(outcome",
    to: "  ...(outcome",
    tests: [replacing],
  },
  {
    name: "foreign-job-replaced",
    breaks: "a job that has the id of one that is gone is replaced in its stead",
    file: "src/machine/uniques.ts",
    from: "return job?.unique?.key === key ? job : undefined;",
    to: "return key === undefined ? undefined : job;",
    tests: [replacing],
  },
];

export const uniqueMutants: readonly Mutant[] = [...ofUniques, ...ofReplacing];
