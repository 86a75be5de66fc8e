/**
 * The first answer to a write, as it is kept in the log, and what a repeat of the request is answered.
 * Invariant: a kept answer holds no payloads; what it stands for is read again, or is `answer_gone`.
 */
import { type CommandName, type CommandReplies, encodeReply } from "../contract/commands.ts";
import { grantOf } from "../contract/ids.ts";
import type { ClaimReply, SettleReply } from "../contract/leases.ts";
import { isRefusal, type Refusal, refuse } from "../contract/refusals.ts";
import type { View } from "./decide.ts";
import { getJob } from "./jobs-read.ts";
import { stillHeld } from "./leases.ts";

interface KeptClaim {
  readonly token: string;
  readonly ids: readonly string[];
}
interface KeptSettle {
  readonly settled: SettleReply;
  readonly claimed?: KeptClaim;
}

function keptClaim(reply: ClaimReply): KeptClaim {
  return { token: reply.jobs[0]?.token ?? "", ids: reply.jobs.map((job) => job.id) };
}

const jobAnswers = new Set<CommandName>(["job.cancel", "job.retry", "job.update"]);

/** What is kept of a reply. */
export function answerToKeep<N extends CommandName>(name: N, reply: CommandReplies[N]): string {
  if (name === "lease.claim") return JSON.stringify(keptClaim(reply as ClaimReply));
  if (name === "lease.settle") {
    const { claim, ...settled } = reply as SettleReply;
    const kept: KeptSettle =
      claim === undefined ? { settled } : { settled, claimed: keptClaim(claim) };
    return JSON.stringify(kept);
  }
  if (jobAnswers.has(name)) return (reply as CommandReplies["job.get"]).job.id;
  return encodeReply(name, reply);
}

function claimAgain(view: View, { token, ids }: KeptClaim): ClaimReply {
  const grant = grantOf(view.identity, token);
  return { now: view.at, jobs: grant === undefined ? [] : stillHeld(view, grant, ids) };
}

const gone = (what: string): Refusal =>
  refuse("answer_gone", `The request was done before, but ${what}; nothing was done again.`);

/** The JSON text of the answer to a repeated request. */
export function repeatedAnswer(view: View, name: CommandName, kept: string): string | Refusal {
  if (name === "lease.claim") {
    const reply = claimAgain(view, JSON.parse(kept) as KeptClaim);
    return reply.jobs.length > 0
      ? encodeReply(name, reply)
      : gone("none of its jobs is held still");
  }
  if (name === "lease.settle") {
    const { settled, claimed } = JSON.parse(kept) as KeptSettle;
    if (claimed === undefined) return encodeReply(name, settled);
    return encodeReply(name, { ...settled, claim: claimAgain(view, claimed) });
  }
  if (jobAnswers.has(name)) {
    const reply = getJob(view, { id: kept });
    return isRefusal(reply) ? gone("the job's record was removed") : encodeReply("job.get", reply);
  }
  return kept;
}
