/**
 * Lanes from whose heads rows are taken, beside a sorted list of what they have.
 * Invariant: the list knows nothing of pages, heads and checkpoints.
 */
import fc from "fast-check";
import { expect } from "vitest";
import { Journal } from "../../src/store/journal.ts";
import { integer, signed, text } from "../../src/store/key-columns.ts";
import type { Sql } from "../../src/store/sql.ts";
import { LayeredTable } from "../../src/store/table.ts";
import { declare } from "./table-history.ts";

type LaneKey = [lane: number, priority: number, id: string, seq: number];

const ready = declare({
  name: "ready",
  version: 1,
  key: [integer("lane"), signed("priority", 1000), text("id"), integer("seq")],
  texts: ["body"],
  // So that some checkpoints write all that changed, some only what is gone, and some nothing.
  pendingRowsMax: 6,
});
const LANES = 5;
/** Rows of each lane to begin with: of several pages. */
const ROWS = 60;

const lane = fc.nat(LANES - 1);
/** What is done next: so many rows are taken, in turn, of all lanes or of one; one goes from behind others, or comes in front; what memory has is written, or some of it. */
export const headStep = fc.oneof(
  fc.record({ do: fc.constant("turns" as const), rounds: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ do: fc.constant("take" as const), lane, rows: fc.integer({ min: 1, max: 25 }) }),
  fc.record({ do: fc.constant("drop" as const), lane, behind: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ do: fc.constant("put" as const), lane, priority: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ do: fc.constant("undo" as const), lane, rows: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ do: fc.constant("checkpoint" as const) }),
  fc.record({ do: fc.constant("piece" as const), most: fc.integer({ min: 1, max: 12 }) }),
);
type HeadStep = typeof headStep extends fc.Arbitrary<infer T> ? T : never;

export class LanesHistory {
  readonly #sql: Sql;
  readonly #journal = new Journal();
  readonly #table: LayeredTable<LaneKey, { readonly n: number; readonly body?: string }>;
  readonly #rows: LaneKey[] = [];
  #seq = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#table = new LayeredTable(ready as never, sql, this.#journal, new Set());
    for (let i = 0; i < LANES * ROWS; i += 1) this.#put(i % LANES, 0);
    this.#checkpoint();
  }

  step(step: HeadStep): void {
    if (step.do === "turns") {
      for (let i = 0; i < step.rounds; i += 1) this.#turns();
    } else if (step.do === "take") {
      for (let i = 0; i < step.rows; i += 1) this.#take(step.lane);
    } else if (step.do === "put") this.#put(step.lane, step.priority);
    else if (step.do === "drop") this.#drop(this.#inOrder(step.lane)[step.behind]);
    else if (step.do === "undo") this.#undone(step.lane, step.rows);
    else this.#checkpoint(step.do === "piece" ? step.most : undefined);
    this.#check();
  }

  /** Takes a row of each lane, as claims do. */
  #turns(): void {
    const lanes = Array.from({ length: LANES }, (_, i) => i);
    this.#table.expectFirst(lanes.map((each): [number] => [each]));
    for (const each of lanes) this.#take(each);
  }

  #put(number: number, priority: number): void {
    const key: LaneKey = [number, priority, `job ${this.#seq % 7}`, this.#seq];
    this.#table.insert(key, { n: this.#seq, body: "text" });
    this.#rows.push(key);
    this.#seq += 1;
  }

  #take(number: number): void {
    const first = this.#firstOf(number);
    expect(this.#table.first([number])?.[0]).toEqual(first);
    this.#drop(first);
  }

  #drop(key: LaneKey | undefined): void {
    if (key === undefined) return;
    this.#table.remove(key);
    this.#rows.splice(this.#rows.indexOf(key), 1);
  }

  /** What is taken of a lane comes back. */
  #undone(number: number, rows: number): void {
    const before = [...this.#rows];
    const mark = this.#journal.mark();
    for (let i = 0; i < rows; i += 1) this.#take(number);
    this.#journal.undo(mark);
    this.#rows.splice(0, this.#rows.length, ...before);
  }

  #checkpoint(most?: number): void {
    this.#sql.transaction(() => this.#table.checkpoint.flush(undefined, most));
    this.#table.checkpoint.settle();
    this.#journal.forget();
  }

  #check(): void {
    for (let each = 0; each < LANES; each += 1) {
      expect(this.#table.first([each])?.[0]).toEqual(this.#firstOf(each));
    }
  }

  #firstOf(number: number): LaneKey | undefined {
    return this.#inOrder(number)[0];
  }

  #inOrder(number: number): LaneKey[] {
    return this.#rows.filter(([each]) => each === number).sort(compare);
  }
}

function compare(a: LaneKey, b: LaneKey): number {
  for (const [i, part] of a.entries()) {
    const other = b[i] ?? "";
    if (part !== other) return part < other ? -1 : 1;
  }
  return 0;
}
