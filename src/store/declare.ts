/**
 * How tables are declared (a name, ordered key columns, a row type and its version), and what a table does that is declared so.
 * Invariant: names and columns are part of the stored format; what is declared once keeps its meaning.
 */
import type { Outline } from "./base.ts";
import type { Key, KeyColumn, Leading } from "./key-columns.ts";
import type { Bounds, Range } from "./ranges.ts";

/** A table's shape. Made by `declareTable`; K is the tuple of its key parts, V its row type. */
export interface TableDeclaration<K extends Key, V extends object> {
  readonly name: string;
  readonly key: Columns<K>;
  readonly version: number;
  readonly texts: readonly string[];
  readonly required: readonly string[];
  readonly resident: boolean;
  readonly warmRowsMax: number;
  readonly pendingRowsMax: number;
  readonly dividedOver: number;
  readonly byRowid: boolean;
  readonly upgrade: ((version: number, value: unknown) => V) | undefined;
  readonly valueBytesMax: number | undefined;
  readonly identity: readonly string[];
}

type Columns<K extends Key> = readonly [...{ readonly [I in keyof K]: KeyColumn<K[I]> }];

/** Fields of V that hold text or nothing. */
type TextField<V> = {
  [F in keyof V & string]-?: V[F] extends string | undefined ? F : never;
}[keyof V & string];

/** What a table is declared with; see `declareTable`. */
export interface TableOptions<K extends Key, V extends object> {
  /** Name in SQLite: `[a-z][a-z0-9_]*`, part of the stored format. */
  readonly name: string;
  /** Key columns in order, part of the stored format. */
  readonly key: Columns<K>;
  /** Version of the row's JSON, from 1; rows of older versions go through `upgrade` when they are read. */
  readonly version: number;
  /** Long text fields, stored in columns of their own instead of inside the row's JSON. */
  readonly texts?: readonly TextField<V>[];
  /** Those of the texts that every row has, from the table's first version on: their columns are never missing. */
  readonly required?: readonly TextField<V>[];
  /** Loads all rows when the store opens, so that reads never touch SQL. For small tables. */
  readonly resident?: boolean;
  /** Rows that memory may go on holding over a checkpoint, also those not written since: for rows that are changed again and again. */
  readonly warmRowsMax?: number;
  /**
   * Changed rows that a checkpoint may leave unwritten, in a list that is added to: for small rows that are changed again and
   * again, or come and go. With texts of more than `pendingTextUnits` they are written all the same.
   */
  readonly pendingRowsMax?: number;
  /** Rows with the same first part of their keys are counted in blocks where they are more: see `divide` of `Table`. */
  readonly dividedOver?: number;
  /**
   * SQLite keeps the rows by its own number of them, which is their key: for long texts, of which none is then read on the way to another
   * (decision 28). Only for tables whose key is one integer.
   */
  readonly byRowid?: boolean;
  readonly upgrade?: (version: number, value: unknown) => V;
  /** Fields that say whose row it is: a snapshot leaves them out, and the queue that takes it in sets its own. */
  readonly identity?: readonly (keyof V & string)[];
  /** What the JSON of a value takes at most, where the contract's limits bound it: spares looking at each row put. */
  readonly valueBytesMax?: number;
}

const tableName =
  /^(?!raft_|snapshot|before_|staged_|pending_|gone_|blocks_|sqlite_)[a-z][a-z0-9_]*$/;
const fieldName = /^[a-zA-Z][a-zA-Z0-9_]*$/;

/**
 * Declares a table of rows V.
 *
 * @example
 * const ready = declareTable<{ job: string }>()({
 *   name: "ready",
 *   version: 1,
 *   key: [integer("lane"), signed("priority", 1000), integer("seq")],
 * });
 */
export function declareTable<V extends object>() {
  return <const K extends Key>(options: TableOptions<K, V>): TableDeclaration<K, V> => {
    const { name, key, version, texts = [], resident = false, upgrade, valueBytesMax } = options;
    const { identity = [], required = [], warmRowsMax = 0, pendingRowsMax = 0 } = options;
    const { dividedOver = 0, byRowid = false } = options;
    const columns: string[] = [...key.map((each) => each.name), "version", "value", ...texts];
    const isDistinct = new Set(columns.map((each) => each.toLowerCase())).size === columns.length;
    if (!tableName.test(name) || !columns.every((each) => fieldName.test(each))) {
      throw new TypeError(`table "${name}": a name in its declaration cannot be a SQL name`);
    }
    if (!isDistinct || key.length === 0) throw new TypeError(`table "${name}": bad columns`);
    if (pendingRowsMax > 0 && key.some((each) => each.sqlType === "BLOB")) {
      throw new TypeError(`table "${name}": rows with bytes in their keys are not left to a list`);
    }
    if (dividedOver > 0 && pendingRowsMax > 0) {
      throw new TypeError(
        `table "${name}": rows that are left to a list are not counted in blocks`,
      );
    }
    if (dividedOver > 0 && key[0]?.sqlType === "BLOB") {
      throw new TypeError(`table "${name}": groups by bytes are not counted in blocks`);
    }
    if (byRowid && (key.length > 1 || key[0]?.sqlType !== "INTEGER")) {
      throw new TypeError(`table "${name}": its key is not one integer, as a number of rows is`);
    }
    const memory = { resident, warmRowsMax, pendingRowsMax, dividedOver, byRowid };
    return { name, key, version, texts, required, ...memory, upgrade, valueBytesMax, identity };
  };
}

/**
 * An ordered table. Keys and values given and returned are never copied and must not be changed.
 * Every method throws IllFormed for a key that the columns do not take.
 */
export interface Table<K extends Key, V extends object> {
  get(key: K): V | undefined;
  /** Writes a row. Throws RowTooLarge, or IllFormed for a text that is not well-formed. */
  put(key: K, value: V): void;
  /**
   * Writes a row under a key that has none, for instance one with a fresh sequence number. The caller vouches for that: it
   * spares the look into SQLite, and lets a later delete leave no trace. Throws where it sees a row.
   */
  insert(key: K, value: V): void;
  /**
   * A row that the caller may change in place until the next mark, however often it is asked for: for a row without texts that
   * every command changes. Undefined when there is none. What `get` gave before may be the same object.
   */
  edit(key: K): { -readonly [F in keyof V]: V[F] } | undefined;
  /** Removes a row; true if there was one. */
  delete(key: K): boolean;
  /**
   * Removes a row that the caller knows to be there: spares the look into SQLite. Throws where it sees that there is none. `textLength`
   * is that of its outline, where there was one.
   */
  remove(key: K, textLength?: number): void;
  /**
   * Says which rows are asked for next, so that one query reads many; it returns how many of them, from the first on, it has made sure
   * of. What is read stays the same.
   */
  expect(keys: readonly K[]): number;
  /** Says of which prefixes, of one part each, the first row is asked for next; as `expect` does. */
  expectFirst(prefixes: readonly Leading<K>[]): void;
  /** Rows in key order, at most `limit`. */
  range(range: Range<K>): [K, V][];
  /** The rows of a range, read as they are taken. The table must not be changed meanwhile. */
  scan(bounds: Bounds<K>): Generator<[K, V]>;
  /** The same without their texts, in key order: SQLite reads none of these, however long they are. For tables whose texts no upgrade of a row looks at. */
  outlines(bounds: Omit<Bounds<K>, "reverse" | "skip">): Generator<[K, Outline<V>]>;
  /** How many rows a range has, of which none is skipped. */
  count(bounds: Omit<Bounds<K>, "reverse" | "skip">): number;
  /**
   * Says how many rows begin with a first part, of a table that may be divided: where they are many they are counted in blocks, so that
   * `count` and `skip` within that part cost about the same however many there are. What is read stays the same.
   */
  divide(part: K[0], rows: number): void;
  /** The first row whose key begins with the prefix. Fast however many rows before it were deleted. */
  first(prefix?: Leading<K>): [K, V] | undefined;
}

/** The tables of a schema, by the names it gives them. */
export type Tables<S extends Schema> = {
  readonly [N in keyof S]: S[N] extends TableDeclaration<infer K, infer V>
    ? Table<Readonly<K>, V>
    : never;
};

/** Table declarations by the names that programs use. */
export type Schema = Readonly<Record<string, TableDeclaration<Key, object>>>;
