/**
 * Jobs and their ends: what was acknowledged is there, once, as it was asked for, and has ended in one way only.
 * Invariant: a request of unknown outcome may have had its effect or not, but never half of it, and never two.
 */
import type { EnqueueResult, Final, FinalJob, JobAsk, Violation } from "./history.ts";
import type { Move, Request, Story } from "./story.ts";

const endStates = ["completed", "failed"];

export function checkJobs(story: Story, final: Final): Violation[] {
  const byId = Map.groupBy(final.jobs, ({ id }) => id);
  const byMark = Map.groupBy(final.jobs, ({ payload }) => payload.mark);
  return [
    ...story.requests.flatMap((request) => checkEnqueue(request, byMark, byId)),
    ...checkFreshness(story),
    ...checkMarks(story, byMark, byId),
    ...final.jobs.flatMap((job) => checkFinal(job, story)),
    ...checkEnds(story, byId),
  ];
}

type Jobs<K> = ReadonlyMap<K, readonly FinalJob[]>;

const violation = (rule: string, what: string, ...requests: readonly Request[]): Violation => ({
  rule,
  what,
  exchanges: requests.flatMap(({ tries }) => tries),
});

function checkEnqueue(request: Request, byMark: Jobs<number>, byId: Jobs<string>): Violation[] {
  const { ask, reply, isOpen } = request;
  if (ask.kind !== "enqueue") return [];
  if (reply !== undefined) {
    const found = ask.jobs.map((job, i) =>
      faultOf(job, reply.results?.[i], reply.now, byMark, byId),
    );
    return found
      .filter((what) => what !== undefined)
      .map((what) => violation("enqueue", what, request));
  }
  // Jobs that name an id may be those of another request that says the same.
  const own = ask.jobs.filter((job) => job.id === undefined);
  const there = own.filter(({ mark }) => byMark.has(mark)).length;
  if (there > 0 && there < own.length) {
    return [violation("whole", `of ${own.length} jobs ${there} are there`, request)];
  }
  if (there === 0 || isOpen) return [];
  return [violation("refused", "the jobs of a request that was refused are there", request)];
}

/** What is wrong with the answer to one job, or with what became of it. */
function faultOf(
  job: JobAsk,
  result: EnqueueResult | undefined,
  now: number,
  byMark: Jobs<number>,
  byId: Jobs<string>,
): string | undefined {
  if (result === undefined) return `job ${job.mark} was not answered`;
  if ("problem" in result) {
    const { code } = result.problem;
    const holder = job.id === undefined ? undefined : byId.get(job.id)?.[0];
    const isTaken = holder !== undefined && holder.payload.mark !== job.mark;
    return code === "job_exists" && isTaken ? undefined : `job ${job.mark} was refused: ${code}`;
  }
  const { id } = result;
  if (job.id !== undefined && job.id !== id) return `job ${job.id} was acknowledged as ${id}`;
  const found = byMark.get(job.mark)?.find((each) => each.id === id);
  if (found === undefined) return `job ${id} was acknowledged and is lost`;
  if (!result.deduplicated && found.createdAt !== now) return `job ${id} was not made at ${now}`;
  if (found.priority !== (job.priority ?? 0)) return `job ${id} has another priority`;
  if (job.maxAttempts !== undefined && found.maxAttempts !== job.maxAttempts) {
    return `job ${id} has another number of attempts`;
  }
  return undefined;
}

/** A job is taken once: every other answer to the same content says that it was there. */
function checkFreshness({ requests }: Story): Violation[] {
  const taken = new Map<number, Request>();
  return requests.flatMap((request) => {
    if (request.ask.kind !== "enqueue") return [];
    return request.ask.jobs.flatMap(({ mark }, i) => {
      const result = request.reply?.results?.[i];
      if (result === undefined || "problem" in result || result.deduplicated) return [];
      const first = taken.get(mark);
      if (first === undefined) taken.set(mark, request);
      return first === undefined
        ? []
        : [violation("once", `job ${mark} was taken twice`, first, request)];
    });
  });
}

/** One mark, one job; one id, one job; and no job that nobody asked for. */
function checkMarks({ requests }: Story, byMark: Jobs<number>, byId: Jobs<string>): Violation[] {
  const asking = new Map<number, Request>();
  for (const request of requests) {
    if (request.ask.kind === "enqueue")
      for (const { mark } of request.ask.jobs) asking.set(mark, request);
  }
  const found: Violation[] = [];
  for (const [mark, jobs] of byMark) {
    const request = asking.get(mark);
    const ids = jobs.map(({ id }) => id).join(", ");
    if (request === undefined) found.push(violation("known", `nobody asked for job ${ids}`));
    else if (jobs.length > 1)
      found.push(violation("once", `job ${mark} is there as ${ids}`, request));
  }
  for (const [id, { length }] of byId) {
    if (length > 1) found.push(violation("once", `the list has job ${id} ${length} times`));
  }
  return found;
}

/** One job in the end, against all that was told of it. */
function checkFinal(job: FinalJob, story: Story): Violation[] {
  const handOuts = story.handOuts.get(job.id) ?? [];
  const requests = handOuts.map(({ request }) => request);
  const say = (rule: string, what: string) => violation(rule, `job ${job.id} ${what}`, ...requests);
  const found: Violation[] = [];
  if (!endStates.includes(job.state)) found.push(say("ended", `is ${job.state} in the end`));
  const counted = job.attempts?.filter(({ outcome }) => outcome !== "completed").length ?? 0;
  if (job.attempt > job.maxAttempts || counted > job.maxAttempts) {
    found.push(say("attempts", `used ${counted} of ${job.maxAttempts} attempts`));
  }
  const deliveries = Math.max(0, ...handOuts.map((each) => each.deliveries));
  if (deliveries > job.deliveries) {
    found.push(say("deliveries", `counts ${job.deliveries} hand-outs of at least ${deliveries}`));
  }
  return found;
}

/** Completed once, with that result; failed for good never completed; and every counted failure is in the history. */
function checkEnds({ moves }: Story, byId: Jobs<string>): Violation[] {
  const found: Violation[] = [];
  for (const [id, all] of Map.groupBy(moves, ({ item }) => item.id)) {
    const job = byId.get(id)?.[0];
    const requests = [...new Set(all.map(({ request }) => request))];
    const say = (rule: string, what: string) =>
      found.push(violation(rule, `job ${id} ${what}`, ...requests));
    const ends = all.filter(isEnd);
    if (ends.length > 1) say("one end", `was ended ${ends.length} times`);
    for (const end of ends) {
      const state = end.settled?.ok ? end.settled.state : "";
      if (job?.state !== state) say("kept end", `was ${state} and is ${job?.state ?? "lost"}`);
    }
    if (job?.state === "completed" && !all.some((each) => isCompletionOf(job, each, ends))) {
      say("result", `has the result of ${job.result?.by ?? "nobody"}`);
    }
    for (const { item, isFresh, isOpen } of all) {
      if (item.op !== "fail") continue;
      const times = job?.attempts?.filter(({ error }) => error === item.error).length ?? 0;
      const least = isFresh ? 1 : 0;
      const most = isFresh || isOpen ? 1 : 0;
      if (times < least || times > most) say("failure", `shows the failure ${times} times`);
    }
  }
  return found;
}

/** A settlement that ended its job, as far as its own answer tells. */
function isEnd({ isFresh, settled }: Move): boolean {
  return isFresh && settled?.ok === true && endStates.includes(settled.state);
}

/** The result is that of the completion that was acknowledged, or of one whose outcome is unknown. */
function isCompletionOf(job: FinalJob, { item, isFresh, isOpen }: Move, ends: readonly Move[]) {
  if (item.op !== "complete" || item.result.by !== job.result?.by) return false;
  return ends.length > 0 ? isFresh : isOpen;
}
