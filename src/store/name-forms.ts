/**
 * The forms of the rows of names and their elements.
 * Invariant: what stands by hash stands by its own, a score at its place, and a value is packed as the writers pack it.
 */
import * as z from "zod";
import { instant, integer, utf8Bytes } from "../contract/fields.ts";
import { hash52 } from "../contract/hash.ts";
import { limits } from "../contract/limits.ts";
import { nameTypes } from "../contract/names.ts";
import type { Score } from "../contract/sorted-sets.ts";
import { count, one } from "./field-forms.ts";
import type { NameRow } from "./names.ts";
import { packBytes, unpackBytes } from "./packed.ts";
import type { Forms } from "./row-forms.ts";
import type { SluiceSchema } from "./schema.ts";

/** Any bytes, one character for each. */
const binary = (bytesMax: number) =>
  z
    .string()
    .max(bytesMax)
    .regex(/^[\0-\xff]*$/, "not bytes");
const name = binary(limits.redisNameBytesMax);
const member = binary(limits.redisMemberBytesMax);
/** Where an element of a list stands; lists grow at both ends. */
const place = integer(-limits.sequenceMax, limits.sequenceMax);
const hash = integer(0, 2 ** 52 - 1);
const packed = z
  .string()
  .refine((text) => utf8Bytes(text) <= limits.redisValueBytesMax * 1.5, "longer than a value")
  .refine((text) => packBytes(unpackBytes(text)) === text, "not packed");
const score = z.union([z.number(), z.enum(["inf", "-inf"] as const satisfies readonly Score[])]);

/** A string has a value, a collection a generation with elements. */
function nameFault(row: NameRow, [, at, called]: readonly [number, number, string]) {
  if (hash52(called) !== at) return "it stands by another hash";
  const { type, content, contentAt, contentBytes, gen, size = 0, head } = row;
  if ((contentAt ?? 0) > row.version) return "value: its string is of a later version";
  if ((contentAt === undefined) !== (contentBytes === undefined)) {
    return "value: of its string it says the place or the size alone";
  }
  const isString = (content === undefined) !== (contentAt === undefined);
  if (type === "string") {
    const isOne = isString && gen === undefined && row.size === undefined;
    return isOne && head === undefined ? undefined : "value: not a string's";
  }
  const hasNoString = content === undefined && contentAt === undefined;
  const isCollection = hasNoString && gen !== undefined && size > 0;
  return isCollection && (type === "list") === (head !== undefined)
    ? undefined
    : `value: not a ${type}'s`;
}

const byHash = (_: object, [, at, called]: readonly [number, number, string]) =>
  hash52(called) === at ? undefined : "it stands by another hash";

export const nameForms = {
  names: {
    key: [count, hash, name],
    value: {
      type: z.enum(nameTypes),
      content: packed.optional(),
      contentAt: count.optional(),
      contentBytes: integer(1, limits.redisValueBytesMax).optional(),
      gen: count.optional(),
      size: count.optional(),
      head: place.optional(),
      until: instant.optional(),
      version: count,
    },
    whole: nameFault,
  },
  long_strings: { key: [count], value: { content: packed } },
  name_expiries: { key: [count, instant, hash, name], value: {} },
  name_removals: { key: [integer(0, 1023)], value: { version: count } },
  keyspace: {
    key: [one],
    value: { space: count, names: count, gen: count, version: count, flushed: count },
    rowsMax: 1,
  },
  generations: {
    key: [count],
    value: { type: z.enum([...nameTypes.slice(1), "names"]), size: count },
  },
  list_items: { key: [count, place], value: { content: packed } },
  hash_fields: { key: [count, hash, member], value: { content: packed }, whole: byHash },
  set_members: { key: [count, hash, member], value: {}, whole: byHash },
  zset_members: { key: [count, hash, member], value: { score }, whole: byHash },
  zset_scores: { key: [count, z.string().regex(/^[0-9a-f]{16}$/), member], value: {} },
} satisfies Partial<Forms<SluiceSchema>>;
