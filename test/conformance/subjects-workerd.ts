/**
 * The subject inside workerd: ports over a Durable Object's own SQLite, opened again after every call.
 * Invariant: each fresh node is an object of its own, left empty.
 */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Sql } from "../../src/store/sql.ts";
import { DurableSql } from "../../src/store/sql-durable.ts";
import { wipe } from "../store/support.ts";
import { PortNode } from "./port-node.ts";
import type { PortSubject } from "./subject.ts";

let objects = 0;

/** Runs `work` in an object that was never used. */
async function inObject<T>(work: (open: () => Sql) => T | Promise<T>): Promise<T> {
  objects += 1;
  const { QUEUE } = env as { QUEUE: DurableObjectNamespace };
  const stub = QUEUE.getByName(`conformance-${objects}`);
  return runInDurableObject(stub, async (_, { storage }) => {
    const open = () => new DurableSql(storage);
    try {
      return await work(open);
    } finally {
      wipe(open());
    }
  });
}

export const object: PortSubject = {
  runs: 25,
  fresh: (work) => inObject((open) => work(new PortNode({ open, close: () => undefined }, true))),
  database: (work) => inObject((open) => work(open())),
};
