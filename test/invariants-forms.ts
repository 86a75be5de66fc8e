/**
 * Every row that is kept has the form that an import demands of it: what a queue exports, another one can take in.
 * Invariant: a row is looked at once for as long as it is not replaced.
 */
import { RowCodec } from "../src/store/row.ts";
import { forms, type SluiceTables, schema } from "../src/store/schema.ts";
import type { AnyTable } from "../src/store/snapshot-rows.ts";
import { fail } from "./differences.ts";

const all = (Object.entries(schema) as [keyof SluiceTables, AnyTable][]).map(
  ([name, table]) => ({ name, table, codec: new RowCodec<object>(table) }) as const,
);

/** The values that were found to be in form. */
const seen = new WeakSet<object>();

export function checkForms(tables: SluiceTables): void {
  for (const { name, table, codec } of all) {
    for (const [key, value] of tables[name].scan({})) {
      if (seen.has(value)) continue;
      const texts = codec.texts(value);
      const stored = JSON.parse(codec.json(value)) as Record<string, unknown>;
      // Whose row it is does not travel.
      for (const field of table.identity) delete stored[field];
      const row = { table: table.name, version: table.version, key, value: stored, texts };
      const fault = forms.faultOf(row);
      if (fault !== undefined)
        fail("forms", `a row of ${name} could not be taken in: ${fault}`, row);
      seen.add(value);
    }
  }
}
