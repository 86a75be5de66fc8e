/**
 * The directory: the one object that lists queues. Never on the path of a command.
 * Invariant: eventually it has each queue that exists, under the id of the newest of that name.
 */
import { DurableObject } from "cloudflare:workers";
import { QUEUE_NAME } from "../contract/ids.ts";
import type { QueueListInput, QueueListing, QueueListReply } from "../contract/queue.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { DirectoryRpc } from "../contract/rpc.ts";
import { DurableSql } from "../store/sql-durable.ts";

const PAGE = 100;

export class DirectoryObject extends DurableObject<unknown> implements DirectoryRpc {
  readonly #sql = new DurableSql(this.ctx.storage);

  /** Lists a queue; a later one of the same name takes its place. */
  async register({ name, queueId, createdAt }: QueueListing): Promise<void> {
    this.#sql.run(
      "CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, queue_id TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    );
    this.#sql.run(
      "INSERT INTO queues (name, queue_id, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET queue_id = excluded.queue_id, created_at = excluded.created_at",
      name,
      queueId,
      createdAt,
    );
  }

  /** Lists a queue no more: the one of that id, or whichever is listed where the id is not known. */
  async forget(name: string, queueId: string | undefined): Promise<void> {
    if (!this.#hasQueues()) return;
    const query = "DELETE FROM queues WHERE name = ? AND queue_id = coalesce(?, queue_id)";
    this.#sql.run(query, name, queueId ?? null);
  }

  async list(input: QueueListInput): Promise<QueueListReply | { readonly refusal: Refusal }> {
    const { limit = PAGE, cursor } = input;
    if (cursor !== undefined && !QUEUE_NAME.test(cursor)) {
      return { refusal: refuse("cursor_invalid", "The cursor is not of this list: begin again.") };
    }
    const now = Date.now();
    if (!this.#hasQueues()) return { now, queues: [] };
    const rows = this.#sql.rows<[name: string, queueId: string, createdAt: number]>(
      "SELECT name, queue_id, created_at FROM queues WHERE name > ? ORDER BY name LIMIT ?",
      cursor ?? "",
      limit + 1,
    );
    const queues = rows
      .slice(0, limit)
      .map(([name, queueId, createdAt]) => ({ name, queueId, createdAt }));
    const last = queues.at(-1);
    return rows.length > limit && last !== undefined
      ? { now, queues, cursor: last.name }
      : { now, queues };
  }

  #hasQueues(): boolean {
    const tables = this.#sql.rows(
      "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'queues'",
    );
    return tables.length > 0;
  }
}
