/**
 * What the events of a group tell those around it: how many of each type there were, which jobs ended, which were handed out, which
 * were lost to who held them.
 * Invariant: what is undone in the group is undone here.
 */
import type { EventFacts, EventType } from "../contract/events.ts";
import type { Refusal } from "../contract/refusals.ts";
import { lossOf } from "../machine/settlements.ts";
import type { JobRow } from "../store/jobs.ts";

/** Events with which a job has ended, or may have. */
export const isEnd: ReadonlySet<EventType> = new Set<EventType>([
  "job.cancelled",
  "job.completed",
  "job.expired",
  "job.failed",
  "job.lease_expired",
  "job.removed",
]);

/** A lease of a session that ended otherwise than by a settlement. */
export interface Lost {
  readonly session: string;
  readonly id: string;
  readonly grant: number;
  readonly why: Refusal;
}

/** Events with which a lease ends without its holder; a release may also be what its holder asked for. */
export const isLoss: ReadonlySet<EventType> = new Set<EventType>([
  "job.cancelled",
  "job.expired",
  "job.lease_expired",
  "job.released",
  "job.removed",
]);

/** A job that was handed out over the channel of a session. */
interface Handed {
  readonly id: string;
  readonly session: string;
}

/** A job that has ended, as it was then. */
interface Ending {
  readonly id: string;
  readonly row: JobRow;
}

/** How far it has come. */
export interface ToldMark {
  readonly types: number;
  readonly ended: number;
  readonly claimed: number;
  readonly handed: number;
  readonly lost: number;
  readonly ends: number;
}

export class ToldEvents {
  /** Their types. */
  readonly types: EventType[] = [];
  /** Jobs that have ended, or are gone. */
  readonly ended: string[] = [];
  /** What sessions hold no more, and do not know of. */
  readonly lost: Lost[] = [];
  /** Jobs that were handed out. */
  readonly claimed: string[] = [];
  /** Those of them that sessions hold. */
  readonly handed: Handed[] = [];
  /** The rows of those that have ended, are kept no more, and for whose end somebody waits. */
  readonly #ends: Ending[] = [];
  /** The grant under which the last of these was. */
  grant = 0;

  /** Notes an event. `held` is the job that it is about, as it was before. */
  add<T extends EventType>(type: T, facts: EventFacts[T], held?: JobRow): void {
    this.types.push(type);
    if (held !== undefined) this.#lose(type, facts as { readonly id: string }, held);
    if (isEnd.has(type)) this.ended.push((facts as { readonly id: string }).id);
    if (type === "job.claimed") {
      const { id, grant, session } = facts as EventFacts["job.claimed"];
      this.claimed.push(id);
      if (session !== undefined) this.handed.push({ id, session });
      this.grant = grant;
    }
    if (type !== "action.submitted") return;
    // An action is an event alone; its jobs count like others.
    const { lengths } = facts as EventFacts["action.submitted"];
    for (const _ of lengths) this.types.push("job.enqueued");
  }

  #lose(type: EventType, facts: { readonly id: string }, { state, session, grant }: JobRow): void {
    if (state !== "running" || session === undefined || grant === undefined) return;
    this.lost.push({ session, id: facts.id, grant, why: lossOf(type, facts) });
  }

  /** Notes the row of a job that has ended and is kept no more, where somebody waits for that. */
  noteEnd(id: string, row: JobRow | undefined): void {
    if (row !== undefined) this.#ends.push({ id, row });
  }

  /** The row of a job that is kept no more as it ended last, if somebody waited for that. */
  endOf(id: string): JobRow | undefined {
    return this.#ends.findLast((end) => end.id === id)?.row;
  }

  mark(): ToldMark {
    const { types, ended, claimed, handed, lost } = this;
    return {
      types: types.length,
      ended: ended.length,
      claimed: claimed.length,
      handed: handed.length,
      lost: lost.length,
      ends: this.#ends.length,
    };
  }

  undo(mark: ToldMark): void {
    this.types.length = mark.types;
    this.ended.length = mark.ended;
    this.claimed.length = mark.claimed;
    this.handed.length = mark.handed;
    this.lost.length = mark.lost;
    this.#ends.length = mark.ends;
  }
}
