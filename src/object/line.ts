/**
 * Those who wait for jobs, in the order in which they came: callers that wait once, and channels that go on asking.
 * Invariant: whoever is served is not served again before it was told, and of those who take the same only the first is tried in vain.
 */
import type { ClaimInput } from "../contract/leases.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { mayFindJobs } from "../machine/leases.ts";
import { asRegistered, isNoted, isServed, workerOf } from "../machine/workers.ts";
import type { Group } from "./group.ts";

/** What a claim that waited is answered, and the jobs that it is given, under one token. */
export interface Served {
  readonly answer: CommandAnswer;
  readonly token: string;
  readonly ids: readonly string[];
}

/** What is to be told once an entry is durable; `undo`: it never will be. */
export interface Telling {
  tell(): void;
  undo(): void;
}

/** Somebody who waits for jobs. */
export interface Claimant {
  readonly request: CommandRequest<"lease.claim">;
  /** What it takes, see `demandOf`: those that take the same are served one after the other. */
  readonly demand: string;
  /** It was given jobs in an entry that is not durable yet. */
  readonly isServed: boolean;
  /** It goes on asking whatever it is answered: what brings no jobs is no answer to it. */
  readonly isStanding: boolean;
  /** It has a key, under which it may have been given jobs before, and nobody has looked. */
  isKeyNew: boolean;
  /** Whether it is there still; one that has gone without a word is not given jobs. */
  isThere(): boolean;
  /** Takes what it is served. Returns what it is to be told. */
  take(served: Served): Telling;
  /** What is to be done with one that is not there. */
  lapse(): Telling;
}

/** Something to be told of what stands, whatever becomes of an entry. */
export const telling = (tell: () => void): Telling => ({ tell, undo: () => undefined });

export class Line {
  readonly #claimants = new Set<Claimant>();
  /** Has those who wait served again soon, also where nothing else happens. */
  readonly #later: () => void;
  #lastOrder = 0;
  #isDue = false;

  constructor(later: () => void) {
    this.#later = later;
  }

  /** Whether somebody waits who may find a job that nobody has looked for yet. */
  get isDue(): boolean {
    return this.#isDue && this.#claimants.size > 0;
  }

  /** Whether anybody waits for jobs. */
  get hasWaiters(): boolean {
    return this.#claimants.size > 0;
  }

  /** Something may have become ready. */
  wake(): void {
    this.#isDue = true;
  }

  /** The place behind all others. */
  nextOrder(): number {
    this.#lastOrder += 1;
    return this.#lastOrder;
  }

  /** Takes somebody in at the place that it has; places are taken in rising order. */
  enter(claimant: Claimant, order: number): void {
    this.#lastOrder = Math.max(this.#lastOrder, order);
    if (this.#claimants.has(claimant)) return;
    this.#claimants.add(claimant);
    this.#isDue = true;
  }

  leave(claimant: Claimant): void {
    this.#claimants.delete(claimant);
  }

  /** Workers that wait are alive, for as long as they do. */
  isWaiting(worker: string): boolean {
    for (const claimant of this.#claimants) {
      if (claimant.request.input.worker === worker && claimant.isThere()) return true;
    }
    return false;
  }

  /** Hands what is ready to those who wait for it, the first first. Returns what is to be told of it. */
  serve(group: Group): Telling[] {
    this.#isDue = false;
    const told: Telling[] = [];
    if (this.#claimants.size === 0 || !group.exists) return told;
    const failed = new Set<string>();
    const { faults } = group.work;
    for (const claimant of this.#claimants) {
      const { isKeyNew, isStanding } = claimant;
      if (claimant.isServed || !(isKeyNew || mayFindJobs(group.view))) continue;
      claimant.isKeyNew = false;
      const demand = isKeyNew ? "" : demandNow(group, claimant);
      if (failed.has(demand)) continue;
      if (!claimant.isThere()) {
        told.push(claimant.lapse());
        continue;
      }
      const over = group.told.ended.length;
      const served = group.serve(claimant.request);
      // A claim gives up behind so many jobs that end instead of being handed out: others may be ready behind them.
      if (served === undefined && group.told.ended.length > over) this.#isDue = true;
      if (served === "full") {
        this.#isDue = true;
        break;
      }
      const isAnswered = served !== undefined && (!isStanding || isNews(served, isKeyNew));
      if (!isAnswered && !isKeyNew) failed.add(demand);
      if (isAnswered) told.push(claimant.take(served));
    }
    // What failed was undone: a job may be ready for those who wait, and no event tells of it.
    if (group.work.faults > faults) this.#later();
    return told;
  }

  /** Undone work is tried again, but not at once, when it would fail again. */
  again(): void {
    this.#later();
  }
}

/** Whether this is an answer to one that goes on asking: jobs, or that what its key stood for is gone. */
const isNews = ({ ids, answer }: Served, isKeyNew: boolean): boolean =>
  ids.length > 0 || (isKeyNew && "refusal" in answer);

/** What a claim takes, as it says itself. */
export function demandOf({ kinds = ["payload"], capabilities = [], takesAny }: ClaimInput): string {
  // No name of a capability is "*".
  const isAny = takesAny === true && capabilities.length === 0;
  return `${kinds.join()} ${isAny ? "*" : capabilities.join()}`;
}

/** What somebody takes as of now: what a registered worker does not say, its registration does, and it may be draining. */
function demandNow({ view }: Group, { demand, request, isStanding }: Claimant): string {
  const { input } = request;
  const row = input.worker === undefined ? undefined : workerOf(view, input.worker);
  if (row === undefined) return demand;
  const takes = isServed(row) ? demandOf(asRegistered(input, row)) : "nothing";
  // Each is told for itself that it is to have none, and is noted to live, which its trial does.
  const isAlike = isNoted(row, view.at) && (isServed(row) || isStanding);
  return isAlike ? takes : `${takes} ${input.worker}`;
}
