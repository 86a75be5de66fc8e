/** The crash suite on node:sqlite, and crashes as a file sees them: its bytes at any point, reopened. */
import { copyFileSync, existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { NodeSql } from "../../../src/store/sql-node.ts";
import { crashSuite } from "../crash-suite.ts";
import { commit, contents, createNotes, deleted, openNotes, put } from "../support.ts";
import { inMemory, withPath } from "./support.ts";

crashSuite(inMemory);

describe("a copy of the file", () => {
  it("holds everything that was appended, whenever it is taken", () =>
    withPath((path) => {
      const sql = new NodeSql(path);
      const store = createNotes(sql, { segmentBytesMax: 300 });
      for (let i = 1; i <= 12; i += 1) {
        commit(store, [put(`n${i}`, "é".repeat(i * 10)), deleted(`n${i - 3}`)]);
        if (i % 4 === 0) store.checkpoint();
        if (i === 9) store.purge({ term: 1, index: 4 });
        expect(reopenedCopy(path, `${path}-copy${i}`)).toEqual(contents(store));
      }
      sql.close();
    }));
});

/** What a store in a copy of the database's files shows. */
function reopenedCopy(path: string, copy: string) {
  for (const suffix of ["", "-wal"]) {
    if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  }
  const sql = new NodeSql(copy);
  const found = contents(openNotes(sql));
  sql.close();
  return found;
}
