/**
 * Where strings are kept: in the rows of their names, and long ones apart.
 * Invariant: as `names.ts` has it.
 */
import type { EventOf } from "../contract/events.ts";
import { contentOf } from "./long-strings.ts";
import { expectNamed, namedBy, putName } from "./names.ts";
import { packBytes, unpackBytes } from "./packed.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

function set(
  tables: SluiceTables,
  { name, value, until, keep }: EventOf<"string.set">,
  at: number,
): void {
  const kept = keep ? namedBy(tables, name, at)?.until : until;
  putName(tables, name, { type: "string", content: value, until: kept });
}

function patched(
  tables: SluiceTables,
  { name, offset, value }: EventOf<"string.patched">,
  at: number,
): void {
  const row = expectNamed(tables, name, "string", at);
  const old = unpackBytes(contentOf(tables, row));
  const patch = unpackBytes(value);
  const head = old.slice(0, offset).padEnd(offset, "\0");
  const text = packBytes(head + patch + old.slice(offset + patch.length));
  putName(tables, name, { ...row, content: text });
}

export const stringWriters = {
  "string.patched": patched,
  "string.set": set,
} satisfies Partial<EventWriters>;
