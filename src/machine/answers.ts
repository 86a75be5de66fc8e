/**
 * The first answer to a write, as it is kept in the log, and what a repeat of the request is answered.
 * Invariant: a kept answer holds no payloads, and nothing that the repeated request says itself; what it stands for is read
 * again, or is `answer_gone`.
 */
import {
  type CommandInputs,
  type CommandName,
  type CommandReplies,
  encodeReply,
} from "../contract/commands.ts";
import { grantOf, isGenerated, jobIds } from "../contract/ids.ts";
import type { EnqueueReply } from "../contract/jobs.ts";
import type { ClaimReply, SettleReply } from "../contract/leases.ts";
import { isRefusal, type Refusal, refuse } from "../contract/refusals.ts";
import type { PutScheduleReply, ScheduleReply } from "../contract/schedules.ts";
import { countersOf, type View } from "./decide.ts";
import { getJob } from "./jobs-read.ts";
import { plansOf, stillHeld } from "./leases.ts";
import { getSchedule } from "./schedules.ts";

/** A claim: its token, and the ids of its jobs, which mostly begin alike. */
interface KeptClaim {
  readonly token: string;
  readonly prefix: string;
  /** What follows the prefix in each id, between commas. */
  readonly ids: string;
}
/** A settlement: its items, or none when every one of the request was completed. */
interface KeptSettle {
  readonly now: number;
  readonly items?: SettleReply["items"];
  readonly claimed?: KeptClaim;
}
/** An enqueue of which every job was taken: when, in which term, and the number of the first. */
type KeptEnqueue = readonly [now: number, term: number, firstSeq: number];

function keptClaim({ jobs }: ClaimReply): KeptClaim {
  const [first] = jobs;
  let shared = first?.id.length ?? 0;
  for (const { id } of jobs) while (!id.startsWith(first?.id.slice(0, shared) ?? "")) shared -= 1;
  return {
    token: first?.token ?? "",
    prefix: first?.id.slice(0, shared) ?? "",
    ids: jobs.map(({ id }) => id.slice(shared)).join(","),
  };
}

function keptSettle({ now, items, refused, claim }: SettleReply): string | undefined {
  if (refused === items.length && !claim?.jobs.length) return undefined;
  const isPlain = items.every(
    (item) => item.ok && item.state === "completed" && !item.late && !item.repeated,
  );
  const kept: KeptSettle = {
    now,
    ...(!isPlain && { items }),
    ...(claim !== undefined && { claimed: keptClaim(claim) }),
  };
  return JSON.stringify(kept);
}

function keptEnqueue(view: View, reply: EnqueueReply): string {
  const first = countersOf(view).seq - reply.results.length + 1;
  const idOf = jobIds(view.identity);
  // Jobs that wait for others of the request were perhaps taken in another order than they were said.
  const isPlain = reply.results.every((result, i) => {
    if (!("id" in result) || result.deduplicated || result.replaced) return false;
    return result.id === idOf(first + i) || !isGenerated(view.identity, result.id);
  });
  if (!isPlain) return encodeReply("job.enqueue", reply);
  return JSON.stringify([reply.now, view.identity.term, first] satisfies KeptEnqueue);
}

/** A schedule, which is shown as it is by then. */
interface KeptSchedule {
  readonly id: string;
  readonly created?: boolean;
}

const jobAnswers = new Set<CommandName>(["job.cancel", "job.retry", "job.update"]);
const scheduleAnswers = new Set<CommandName>([
  "schedule.pause",
  "schedule.put",
  "schedule.resume",
  "schedule.run",
]);

/** What is kept of a reply; undefined for one that did nothing: refusals and empty answers may be tried again. */
export function answerToKeep<N extends CommandName>(
  view: View,
  name: N,
  reply: CommandReplies[N],
): string | undefined {
  if (name === "job.enqueue") return keptEnqueue(view, reply as EnqueueReply);
  if (name === "lease.claim") {
    const claimed = reply as ClaimReply;
    return claimed.jobs.length === 0 ? undefined : JSON.stringify(keptClaim(claimed));
  }
  if (name === "lease.settle") return keptSettle(reply as SettleReply);
  if (jobAnswers.has(name)) return (reply as CommandReplies["job.get"]).job.id;
  if (scheduleAnswers.has(name)) {
    const { schedule, created } = reply as ScheduleReply & Partial<PutScheduleReply>;
    const { id } = schedule;
    return JSON.stringify((created === undefined ? { id } : { id, created }) as KeptSchedule);
  }
  return encodeReply(name, reply);
}

function claimAgain(view: View, { token, prefix, ids }: KeptClaim): ClaimReply {
  const grant = grantOf(view.identity, token);
  const all = ids.split(",").map((rest) => prefix + rest);
  const jobs = grant === undefined ? [] : stillHeld(view, grant, all);
  // Of a job that is not held still, the plan may be gone.
  const held = jobs.map(({ id }) => id);
  return { now: view.at, jobs, ...plansOf(view, held) };
}

function settleAgain(
  view: View,
  input: CommandInputs["lease.settle"],
  { now, items, claimed }: KeptSettle,
): SettleReply {
  const all = items ?? input.items.map(({ id }) => ({ id, ok: true, state: "completed" }) as const);
  const refused = all.filter((item) => !item.ok).length;
  const reply = { now, items: all, refused };
  return claimed === undefined ? reply : { ...reply, claim: claimAgain(view, claimed) };
}

function enqueueAgain(
  view: View,
  input: CommandInputs["job.enqueue"],
  [now, term, first]: KeptEnqueue,
): EnqueueReply {
  const idOf = jobIds({ ...view.identity, term });
  const results = input.jobs.map(({ id }, i) => ({ id: id ?? idOf(first + i) }));
  return { now, results, refused: 0 };
}

const gone = (what: string): Refusal =>
  refuse("answer_gone", `The request was done before, but ${what}; nothing was done again.`);

/** The JSON text of the answer to a repeated request, which has the same input as the first. */
export function repeatedAnswer<N extends CommandName>(
  view: View,
  name: N,
  input: CommandInputs[N],
  kept: string,
): string | Refusal {
  if (name === "job.enqueue" && kept.startsWith("[")) {
    const again = input as CommandInputs["job.enqueue"];
    return encodeReply("job.enqueue", enqueueAgain(view, again, JSON.parse(kept) as KeptEnqueue));
  }
  if (name === "lease.claim") {
    const reply = claimAgain(view, JSON.parse(kept) as KeptClaim);
    return reply.jobs.length > 0
      ? encodeReply("lease.claim", reply)
      : gone("none of its jobs is held still");
  }
  if (name === "lease.settle") {
    const again = input as CommandInputs["lease.settle"];
    return encodeReply("lease.settle", settleAgain(view, again, JSON.parse(kept) as KeptSettle));
  }
  if (jobAnswers.has(name)) {
    const reply = getJob(view, { id: kept });
    return isRefusal(reply) ? gone("the job's record was removed") : encodeReply("job.get", reply);
  }
  if (scheduleAnswers.has(name)) {
    const { id, ...created } = JSON.parse(kept) as KeptSchedule;
    const reply = getSchedule(view, { id });
    if (isRefusal(reply)) return gone("the schedule was removed");
    return encodeReply("schedule.get", { ...reply, ...created });
  }
  return kept;
}
