/**
 * The invariants of flow keys, turns, slots, unique keys and jobs that wait for others, checked by plain recounting.
 * Invariant: nothing here shares code with the writers it checks.
 */
import type { KeyLimits, Rate } from "../src/contract/keys.ts";
import type { JobRow } from "../src/store/jobs.ts";
import type { KeyRow } from "../src/store/keys.ts";
import type { SluiceTables } from "../src/store/schema.ts";
import { fail, same } from "./differences.ts";

type Jobs = ReadonlyMap<string, JobRow>;
const ended = ["completed", "failed", "cancelled", "expired"];
const isEnded = (job: JobRow): boolean => ended.includes(job.state);
const sorted = (rows: readonly unknown[]) => rows.map((each) => JSON.stringify(each)).sort();

/** What keys, slots and jobs that are kept for others are counted as. */
export function countedOfFlow(tables: SluiceTables, jobs: Jobs): Record<string, number> {
  const counted: Record<string, number> = {};
  const add = (name: string, count: number) => {
    counted[name] = (counted[name] ?? 0) + count;
  };
  for (const job of jobs.values()) {
    if (isEnded(job) && job.action === undefined && (job.dependents ?? 0) > 0) {
      add(`parent_${job.state}`, 1);
    }
  }
  for (const [, row] of tables.keys.scan({})) {
    add("keys", 1);
    if (row.settings !== undefined) add("keys_set", 1);
    for (const { ready, round } of Object.values(row.lanes)) {
      if (round === undefined) add("limited", ready);
      else add("turns", 1);
    }
  }
  for (const [[, kind]] of tables.timers.scan({})) if (kind === "lingering") add("lingering", 1);
  return counted;
}

/** Checks the tables of keys, timers, unique keys and edges against the jobs, as of `at`. */
export function checkFlowTables(tables: SluiceTables, jobs: Jobs, at: number): void {
  checkKeys(tables, jobs, at);
  checkEdges(tables, jobs);
  checkUniques(tables, jobs);
  checkTimers(tables, jobs);
}

const keySetOf = (job: JobRow): number => job.set ?? 1;

/** What the jobs of one key come to. */
interface Recount {
  later: number;
  ready: number;
  running: number;
  readonly lanes: Record<number, { lane: number; open: number; ready: [JobRow, string][] }>;
}

function recountKeys(jobs: Jobs): Map<string, Recount> {
  const keys = new Map<string, Recount>();
  for (const [id, job] of jobs) {
    if (job.key === undefined || isEnded(job)) continue;
    const row = keys.get(job.key) ?? { later: 0, ready: 0, running: 0, lanes: {} };
    keys.set(job.key, row);
    if (job.state === "ready") row.ready += 1;
    else if (job.state === "running") row.running += 1;
    else row.later += 1;
    const index = job.ordered ? 0 : keySetOf(job);
    const lane = row.lanes[index] ?? { lane: job.lane, open: 0, ready: [] };
    row.lanes[index] = lane;
    if (lane.lane !== job.lane) fail("I11", "a lane of a key has two numbers", job, lane.lane);
    lane.open += 1;
    if (job.state === "ready") lane.ready.push([job, id]);
  }
  return keys;
}

function checkKeys(tables: SluiceTables, jobs: Jobs, at: number): void {
  const config = tables.queue.get([0])?.config;
  if (config === undefined) fail("I11", "the queue has no configuration");
  const expected = recountKeys(jobs);
  const lingering = new Map<string, number>();
  for (const [[, kind], { key }] of tables.timers.scan({})) {
    if (kind === "lingering" && key !== undefined) {
      lingering.set(key, (lingering.get(key) ?? 0) + 1);
    }
  }
  const turns: unknown[] = [];
  const found = new Set<string>();
  const operations = [...tables.operations.scan({})];
  const isSettled = operations.every(([, { kind, endedAt }]) => kind !== "resize" || endedAt);
  for (const [[key], row] of tables.keys.scan({})) {
    found.add(key);
    const { later, ready, running, lanes } = expected.get(key) ?? {
      later: 0,
      ready: 0,
      running: 0,
      lanes: {},
    };
    const counts = [row.later, row.ready, row.running, row.lingering];
    same("I11", `the counts of key ${key}`, counts, [
      later,
      ready,
      running,
      lingering.get(key) ?? 0,
    ]);
    const all = { ...config.keys, ...row.settings };
    checkOrder(key, row, Object.values(lanes).length > 0, jobs);
    checkTurns(key, row, lanes, all, isSettled ? at : undefined, tables);
    for (const lane of Object.values(row.lanes)) {
      if (lane.round !== undefined) turns.push([[...lane.round, lane.lane], { key }]);
    }
  }
  for (const key of [...expected.keys(), ...lingering.keys()]) {
    if (!found.has(key)) fail("I11", `key ${key} has jobs or slots, but no row`);
  }
  same("I11", "turns are what the keys say", sorted([...tables.turns.scan({})]), sorted(turns));
  checkRounds(tables);
}

/** I5: in strict order one job runs at a time, and only one holds the others back. */
function checkOrder(key: string, row: KeyRow, hasOpen: boolean, jobs: Jobs): void {
  if (!hasOpen && row.order !== undefined) fail("I5", `key ${key} has an order without jobs`, row);
  if (row.order !== "fifo") {
    if (row.holder !== undefined) fail("I5", `key ${key} is held, but not in order`, row);
    return;
  }
  if (row.running > 1) fail("I5", `key ${key} runs ${row.running} jobs at once`);
  if (row.holder === undefined) return;
  const holder = jobs.get(row.holder);
  if (holder?.state !== "scheduled" || holder.key !== key) {
    fail("I5", `key ${key} is held by a job that does not wait to be tried again`, holder);
  }
}

/** When a bucket gives the next token, said in another way than the code does; a double of this millennium has thousandths of a ms. */
function isRateOpen(usedUntil: number | undefined, rate: Rate | null, at: number): boolean {
  if (rate === null || usedUntil === undefined) return true;
  const { limit, perMs, burst = limit } = rate;
  return usedUntil - at <= ((burst - 1) * perMs) / limit + 1e-3;
}

function isOpen(row: KeyRow, all: KeyLimits, at: number): boolean {
  const most = row.order === "fifo" ? 1 : (all.concurrency ?? Infinity);
  if (row.paused !== undefined || row.holder !== undefined) return false;
  if (row.running + row.lingering >= most) return false;
  return (row.heldUntil ?? 0) <= at && isRateOpen(row.usedUntil, all.rate, at);
}

/** Lanes have a turn if and only if they have ready jobs of an open key, at its first job's set and priority. */
function checkTurns(
  key: string,
  row: KeyRow,
  lanes: Recount["lanes"],
  all: KeyLimits,
  at: number | undefined,
  tables: SluiceTables,
): void {
  const shape = (each: Record<number, { lane: number; open: number; ready: unknown }>) =>
    Object.entries(each).map(([index, { lane, open, ready }]) => [
      index,
      lane,
      open,
      Array.isArray(ready) ? ready.length : ready,
    ]);
  same("I11", `the lanes of key ${key}`, sorted(shape(row.lanes)), sorted(shape(lanes)));
  for (const [index, lane] of Object.entries(row.lanes)) {
    const [first] = (lanes[Number(index)]?.ready ?? []).sort(([a], [b]) => {
      const byHead = Number(b.head ?? false) - Number(a.head ?? false);
      const byPriority = row.order === "fifo" ? byHead : a.priority - b.priority;
      return byPriority || (a.readyAt ?? 0) - (b.readyAt ?? 0) || a.seq - b.seq;
    });
    const place = first && [keySetOf(first[0]), first[0].priority];
    const due = lane.round === undefined ? null : (place ?? null);
    same("I6", `the round of key ${key}`, lane.round ?? null, due);
    if (at === undefined || first === undefined) continue;
    const isTimed = row.dueAt !== undefined && tables.timers.get([row.dueAt, "key", key]);
    const isDue = isTimed !== undefined && (row.dueAt ?? 0) <= at;
    if ((lane.round !== undefined) !== isOpen(row, all, at) && !isDue) {
      fail("I6", `key ${key} has a turn if and only if it is open`, row, all, at);
    }
  }
}

/** Every round knows how many lanes have turns in it; it remembers turns that were given, of a set that has jobs. */
function checkRounds(tables: SluiceTables): void {
  const lanes = new Map<string, number>();
  for (const [[set, priority]] of tables.turns.scan({})) {
    const name = `${set} ${priority}`;
    lanes.set(name, (lanes.get(name) ?? 0) + 1);
  }
  const { passed = 0, lane: last = 0 } = tables.counters.get([0]) ?? {};
  const counted = [...tables.rounds.scan({})].flatMap(([[set, priority], row]) => {
    if (row.passed > passed + 1) fail("I6", "a round is ahead", row, passed);
    const { began, before = 0, used = 0, plain } = row;
    const isPast = before <= (began ?? 0) && Math.max(began ?? 0, plain ?? 0) <= last;
    if (!isPast) fail("I6", "a turn is to come", row, last);
    if ((began === undefined) !== (used === 0)) fail("I6", "a round without turns", row);
    if (row.lanes > 0) return [[`${set} ${priority}`, row.lanes]];
    const isOfSet = set === 1 || tables.lanes.get([set]) !== undefined;
    if (!isOfSet || (began ?? plain) === undefined) fail("I11", "a round of nobody", set, row);
    return [];
  });
  same("I11", "rounds count their lanes", sorted(counted), sorted([...lanes]));
}

function checkEdges(tables: SluiceTables, jobs: Jobs): void {
  const dependents = new Map<string, number>();
  for (const [id, job] of jobs) {
    const edges = (job.after ?? []).filter(({ id: parent }) => tables.edges.get([parent, id]));
    const waits = isEnded(job) ? 0 : edges.length;
    if (edges.length !== waits) fail("I11", `job ${id} has ended and waits`, job);
    if ((job.state === "blocked") !== waits > 0) fail("I11", `job ${id} waits for ${waits}`, job);
    const apart = tables.waits.get([id]);
    if ((apart?.left ?? job.pending ?? 0) !== waits)
      fail("I11", `job ${id} waits for ${waits}`, job);
    if (apart !== undefined && waits === 0)
      fail("I11", `job ${id} waits for none, and counts`, job);
    if (isEnded(job)) continue;
    for (const { id: parent } of job.after ?? []) {
      if (!jobs.has(parent)) fail("I1", `job ${id} outlives ${parent}, which it names`);
      dependents.set(parent, (dependents.get(parent) ?? 0) + 1);
    }
  }
  for (const [id, job] of jobs) {
    same("I11", `who needs job ${id}`, job.dependents ?? 0, dependents.get(id) ?? 0);
  }
  for (const [[parent, child], { apart = false }] of tables.edges.scan({})) {
    const isNamed = jobs.get(child)?.after?.some(({ id }) => id === parent);
    if (!isNamed) fail("I11", "an edge is of no job", parent, child);
    const isApart = tables.waits.get([child]) !== undefined;
    if (apart !== isApart) fail("I11", "an edge is counted elsewhere", parent, child);
  }
  for (const [[id]] of tables.waits.scan({})) {
    if (!jobs.has(id)) fail("I11", `what job ${id} waits for is counted, and it is not kept`);
  }
}

/** A unique key is had by an open job, or until a time. */
function checkUniques(tables: SluiceTables, jobs: Jobs): void {
  for (const [[key], { id, follow, until }] of tables.uniques.scan({})) {
    const holder = jobs.get(id);
    if (until === undefined && (holder === undefined || isEnded(holder))) {
      fail("I7", `unique key ${key} is had by job ${id}, which has ended`, holder);
    }
    if (holder !== undefined && until === undefined && holder.unique?.key !== key) {
      fail("I7", `unique key ${key} is had by a job that does not say so`, holder);
    }
    const next = follow === undefined ? undefined : jobs.get(follow);
    const isNext = next !== undefined && !isEnded(next) && next.unique?.key === key;
    if (follow !== undefined && !isNext) {
      fail("I7", `the follow-up of unique key ${key} is not open with it`, follow, next);
    }
  }
  for (const [id, { state, unique }] of jobs) {
    const isLasting = unique?.until === undefined || unique.until === "done";
    if (unique === undefined || !isLasting || ended.includes(state)) continue;
    const row = tables.uniques.get([unique.key]);
    const isNext = row?.follow === id && state === "blocked";
    if (row?.id !== id && !isNext) {
      fail("I7", `job ${id} is to have unique key ${unique.key} until it is done`, row, state);
    }
  }
}

function checkTimers(tables: SluiceTables, jobs: Jobs): void {
  const expected: unknown[] = [];
  for (const [[key], { dueAt }] of tables.keys.scan({})) {
    if (dueAt !== undefined) expected.push([dueAt, "key", key]);
  }
  for (const [[key], { until }] of tables.uniques.scan({})) {
    if (until !== undefined) expected.push([until, "unique", key]);
  }
  const parents = new Set([...tables.edges.scan({})].map(([[parent]]) => parent));
  for (const [id, job] of jobs) {
    if (isEnded(job) && parents.has(id)) expected.push([job.endedAt, "parent", id]);
  }
  const found = [...tables.timers.scan({})].map(([key]) => key);
  const rest = found.filter(([, kind]) => kind !== "lingering");
  same("I9", "timers are what the rows imply", sorted(rest), sorted(expected));
  for (const [id, { lingersUntil, grant }] of jobs) {
    if (lingersUntil === undefined) continue;
    if (!tables.timers.get([lingersUntil, "lingering", `${grant} ${id}`])) {
      fail("I11", `job ${id} has a slot of which nothing is known`, lingersUntil);
    }
  }
}

/** When time next does something that a timer stands for. */
export function earliestOfFlow(tables: SluiceTables): number {
  return tables.timers.range({ limit: 1 })[0]?.[0][0] ?? Number.POSITIVE_INFINITY;
}

/** I6: a key that is given a job has a slot for it, when it is given. */
export function checkHandOuts(tables: SluiceTables, before: Jobs, jobs: Jobs): void {
  const config = tables.queue.get([0])?.config;
  const counters = tables.counters.get([0]);
  if (config === undefined || counters === undefined) return;
  for (const [id, job] of jobs) {
    if (job.state !== "running" || before.get(id)?.grant === job.grant) continue;
    if (counters.running + counters.lingering > (config.concurrency ?? Infinity)) {
      fail("I6", `job ${id} was handed out past the queue's limit`, counters);
    }
    if (job.key === undefined) continue;
    const row = tables.keys.get([job.key]);
    const most = row?.order === "fifo" ? 1 : { ...config.keys, ...row?.settings }.concurrency;
    if (row !== undefined && row.running + row.lingering > (most ?? Infinity)) {
      fail("I6", `job ${id} was handed out past the limit of key ${job.key}`, row);
    }
  }
}
