/**
 * Histories of a table that counts rows in blocks, and of a sorted list beside it.
 * Invariant: whatever is read is compared, and what a checkpoint has stored of blocks is counted again.
 */
import fc from "fast-check";
import { expect } from "vitest";
import { declareTable } from "../../src/store/declare.ts";
import { Journal } from "../../src/store/journal.ts";
import { integer, signed } from "../../src/store/key-columns.ts";
import type { Sql } from "../../src/store/sql.ts";
import { LayeredTable } from "../../src/store/table.ts";

export const NUMBERS = 1_000_000;
const ranked = declareTable<object>()({
  name: "ranked",
  version: 1,
  key: [integer("lane"), signed("n", 1), integer("seq")],
  dividedOver: 64,
});
/** A group of so many rows at least is divided when the table is told of it, and stays so until it has few. */
const DIVIDED = 65;
const FEW = 16;
type RankedKey = readonly [lane: number, n: number, seq: number];
export type Ranked = LayeredTable<RankedKey, object>;

export function open(sql: Sql, journal: Journal): Ranked {
  const columns = sql.rows<[name: string]>("SELECT name FROM pragma_table_info('ranked')");
  return new LayeredTable<RankedKey, object>(ranked, sql, journal, new Set(columns.flat()));
}

export function write(sql: Sql, table: Ranked): void {
  sql.transaction(() => table.checkpoint.flush());
  table.checkpoint.settle();
}

const hasBlocks = (sql: Sql): boolean =>
  sql.rows("SELECT 1 FROM sqlite_master WHERE name = 'blocks_ranked'").length > 0;

/** The blocks of lane 0 as they are stored: where each begins, and what it counts. */
export const storedBlocks = (sql: Sql): [low: number, count: number][] =>
  hasBlocks(sql)
    ? sql.rows("SELECT n - 1, value ->> 'count' FROM blocks_ranked WHERE lane = 0 ORDER BY n")
    : [];

type Step =
  | { readonly do: "insert"; readonly from: number; readonly step: number; readonly rows: number }
  | { readonly do: "remove"; readonly from: number; readonly step: number; readonly rows: number }
  | {
      readonly do: "read";
      readonly low: number;
      readonly high: number;
      readonly skip: number;
      readonly reverse: boolean;
    }
  | { readonly do: "mark" | "undo" | "checkpoint" | "failed checkpoint" | "reopen" | "divide" };

const number = fc.nat(NUMBERS - 1);
const share = fc.double({ min: 0, max: 1, noNaN: true });
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("insert" as const),
      from: number,
      step: fc.constantFrom(1, 7, 1009, 25_013),
      rows: fc.integer({ min: 1, max: 600 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("remove" as const),
      from: share,
      step: fc.constantFrom(1, 3, 50),
      rows: fc.integer({ min: 1, max: 600 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      low: number,
      high: number,
      skip: fc.oneof(share, fc.constantFrom(0, 1, 1.2)),
      reverse: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("mark", "undo", "checkpoint", "failed checkpoint", "reopen", "divide"),
    }),
  },
);

/** A table and a sorted list, with the way back of both. */
export class RankHistory {
  readonly #sql: Sql;
  #journal = new Journal();
  #table: Ranked;
  /** The numbers of lane 0; lanes beside it have a row each that none of its ranges may see. */
  #model: number[] = [];
  #durable: number[] = [];
  #marks: { readonly mark: number; readonly model: readonly number[] }[] = [];
  /** Whether the table was told since it was opened that the group has many rows. */
  #isDivided = false;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#table = open(sql, this.#journal);
    this.#table.insert([1, 5, 0], {});
    this.#checkpoint();
  }

  step(each: Step): void {
    if (each.do === "insert") this.#insert(each);
    else if (each.do === "remove") this.#remove(each);
    else if (each.do === "read") this.#read(each);
    else if (each.do === "divide") this.#divide();
    else if (each.do === "mark") this.#mark();
    else if (each.do === "undo") this.#undo();
    else if (each.do === "reopen") this.#reopen();
    else if (each.do === "checkpoint") this.#checkpoint();
    else this.#fail();
  }

  /** Looks at everything, and once more with what is stored. */
  end(): void {
    this.#divide();
    const all = { do: "read", low: 0, high: NUMBERS, reverse: false } as const;
    for (const skip of [0, 0.3, 0.7, 1]) this.#read({ ...all, skip });
    this.#checkpoint();
    this.#reopen();
    for (const skip of [0, 0.3, 0.7, 1]) this.#read({ ...all, skip });
  }

  #insert({ from, step: by, rows }: Extract<Step, { do: "insert" }>): void {
    const there = new Set(this.#model);
    for (let i = 0; i < rows; i += 1) {
      const n = (from + i * by) % NUMBERS;
      if (there.has(n)) this.#table.put([0, n, 0], { again: true });
      else this.#table.insert([0, n, 0], {});
      there.add(n);
    }
    this.#model = [...there].sort((a, b) => a - b);
  }

  #remove({ from, step: by, rows }: Extract<Step, { do: "remove" }>): void {
    const first = Math.floor(from * this.#model.length);
    const isGone = (i: number): boolean =>
      i >= first && (i - first) % by === 0 && (i - first) / by < rows;
    for (const [i, n] of this.#model.entries()) if (isGone(i)) this.#table.remove([0, n, 0]);
    this.#model = this.#model.filter((_, i) => !isGone(i));
  }

  #read({ low, high, skip: part, reverse }: Extract<Step, { do: "read" }>): void {
    const bounds: { prefix: [number]; from: [number, number]; to: [number, number] } = {
      prefix: [0],
      from: [0, low],
      to: [0, high],
    };
    const found = this.#model.filter((n) => n >= low && n < high);
    expect(this.#table.count(bounds)).toBe(found.length);
    expect(this.#table.count({ prefix: [0] })).toBe(this.#model.length);
    const skip = Math.floor(part * found.length);
    if (reverse) found.reverse();
    const rows = this.#table.range({ ...bounds, reverse, skip, limit: 5 });
    expect(rows.map(([[, n]]) => n)).toEqual(found.slice(skip, skip + 5));
  }

  #divide(): void {
    this.#table.divide(0, this.#model.length);
    if (this.#model.length >= DIVIDED) this.#isDivided = true;
  }

  #mark(): void {
    this.#marks.push({ mark: this.#journal.mark(), model: this.#model });
  }

  #undo(): void {
    const last = this.#marks.pop();
    if (last === undefined) return;
    this.#journal.undo(last.mark);
    this.#model = [...last.model];
  }

  #checkpoint(): void {
    write(this.#sql, this.#table);
    this.#journal.forget();
    this.#marks = [];
    this.#durable = this.#model;
    this.#checkStored();
  }

  /** A transaction that comes to nothing leaves nothing behind, in memory neither. */
  #fail(): void {
    const work = () =>
      this.#sql.transaction(() => {
        this.#table.checkpoint.flush();
        throw new Error("the disk is full");
      });
    expect(work).toThrow("the disk is full");
  }

  #reopen(): void {
    this.#journal = new Journal();
    this.#marks = [];
    this.#model = [...this.#durable];
    this.#table = open(this.#sql, this.#journal);
    this.#isDivided = false;
  }

  /** What is stored counts what is stored. */
  #checkStored(): void {
    const blocks = storedBlocks(this.#sql);
    if (this.#model.length <= FEW) this.#isDivided = false;
    if (blocks.length === 0) {
      expect(this.#isDivided).toBe(false);
      return;
    }
    const counted = blocks.map(([low], i) => {
      const next = blocks[i + 1]?.[0] ?? NUMBERS;
      return this.#model.filter((n) => (i === 0 || n >= low) && n < next).length;
    });
    expect(blocks.map(([, count]) => count)).toEqual(counted);
    const rows = Math.max(8, Math.ceil(Math.sqrt(this.#model.length) / 2));
    expect(Math.max(...counted)).toBeLessThanOrEqual(2 * rows);
    expect(blocks.length).toBeLessThanOrEqual((2 * this.#model.length) / rows + 2);
  }
}
