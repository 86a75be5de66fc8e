/** A Durable Object's own database for the suites inside workerd. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { DurableSql } from "../../../src/store/sql-durable.ts";
import { type WithSql, wipe } from "../support.ts";

let objects = 0;

export const inObject: WithSql = async (work) => {
  objects += 1;
  const { QUEUE } = env as { QUEUE: DurableObjectNamespace };
  const stub = QUEUE.getByName(`store-suite-${objects}`);
  await runInDurableObject(stub, async (_, state) => {
    const sql = new DurableSql(state.storage);
    try {
      await work(sql);
    } finally {
      wipe(sql);
    }
  });
};
