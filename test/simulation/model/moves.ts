/**
 * What follows for keys, unique keys and parents when a job goes from one state to another.
 * Invariant: it is called once for every change of a job, after the change.
 */
import type { Key } from "./flow-nouns.ts";
import { freeParents } from "./kin.ts";
import { forgetRounds, limitsOf, touch, used, usePlainTurn } from "./rounds.ts";
import { isEnded, type Job, type State } from "./state.ts";
import { letGo } from "./uniques.ts";

type Some = Job | undefined;
const isOver = (job: Some): boolean => job === undefined || isEnded(job.state);

/** A job was put in the place of `before`, or is gone. */
export function moved(state: State, at: number, before: Some, after: Some): void {
  const isHandOut = before?.state === "ready" && after?.state === "running";
  const rate = state.queue?.config.rate ?? null;
  if (isHandOut && rate !== null) state.usedUntil = used(state.usedUntil, rate, at);
  if (isHandOut && after.key === undefined && state.turns.size > 0) {
    usePlainTurn(state, after);
  }
  if (after !== undefined && isOver(before) && !isOver(after)) {
    state.lane = Math.max(state.lane, after.lane, after.set);
  }
  moveInKey(state, at, before, after, isHandOut);
  letGo(state, at, before, after);
  forgetRounds(state);
  if (before !== undefined && !isOver(before) && isOver(after)) freeParents(state, at, before);
}

function moveInKey(state: State, at: number, before: Some, after: Some, isHandOut: boolean): void {
  const key = (after ?? before)?.key;
  if (key === undefined || (isOver(before) && isOver(after))) return;
  const isSamePlace =
    before?.state === after?.state &&
    before?.lane === after?.lane &&
    before?.priority === after?.priority &&
    before?.readyAt === after?.readyAt;
  if (isSamePlace) return;
  const { rate } = limitsOf(state, key);
  const { holder, usedUntil } = state.keys.get(key) ?? {};
  const changes: { -readonly [F in keyof Key]?: Key[F] } = {};
  if (holder !== undefined && holder === before?.id && after?.state !== "scheduled") {
    changes.holder = undefined;
  }
  if (after?.state === "scheduled" && after.head) changes.holder = after.id;
  if (isHandOut && rate !== null) changes.usedUntil = used(usedUntil, rate, at);
  touch(state, at, key, changes, isHandOut ? after?.lane : undefined);
}
