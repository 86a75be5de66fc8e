/**
 * Long strings, apart from the rows of their names: who looks at a name, or gives it another time or name, has nothing to do with its value.
 * Invariant: a string is named by one row of a name alone, is never changed, and goes once that names it no more.
 */
import { limits } from "../contract/limits.ts";
import { declareTable } from "./declare.ts";
import { integer } from "./key-columns.ts";
import { unpackBytes } from "./packed.ts";
import { required } from "./row.ts";
import type { Reads, SluiceTables } from "./schema.ts";

/** Where the value of a string is: in the row of its name, packed; or apart, under a number, and how many bytes it has. */
export interface StringPlace {
  readonly content?: string | undefined;
  readonly contentAt?: number | undefined;
  readonly contentBytes?: number | undefined;
}

export const long_strings = declareTable<{ readonly content: string }>()({
  name: "long_strings",
  version: 1,
  key: [integer("number")],
  texts: ["content"],
  required: ["content"],
  byRowid: true,
  valueBytesMax: 10,
});

/** What a row says of a string that stands in it, or that it is none. */
export const inRow = { contentAt: undefined, contentBytes: undefined } as const;

/** The value of a string, packed. Throws RowUnreadable where it is gone. */
export function contentOf(
  tables: Pick<Reads, "long_strings">,
  { content, contentAt }: StringPlace,
): string {
  if (contentAt === undefined) return content ?? "";
  return required(long_strings.name, "content", tables.long_strings.get([contentAt])?.content);
}

/** How many bytes a string has. */
export const bytesOf = ({ content = "", contentBytes }: StringPlace): number =>
  contentBytes ?? unpackBytes(content).length;

/**
 * Takes a long string out of a row that is to be written. One that stands in the row is what the name has now, whatever the row names. `version`
 * is that of the row, which no other one ever has.
 */
export function setStringApart<R extends StringPlace>(
  tables: Pick<SluiceTables, "long_strings">,
  row: R,
  version: number,
): R {
  const { content, contentAt } = row;
  if (content === undefined) return row;
  if (content.length <= limits.textInRowMax)
    return contentAt === undefined ? row : { ...row, ...inRow };
  tables.long_strings.insert([version], { content });
  const contentBytes = unpackBytes(content).length;
  return { ...row, content: undefined, contentAt: version, contentBytes };
}

/** A row named a string that nothing names any more. */
export function leaveString(
  tables: Pick<SluiceTables, "long_strings">,
  { contentAt, contentBytes }: StringPlace,
): void {
  if (contentAt !== undefined) tables.long_strings.remove([contentAt], contentBytes);
}
