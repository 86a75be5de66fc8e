/**
 * What the subjects of the suite offer to its cases: fresh nodes of ports, or fresh engines.
 * Invariant: each fresh node has a database of its own, which is gone after the case.
 */
import type { Sql } from "../../src/store/sql.ts";
import type { Harness } from "../engine-harness.ts";
import type { CommitRig } from "../object/rig.ts";
import type { EngineNode } from "./engine-node.ts";
import type { PortNode } from "./port-node.ts";

/** Ports over one kind of database. */
export interface PortSubject {
  /** How many random histories are worth their time. */
  readonly runs: number;
  /** Gives a fresh node to `work`. One after the other: an object has only one database. */
  fresh<T>(work: (node: PortNode) => T | Promise<T>): Promise<T>;
  /** Gives an empty database to `work`, for cases that break it or look into it. */
  database<T>(work: (sql: Sql) => T | Promise<T>): Promise<T>;
}

/** The whole: a store, or a queue's engine, over storage that outlives it. */
export interface EngineSubject {
  /** Gives `work` a fresh store for each rhythm of checkpoints; after each of its steps the store is opened again. */
  stores(work: (node: EngineNode) => void): void;
  /** Gives an empty database to `work`. */
  database<T>(work: (sql: Sql) => T): T;
  /** A fresh queue, by hand of which time passes and instances end. */
  queue(): Promise<Harness>;
  /** A committer whose storage becomes durable by hand. */
  committer(): CommitRig;
}

/** A case on one fresh node of ports. */
export const onNode =
  (work: (node: PortNode) => void | Promise<void>) =>
  (subject: PortSubject): Promise<void> =>
    subject.fresh(work);

/** A case on one store, once for each rhythm. */
export const onStore =
  (work: (node: EngineNode) => void) =>
  (subject: EngineSubject): void =>
    subject.stores(work);
