/**
 * Who has a unique key, and when it is let go.
 * Invariant: a key has one holder, and one job at most that follows it.
 */
import { isEnded, type Job, type State } from "./state.ts";

/** A job takes its key, or is the one that follows. */
export function take(state: State, at: number, { id, unique }: Job): void {
  if (unique === undefined) return;
  const { key, until } = unique;
  const holder = state.uniques.get(key);
  if (holder !== undefined) state.uniques.set(key, { ...holder, follow: id });
  else state.uniques.set(key, typeof until === "object" ? { id, until: at + until.ms } : { id });
}

/** A key comes free: it is that of the job that follows, where that is open. */
export function free(state: State, at: number, key: string): void {
  const { follow = "" } = state.uniques.get(key) ?? {};
  state.uniques.delete(key);
  const next = state.jobs.get(follow);
  if (next !== undefined && !isEnded(next.state)) take(state, at, next);
}

/** A job went to where it is no longer the only one. */
export function letGo(
  state: State,
  at: number,
  before: Job | undefined,
  after: Job | undefined,
): void {
  if (before?.unique === undefined || isEnded(before.state) || before.state === after?.state)
    return;
  const { key, until } = before.unique;
  const isOver = after === undefined || isEnded(after.state);
  const isStarted = until === "started" && after?.state === "running";
  const row = state.uniques.get(key);
  if (row === undefined || !(isOver || isStarted)) return;
  if (row.follow === before.id) state.uniques.set(key, { ...row, follow: undefined });
  else if (row.id === before.id && typeof until !== "object") free(state, at, key);
}
