/**
 * The forms of rows: what a key and each field of a value must be, checked where rows come from elsewhere.
 * Invariant: a table of the schema without a form, or a form without one of its row's fields, does not compile.
 */
import * as z from "zod";
import type { Schema, TableDeclaration } from "./declare.ts";
import { RowCodec } from "./row.ts";
import type { AnyTable, SnapshotRow } from "./snapshot-rows.ts";

/** What the fields of a row say together: what is wrong, or nothing. */
type Whole<K, V> = (value: V, key: Readonly<K>) => string | undefined;

/** The form of the rows of one table. */
export type Form<D> =
  D extends TableDeclaration<infer K, infer V>
    ? {
        readonly key: { readonly [I in keyof K]: z.ZodType };
        readonly value: { readonly [F in keyof V]-?: z.ZodType };
        readonly whole?: Whole<K, V>;
        /** What a row may come to by itself, but is not taken in with. */
        readonly incoming?: Whole<K, V>;
        /** Most rows, where all of them are held in memory. */
        readonly rowsMax?: number;
      }
    : never;

/** The forms of all tables. */
export type Forms<S extends Schema> = { readonly [N in keyof S]: Form<S[N]> };

interface AnyForm {
  readonly key: readonly z.ZodType[];
  readonly value: Readonly<Record<string, z.ZodType>>;
  readonly whole?: Whole<never, never>;
  readonly incoming?: Whole<never, never>;
  readonly rowsMax?: number;
}

/** The form of one table, ready to check rows. */
class RowForm {
  readonly rowsMax: number;
  readonly #table: AnyTable;
  readonly #codec: RowCodec<object>;
  readonly #key: z.ZodType;
  /** Field by field, since rows have few of the fields that they may have. */
  readonly #fields: ReadonlyMap<string, z.ZodType>;
  readonly #required: readonly string[];
  readonly #whole: Whole<never, never> | undefined;
  readonly #incoming: Whole<never, never> | undefined;

  constructor(table: AnyTable, { key, value, whole, incoming, rowsMax = Infinity }: AnyForm) {
    this.rowsMax = rowsMax;
    this.#table = table;
    this.#codec = new RowCodec(table);
    this.#key = z.tuple(key as [z.ZodType, ...z.ZodType[]]);
    this.#fields = new Map(Object.entries(value));
    this.#required = Object.keys(value).filter(
      (name) => !value[name]?.safeParse(undefined).success,
    );
    this.#whole = whole;
    this.#incoming = incoming;
  }

  /** Throws RowUnreadable. */
  faultOf({ version, key, value, texts }: SnapshotRow, isIncoming: boolean): string | undefined {
    const { texts: fields } = this.#table;
    if (version < 1) return `there is no row version ${version}`;
    const isStray =
      texts.length > fields.length || fields.some((each) => Object.hasOwn(value, each));
    if (isStray) return "a text of it does not stand in its place";
    const keyFault = issueOf(this.#key, key, "key");
    if (keyFault !== undefined) return keyFault;
    const row = this.#revive(version, value, texts);
    if (row === undefined) return `it cannot be brought to version ${this.#table.version}`;
    const fault = this.#valueFault(row) ?? this.#whole?.(row as never, key as never);
    return fault ?? (isIncoming ? this.#incoming?.(row as never, key as never) : undefined);
  }

  #valueFault(row: Readonly<Record<string, unknown>>): string | undefined {
    const missing = this.#required.find((name) => row[name] === undefined);
    if (missing !== undefined) return `value.${missing}: it is missing`;
    for (const [name, field] of Object.entries(row)) {
      const form = this.#fields.get(name);
      if (form === undefined) return `value.${name.slice(0, 50)}: there is no such field`;
      const fault = issueOf(form, field, "value", name);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /** The row as this code has it, whatever its version; undefined where it is so far from one that it cannot be brought there. */
  #revive(version: number, value: object, texts: SnapshotRow["texts"]) {
    try {
      const row = this.#codec.revive(version, { ...value }, texts);
      return row as Readonly<Record<string, unknown>>;
    } catch (fault) {
      if (fault instanceof TypeError) return undefined;
      throw fault;
    }
  }
}

/** The first thing that is wrong with something, and where. */
function issueOf(form: z.ZodType, value: unknown, ...where: string[]): string | undefined {
  const [issue] = form.safeParse(value).error?.issues ?? [];
  return issue && `${[...where, ...issue.path].join(".")}: ${issue.message}`;
}

/** The forms of the tables of one schema. */
export class RowForms {
  readonly #forms = new Map<string, RowForm>();

  constructor(schema: Schema, forms: Readonly<Record<string, AnyForm>>) {
    for (const [name, table] of Object.entries(schema)) {
      const form = forms[name];
      if (form !== undefined) this.#forms.set(table.name, new RowForm(table, form));
    }
  }

  /** Most rows of a table. */
  rowsMax(table: string): number {
    return this.#forms.get(table)?.rowsMax ?? Infinity;
  }

  /** What is wrong with a row of a snapshot, of whatever version; undefined where nothing is. Throws RowUnreadable. */
  faultOf(row: SnapshotRow, isIncoming = false): string | undefined {
    return this.#forms.get(row.table)?.faultOf(row, isIncoming);
  }
}
