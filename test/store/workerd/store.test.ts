/** The store suite in a Durable Object, and what only the platform does to a database. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { DurableSql } from "../../../src/store/sql-durable.ts";
import { storeSuite } from "../store-suite.ts";
import { commit, contents, createNotes, openNotes, put, wipe } from "../support.ts";
import { inObject } from "./support.ts";

storeSuite(inObject, 60);

describe("in an object", () => {
  it("a store opens again after an alarm was set, when the platform has tables of its own", async () => {
    const { QUEUE } = env as { QUEUE: DurableObjectNamespace };
    await runInDurableObject(QUEUE.getByName("store-with-alarm"), async (_, state) => {
      const sql = new DurableSql(state.storage);
      const store = createNotes(sql);
      commit(store, [put("a", "b")]);
      await state.storage.setAlarm(Date.now() + 3_600_000);
      await state.storage.put("key", "value");
      expect(contents(openNotes(sql))).toEqual(contents(store));
      await state.storage.deleteAlarm();
      wipe(sql);
    });
  });
});
