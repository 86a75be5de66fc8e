/**
 * What purge, redrive and the release after an import should do: bounded steps over many jobs, the first in the command itself.
 * Invariant: an operation touches only jobs that were there when it began.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { small } from "../small.ts";
import { idOf, isOfLiveAction, pad, runAgain } from "./jobs.ts";
import { countsOf, hasLabel, inOrder, operationRecord, placeIn } from "./show.ts";
import { isEnded, type Job, type JobState, type Operation, type Place } from "./state.ts";
import type { Answer, Turn } from "./turn.ts";

type Filter = Pick<Operation, "label" | "endedAfter" | "endedBefore" | "grantMax">;

export function purge(turn: Turn, { states }: CommandInputs["queue.purge"]): Answer {
  return start(turn, "purge", states ?? ["scheduled", "ready", "blocked"], {});
}

export function redrive(turn: Turn, input: CommandInputs["job.redrive"]): Answer {
  if (input.ids !== undefined) return redriveIds(turn, input.ids);
  const { states = ["failed"], label, endedAfter, endedBefore } = input;
  return start(turn, "redrive", states, { label, endedAfter, endedBefore });
}

function begin(
  turn: Turn,
  facts: Pick<Operation, "kind" | "states" | "total"> & Filter,
): Operation {
  const { state } = turn;
  state.operation += 1;
  const [first] = facts.states;
  const operation: Operation = {
    ...{ ...facts, seq: state.operation, seqMax: state.seq, changed: 0, examined: 0 },
    id: idOf(turn.queue, `op${pad(state.operation, 4)}`),
    startedAt: turn.at,
    ...(first === undefined ? { endedAt: turn.at } : { state: first }),
  };
  turn.emit("operation.started");
  state.operations.push(operation);
  // Only the newest are kept, but none goes before it is done.
  const oldest = () => state.operations[0];
  const isOver = (each: Operation | undefined) =>
    each?.endedAt !== undefined && each.seq <= state.operation - small.operationsKeptMax;
  while (isOver(oldest())) state.operations.shift();
  return operation;
}

/** Records progress: `state` and `after` say where the next step begins, none of them that there is none. */
function move(
  turn: Turn,
  seq: number,
  done: { readonly changed: number; readonly examined: number },
  next?: { readonly state: JobState; readonly after?: Place },
): void {
  turn.emit("operation.advanced");
  turn.state.operations = turn.state.operations.map((each) =>
    each.seq !== seq
      ? each
      : {
          ...each,
          changed: each.changed + done.changed,
          examined: each.examined + done.examined,
          state: next?.state,
          after: next?.after,
          ...(next === undefined && { endedAt: turn.at }),
        },
  );
}

const bySeq = (turn: Turn, seq: number): Operation | undefined =>
  turn.state.operations.find((each) => each.seq === seq);

function show(turn: Turn, seq: number): Answer {
  const operation = bySeq(turn, seq);
  if (operation === undefined) throw new Error(`the model has lost operation ${seq}`);
  return { reply: { now: turn.at, operation: operationRecord(operation) } };
}

export function start(
  turn: Turn,
  kind: Operation["kind"],
  named: readonly JobState[],
  filter: Filter,
): Answer {
  const states = [...new Set(named)];
  const { counts } = countsOf(turn.state);
  const total = states.reduce((sum, state) => sum + counts[state], 0);
  const { seq } = begin(turn, { kind, states, total, ...filter });
  advance(turn, seq);
  return show(turn, seq);
}

function redriveIds(turn: Turn, ids: readonly string[]): Answer {
  const { seq } = begin(turn, { kind: "redrive", states: [], total: ids.length });
  let changed = 0;
  for (const id of new Set(ids)) {
    const job = turn.asOfNow(id);
    if (job !== undefined && runAgain(turn, job) === undefined) changed += 1;
  }
  move(turn, seq, { changed, examined: ids.length });
  return show(turn, seq);
}

/** The oldest operation that is not done. */
export const underway = (turn: Turn): number | undefined =>
  turn.state.operations.find((each) => each.endedAt === undefined)?.seq;

/** Goes on with an operation: it looks at a bounded number of jobs, over as many states as that allows. */
export function advance(turn: Turn, seq: number): void {
  let room: number = small.operationStepMax;
  while (room > 0) {
    const operation = bySeq(turn, seq);
    if (operation?.state === undefined) return;
    room -= Math.max(1, step(turn, operation, operation.state, room));
  }
}

function step(turn: Turn, operation: Operation, state: JobState, most: number): number {
  const jobs = inOrder(turn.state, state, operation.after).slice(0, most);
  const last = jobs.at(-1);
  const after = last === undefined ? undefined : placeIn(state, last);
  const changed = jobs.filter(
    (job) => isMeant(operation, job) && change(turn, operation, job),
  ).length;
  const done = { changed, examined: jobs.length };
  if (after !== undefined && jobs.length === most) {
    move(turn, operation.seq, done, { state, after });
    return most;
  }
  const next = operation.states[operation.states.indexOf(state) + 1];
  move(turn, operation.seq, done, next === undefined ? undefined : { state: next });
  return jobs.length;
}

function isMeant({ seqMax, grantMax, label, ...bounds }: Operation, job: Job): boolean {
  if ((job.grant ?? 0) > (grantMax ?? Infinity)) return false;
  if (job.seq > seqMax || (label !== undefined && !hasLabel(job, label))) return false;
  const { endedAfter = 0, endedBefore = Infinity } = bounds;
  const endedAt = job.endedAt ?? 0;
  return !isEnded(job.state) || (endedAt >= endedAfter && endedAt < endedBefore);
}

function change(turn: Turn, { kind }: Operation, job: Job): boolean {
  if (kind === "redrive") return runAgain(turn, job) === undefined;
  if (kind === "release") turn.giveBack(job);
  else if (!isOfLiveAction(turn.state, job)) turn.remove(job.id);
  else if (isEnded(job.state)) return false;
  // Its action keeps it, and has to hear what became of it.
  else turn.cancel(job, "purged");
  return true;
}
