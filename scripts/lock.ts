/**
 * A lock on a file that lasts as long as the process that took it, however that process ends.
 * Invariant: the kernel holds the lock (SQLite's write lock on the file), so no crash leaves it behind and no
 * number of an unrelated process is mistaken for its holder.
 */
import { DatabaseSync } from "node:sqlite";

/** What `lock` gives: the lock, or the process that has it. */
export type Locked = { readonly release: () => void } | { readonly holder: number };

const SQLITE_BUSY = 5;

/**
 * Takes the lock, or says who has it once `waitMs` have passed. The wait blocks the process.
 * @example const locked = lock(".sluice/lock"); if ("holder" in locked) … ; locked.release();
 */
export function lock(file: string, waitMs = 0): Locked {
  const db = new DatabaseSync(file, { timeout: waitMs });
  try {
    db.exec("CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY, pid INTEGER) STRICT");
    db.prepare("INSERT OR REPLACE INTO holder VALUES (1, ?)").run(process.pid);
    db.exec("BEGIN IMMEDIATE");
    return { release: () => db.close() };
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    const holder = db.prepare("SELECT pid FROM holder").get()?.pid;
    db.close();
    return { holder: Number(holder) };
  }
}
