/**
 * Storage that tells what is written from what is durable: SQLite in memory, and a journal of all that is not durable yet.
 * Invariant: a crash leaves what was durable and a prefix of the rest; a transaction is there whole or not at all.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { SqlRow, SqlValue } from "../../src/store/sql.ts";

interface Statement {
  readonly query: string;
  readonly bindings: readonly SqlValue[];
}

/** What becomes durable together: statements, or the alarm that was set. */
export type Unit =
  | { readonly statements: readonly Statement[] }
  | { readonly alarm: number | null };

const statementsMax = 512;

export class Disk {
  readonly #database = new DatabaseSync(":memory:");
  readonly #prepared = new Map<string, StatementSync>();
  /** What follows the place at which the open transaction of the database began. */
  #units: Unit[] = [];
  #base = 0;
  #baseAlarm: number | null = null;
  #durable = 0;
  #turn = 0;
  #transaction: Statement[] | undefined;
  #depth = 0;
  /** When the alarm is to fire, written or durable. */
  alarm: number | null = null;
  rowsWritten = 0;
  /** Told of each unit that is written, before anybody else can know. */
  onWritten: (unit: Unit) => void = () => undefined;

  constructor() {
    this.#database.exec("BEGIN");
  }

  /** How many units were ever written, less those that crashes took. */
  get written(): number {
    return this.#base + this.#units.length;
  }

  /** How many of them no crash can take. */
  get durable(): number {
    return this.#durable;
  }

  /** A size that grows as a database does. */
  get bytes(): number {
    return 4096 + this.rowsWritten * 100;
  }

  rows<R extends SqlRow>(query: string, bindings: readonly SqlValue[]): R[] {
    return this.#prepare(query).all(...bindings) as unknown as R[];
  }

  run(query: string, bindings: readonly SqlValue[]): void {
    const { changes } = this.#prepare(query).run(...bindings);
    this.rowsWritten += Number(changes);
    const statement = { query, bindings };
    if (this.#transaction !== undefined) this.#transaction.push(statement);
    else this.#write({ statements: [statement] });
  }

  transaction<T>(work: () => T): T {
    const savepoint = `nested_${this.#depth}`;
    const outer = this.#transaction;
    const before = outer?.length ?? 0;
    this.#transaction = outer ?? [];
    this.#database.exec(`SAVEPOINT ${savepoint}`);
    this.#depth += 1;
    let statements: Statement[] = [];
    try {
      const result = work();
      this.#database.exec(`RELEASE ${savepoint}`);
      statements = outer === undefined ? this.#transaction : [];
      return result;
    } catch (fault) {
      this.#database.exec(`ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`);
      this.#transaction.length = before;
      throw fault;
    } finally {
      this.#depth -= 1;
      this.#transaction = outer;
      if (statements.length > 0) this.#write({ statements });
    }
  }

  setAlarm(alarm: number | null): void {
    this.alarm = alarm;
    this.#write({ alarm });
  }

  /** Makes what was written up to a place durable. */
  makeDurable(upTo: number): void {
    this.#durable = Math.max(this.#durable, upTo);
    if (this.#durable < this.written) return;
    this.#database.exec("COMMIT; BEGIN");
    this.#begin();
  }

  /** A turn of the object ends or begins: what it writes in between, the platform keeps together. */
  beginTurn(): void {
    this.#turn = this.written;
  }

  /** How much may be left when the object dies in the middle of a turn. */
  get turn(): number {
    return Math.max(this.#durable, this.#turn);
  }

  /** What a crash leaves: all that was written up to a place, and the alarm that was set with the last of it. */
  crash(upTo: number): void {
    let count = upTo - this.#base;
    while (count > 0 && "alarm" in (this.#units[count] ?? {})) count += 1;
    const kept = this.#units.slice(0, count);
    this.#database.exec("ROLLBACK; BEGIN");
    this.alarm = this.#baseAlarm;
    this.#units = [];
    for (const unit of kept) {
      this.#units.push(unit);
      if ("alarm" in unit) this.alarm = unit.alarm;
      else for (const { query, bindings } of unit.statements) this.#prepare(query).run(...bindings);
    }
    this.makeDurable(this.written);
    this.beginTurn();
  }

  /** Does some work on storage that nobody will ever have done. */
  async pretend<T>(work: () => Promise<T>): Promise<T> {
    if (this.#durable < this.written) throw new Error("only what is durable can be damaged");
    try {
      return await work();
    } finally {
      this.crash(this.#base);
    }
  }

  close(): void {
    this.#database.close();
  }

  #write(unit: Unit): void {
    this.#units.push(unit);
    this.onWritten(unit);
  }

  #begin(): void {
    this.#base = this.written;
    this.#baseAlarm = this.alarm;
    this.#units = [];
    this.#durable = this.#base;
  }

  #prepare(query: string): StatementSync {
    const known = this.#prepared.get(query);
    if (known !== undefined) return known;
    if (this.#prepared.size >= statementsMax) this.#prepared.clear();
    const statement = this.#database.prepare(query);
    statement.setReturnArrays(true);
    this.#prepared.set(query, statement);
    return statement;
  }
}
