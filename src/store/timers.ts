/**
 * Where times are kept at which something happens whose order no other table has: keys open, slots are let go, names come free,
 * and ended jobs have others that wait for them.
 * Invariant: a timer stands for what another row says, except that of a lingering slot, which is all there is of it.
 */
import { declareTable } from "./declare.ts";
import { ascii, integer, text } from "./key-columns.ts";

/** What happens: to a key, to the slot of a job, to a unique key, to the children of a job. */
export type TimerKind = "key" | "lingering" | "parent" | "unique";

export interface TimerRow {
  /** Of a lingering slot: the flow key of its job. */
  readonly key?: string;
}

export const timers = declareTable<TimerRow>()({
  name: "timers",
  version: 1,
  key: [integer("due_at"), ascii("kind"), text("name")],
  valueBytesMax: 1000,
});
