/**
 * How tables are declared: a name, ordered key columns, a row type and its version.
 * Invariant: names and columns are part of the stored format; what is declared once keeps its meaning.
 */
import type { Key, KeyColumn } from "./key-columns.ts";
import type { Table } from "./table.ts";

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
   * Changed rows that a checkpoint may leave unwritten, in a list that is written as a whole: for small rows without texts that are
   * changed again and again, or come and go.
   */
  readonly pendingRowsMax?: number;
  readonly upgrade?: (version: number, value: unknown) => V;
  /** Fields that say whose row it is: a snapshot leaves them out, and the queue that takes it in sets its own. */
  readonly identity?: readonly (keyof V & string)[];
  /** What the JSON of a value takes at most, where the contract's limits bound it: spares looking at each row put. */
  readonly valueBytesMax?: number;
}

const tableName = /^(?!raft_|snapshot|before_|staged_|pending_|gone_|sqlite_)[a-z][a-z0-9_]*$/;
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
    const columns: string[] = [...key.map((each) => each.name), "version", "value", ...texts];
    const isDistinct = new Set(columns.map((each) => each.toLowerCase())).size === columns.length;
    if (!tableName.test(name) || !columns.every((each) => fieldName.test(each))) {
      throw new TypeError(`table "${name}": a name in its declaration cannot be a SQL name`);
    }
    if (!isDistinct || key.length === 0) throw new TypeError(`table "${name}": bad columns`);
    if (pendingRowsMax > 0 && (texts.length > 0 || key.some((each) => each.sqlType === "BLOB"))) {
      throw new TypeError(`table "${name}": rows with texts or bytes are not left to a list`);
    }
    const memory = { resident, warmRowsMax, pendingRowsMax };
    return { name, key, version, texts, required, ...memory, upgrade, valueBytesMax, identity };
  };
}

/** The tables of a schema, by the names it gives them. */
export type Tables<S extends Schema> = {
  readonly [N in keyof S]: S[N] extends TableDeclaration<infer K, infer V>
    ? Table<Readonly<K>, V>
    : never;
};

/** Table declarations by the names that programs use. */
export type Schema = Readonly<Record<string, TableDeclaration<Key, object>>>;
