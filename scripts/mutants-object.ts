/**
 * The mutants of the machine and the object: ways in which what is decided, and when it is told, could be wrong.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const groups = "test/object/groups.test.ts";
const faults = "test/object/faults.test.ts";
const upkeep = "test/object/upkeep.test.ts";
const leases = "test/machine/leases.test.ts";
const lifecycle = "test/object/lifecycle.test.ts";

export const objectMutants: readonly Mutant[] = [
  {
    name: "reply-before-durable",
    breaks: "a command is answered before its entry is durable",
    file: "src/object/commit.ts",
    from: "await this.#ports.sql.sync();",
    to: "void this.#ports.sql.sync();",
    tests: [groups],
  },
  {
    name: "reply-without-append",
    breaks: "a command is answered, and its entry never written",
    file: "src/object/group.ts",
    from: "store.append({ incarnation, at, ...this.#builder.build() });",
    to: "void [incarnation, at];",
    tests: [groups],
  },
  {
    name: "no-undo-of-a-command",
    breaks: "a command that failed leaves half of what it did",
    file: "src/object/group.ts",
    from: "this.#undo(before);\n      this.#faults += 1;",
    to: "this.#faults += 1;",
    tests: [faults],
  },
  {
    name: "no-undo-of-a-group",
    breaks: "a group whose entry could not be written stays in memory",
    file: "src/object/commit.ts",
    from: "this.#undo(group);\n      for (const each of served) each.undo();",
    to: "for (const each of served) each.undo();",
    tests: [faults],
  },
  {
    name: "event-not-in-entry",
    breaks: "only the first event of a group gets into its entry",
    file: "src/object/group.ts",
    from: "this.#builder.add(event);",
    to: "if (this.#events.length === 0) this.#builder.add(event);",
    tests: [groups],
  },
  {
    name: "key-not-stored",
    breaks: "the idempotency key is not in the entry, and a retry does it twice",
    file: "src/object/group.ts",
    from: "this.#builder.addKey(key, bodyHash, answer);",
    to: 'if (key === "") this.#builder.addKey(key, bodyHash, answer);',
    tests: [faults],
  },
  {
    name: "key-kept-after-undo",
    breaks: "a retry is told that an undone command was done",
    file: "src/object/group.ts",
    from: "for (const key of this.#keptKeys.splice(mark.keys)) this.#kept.delete(key);",
    to: "this.#keptKeys.length = mark.keys;",
    tests: ["test/object/undone-keys.test.ts"],
  },
  {
    name: "incarnation-not-raised",
    breaks: "an instance writes as if it were the one before",
    file: "src/object/commit.ts",
    from: "last.incarnation + 1",
    to: "last.incarnation",
    tests: [lifecycle],
  },
  {
    name: "clock-goes-back",
    breaks: "a clock that goes back takes the queue with it",
    file: "src/object/commit.ts",
    from: "return Math.max(this.#ports.now(), this.#ports.store().last.at);",
    to: "return this.#ports.now();",
    tests: [groups],
  },
  {
    name: "waiters-not-told",
    breaks: "after a failed sync those who wait are never answered",
    file: "src/object/commit.ts",
    from: "for (const pending of this.#pending.splice(0)) pending.fail(error);",
    to: "this.#pending.length = 0;",
    tests: [faults],
  },
  {
    name: "alarm-not-armed",
    breaks: "an entry with a deadline arms no alarm",
    file: "src/object/engine.ts",
    from: "this.#rates.count(group.told.types, group.at);\n    this.#arm();",
    to: "this.#rates.count(group.told.types, group.at);",
    tests: [upkeep],
  },
  {
    name: "alarm-not-rearmed",
    breaks: "an alarm that fired arms no next one",
    file: "src/object/engine.ts",
    from: 'await this.#trying("alarm", () => this.#arm());',
    to: "await Promise.resolve();",
    tests: [upkeep],
  },
  {
    name: "alarm-not-moved",
    breaks: "an alarm that is armed is not moved to an earlier deadline",
    file: "src/object/alarm.ts",
    from: "if (at >= this.#armedAt) return;",
    to: "if (at === NEVER || this.#armedAt !== NEVER) return;",
    tests: [upkeep],
  },
  {
    name: "deadlines-not-swept",
    breaks: "a job whose life is over stays until somebody asks for it",
    file: "src/machine/sweep.ts",
    from: "if (deadline) next = { at: deadline[0][0], id: deadline[0][1] };",
    to: "void deadline;",
    tests: [upkeep],
  },
  {
    name: "expiry-not-judged",
    breaks: "a lease that is over still counts until a sweep has shown it",
    file: "src/machine/settlements.ts",
    from: "const job = jobAsOfNow(tx, item.id);",
    to: "const job = tx.tables.jobs.get([item.id]);",
    tests: [leases],
  },
  {
    name: "lease-cut-short",
    breaks: "a lease ends a second before the time that its holder was told",
    file: "src/machine/due.ts",
    from: 'job.state === "running" ? (job.leaseUntil ?? Infinity)',
    to: 'job.state === "running" ? (job.leaseUntil ?? Infinity) - 1000',
    tests: ["test/machine/last-moment.test.ts"],
  },
  {
    name: "stale-token-taken",
    breaks: "a token settles a job that was handed out again",
    file: "src/machine/settlements.ts",
    from: "const isLatest = job.grant !== undefined && grant === job.grant;",
    to: "const isLatest = job.grant !== undefined && grant !== undefined;",
    tests: [leases],
  },
  {
    name: "repeat-done-again",
    breaks: "a repeated claim takes other jobs",
    file: "src/object/group.ts",
    from: "return repeated(this.#tx, request, key.bodyHash, kept);",
    to: "return this.#decide(request);",
    tests: ["test/machine/idempotency.test.ts"],
  },
  {
    name: "log-bytes-unbounded",
    breaks: "the log goes by its age alone, however long it is",
    file: "src/object/checkpoints.ts",
    from: "maxBytes: limits.logBytesMax }",
    to: "maxBytes: limits.databaseBytesMax }",
    tests: ["test/object/log-retention.test.ts"],
  },
  {
    name: "priority-ignored",
    breaks: "of two lanes the first one goes first, whatever its priority",
    file: "src/machine/places.ts",
    from: "return a[1] - b[1] || a[2] - b[2] || a[3] - b[3];",
    to: "return a[2] - b[2] || a[3] - b[3];",
    tests: ["test/machine/claims.test.ts"],
  },
];
