/**
 * What reads should answer: one job, a page of jobs, an operation, the queue.
 * Invariant: only an absent cursor means the end; a cursor holds for one list of one queue.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { small } from "../small.ts";
import {
  hasLabel,
  inOrder,
  listed,
  operationRecord,
  placeIn,
  queueRecord,
  record,
} from "./show.ts";
import type { Place, State } from "./state.ts";
import { type Answer, refused } from "./turn.ts";

/** What a cursor stands for. */
export interface CursorMeaning {
  readonly queueId: string;
  readonly term: number;
  readonly state: string | undefined;
  readonly after: Place;
}

/** A page that is expected: its answer less the cursor, and what the cursor should stand for. */
export interface Page {
  readonly answer: Answer;
  readonly cursor?: CursorMeaning;
}

export function getJob(state: State, now: number, id: string): Answer {
  const job = state.jobs.get(id);
  if (job === undefined || state.queue === undefined) return refused("job_unknown", { id });
  return { reply: { now, job: record(job, state.queue.config) } };
}

export function getOperation(state: State, now: number, id: string): Answer {
  const found = state.operations.find((each) => each.id === id);
  if (found === undefined) return refused("operation_unknown", { id });
  return { reply: { now, operation: operationRecord(found) } };
}

export const getQueue = (state: State, now: number): Answer => ({
  reply: { now, queue: queueRecord(state) },
});

/** `meaning` is what the input's cursor stands for; undefined when no list gave it. */
export function listJobs(
  state: State,
  now: number,
  input: CommandInputs["job.list"],
  meaning: CursorMeaning | undefined,
): Page {
  const { queue } = state;
  if (queue === undefined) throw new Error("the model has no queue");
  if (input.cursor !== undefined) {
    const isOwn = meaning?.queueId === queue.queueId && meaning.term === queue.term;
    if (!isOwn || meaning.state !== input.state) return { answer: refused("cursor_invalid") };
  }
  const limit = input.limit ?? 100;
  const jobs: object[] = [];
  let after = input.cursor === undefined ? undefined : meaning?.after;
  let examined = 0;
  for (const job of inOrder(state, input.state, after)) {
    const isFull = jobs.length >= limit || examined >= small.pageScanMax;
    if (after !== undefined && isFull) {
      const { queueId, term } = queue;
      const cursor = { queueId, term, state: input.state, after };
      return { answer: { reply: { now, jobs } }, cursor };
    }
    examined += 1;
    after = placeIn(input.state, job);
    if (input.label !== undefined && !hasLabel(job, input.label)) continue;
    jobs.push(listed(job, queue.config, input.include !== undefined));
  }
  return { answer: { reply: { now, jobs } } };
}
