/**
 * The whole schema of a queue: every table, and one writer for each event.
 * Invariant: every event has a writer; a table's name and columns never change their meaning.
 */
import { type Event, type EventType, eventTexts } from "../contract/events.ts";
import { endStates, jobStates } from "../contract/fields.ts";
import { actionWriters } from "./action-writers.ts";
import { actions, ended_actions, keptBy } from "./actions.ts";
import { LogCorrupt } from "./chain.ts";
import type { Table, Tables } from "./declare.ts";
import { deliveryWriters } from "./deliveries.ts";
import { edges, waits } from "./flows.ts";
import { generations } from "./generations.ts";
import { hash_fields, hashWriters } from "./hashes.ts";
import { jobForms } from "./job-forms.ts";
import { job_texts } from "./job-texts.ts";
import { jobWriters } from "./job-writers.ts";
import { blocked, deadlines, finished, jobs, ready, scheduled } from "./jobs.ts";
import { keyWriters } from "./key-writers.ts";
import { keys, rounds, turns } from "./keys.ts";
import { lane_index, lanes } from "./lanes.ts";
import { leases, leaseWriters } from "./leases.ts";
import { lingeringWriters } from "./lingering.ts";
import { list_items, listWriters } from "./lists.ts";
import { long_strings } from "./long-strings.ts";
import type { membershipEvent } from "./membership.ts";
import { nameForms } from "./name-forms.ts";
import {
  keyspace,
  name_expiries,
  name_removals,
  names,
  nameWriters,
  readKeyspace,
} from "./names.ts";
import { operations, operationWriters } from "./operations.ts";
import { plan_versions, plans, planWriters } from "./plans.ts";
import { counters, queue, queueWriters } from "./queue.ts";
import { queueForms } from "./queue-forms.ts";
import { type Forms, RowForms } from "./row-forms.ts";
import { type Salvaged, salvage } from "./salvage.ts";
import { schedule_due, schedules, scheduleWriters } from "./schedules.ts";
import { set_members, setWriters } from "./sets.ts";
import { sortedSetWriters, zset_members, zset_scores } from "./sorted-sets.ts";
import type { Sql } from "./sql.ts";
import { catchUp } from "./standing.ts";
import { Store } from "./store.ts";
import type { StoreLimits } from "./store-config.ts";
import { stringWriters } from "./strings.ts";
import { readAhead } from "./tail-reads.ts";
import { tasks, taskWriters } from "./tasks.ts";
import { timers } from "./timers.ts";
import { uniques, uniqueWriters } from "./uniques.ts";
import { held, worker_due, workers, workerWriters } from "./workers.ts";

export const schema = {
  actions,
  blocked,
  counters,
  deadlines,
  edges,
  ended_actions,
  finished,
  generations,
  hash_fields,
  held,
  job_texts,
  jobs,
  keys,
  keyspace,
  lane_index,
  lanes,
  leases,
  list_items,
  long_strings,
  name_expiries,
  name_removals,
  names,
  operations,
  plan_versions,
  plans,
  queue,
  ready,
  rounds,
  schedule_due,
  scheduled,
  schedules,
  set_members,
  tasks,
  timers,
  turns,
  uniques,
  waits,
  worker_due,
  workers,
  zset_members,
  zset_scores,
};
export type SluiceSchema = typeof schema;
export type SluiceTables = Tables<SluiceSchema>;

type Reading = "count" | "expect" | "expectFirst" | "first" | "get" | "outlines" | "range" | "scan";
type ReadOnly<T> = T extends Table<infer K, infer V> ? Pick<Table<K, V>, Reading> : never;
/** The tables as the machine sees them. */
export type Reads = { readonly [N in keyof SluiceTables]: ReadOnly<SluiceTables[N]> };

/** One writer for each event that changes tables; `at` is the time of the event's entry. */
export type EventWriters = {
  readonly [T in Exclude<EventType, typeof membershipEvent>]: (
    tables: SluiceTables,
    event: Extract<Event, { type: T }>,
    at: number,
  ) => void;
};

export const writers: EventWriters = {
  ...actionWriters,
  ...deliveryWriters,
  ...hashWriters,
  ...jobWriters,
  ...keyWriters,
  ...leaseWriters,
  ...lingeringWriters,
  ...listWriters,
  ...nameWriters,
  ...operationWriters,
  ...planWriters,
  ...queueWriters,
  ...scheduleWriters,
  ...setWriters,
  ...sortedSetWriters,
  ...stringWriters,
  ...taskWriters,
  ...uniqueWriters,
  ...workerWriters,
};

export type SluiceStore = Store<SluiceSchema, Event>;

/**
 * What every checkpoint holds: the queue, its counters, and rows where they count any. Counting the rows would take 80 ms a
 * million; a table that is gone or empty is seen at once.
 */
function checkTables(all: SluiceTables): void {
  const counts = all.counters.get([0]);
  const row = all.queue.get([0]);
  if (counts === undefined || row === undefined) {
    throw new LogCorrupt("the row of the queue or of its counters is missing");
  }
  if (!endStates.every((state) => row.config?.retention?.[state] !== undefined)) {
    throw new LogCorrupt("the row of the queue has no configuration");
  }
  const kept = jobStates.reduce((sum, state) => sum + counts[state], 0);
  const expect = (what: string, count: number, [first]: readonly unknown[]) => {
    if (count >= 0 && count > 0 === (first !== undefined)) return;
    throw new LogCorrupt(`the counters name ${count} ${what} jobs; the tables do not`);
  };
  expect("kept", kept, all.jobs.range({ limit: 1 }));
  expect("ready", counts.ready, all.ready.range({ limit: 1 }));
  expect("scheduled", counts.scheduled, all.scheduled.range({ limit: 1 }));
  expect("blocked", counts.blocked, all.blocked.range({ limit: 1 }));
  expect("running", counts.running, all.leases.range({ limit: 1 }));
  for (const state of endStates) {
    const ofActions = counts[keptBy(state)];
    const ofParents = counts[`parent_${state}`];
    const first = (shelf: string) => all.finished.range({ prefix: [shelf], limit: 1 });
    expect(state, counts[state] - ofActions - ofParents, first(state));
    expect(state, ofParents, first(`${state}/parent`));
    expect(state, ofActions, first(`${state}/action`));
  }
  const { space, names: named } = readKeyspace(all);
  const [name] = all.names.range({ prefix: [space], limit: 1 });
  if (named > 0 !== (name !== undefined)) {
    throw new LogCorrupt(`the keyspace counts ${named} names; the tables do not`);
  }
}

/** What each row must be. */
export const forms = new RowForms(schema, {
  ...jobForms,
  ...nameForms,
  ...queueForms,
} satisfies Forms<SluiceSchema>);

const config = {
  tables: schema,
  writers,
  texts: eventTexts,
  check: checkTables,
  catchUp,
  readAhead,
  forms,
};

/**
 * Opens a queue's store, and recovers it. Writes nothing; throws `StoreRefusal` when it must not be used.
 */
export function openStore(sql: Sql, limits?: Partial<StoreLimits>): SluiceStore {
  return Store.open<SluiceSchema, Event>(sql, limits ? { ...config, limits } : config);
}

/** What can still be read of a queue's store that must not be used, before log entry `bad`; undefined where that is nothing. */
export function salvageStore(
  sql: Sql,
  bad: number | undefined,
): Salvaged<SluiceSchema> | undefined {
  return salvage<SluiceSchema, Event>(sql, config, bad);
}
