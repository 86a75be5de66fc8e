/**
 * What the events of a group tell those around it: how many of each type there were, which jobs ended, which were handed out.
 * Invariant: what is undone in the group is undone here.
 */
import type { EventFacts, EventType } from "../contract/events.ts";

/** Events with which a job has ended, or may have. */
const isEnd: ReadonlySet<EventType> = new Set<EventType>([
  "job.cancelled",
  "job.completed",
  "job.expired",
  "job.failed",
  "job.lease_expired",
  "job.removed",
]);

/** How far it has come. */
export type ToldMark = readonly [types: number, ended: number, claimed: number];

export class ToldEvents {
  /** Their types. */
  readonly types: EventType[] = [];
  /** Jobs that have ended, or are gone. */
  readonly ended: string[] = [];
  /** Jobs that were handed out. */
  readonly claimed: string[] = [];
  /** The grant under which the last of these was. */
  grant = 0;

  add<T extends EventType>(type: T, facts: EventFacts[T]): void {
    this.types.push(type);
    if (isEnd.has(type)) this.ended.push((facts as { readonly id: string }).id);
    if (type === "job.claimed") {
      const { id, grant } = facts as EventFacts["job.claimed"];
      this.claimed.push(id);
      this.grant = grant;
    }
    if (type !== "action.submitted") return;
    // An action is an event alone; its jobs count like others.
    const { lengths } = facts as EventFacts["action.submitted"];
    for (const _ of lengths) this.types.push("job.enqueued");
  }

  mark(): ToldMark {
    return [this.types.length, this.ended.length, this.claimed.length];
  }

  undo([types, ended, claimed]: ToldMark): void {
    this.types.length = types;
    this.ended.length = ended;
    this.claimed.length = claimed;
  }
}
