/**
 * Ways in which a queue's storage can be damaged, with what must be said of each and what can still be read.
 * Invariant: each is done to the same queue, whose tables and tail are known.
 */
import { command } from "./commands.ts";
import { EngineRig } from "./rig.ts";

/** A queue with jobs a, b and c in the tables, and d and e in entries 4 and 5, the log's tail. */
export async function rigWithTail(): Promise<EngineRig> {
  const rig = await EngineRig.registered();
  const enqueue = (id: string) =>
    rig.engine.submit(command("job.enqueue", { jobs: [{ id, payload: `"${id}"` }] }));
  await rig.engine.submit(
    command("job.enqueue", { jobs: ["a", "b", "c"].map((id) => ({ id, payload: "1" })) }),
  );
  await rig.engine.submit(command("queue.checkpoint", {}));
  await enqueue("d");
  await enqueue("e");
  return rig;
}

/** The one segment of a rig's log. */
export const log = (rig: EngineRig): string => {
  const rows = rig.sql.rows<[name: string]>(
    "SELECT name FROM sqlite_master WHERE name LIKE 'raft\\_log\\_%' ESCAPE '\\'",
  );
  return rows[0]?.[0] ?? "";
};

export interface Damage {
  readonly name: string;
  readonly queries: (table: string, last: number) => readonly string[];
  readonly code: "store_corrupt" | "store_newer";
  /** The first entry that does not stand, counted from the last one; not set where the log itself stands. */
  readonly at?: number;
  /** Jobs that can still be read. */
  readonly readable: readonly string[];
}

/** Damages a rig's storage; the index of the last entry that it had. */
export const damageTo = async (rig: EngineRig, { queries }: Damage): Promise<number> => {
  const { lastIndex } = (await rig.stats()).log;
  for (const query of queries(log(rig), lastIndex)) rig.sql.run(query);
  return lastIndex;
};

const pointTo = (place: string, index: number): string =>
  `UPDATE raft_state SET ${place} = json_set(${place}, '$.index', ${index})`;

/** Damage to the log above its checkpoint, and to what says where the log stands. */
export const damages: readonly Damage[] = [
  {
    name: "a hole",
    queries: (table, last) => [`DELETE FROM ${table} WHERE log_index = ${last - 1}`],
    code: "store_corrupt",
    at: -1,
    readable: ["a", "b", "c"],
  },
  {
    name: "a bad checksum",
    queries: (table, last) => [
      `UPDATE ${table} SET texts = replace(texts, 'e', 'f') WHERE log_index = ${last}`,
    ],
    code: "store_corrupt",
    at: 0,
    readable: ["a", "b", "c", "d"],
  },
  {
    name: "a term regression",
    queries: (table, last) => [`UPDATE ${table} SET term = 0 WHERE log_index = ${last}`],
    code: "store_corrupt",
    at: 0,
    readable: ["a", "b", "c", "d"],
  },
  {
    name: "a time that goes back",
    queries: (table, last) => [`UPDATE ${table} SET at = 5 WHERE log_index = ${last - 1}`],
    code: "store_corrupt",
    at: -1,
    readable: ["a", "b", "c"],
  },
  {
    name: "an inverted order: two entries in each other's place",
    queries: (table, last) => [
      `UPDATE ${table} SET log_index = ${last + 1} WHERE log_index = ${last - 1}`,
      `UPDATE ${table} SET log_index = ${last - 1} WHERE log_index = ${last}`,
      `UPDATE ${table} SET log_index = ${last} WHERE log_index = ${last + 1}`,
    ],
    code: "store_corrupt",
    at: -1,
    readable: ["a", "b", "c"],
  },
  {
    name: "an inverted order: a checkpoint behind the log's end",
    queries: (_, last) => [pointTo("checkpointed", last + 3)],
    code: "store_corrupt",
    at: 1,
    readable: ["a", "b", "c"],
  },
  {
    name: "an inverted order: a checkpoint before what was purged",
    queries: (_, last) => [
      `UPDATE raft_state SET purged = checkpointed`,
      pointTo("checkpointed", last - 4),
    ],
    code: "store_corrupt",
    at: -3,
    readable: ["a", "b", "c"],
  },
  {
    name: "an inverted order: what is committed lies behind the log's end",
    queries: (_, last) => [`UPDATE raft_state SET committed = '{"term":1,"index":${last + 9}}'`],
    code: "store_corrupt",
    at: 1,
    readable: ["a", "b", "c", "d", "e"],
  },
  {
    name: "an inverted order: what is committed lies before the checkpoint",
    queries: (_, last) => [`UPDATE raft_state SET committed = '{"term":1,"index":${last - 4}}'`],
    code: "store_corrupt",
    at: -3,
    readable: ["a", "b", "c"],
  },
  {
    name: "a term that the queue never reached",
    queries: () => ["UPDATE raft_state SET term = 0"],
    code: "store_corrupt",
    readable: ["a", "b", "c", "d", "e"],
  },
  {
    name: "a term that the queue never reached, and a bad checksum behind it",
    queries: (table, last) => [
      "UPDATE raft_state SET term = 0",
      `UPDATE ${table} SET texts = replace(texts, 'e', 'f') WHERE log_index = ${last}`,
    ],
    code: "store_corrupt",
    readable: ["a", "b", "c", "d"],
  },
  {
    name: "a checkpoint of an entry that is another one",
    queries: () => [
      `UPDATE raft_state SET checkpointed = json_set(checkpointed, '$.hash', 'another')`,
    ],
    code: "store_corrupt",
    at: -2,
    readable: ["a", "b", "c"],
  },
  {
    name: "a segment cut short of what is checkpointed",
    queries: (table, last) => [`DELETE FROM ${table} WHERE log_index > ${last - 3}`],
    code: "store_corrupt",
    at: -2,
    readable: ["a", "b", "c"],
  },
  {
    name: "a segment without its first entries",
    queries: (table) => [`DELETE FROM ${table} WHERE log_index < 3`],
    code: "store_corrupt",
    at: -4,
    readable: ["a", "b", "c"],
  },
  {
    name: "a missing segment",
    queries: (table) => [`DROP TABLE ${table}`],
    code: "store_corrupt",
    at: -4,
    readable: ["a", "b", "c"],
  },
  {
    name: "a segment that is not in the list",
    queries: () => ["DELETE FROM raft_segments"],
    code: "store_corrupt",
    at: -4,
    readable: ["a", "b", "c"],
  },
  {
    name: "an unknown format",
    queries: () => ["UPDATE raft_state SET format = format + 2"],
    code: "store_newer",
    readable: [],
  },
];
