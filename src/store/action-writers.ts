/**
 * What becomes of actions: one writer for each event.
 * Invariant: a writer takes the event's facts as they are and never refuses or decides.
 */
import type { EventOf } from "../contract/events.ts";
import { utf8Bytes } from "../contract/fields.ts";
import { jobIds } from "../contract/ids.ts";
import { type ActionRow, endedBy, noCounts, shelve, unshelve } from "./actions.ts";
import { enter, optionsOf, requiredBy } from "./job-writers.ts";
import { editCounters } from "./queue.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

function rowOf(tables: SluiceTables, id: string): ActionRow {
  const row = tables.actions.get([id]);
  if (row === undefined) throw new Error(`an event names action ${id}, which is not kept`);
  return row;
}

function submitted(tables: SluiceTables, event: EventOf<"action.submitted">, at: number): void {
  const { id, plan, planVersion, fingerprint, schedule, slotAt, lengths, firstSeq } = event;
  const [queueId, term] = event.jobIds;
  const idOf = jobIds({ queueId, term });
  const total = lengths.length;
  const jobs = { firstJob: idOf(firstSeq), lastJob: idOf(firstSeq + total - 1), total };
  const of = { plan, planVersion, schedule, slotAt };
  const fresh = { round: 1, createdAt: at, counts: noCounts };
  tables.actions.insert([id], { ...of, ...jobs, ...fresh, fingerprint });
  editCounters(tables).action = event.seq;
  const row = tables.plans.edit([plan]);
  if (row === undefined) throw new Error(`action ${id} is of plan ${plan}, not kept`);
  row.actions += 1;
  const requires = requiredBy(tables, { ...of, requires: event.options.requires });
  const facts = { ...event.options, ...of, requires, kind: "plan" as const };
  const shared = { ...optionsOf(facts), action: id };
  let end = 0;
  for (const [inputIndex, length] of lengths.entries()) {
    const payload = event.inputs.slice(end, end + length);
    end += length;
    const seq = firstSeq + inputIndex;
    const own = { ...event.options, id: idOf(seq), seq, payload, payloadBytes: utf8Bytes(payload) };
    enter(tables, own, { ...shared, inputIndex }, at);
  }
}

function ended(tables: SluiceTables, event: EventOf<"action.ended">, at: number): void {
  const { id, status } = event;
  const row = rowOf(tables, id);
  tables.actions.put([id], shelve(tables, id, row, { at, status }, at));
  editCounters(tables)[endedBy(status)] += row.total;
}

function reopened(tables: SluiceTables, { id }: EventOf<"action.reopened">): void {
  const before = rowOf(tables, id);
  if (before.ended === undefined) throw new Error(`action ${id} is reopened, but has not ended`);
  forgetEnd(tables, id, before);
  const { ended: _, ...row } = before;
  tables.actions.put([id], { ...row, round: row.round + 1 });
}

function removed(tables: SluiceTables, { id }: EventOf<"action.removed">): void {
  forgetEnd(tables, id, rowOf(tables, id));
  tables.actions.remove([id]);
}

function forgetEnd(tables: SluiceTables, id: string, row: ActionRow): void {
  if (row.ended === undefined) return;
  unshelve(tables, id, row);
  editCounters(tables)[endedBy(row.ended.status)] -= row.total;
}

export const actionWriters = {
  "action.ended": ended,
  "action.removed": removed,
  "action.reopened": reopened,
  "action.submitted": submitted,
} satisfies Partial<EventWriters>;
