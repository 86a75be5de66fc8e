/**
 * In which order the jobs of a state stand, for lists and operations: each has a place, behind which a page or a step goes on.
 * Invariant: a place stays where it is while its job does, so that nothing is met twice or passed over for what others do.
 */
import type { EndState, JobState } from "../contract/fields.ts";
import { PLAIN_LANE } from "../store/lanes.ts";
import type { View } from "./decide.ts";

export type IndexKey = readonly (string | number)[];
/** A place in the order of a state: the key of the row behind it, and the job it stands for. */
export type Place = readonly [key: IndexKey, id: string];

/** The place of a job without a key among the ready ones begins with 0, which is no lane. */
const UNKEYED = 0;

/**
 * Ready jobs without a key in claim order: by priority, then place, as a worker that can do all would get them. Behind them those
 * of keys, lane by lane, each in its order: whose turn is next changes with every claim.
 */
function* readyPlaces(view: View, after: IndexKey | undefined): Generator<Place> {
  const { ready, lanes } = view.tables;
  const [from = UNKEYED, priority, readyAt, seq] = (after ?? []) as number[];
  const unkeyed = [PLAIN_LANE, ...[...lanes.scan({})].map(([[lane]]) => lane)];
  if (from === UNKEYED) {
    const scans = unkeyed.map((lane) =>
      priority === undefined || readyAt === undefined || seq === undefined
        ? ready.scan({ prefix: [lane] })
        : ready.scan({ prefix: [lane], after: [lane, priority, readyAt, seq] }),
    );
    for (const [[, ...place], { id }] of mergeInOrder(scans, byPlace, (row) => row)) {
      yield [[UNKEYED, ...place], id];
    }
  }
  yield* keyedPlaces(view, from === UNKEYED ? [UNKEYED] : (after as ReadyKey), new Set(unkeyed));
}

/** Ready jobs of keys behind a place, in the order of their lanes. */
function* keyedPlaces(
  { tables }: View,
  after: [number] | ReadyKey,
  unkeyed: ReadonlySet<number>,
): Generator<Place> {
  let start: [number] | ReadyKey | undefined = after;
  while (start !== undefined) {
    let passed: number | undefined;
    for (const [key, { id }] of tables.ready.scan({ after: start })) {
      if (unkeyed.has(key[0])) {
        passed = key[0];
        break;
      }
      yield [key, id];
    }
    start = passed === undefined ? undefined : [passed];
  }
}

/** Ready jobs of one key, by priority and place; one in strict order by place alone. */
export function* placesOfKey(
  view: View,
  key: string,
  after: IndexKey | undefined,
): Generator<Place> {
  const { ready, keys } = view.tables;
  const lanes = Object.values(keys.get([key])?.lanes ?? {}).map(({ lane }) => lane);
  const [, priority, readyAt, seq] = (after ?? []) as number[];
  const scans = lanes.map((lane) =>
    priority === undefined || readyAt === undefined || seq === undefined
      ? ready.scan({ prefix: [lane] })
      : ready.scan({ prefix: [lane], after: [lane, priority, readyAt, seq] }),
  );
  for (const [place, { id }] of mergeInOrder(scans, byPlace, (row) => row)) yield [place, id];
}

const byPlace = (a: readonly [ReadyKey, unknown], b: readonly [ReadyKey, unknown]): number =>
  comparePlaces(a[0], b[0]);

export type ReadyKey = readonly [lane: number, priority: number, readyAt: number, seq: number];

/** Whether one ready job comes before another of any lane (negative), or after it (positive). */
export function comparePlaces(a: ReadyKey, b: ReadyKey): number {
  return a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

/** The places of a state behind one of them; `isFromBack` is for blocked jobs. */
export function* placesOf(
  view: View,
  state: JobState | undefined,
  after?: IndexKey,
  isFromBack = false,
): Generator<Place> {
  const { jobs, blocked, scheduled, leases } = view.tables;
  const from = after === undefined ? {} : { after: after as never };
  if (state === undefined) {
    for (const [key] of jobs.scan(from)) yield [key, key[0]];
  } else if (state === "ready") {
    yield* readyPlaces(view, after);
  } else if (state === "scheduled") {
    for (const [key, { id }] of scheduled.scan(from)) yield [key, id];
  } else if (state === "running") {
    for (const [key, { id }] of leases.scan(from)) yield [key, id];
  } else if (state === "blocked") {
    const before = after === undefined ? {} : { to: after as never };
    const bounds = isFromBack ? { ...before, reverse: true } : from;
    for (const [key, { id }] of blocked.scan(bounds)) yield [key, id];
  } else {
    yield* endedPlaces(view, state, after);
  }
}

/** Ended jobs in the order in which their retention begins, which is mostly that of their ends: those kept for others stand apart. */
function* endedPlaces(view: View, state: EndState, after: IndexKey | undefined): Generator<Place> {
  const [endedAt, id] = (after ?? []) as [number?, string?];
  const scans = [state, `${state}/action`, `${state}/parent`].map((shelf) => {
    const isBegun = endedAt !== undefined && id !== undefined;
    const from = isBegun ? { after: [shelf, endedAt, id] as const } : {};
    return view.tables.finished.scan({ prefix: [shelf], ...from });
  });
  for (const [, ended, job] of mergeInOrder(scans, (a, b) => compareEnds(a[0], b[0]), keyOf)) {
    yield [[ended, job], job];
  }
}

const keyOf = <K>([key]: readonly [K, unknown]): K => key;

type EndKey = readonly [shelf: string, endedAt: number, id: string];
const compareEnds = (a: EndKey, b: EndKey): number => a[1] - b[1] || (a[2] < b[2] ? -1 : 1);

/** The rows of scans that are in order each, in one order. */
function* mergeInOrder<T, R>(
  scans: readonly Iterator<T, unknown>[],
  compare: (a: T, b: T) => number,
  show: (row: T) => R,
): Generator<R> {
  const heads = scans.map((scan) => scan.next());
  for (;;) {
    let best = -1;
    for (let i = 0; i < heads.length; i++) {
      const [head, bestHead] = [heads[i], heads[best]];
      if (!head || head.done) continue;
      if (!bestHead || bestHead.done || compare(head.value, bestHead.value) < 0) best = i;
    }
    const head = heads[best];
    if (!head || head.done) return;
    yield show(head.value);
    const next = scans[best]?.next();
    if (next !== undefined) heads[best] = next;
  }
}
