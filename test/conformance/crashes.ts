/**
 * Crash injection: a call is made again and again, each time with one more write that succeeds before all fail.
 * Invariant: whichever write was the last, what is found afterwards is exactly the state before the call or after it.
 */
import { deepEqual, ok } from "node:assert/strict";
import type { Sql } from "../../src/store/sql.ts";
import { Crash, dump, FaultySql, wipe } from "../store/support.ts";

/** What is called, on what, and what can then be seen. */
export interface Crashing<T> {
  readonly open: (sql: Sql) => T;
  readonly view: (node: T) => unknown;
  /** Brings an empty database to where the call is made. */
  readonly prepare: (node: T) => void;
  /** What happens in memory before the call. */
  readonly arrange?: (node: T) => void;
  readonly call: (node: T) => void;
  /** A call of several transactions may leave behind what nobody sees. Default: it is one transaction. */
  readonly isInTurns?: boolean;
}

/** Fails every write of a call in turn. */
export function crashEverywhere<T>(sql: Sql, crashing: Crashing<T>): void {
  const { open, view, prepare, arrange = () => undefined, call, isInTurns } = crashing;
  for (let writes = 0; ; writes += 1) {
    wipe(sql);
    prepare(open(sql));
    const written = dump(sql);
    const before = view(open(sql));
    const faulty = new FaultySql(sql, writes);
    const node = open(faulty);
    arrange(node);
    const inMemory = view(node);
    if (succeeds(() => call(node))) {
      ok(writes > 0, "the call has written nothing");
      deepEqual(view(open(sql)), view(node));
      return;
    }
    deepEqual(view(open(sql)), before);
    if (isInTurns) continue;
    deepEqual(dump(sql), written);
    deepEqual(view(node), inMemory, "memory is ahead of the database");
  }
}

/** False when the fault was met; any other fault passes. */
function succeeds(call: () => void): boolean {
  try {
    call();
    return true;
  } catch (fault) {
    if (fault instanceof Crash) return false;
    throw fault;
  }
}
