/**
 * Tables that were replaced: they go when there is time, and what replaced them does not notice.
 */
import { describe, expect, it } from "vitest";
import { readCatalog } from "../../src/store/catalog.ts";
import { build, install, many } from "./snapshot-support.ts";
import { contents, createNotes, openNotes, type WithSql } from "./support.ts";

export function goneSuite(withSql: WithSql): void {
  describe("tables that are gone", () => {
    it("what is replaced is set aside by a rename, and goes a table or some chunks at a turn", () =>
      withSql((sql) => {
        const store = createNotes(sql);
        many(store, 500, "x".repeat(18_000));
        const taken = build(store);
        expect(taken.chunks.length).toBeGreaterThan(8);
        expect(store.snapshots.gone.isAny).toBe(false);
        install(store, taken);
        const gone = () => [...readCatalog(sql).keys()].filter((name) => name.startsWith("gone_"));
        // The notes, their index, and the chunks of the snapshot before.
        expect(gone()).toHaveLength(3);
        const sizes = [sql.bytes];
        const { gone: rest } = openNotes(sql).snapshots;
        while (rest.isAny) {
          rest.step();
          sizes.push(sql.bytes);
        }
        expect(gone()).toEqual([]);
        // Each turn frees something; the chunks take more than one.
        expect(sizes).toHaveLength(5);
        expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
        expect(contents(openNotes(sql))).toEqual(contents(store));
      }));
  });
}
