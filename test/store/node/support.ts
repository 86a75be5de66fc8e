/** Databases for the suites on Node: one in memory, one in a file of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeSql } from "../../../src/store/sql-node.ts";
import type { WithSql } from "../support.ts";

export const inMemory: WithSql = async (work) => {
  const sql = new NodeSql();
  try {
    await work(sql);
  } finally {
    sql.close();
  }
};

/** Runs `work` with the path of a database that does not exist yet, in a folder that is removed afterwards. */
export async function withPath(work: (path: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-store-"));
  try {
    await work(join(folder, "queue.sqlite"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const inFile: WithSql = (work) =>
  withPath(async (path) => {
    const sql = new NodeSql(path);
    try {
      await work(sql);
    } finally {
      sql.close();
    }
  });
