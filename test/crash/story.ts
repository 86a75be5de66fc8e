/**
 * What a history says for certain: requests with all their tries, hand-outs, and how long each lease was held at least.
 * Invariant: what is unknown only ever makes a certainty shorter, so that what contradicts it is no false alarm.
 */
import type { Ask, ClaimAsk, Claimed, Exchange, Item, Reply, Settled } from "./history.ts";

/** A request, whose tries have at most one effect between them. */
export interface Request<A extends Ask = Ask> {
  readonly name: string;
  readonly ask: A;
  readonly tries: readonly Exchange[];
  readonly firstSentAt: number;
  /** When the first answer came, or the last try ended without one. */
  readonly endedAt: number;
  /** The first answer. */
  readonly reply: Reply | undefined;
  /** The first try was answered: it alone is what the answer speaks of. */
  readonly isPlain: boolean;
  /** It may have happened, though nobody was told what came of it. */
  readonly isOpen: boolean;
}

/** A job in a worker's hands. */
export interface HandOut extends Claimed {
  readonly request: Request;
  readonly claim: ClaimAsk;
  /** Where it stood in the answer. */
  readonly order: number;
  /** The server's time of the claim, or, of one that was tried again, a time at which it was held. */
  readonly now: number;
  readonly isExact: boolean;
  /** The server's time of the claim was not before this. */
  readonly since: number;
  /** What was asked on its token. */
  readonly moves: readonly Move[];
  /** It was held at least until then, where nothing else is known of it. */
  readonly heldUntil: number;
  /** It was over then; undefined where an extension of unknown outcome may have moved the end. */
  readonly overAt: number | undefined;
}

/** One settlement of one job. */
export interface Move {
  readonly request: Request;
  readonly item: Item;
  /** Undefined when it was not answered. */
  readonly settled: Settled | undefined;
  readonly now: number;
  /** It did something, of which its own answer tells. */
  readonly isFresh: boolean;
  readonly isOpen: boolean;
}

export interface Story {
  readonly requests: readonly Request[];
  /** By job, in the order of tokens. */
  readonly handOuts: ReadonlyMap<string, readonly HandOut[]>;
  readonly moves: readonly Move[];
}

/** A lease ends on a whole second. */
const leaseEnd = (at: number, leaseMs: number): number => Math.ceil((at + leaseMs) / 1000) * 1000;

export function tell(history: readonly Exchange[]): Story {
  const requests = [...Map.groupBy(history, (each) => each.request)].map(requestOf);
  const notBefore = serverTimes(requests);
  const moves = requests.flatMap(movesOf);
  const movesOn = Map.groupBy(moves, ({ item }) => `${item.id} ${item.token}`);
  const all = requests.flatMap((request) => handOutsOf(request, movesOn, notBefore));
  const handOuts = Map.groupBy(all, (each) => each.id);
  for (const each of handOuts.values()) each.sort((a, b) => (a.token < b.token ? -1 : 1));
  return { requests, handOuts, moves };
}

function requestOf([name, tries]: [string, Exchange[]]): Request {
  const [first] = tries;
  if (first === undefined) throw new Error("a request without a try");
  const answered = tries.find(({ outcome }) => outcome.kind === "answered");
  // `answer_gone` says that an earlier try has had its effect.
  const mayHave = ({ outcome }: Exchange): boolean =>
    outcome.kind === "unknown" || (outcome.kind === "refused" && outcome.code === "answer_gone");
  return {
    name,
    ask: first.ask,
    tries,
    firstSentAt: first.sentAt,
    endedAt: answered?.endedAt ?? Math.max(...tries.map((each) => each.endedAt)),
    reply: answered?.outcome.kind === "answered" ? answered.outcome.reply : undefined,
    isPlain: answered === first,
    isOpen: answered === undefined && tries.some(mayHave),
  };
}

/**
 * The server's time is that of its last entry or later, also after a crash: what is sent after an answer that made an entry is
 * decided at that answer's time or later.
 */
function serverTimes(requests: readonly Request[]): (sentAt: number) => number {
  const told = requests
    .filter(({ reply }) => reply !== undefined && hasEffect(reply))
    .map((request) => ({ endedAt: request.endedAt, now: request.reply?.now ?? 0 }))
    .sort((a, b) => a.endedAt - b.endedAt);
  let latest = 0;
  const nows = told.map(({ now }) => {
    latest = Math.max(latest, now);
    return latest;
  });
  return (sentAt) => {
    let low = 0;
    let high = told.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((told[middle]?.endedAt ?? 0) < sentAt) low = middle + 1;
      else high = middle;
    }
    return nows[low - 1] ?? 0;
  };
}

/** Whether an answer certainly made an entry: an extension to the time that a lease ends anyway makes none. */
export function hasEffect({ results = [], items = [], jobs = [] }: Reply): boolean {
  const isNew = results.some((each) => "id" in each && !each.deduplicated);
  const isMoved = items.some((each) => each.ok && !each.repeated && each.state !== "running");
  return isNew || isMoved || jobs.length > 0;
}

function movesOf(request: Request): Move[] {
  const { ask, reply, isOpen } = request;
  if (ask.kind !== "settle") return [];
  return ask.items.map((item, i) => {
    const settled = reply?.items?.[i];
    const isFresh = settled?.ok === true && !settled.repeated;
    return { request, item, settled, now: reply?.now ?? 0, isFresh, isOpen };
  });
}

export const claimOf = (ask: Ask): ClaimAsk | undefined =>
  ask.kind === "claim" || ask.kind === "settle" || ask.kind === "push" ? ask.claim : undefined;

function handOutsOf(
  request: Request,
  movesOn: ReadonlyMap<string, Move[]>,
  notBefore: (sentAt: number) => number,
): HandOut[] {
  const claim = claimOf(request.ask);
  const { reply } = request;
  if (claim === undefined || reply?.jobs === undefined) return [];
  const { now } = reply;
  // A settlement that is tried again is answered with the time of its first decision, a claim with that of the repeat.
  const isExact = request.isPlain || request.ask.kind === "settle";
  const since = isExact ? now : notBefore(request.firstSentAt);
  return reply.jobs.map((job, order) => {
    const moves = movesOn.get(`${job.id} ${job.token}`) ?? [];
    const times = leaseTimes(job, since, moves, notBefore);
    return { ...job, request, claim, order, now, isExact, since, moves, ...times };
  });
}

/** What its worker was told of a lease bounds its end from both sides. */
function leaseTimes(
  { leaseUntil }: Claimed,
  since: number,
  moves: readonly Move[],
  notBefore: (sentAt: number) => number,
): Pick<HandOut, "heldUntil" | "overAt"> {
  let extended = { now: 0, leaseUntil };
  let ends = Number.POSITIVE_INFINITY;
  let overAt: number | undefined = leaseUntil;
  for (const { item, settled, now, isFresh, isOpen, request } of moves) {
    if (item.op !== "extend") {
      // A late completion says that the lease was over already.
      if (isFresh && !(settled?.ok && settled.late)) ends = Math.min(ends, now);
      else if (isOpen) ends = Math.min(ends, notBefore(request.firstSentAt));
    } else if (isFresh && settled?.ok) {
      const until = settled.leaseUntil ?? leaseUntil;
      if (now > extended.now || (now === extended.now && until < extended.leaseUntil)) {
        extended = { now, leaseUntil: until };
      }
      overAt = overAt === undefined ? undefined : Math.max(overAt, until);
    } else if (isOpen) {
      // An extension may also shorten a lease, to no less than this.
      ends = Math.min(ends, leaseEnd(since, item.leaseMs));
      overAt = undefined;
    }
  }
  return { heldUntil: Math.min(extended.leaseUntil, ends), overAt };
}
