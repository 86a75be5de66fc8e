/**
 * More ways in which storage can be damaged: entries that were checkpointed, what is stored beside the log, columns and tables.
 * Invariant: each is done to the queue of `rigWithTail`; what is noticed only when it is read is not among them.
 */
import type { Damage } from "./store-damages.ts";

const checkpointed = ["a", "b", "c"];
const withTail = [...checkpointed, "d", "e"];

/** Damage that a log without its index tells. */
const inPlace = (name: string, query: string, readable: readonly string[]): Damage => ({
  name,
  queries: () => [query],
  code: "store_corrupt",
  readable,
});

/** Damage to an entry, by its distance from the last one. */
const atEntry = (
  name: string,
  at: number,
  queries: Damage["queries"],
  readable: readonly string[] = checkpointed,
): Damage => ({ name, queries, code: "store_corrupt", at, readable });

const setIn = (table: string, column: string, path: string, value: string): string =>
  `UPDATE ${table} SET ${column} = json_set(${column}, '$.${path}', ${value})`;

export const settledDamages: readonly Damage[] = [
  atEntry("a hole below the checkpoint", -3, (table, last) => [
    `DELETE FROM ${table} WHERE log_index = ${last - 3}`,
  ]),
  atEntry("a term that was changed below the checkpoint", -3, (table, last) => [
    `UPDATE ${table} SET term = 9 WHERE log_index = ${last - 3}`,
  ]),
  atEntry("a time that goes back below the checkpoint", -3, (table, last) => [
    `UPDATE ${table} SET at = 5 WHERE log_index = ${last - 3}`,
  ]),
  atEntry("an inverted order below the checkpoint", -4, (table, last) => [
    `UPDATE ${table} SET log_index = 99 WHERE log_index = ${last - 3}`,
    `UPDATE ${table} SET log_index = ${last - 3} WHERE log_index = ${last - 4}`,
    `UPDATE ${table} SET log_index = ${last - 4} WHERE log_index = 99`,
  ]),
  atEntry(
    "a bad checksum below the checkpoint, of more or less than there was",
    -3,
    (table, last) => [`UPDATE ${table} SET events = '[]' WHERE log_index = ${last - 3}`],
  ),
  atEntry("keys below the checkpoint that are no JSON", -3, (table, last) => [
    `UPDATE ${table} SET keys = '[}' WHERE log_index = ${last - 3}`,
  ]),
  atEntry(
    "keys in the tail that are no JSON",
    0,
    (table, last) => [`UPDATE ${table} SET keys = 'x' WHERE log_index = ${last}`],
    [...checkpointed, "d"],
  ),
  atEntry(
    "a committed entry of another term",
    0,
    (_, last) => [`UPDATE raft_state SET committed = '{"term":77,"index":${last}}'`],
    [...checkpointed, "d"],
  ),
  inPlace("a committed place of no form", "UPDATE raft_state SET committed = '{}'", checkpointed),
  inPlace("a vote of no form", "UPDATE raft_state SET vote = '5'", checkpointed),
  inPlace(
    "a membership of no form",
    setIn("raft_state", "checkpointed", "membership", "5"),
    checkpointed,
  ),
  inPlace(
    "a membership that was stated behind the checkpoint",
    setIn("raft_state", "checkpointed", "membership.logId.index", "4"),
    withTail,
  ),
  inPlace("a format before the first", "UPDATE raft_state SET format = 0", []),
  atEntry("a purged place of another hash", -4, () => [
    setIn("raft_state", "purged", "hash", "'zz'"),
  ]),
  atEntry("a purged place of a later term", -4, () => [setIn("raft_state", "purged", "term", "3")]),
  atEntry("a segment's row that names another last entry", -2, () => [
    setIn("raft_segments", "last", "hash", "'zz'"),
  ]),
  atEntry("a segment's row that counts other keys", -4, () => [
    "UPDATE raft_segments SET key_count = 7",
  ]),
  atEntry("a segment's row of another time", -4, () => ["UPDATE raft_segments SET first_at = 7"]),
  inPlace(
    "a segment's row with a negative size",
    "UPDATE raft_segments SET bytes = -5",
    checkpointed,
  ),
  {
    name: "a log without a column",
    queries: (table) => [`ALTER TABLE ${table} DROP COLUMN texts`],
    code: "store_corrupt",
    readable: checkpointed,
  },
  inPlace("a hard state without a column", "ALTER TABLE raft_state DROP COLUMN role", []),
  inPlace(
    "a list of segments without a column",
    "ALTER TABLE raft_segments DROP COLUMN key_hashes",
    checkpointed,
  ),
  inPlace("jobs without payloads", "ALTER TABLE jobs DROP COLUMN payload", checkpointed),
  inPlace("a table that is gone", "DROP TABLE ready", withTail),
  {
    name: "tables without a log",
    queries: (table) => [
      `DROP TABLE ${table}`,
      "DROP TABLE raft_segments",
      "DROP TABLE raft_state",
    ],
    code: "store_corrupt",
    readable: [],
  },
];
