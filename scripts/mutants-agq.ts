/**
 * The mutants of AGQ's dialects: of who holds a job, and of calls that wait.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const jobs = "test/object/agq-jobs.test.ts";
const handedOn = "test/object/agq-handed-on.test.ts";
const lists = "test/object/agq-lists.test.ts";
const plain = "test/object/agq-plain.test.ts";
const queue = "test/object/agq-queue.test.ts";
const workers = "test/object/agq-workers.test.ts";
const waits = "test/object/agq-waits.test.ts";

export const agqMutants: readonly Mutant[] = [
  {
    name: "agq-numbers-as-they-are",
    breaks:
      "an integer that AGQ reads is told to the queue in a spelling which that refuses in other words",
    file: "src/redis/agq/arguments.ts",
    from: 'String(BigInt(text.replace("+", "")));',
    to: "text;",
    tests: [plain],
  },
  {
    name: "agq-numbers-too-small",
    breaks: "a score too small to be told from zero is refused in words that are not AGQ's",
    file: "src/redis/agq/arguments.ts",
    from: "if (Number(text) !== 0) return text;",
    to: "if (Number(text) !== 1) return text;",
    tests: [plain],
  },
  {
    name: "agq-without-a-key",
    breaks: "a job that was handed out by an instance which could not say so is lost to its worker",
    file: "src/redis/agq/dialect.ts",
    from: "input: claimOf(this.#context), key, bytes: 0",
    to: "input: claimOf(this.#context), bytes: 0",
    tests: [waits],
  },
  {
    name: "agq-gone-is-silence",
    breaks: "a claim whose job is not its own any more waits for ever",
    file: "src/object/line.ts",
    from: 'ids.length > 0 || (isKeyNew && "refusal" in answer)',
    to: "ids.length > 0",
    tests: [waits],
  },
  {
    name: "agq-nobody-leaves",
    breaks: "a worker that has gone while it waits is handed a job",
    file: "src/object/resp.ts",
    from: "if (live.claim !== undefined) this.#ports.jobs.leave(live.claim);",
    to: "",
    tests: [waits],
  },
  {
    name: "agq-told-into-the-void",
    breaks: "a job stays with a worker whose socket takes nothing any more",
    file: "src/object/resp-claims.ts",
    from: 'if (!this.#socket.isOpen()) throw new Error("the client has gone");',
    to: "",
    tests: [waits],
  },
  {
    name: "agq-drained-is-answered",
    breaks: "a worker that drains is told at once that there is nothing, and asks again at once",
    file: "src/object/waiters.ts",
    from: "isStanding: wait.isStanding === true,",
    to: "isStanding: false,",
    tests: [waits],
  },
  {
    name: "agq-claims-a-list",
    breaks: "a worker that waits for a job is handed an element of a plain list of that name",
    file: "src/object/blocked.ts",
    from: "const awaited = isForJobs ? nothing : awaitedBy(call);",
    to: "const awaited = awaitedBy(call);",
    tests: [waits],
  },
  {
    name: "agq-waits-on",
    breaks: "a worker whose time is over is handed a job that it does not ask for",
    file: "src/object/resp.ts",
    from: "if (live.claim !== undefined) return this.#sayFor(live.claim, ENOUGH);",
    to: "live.claim = undefined;",
    tests: [waits],
  },
  {
    name: "agq-forgets-what-is-behind",
    breaks: "what a worker says behind a claim that waits is never answered",
    file: "src/redis/agq/dialect.ts",
    from: "behind: calls.slice(i + 1)",
    to: "behind: []",
    tests: [waits],
  },
  {
    name: "agq-two-jobs",
    breaks: "a worker that asks for another job keeps the one before as well",
    file: "src/redis/agq/leases.ts",
    from: "delete context.memory.held;\n  await release(context, leases);",
    to: "delete context.memory.held;\n  void leases;",
    tests: ["test/scenarios/scenarios.test.ts"],
  },
  {
    name: "agq-two-waits-two-jobs",
    breaks: "a worker with two calls that wait is left with two jobs",
    file: "src/redis/agq/leases.ts",
    from: "await release(context, leases.slice(0, Math.max(0, place)));",
    to: "void leases.slice(0, Math.max(0, place));",
    tests: [workers],
  },
  {
    name: "agq-holds-by-connection",
    breaks:
      "a worker loses the job that it keeps by another connection than the one it was handed it over",
    file: "src/redis/agq/leases.ts",
    from: "return isMore ? [held, ...leases] : leases;",
    to: "return isMore ? [held] : [];",
    tests: [workers],
  },
  {
    name: "agq-can-do-anything",
    breaks: "a worker that was removed is registered as one that can do anything",
    file: "src/redis/agq/workers.ts",
    from: "register(context, id, toolsBefore(context, id))",
    to: "register(context, id, [])",
    tests: [workers],
  },
  {
    name: "agq-reads-plans-again",
    breaks: "a list of whole jobs reads their plan for each of them",
    file: "src/redis/agq/items.ts",
    from: "known.set(version, texts);",
    to: "void version;",
    tests: [lists],
  },
  {
    name: "agq-heartbeat-keeps-nothing",
    breaks: "a worker that says PING loses its job in the midst of it",
    file: "src/redis/agq/workers.ts",
    from: "  await keepJob(context);\n",
    to: "",
    tests: [jobs],
  },
  {
    name: "agq-one-attempt",
    breaks: "a job whose worker died once has failed",
    file: "src/redis/agq/actions.ts",
    from: "export const ATTEMPTS = 3;",
    to: "export const ATTEMPTS = 1;",
    tests: [jobs],
  },
  {
    name: "agq-anybody-lets-go",
    breaks: "who never had a job is told that it has taken it off the list",
    file: "src/redis/agq/queue-views.ts",
    from: "return job.worker === worker;",
    to: "return true;",
    tests: [jobs],
  },
  {
    name: "agq-former-worker-lets-go",
    breaks:
      "who ended an earlier run of a job, or lost it, is told that it has taken the job of another off the list",
    file: "src/redis/agq/queue-views.ts",
    from: "if (job?.worker !== undefined) return",
    to: "if (held === undefined && job?.worker !== undefined) return",
    tests: [handedOn],
  },
  {
    name: "agq-takes-its-job-along",
    breaks: "a connection that becomes another worker's takes the job of the one before along",
    file: "src/redis/agq/workers.ts",
    from: "if (memory.worker !== undefined && memory.worker !== id) delete",
    to: "if (memory.worker === id) delete",
    tests: [handedOn],
  },
  {
    name: "agq-scheduled-past-parents",
    breaks: "a job that is scheduled anew does not wait for those that it has to wait for",
    file: "src/store/job-writers.ts",
    from: 'job.state === "blocked" ? { ...job, runAt } : { ...job, state: "scheduled", runAt, readyAt };',
    to: '{ ...job, state: "scheduled", runAt, readyAt };',
    tests: [queue],
  },
];
