/**
 * Commands on leases, for scripts that work by hand: claim, complete, fail, release, extend,
 * progress.
 * Invariant: a settlement that is refused ends the command as any refusal does.
 */
import type { Command } from "commander";
import { type Claimed, type ClaimedJob, type Settlement, SluiceError } from "../client/index.ts";
import type { Session } from "./session.ts";
import { durationText, table, timeText } from "./text.ts";
import { duration, idArgument, integer, list, queueArgument } from "./values.ts";

type Kinds = ("payload" | "plan")[];

interface ClaimFlags {
  readonly max?: number;
  readonly lease?: number;
  readonly worker?: string;
  readonly capable?: string[];
  readonly kinds?: Kinds;
  readonly wait?: number;
}

export function addLeaseCommands(program: Command, session: Session): void {
  program
    .command("claim")
    .description("take jobs to work on; settle each with its id and token")
    .addArgument(queueArgument())
    .option("--max <n>", "jobs to take", integer, 1)
    .option("--lease <duration>", "how long to hold them", duration)
    .option("--worker <name>", "who takes them")
    .option("--capable <names>", "what this worker is capable of", list)
    .option("--kinds <names>", "payload, plan or both", list)
    .option("--wait <duration>", "how long to wait for a job, up to 60s", duration)
    .action(async (queue: string, flags: ClaimFlags) => {
      const { max, lease: leaseMs, worker, capable: capabilities, kinds, wait: waitMs } = flags;
      const claim = { max, leaseMs, worker, capabilities, kinds, waitMs };
      session.show(await session.queue(queue).claim(claim), claimText);
    });
  addEnds(program, session);
  addReports(program, session);
}

const settlement = (program: Command, name: string, description: string) =>
  program
    .command(name)
    .description(description)
    .addArgument(queueArgument())
    .addArgument(idArgument())
    .argument("<token>", "the token of its claim");

async function settle(session: Session, queue: string, item: Settlement): Promise<void> {
  const { items } = await session.queue(queue).settle([item]);
  const [answer] = items;
  if (answer === undefined) throw new Error("The server answered nothing to a settlement.");
  if (!answer.ok) throw new SluiceError(answer.problem);
  session.show(answer, ({ id, state, leaseUntil, runAt }) => {
    const until = leaseUntil === undefined ? "" : ` until ${timeText(leaseUntil)}`;
    return `${id} is ${state}${until}${runAt === undefined ? "" : ` for ${timeText(runAt)}`}.`;
  });
}

function addEnds(program: Command, session: Session): void {
  settlement(program, "complete", "complete a claimed job")
    .argument("[result]", "any JSON value, or - to read it from standard input")
    .action(async (queue: string, id: string, token: string, word?: string) => {
      const result = word === undefined ? undefined : await session.value(word);
      await settle(session, queue, { op: "complete", id, token, result });
    });
  settlement(program, "fail", "fail an attempt of a claimed job")
    .argument("<error>", "what went wrong")
    .option("--final", "fail the job for good")
    .option("--delay <duration>", "try again after this time", duration)
    .action(async (queue: string, id: string, token: string, error: string, flags: FailFlags) => {
      const { final, delay: delayMs } = flags;
      const retryable = final === undefined ? undefined : !final;
      await settle(session, queue, { op: "fail", id, token, error, retryable, delayMs });
    });
  settlement(program, "release", "give a claimed job back, without counting an attempt")
    .option("--delay <duration>", "hand it out after this time", duration)
    .option(
      "--hold-key <duration>",
      "hand out no job of its key before this time, nor the job itself without a key",
      duration,
    )
    .action(async (queue: string, id: string, token: string, flags: ReleaseFlags) => {
      const { delay: delayMs, holdKey: holdKeyMs } = flags;
      await settle(session, queue, { op: "release", id, token, delayMs, holdKeyMs });
    });
}

interface ReleaseFlags {
  readonly delay?: number;
  readonly holdKey?: number;
}
interface FailFlags {
  readonly final?: true;
  readonly delay?: number;
}

function addReports(program: Command, session: Session): void {
  settlement(program, "extend", "keep a claimed job for longer")
    .option("--lease <duration>", "for this long from now", duration)
    .action(async (queue: string, id: string, token: string, { lease }: { lease?: number }) => {
      await settle(session, queue, { op: "extend", id, token, leaseMs: lease });
    });
  settlement(program, "progress", "show how far a claimed job is")
    .argument("<value>", "any JSON value, or - to read it from standard input")
    .action(async (queue: string, id: string, token: string, word: string) => {
      const progress = await session.value(word);
      await settle(session, queue, { op: "progress", id, token, progress });
    });
}

function claimText(claimed: Claimed<unknown>): string {
  if (claimed.jobs.length === 0) return emptyText(claimed);
  const rows = claimed.jobs.map((job: ClaimedJob<unknown>) => [
    job.id,
    job.token,
    `${job.attempt}/${job.maxAttempts}`,
    durationText(job.leaseUntil - claimed.now),
    JSON.stringify(job.payload),
  ]);
  return table(["ID", "TOKEN", "ATTEMPT", "LEASE", "PAYLOAD"], rows);
}

/** Why a claim found nothing. */
function emptyText(empty: Claimed<unknown>): string {
  if (empty.paused) {
    return `No jobs: the queue is paused${empty.pausedReason ? ` (${empty.pausedReason})` : ""}.`;
  }
  const why = [`${empty.waiting ?? 0} waiting`, `${empty.scheduled ?? 0} scheduled`];
  if (empty.limited) why.push(`${empty.limited} held back by limits`);
  if (empty.unclaimable) why.push(`${empty.unclaimable} not for this worker`);
  const { nextDueAt, now } = empty;
  if (typeof nextDueAt === "number" && nextDueAt <= now) why.push("more may be due now");
  else if (typeof nextDueAt === "number") why.push(`next due in ${durationText(nextDueAt - now)}`);
  return `No jobs: ${why.join(", ")}.`;
}
