/**
 * Telling the directory which queues there are, and which are gone.
 * Invariant: a queue is registered behind all farewells of its name, so that the directory never ends up without it.
 */
import type { DirectoryRpc } from "../contract/rpc.ts";
import type { SluiceStore } from "../store/schema.ts";
import type { Sql } from "../store/sql.ts";
import type { Committer } from "./commit.ts";
import { dropFarewell, farewells } from "./farewell.ts";

interface RegistryPorts {
  readonly sql: Sql;
  directory(): Pick<DirectoryRpc, "register" | "forget">;
}

/** Tells the directory of queues that are gone, and of this one. */
export async function tellDirectory(
  { sql, directory }: RegistryPorts,
  committer: Committer,
  store: () => SluiceStore,
): Promise<void> {
  for (const farewell of farewells(sql)) {
    await directory().forget(farewell.name, farewell.queueId);
    dropFarewell(sql, farewell);
  }
  const row = store().tables.queue.get([0]);
  if (row === undefined || row.registered) return;
  const { name, queueId, createdAt } = row;
  await directory().register({ name, queueId, createdAt });
  await committer.upkeep((group) => {
    // While the directory was told, the queue may have been deleted, and another one created.
    const current = store().tables.queue.get([0]);
    if (current?.queueId === queueId) group.record("queue.registered", {});
  });
}
