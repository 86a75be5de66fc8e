/**
 * The log that all the crashes have left behind: one chain from its first entry to its last, which a new instance accepts.
 * Invariant: the server has ended; the file is only read.
 */
import { type Anchor, checkLink, genesis } from "../../src/store/chain.ts";
import { openStore, type SluiceStore } from "../../src/store/schema.ts";
import { NodeSql } from "../../src/store/sql-node.ts";
import type { Violation } from "./history.ts";

const pageBytes = 2_000_000;

/** What is wrong with the log of a queue's file. */
export function checkLog(file: string): Violation[] {
  const sql = new NodeSql(file);
  try {
    checkChain(openStore(sql));
    return [];
  } catch (fault) {
    return [{ rule: "log", what: String(fault), exchanges: [] }];
  } finally {
    sql.close();
  }
}

function checkChain(store: SluiceStore): void {
  let before: Anchor = genesis;
  while (before.index < store.last.index) {
    for (const entry of store.entries({ from: before.index + 1, maxBytes: pageBytes })) {
      checkLink(before, entry);
      if (entry.incarnation < before.incarnation) {
        throw new Error(`entry ${entry.index}: an instance wrote after the one that followed it`);
      }
      before = entry;
    }
  }
}
