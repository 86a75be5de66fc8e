/**
 * The order of claims: what was certainly ready all the while is not passed over by anything that stands behind it.
 * Invariant: a job counts as ready only from a certain time of the server to another, strictly between its neighbours, and
 * only where its place is known. The crew never has so many jobs due at once that a sweep would leave some for later.
 */
import type { Final, FinalJob, JobAsk, Violation } from "./history.ts";
import type { HandOut, Request, Story } from "./story.ts";
import { claimOf } from "./story.ts";

/** Where a job stands: the lower comes first. */
interface Place {
  readonly priority: number;
  readonly readyAt: number;
  /** Ids that the queue made sort in the order of enqueueing; chosen ones do not say. */
  readonly id: string | undefined;
}

/** A job that was certainly ready, from one time of the server to another, both included. */
interface Wait {
  readonly id: string;
  readonly place: Place;
  readonly requires: readonly string[];
  readonly from: number;
  readonly to: number;
  /** By the crew's clock: when it was told of the beginning, and when it first asked for what ended it. */
  readonly toldAt: number;
  readonly askedAt: number;
  readonly requests: readonly Request[];
}

/** What is known of a job's waits, and of its place at each of its hand-outs. */
interface Course {
  readonly waits: readonly Wait[];
  readonly places: ReadonlyMap<HandOut, Place>;
}

export function checkOrder(story: Story, final: Final): Violation[] {
  const asks = new Map<number, JobAsk>();
  const enqueues = new Map<number, Request>();
  const toldAt = new Map<number, number>();
  for (const request of story.requests) {
    if (request.ask.kind !== "enqueue") continue;
    for (const job of request.ask.jobs) {
      // Of requests that say the same, any may have made it.
      asks.set(job.mark, job);
      enqueues.set(job.mark, request);
      toldAt.set(job.mark, Math.max(toldAt.get(job.mark) ?? 0, request.endedAt));
    }
  }
  const courses = final.jobs.map((job) => {
    const { mark } = job.payload;
    const [ask, request] = [asks.get(mark), enqueues.get(mark)];
    if (ask === undefined || request === undefined) return none;
    const begin = { request, toldAt: toldAt.get(mark) ?? 0 };
    return courseOf(job, ask, begin, story.handOuts.get(job.id) ?? []);
  });
  const places = new Map(courses.flatMap((course) => [...course.places]));
  const claims = Map.groupBy([...story.handOuts.values()].flat(), ({ request }) => request);
  for (const jobs of claims.values()) jobs.sort((a, b) => a.order - b.order);
  return [
    ...[...claims.values()].flatMap((jobs) => checkReply(jobs, places)),
    ...checkOvertaking(story, claims, places, courses),
  ];
}

const none: Course = { waits: [], places: new Map() };

/** Walks through the life of a job, from one hand-out to the next. */
function courseOf(
  job: FinalJob,
  ask: JobAsk,
  enqueue: Omit<Begin, "from">,
  handOuts: readonly HandOut[],
): Course {
  const waits: Wait[] = [];
  const places = new Map<HandOut, Place>();
  const { createdAt, priority } = job;
  const id = ask.id === undefined ? job.id : undefined;
  const dueAt = createdAt + (ask.delayMs ?? 0);
  let place: Place | undefined = { priority, readyAt: dueAt, id };
  let begin: Begin | undefined = { ...enqueue, from: Math.max(createdAt + 1, dueAt) };
  let deliveries = 0;
  for (const handOut of handOuts) {
    if (place !== undefined) places.set(handOut, place);
    // A hand-out between them of which nobody was told would have taken it out of the wait.
    if (place !== undefined && begin !== undefined && handOut.deliveries === deliveries + 1) {
      waits.push({
        id: job.id,
        place,
        requires: ask.requires ?? [],
        from: begin.from,
        to: handOut.since - 1,
        toldAt: begin.toldAt,
        askedAt: handOut.request.firstSentAt,
        requests: [begin.request, handOut.request],
      });
    }
    ({ deliveries } = handOut);
    place = placeAfter(handOut, place);
    begin = beginAfter(handOut);
  }
  return { waits, places };
}

interface Begin {
  readonly from: number;
  readonly toldAt: number;
  readonly request: Request;
}

/** Only a failure moves a job, to the end of its backoff. */
function placeAfter({ moves }: HandOut, place: Place | undefined): Place | undefined {
  const fails = moves.filter(({ item }) => item.op === "fail");
  if (place === undefined || fails.some(({ isOpen }) => isOpen)) return undefined;
  const fail = fails.find(({ isFresh }) => isFresh);
  if (fail === undefined) {
    // A repeat tells of a failure whose time nobody was told.
    return fails.some(({ settled }) => settled?.ok) ? undefined : place;
  }
  const runAt = fail.settled?.ok ? fail.settled.runAt : undefined;
  return { ...place, readyAt: runAt ?? fail.now };
}

/** When a job is ready again after a hand-out; undefined where that is not certain. */
function beginAfter(handOut: HandOut): Begin | undefined {
  const { moves, overAt, request } = handOut;
  if (moves.some(({ isOpen }) => isOpen)) return undefined;
  const ends = moves.filter(({ item, settled }) => item.op !== "extend" && settled?.ok);
  const [end] = ends;
  if (end === undefined) {
    const toldAt = Math.max(request.endedAt, ...moves.map((move) => move.request.endedAt));
    return overAt === undefined ? undefined : { from: overAt, toldAt, request };
  }
  if (ends.length > 1 || !end.isFresh || !end.settled?.ok) return undefined;
  const from = Math.max(end.now + 1, end.settled.runAt ?? 0);
  return { from, toldAt: end.request.endedAt, request: end.request };
}

/** Negative when the first certainly comes first. */
function compare(a: Place, b: Place): number {
  const order = a.priority - b.priority || a.readyAt - b.readyAt;
  if (order !== 0 || a.id === undefined || b.id === undefined) return order;
  return a.id < b.id ? -1 : 1;
}

/** The jobs of one claim stand in order. */
function checkReply(jobs: readonly HandOut[], places: ReadonlyMap<HandOut, Place>): Violation[] {
  const found: Violation[] = [];
  for (const [i, job] of jobs.entries()) {
    const before = jobs[i - 1];
    if (before === undefined) continue;
    const [a, b] = [places.get(before), places.get(job)];
    const isWrong = before.priority > job.priority || (a && b && compare(a, b) > 0);
    if (!isWrong) continue;
    const what = `one claim gave ${before.id} before ${job.id}`;
    found.push({ rule: "order", what, exchanges: job.request.tries });
  }
  return found;
}

/** A claim as the order sees it. */
interface Taking {
  readonly request: Request;
  readonly at: number;
  readonly able: ReadonlySet<string>;
  readonly taken: ReadonlySet<string>;
  /** What stands before this was not to be passed over; undefined: nothing was. */
  readonly bound: Place | undefined;
}

/** Goes through the server's time, with the jobs that are certainly ready at each claim. */
function checkOvertaking(
  { requests }: Story,
  claims: ReadonlyMap<Request, readonly HandOut[]>,
  places: ReadonlyMap<HandOut, Place>,
  courses: readonly Course[],
): Violation[] {
  const found: Violation[] = [];
  const waits = courses.flatMap((course) => course.waits).filter(({ from, to }) => from <= to);
  const begins = waits.toSorted((a, b) => a.from - b.from);
  const takings = requests.flatMap((each) => takingOf(each, claims.get(each) ?? [], places));
  takings.sort((a, b) => a.at - b.at);
  const ready = new Set<Wait>();
  let next = 0;
  for (const taking of takings) {
    for (let wait = begins[next]; wait !== undefined && wait.from <= taking.at; ) {
      ready.add(wait);
      next += 1;
      wait = begins[next];
    }
    for (const wait of ready) {
      if (wait.to < taking.at) ready.delete(wait);
      else if (isOvertaken(wait, taking)) {
        const what = `job ${wait.id}, ready from ${wait.from} to ${wait.to}, was passed over at ${taking.at}`;
        const exchanges = [taking.request, ...wait.requests].flatMap(({ tries }) => tries);
        found.push({ rule: "order", what, exchanges });
      }
    }
  }
  return found;
}

function takingOf(
  request: Request,
  handOuts: readonly HandOut[],
  places: ReadonlyMap<HandOut, Place>,
): Taking[] {
  const claim = claimOf(request.ask);
  const { reply } = request;
  // A claim that was tried again is answered with what is still held, which is not all that it took.
  if (claim === undefined || reply === undefined || !request.isPlain) return [];
  const taken = new Set(reply.jobs?.map(({ id }) => id));
  const isFull = taken.size >= claim.max;
  const last = handOuts.at(-1);
  const bound = isFull && last !== undefined ? boundOf(last, places) : undefined;
  const able = new Set(claim.capabilities);
  return [{ request, at: reply.now, able, taken, bound }];
}

/** Where the place of the last job is not certain, its priority is. */
function boundOf(last: HandOut, places: ReadonlyMap<HandOut, Place>): Place {
  const { priority } = last;
  return places.get(last) ?? { priority, readyAt: Number.NEGATIVE_INFINITY, id: undefined };
}

function isOvertaken(wait: Wait, { request, able, taken, bound }: Taking): boolean {
  if (taken.has(wait.id) || !wait.requires.every((need) => able.has(need))) return false;
  if (bound !== undefined && compare(wait.place, bound) >= 0) return false;
  // An empty claim makes no entry, so that only the crew's own clock tells certainly what came before it.
  const isOrdered = wait.toldAt < request.firstSentAt && request.endedAt < wait.askedAt;
  return taken.size > 0 || isOrdered;
}
