/**
 * What taking a snapshot in should do to a queue: its state becomes that of the snapshot's moment, under a term of its own.
 * Invariant: no index, time, id or token of before is given again, and what was running goes back to its place uncounted.
 */
import { pauseImported } from "./deliveries.ts";
import { QUEUE } from "./model.ts";
import type { Plan } from "./nouns.ts";
import { start } from "./operations.ts";
import { copyOf, type State } from "./state.ts";
import type { Turn } from "./turn.ts";

/** The term of an import: above the queue's own, or the first, and the snapshot's. */
export const termOf = ({ queue }: State, termOfSnapshot: number): number =>
  Math.max(queue?.term ?? 1, termOfSnapshot) + 1;

/** The state before the entry of an import. `queueId` is whose state it is from now on. */
export function imported(own: State, snapshot: State, term: number, queueId: string): State {
  const { queue } = snapshot;
  if (queue === undefined) throw new Error("a snapshot is of a queue");
  return {
    ...copyOf(snapshot),
    queue: { ...queue, name: QUEUE, queueId, term, isRegistered: false },
    index: Math.max(own.index, snapshot.index) + 1,
    at: Math.max(own.at, snapshot.at),
    incarnation: own.incarnation,
    history: own.history,
  };
}

/** The entry of an import over `own`. */
export function takeOver(turn: Turn, own: State): void {
  turn.emit("queue.imported");
  turn.emit("queue.membership");
  for (const [id, plan] of [...own.plans].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    keepNumber(turn, id, numberOf(plan));
  }
  pauseImported(turn);
  const isHeld = [...turn.state.jobs.values()].some((job) => job.state === "running");
  if (isHeld) start(turn, "release", ["running"], { grantMax: turn.state.grant });
}

const numberOf = ({ latest, numbered = 0 }: Plan): number => Math.max(latest, numbered);

/** The versions of a plan are numbered on from the greatest number that was given before. */
function keepNumber(turn: Turn, id: string, number: number): void {
  const { state, at } = turn;
  const plan = state.plans.get(id);
  if (plan !== undefined && numberOf(plan) >= number) return;
  turn.emit("plan.numbered");
  const gone = { latest: 0, createdAt: at, updatedAt: at, removedAt: at, versions: [] };
  const none = { tasks: 0, actions: 0, jobs: 0 };
  state.plans.set(id, { ...(plan ?? { ...gone, ...none }), numbered: number });
}
