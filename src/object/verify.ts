/**
 * Verifying a queue, a bounded step at a call: first the log up to the snapshot, entry by entry, then what is counted of rows beside
 * them, and then the snapshot's rows.
 * Invariant: a step depends on nothing but its cursor and what is stored, so that it matters not which instance does it.
 */
import { hash52 } from "../contract/hash.ts";
import { limits } from "../contract/limits.ts";
import type { VerifyProblem, VerifyReply } from "../contract/queue.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import { type PackedState, pack, unpack } from "../machine/verify-state.ts";
import { RowUnreadable } from "../store/row.ts";
import { forms, type SluiceStore } from "../store/schema.ts";
import type { SnapshotLookup } from "../store/snapshot-lookup.ts";
import type { SnapshotRow } from "../store/snapshot-rows.ts";
import type { StoreRefusal } from "../store/store.ts";
import { firstRow, type RowsPlace, verifyRows } from "./verify-rows.ts";

/** Where a verification goes on. */
export interface Place extends RowsPlace {
  /** Of the snapshot. */
  readonly digest: string;
  /** The entry to verify next; undefined once all are. */
  readonly index?: number;
  /** The block of counted rows to verify next; undefined once all are. */
  readonly block?: number;
  readonly entries: number;
}

/** Bytes of log that one step reads. */
const LOG_BYTES = 1_000_000;

/** What a verification asks of who runs it, and tells it. */
export interface VerifyPorts {
  /** What memory alone knows to be wrong. */
  live(): VerifyProblem[];
  /** The log does not stand: the store is used no longer, and there is nothing to go on with. */
  damaged(fault: StoreRefusal): void;
}

/** One step. */
export function verifyStep(
  store: SluiceStore,
  cursor: string | undefined,
  now: number,
  { live, damaged }: VerifyPorts,
): VerifyReply | Refusal {
  const meta = store.snapshots.current;
  const snapshot = store.snapshots.currentRows();
  if (meta === undefined || snapshot === undefined) {
    return refuse("snapshot_unknown", "There is nothing to verify: POST …/snapshot builds it.");
  }
  const begin = { digest: meta.digest, entries: 0, ...firstRow(meta.last.at) };
  const place: Place | undefined =
    cursor === undefined ? { ...begin, index: store.purged.index + 1, block: 0 } : parse(cursor);
  if (place?.digest !== meta.digest) {
    return refuse("cursor_invalid", "The cursor is of another snapshot: begin again without one.");
  }
  const problems = cursor === undefined ? [...pointers(store), ...live()] : [];
  const next =
    place.index === undefined
      ? (verifyBlocks(store, place) ?? verifyChunk(snapshot, place))
      : verifyEntries(store, place, place.index, damaged);
  problems.push(...next.problems);
  const rowsTotal = Object.values(meta.tables).reduce((sum, each) => sum + each.rows, 0);
  const { entries, rows } = next.place;
  const { term, index } = meta.last;
  const reply = { now, last: { term, index }, checked: { entries, rows, rowsTotal }, problems };
  return next.isDone ? reply : { ...reply, cursor: cursorOf(next.place) };
}

/** Rises with every change of what a place says: a cursor that other code gave is not gone on with. */
const PLACE_VERSION = 6;

/** A place as text, with a hash by which one that was made up or cut short is told. */
export function cursorOf(place: Place): string {
  const text = btoa(JSON.stringify({ ...place, state: pack(place.state) }));
  return `${hash52(text, PLACE_VERSION).toString(36)}.${text}`;
}

function parse(cursor: string): Place | undefined {
  const dot = cursor.indexOf(".");
  const text = cursor.slice(dot + 1);
  const isOwn = dot > 0 && hash52(text, PLACE_VERSION).toString(36) === cursor.slice(0, dot);
  if (!isOwn) return undefined;
  const place = JSON.parse(atob(text)) as Omit<Place, "state"> & { readonly state: PackedState };
  return { ...place, state: unpack(place.state) };
}

/** I14, as far as memory tells. */
function pointers(store: SluiceStore): VerifyProblem[] {
  const { purged, checkpointed, applied, committed, last } = store;
  const places = [purged, checkpointed, applied, committed, last].map(({ index }) => index);
  const isInOrder = places.every((index, i) => i === 0 || index >= (places[i - 1] ?? 0));
  const detail = `purged, checkpointed, applied, committed, last are ${places.join()}.`;
  return isInOrder ? [] : [{ invariant: "I14", detail }];
}

interface Step {
  readonly place: Place;
  readonly problems: readonly VerifyProblem[];
  readonly isDone: boolean;
}

function verifyEntries(
  store: SluiceStore,
  place: Place,
  from: number,
  damaged: VerifyPorts["damaged"],
): Step {
  const to = store.snapshots.current?.last.index ?? 0;
  // What was dropped meanwhile is no longer there to be verified.
  const first = Math.max(from, store.purged.index + 1);
  const { index: _, ...rest } = place;
  if (first > to) return { place: rest, problems: [], isDone: false };
  const { next, fault } = store.verifyLog({ from: first, to, maxBytes: LOG_BYTES });
  const entries = place.entries + next - first;
  if (fault === undefined) {
    return { place: { ...rest, entries, index: next }, problems: [], isDone: false };
  }
  damaged(fault);
  const problems = [{ invariant: "I14", detail: fault.reason }];
  return { place: { ...rest, entries }, problems, isDone: true };
}

/** What is stored of blocks is of the last checkpoint, whatever the snapshot is of. Undefined where none are left. */
function verifyBlocks(store: SluiceStore, place: Place): Step | undefined {
  const { block } = place;
  if (block === undefined) return undefined;
  const { checked, faults } = store.verifyBlocks(block);
  if (checked === 0) return undefined;
  const problems = faults
    .slice(0, limits.verifyProblemsMax)
    .map((fault) => ({ invariant: "I11", detail: `A block counts other rows: ${fault}.` }));
  return { place: { ...place, block: block + checked }, problems, isDone: false };
}

function verifyChunk(snapshot: SnapshotLookup, place: Place): Step {
  const step = verifyRows(snapshot, place, limits.verifyProblemsMax, faultOf);
  const { block: _, ...rest } = place;
  return { ...step, place: { ...rest, ...step.place } };
}

/** What is wrong with the form of a row, also where it is of a version that nobody can read. */
function faultOf(row: SnapshotRow): string | undefined {
  try {
    return forms.faultOf(row);
  } catch (fault) {
    if (fault instanceof RowUnreadable) return fault.message;
    throw fault;
  }
}
