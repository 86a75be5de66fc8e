/**
 * The subjects on Node: ports in memory, ports in a file that is opened again after every call, and the engine.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "../../src/store/sql.ts";
import { NodeSql } from "../../src/store/sql-node.ts";
import { openEngine } from "../engine-harness.ts";
import { CommitRig } from "../object/rig.ts";
import { EngineNode, rhythms } from "./engine-node.ts";
import { type Place, PortNode } from "./port-node.ts";
import type { EngineSubject, PortSubject } from "./subject.ts";

/** One database in memory: what closes it is the end of the case. */
async function inMemory<T>(work: (sql: NodeSql) => T | Promise<T>): Promise<T> {
  const sql = new NodeSql();
  try {
    return await work(sql);
  } finally {
    sql.close();
  }
}

/**
 * Where files are kept: in memory where the system has such a place. What is tested is that Sluice forgets, not that a disk
 * remembers, and waiting for the disk would take five times as long.
 */
const folders = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** The path of a database that does not exist yet. */
async function inFile<T>(work: (path: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(folders, "sluice-conformance-"));
  try {
    return await work(join(folder, "node.sqlite"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const memory: PortSubject = {
  runs: 100,
  fresh: (work) =>
    inMemory((sql) => {
      const place: Place = { open: () => sql, close: () => undefined };
      return work(new PortNode(place, false));
    }),
  database: inMemory,
};

export const file: PortSubject = {
  runs: 15,
  fresh: (work) =>
    inFile(async (path) => {
      const opened = new Map<Sql, NodeSql>();
      const node = new PortNode(
        {
          open: () => {
            const sql = new NodeSql(path);
            opened.set(sql, sql);
            return sql;
          },
          close: (sql) => {
            opened.get(sql)?.close();
            opened.delete(sql);
          },
        },
        true,
      );
      try {
        return await work(node);
      } finally {
        node.close();
      }
    }),
  database: (work) =>
    inFile(async (path) => {
      const sql = new NodeSql(path);
      try {
        return await work(sql);
      } finally {
        sql.close();
      }
    }),
};

export const engine: EngineSubject = {
  stores: (work) => {
    for (const rhythm of rhythms) {
      const sql = new NodeSql();
      work(new EngineNode(sql, rhythm));
      sql.close();
    }
  },
  database: (work) => {
    const sql = new NodeSql();
    const result = work(sql);
    sql.close();
    return result;
  },
  queue: () => openEngine({ config: {} }),
  committer: () => new CommitRig(),
};
