/**
 * What the auditor knows of names: what each of them names, until when, and by which change that came about.
 * Invariant: a record is replaced, never changed; a name whose time is over is as good as gone, and its row goes with a sweep.
 */
import { hash52 } from "../../../src/contract/hash.ts";
import type { Name, Value } from "./name-records.ts";
import { isBefore } from "./show.ts";
import type { Turn } from "./turn.ts";

/** Up to so many elements go with their name. */
const FREED_AT_ONCE = 16;

export const sizeOf = (value: Value): number =>
  value.type === "string" ? 1 : value.type === "list" ? value.items.length : value.items.size;

/** Rows that are left of what nothing names any more. */
function rowsLeft(value: Value): number {
  const isWhole = value.type !== "string" && sizeOf(value) > FREED_AT_ONCE;
  return isWhole ? sizeOf(value) : 0;
}

const isOver = ({ until = Infinity }: Name, at: number): boolean => until <= at;

/** What a name names as of now. */
export function named({ state, at }: Pick<Turn, "state" | "at">, name: string): Name | undefined {
  const found = state.names.all.get(name);
  return found === undefined || isOver(found, at) ? undefined : found;
}

/** What a name is by now, in a word that is another one after every change of it. */
export function standingOf(turn: Pick<Turn, "state" | "at">, name: string): string {
  const { queue, names } = turn.state;
  const history = `${queue?.queueId} ${queue?.term}`;
  const found = names.all.get(name);
  if (found !== undefined && !isOver(found, turn.at)) return `${history} here ${found.change}`;
  const last = Math.max(found?.change ?? 0, names.gone.get(name) ?? 0, names.flushed);
  return `${history} gone ${last}`;
}

function nextChange({ names }: Turn["state"]): number {
  names.changes += 1;
  return names.changes;
}

/** A name has another value in the place of what it named, which is left. */
export function replace(turn: Turn, event: string, name: string, value: Value, until?: number) {
  const before = turn.state.names.all.get(name);
  if (before !== undefined) turn.state.names.left += rowsLeft(before.value);
  put(turn, event, name, value, until);
}

/** What a name names changes; its time does not. What is empty is gone. */
export function change(turn: Turn, event: string, name: string, value: Value): void {
  const before = named(turn, name);
  if (before === undefined) replace(turn, event, name, value);
  else if (sizeOf(value) > 0) put(turn, event, name, value, before.until);
  else {
    turn.emit(event);
    forget(turn, name);
  }
}

function put(turn: Turn, event: string, name: string, value: Value, until?: number): void {
  turn.emit(event);
  turn.state.names.all.set(name, { value, until, change: nextChange(turn.state) });
}

/** A name is there until another time, or for good. */
export function setTime(turn: Turn, name: string, { value }: Name, until?: number): void {
  put(turn, "name.expires", name, value, until);
}

/** A name names nothing from now on. */
function forget({ state }: Turn, name: string): void {
  state.names.all.delete(name);
  state.names.gone.set(name, nextChange(state));
}

/** Removes a name that names something. Returns whether it does. */
export function remove(turn: Turn, name: string): boolean {
  const found = named(turn, name);
  if (found === undefined) return false;
  turn.emit("name.removed");
  turn.state.names.left += rowsLeft(found.value);
  forget(turn, name);
  return true;
}

/** What a name names has another one. */
export function rename(turn: Turn, from: string, to: string, { value, until }: Name): void {
  forget(turn, from);
  replace(turn, "name.renamed", to, value, until);
}

/** No name is there any more; their rows are left. */
export function flush(turn: Turn): void {
  const { names } = turn.state;
  turn.emit("names.flushed");
  names.left += names.all.size;
  for (const { value } of names.all.values()) names.left += rowsLeft(value);
  names.all.clear();
  names.gone.clear();
  names.flushed = nextChange(turn.state);
}

/** The first name whose time ends. */
export function nextNameDue({ names }: Turn["state"]) {
  let best: { readonly at: number; readonly expired: string } | undefined;
  for (const [expired, { until: at }] of names.all) {
    if (at === undefined) continue;
    const isFirst =
      best === undefined || isBefore(place(at, expired), place(best.at, best.expired));
    if (isFirst) best = { at, expired };
  }
  return best;
}

const place = (at: number, name: string) => [at, hash52(name), name];

/** The row of a name goes whose time was over; it was gone since then. */
export function expire(turn: Turn, name: string): void {
  const { names } = turn.state;
  const found = names.all.get(name);
  if (found === undefined) throw new Error(`the model has lost name ${name}`);
  turn.emit("name.expired");
  names.left += rowsLeft(found.value);
  names.all.delete(name);
  names.gone.set(name, Math.max(found.change, names.gone.get(name) ?? 0));
}

/** Frees rows that nothing leads to. Returns how many. */
export function freeLeft(turn: Turn, most: number): number {
  const { names } = turn.state;
  const count = Math.min(most, names.left);
  turn.emit("generation.freed");
  names.left -= count;
  return count;
}

/** Names, fields or members as they stand: by hash. */
export const byHash = (all: Iterable<string>): string[] =>
  [...all].sort((a, b) => (isBefore([hash52(a), a], [hash52(b), b]) ? -1 : 1));
