/**
 * Verifying names, what they name and what nothing names any more: that elements are as many as somebody says, and times have rows.
 * Invariant: what is named is looked up at one row of a name alone, never at each element.
 */
import { hash52 } from "../contract/hash.ts";
import { nameTypes } from "../contract/names.ts";
import type { VerifyProblem } from "../contract/queue.ts";
import type { GenerationRow } from "../store/generations.ts";
import type { KeyspaceRow, NameRow } from "../store/names.ts";
import { unpackBytes } from "../store/packed.ts";
import { placeOfScore } from "../store/scores.ts";
import type { SortedSetMember } from "../store/sorted-sets.ts";
import {
  add,
  type RowCheck,
  type RowKey,
  type VerifiedRow,
  type VerifyState,
} from "./verify-state.ts";

/** What the keyspace says, and how many names are in it. */
export function verifyKeyspace({ state }: RowCheck, row: KeyspaceRow): void {
  add(state.implied.keyspaces, [row.space], row.names);
  state.keyspace.gen = row.gen;
  state.keyspace.version = row.version;
  sawVersion(state, row.flushed);
  sawGeneration(state, row.space);
}

function sawVersion({ keyspace }: VerifyState, version: number): void {
  keyspace.seenVersion = Math.max(keyspace.seenVersion, version);
}

function sawGeneration({ keyspace }: VerifyState, gen: number): void {
  keyspace.seenGen = Math.max(keyspace.seenGen, gen);
}

/** A part of a key is the hash of the part behind it. */
function checkHash(check: RowCheck, hash: RowKey[number] | undefined, text = ""): void {
  check.expect(hash === hash52(text), "I11", `it stands by hash ${hash}, and has another one`);
}

export function verifyName(check: RowCheck, { key, value, texts }: VerifiedRow): void {
  const [space = 0, hash = 0, name = ""] = key;
  const { found, implied } = check.state;
  const { type, gen, size, head, until, version, contentAt, contentBytes = 0 } = value as NameRow;
  checkHash(check, hash, String(name));
  sawVersion(check.state, version);
  add(found.keyspaces, [space]);
  if (until !== undefined) add(implied.name_expiries, [space, until, hash, name]);
  check.expect(nameTypes.includes(type), "I11", `it is of type ${type}`);
  if (contentAt !== undefined) add(implied.long_strings, [contentAt, contentBytes]);
  sawVersion(check.state, contentAt ?? 0);
  const isString = (texts[0] !== null) !== (contentAt !== undefined);
  if (type === "string") {
    check.expect(isString && gen === undefined, "I11", "it is a string without a value, or of two");
    return;
  }
  const isWhole = gen !== undefined && size !== undefined && size > 0 && !isString;
  check.expect(isWhole, "I11", `it is a ${type} of ${size} elements`);
  if (gen === undefined || size === undefined || size < 1) return;
  sawGeneration(check.state, gen);
  add(implied.elements, [gen, type], size);
  if (type !== "list") return;
  const ends = [head ?? 0, (head ?? 0) + size - 1];
  const isThere = ends.every((end) => check.find("list_items", [gen, end]) !== undefined);
  check.expect(isThere, "I11", `its elements do not stand from ${ends[0]} to ${ends[1]}`);
}

/** A string that stands apart: the row of its name says how long it is. */
export function verifyLongString(check: RowCheck, { key, texts: [text = null] }: VerifiedRow) {
  check.expect(text !== null, "I11", "the string is gone");
  add(check.state.found.long_strings, [Number(key[0]), unpackBytes(text ?? "").length]);
}

/** What nothing names any more. */
export function verifyGeneration(
  check: RowCheck,
  gen: number,
  { type, size }: GenerationRow,
): void {
  const { implied } = check.state;
  check.expect(size > 0, "I11", `it has ${size} rows`);
  sawGeneration(check.state, gen);
  if (type === "names") add(implied.keyspaces, [gen], Math.max(0, size));
  else add(implied.elements, [gen, type], Math.max(0, size));
}

/** Elements of a list stand without gaps. */
export function verifyListItem(check: RowCheck, [gen = 0, position = 0]: RowKey): void {
  add(check.state.found.elements, [gen, "list"]);
  const { before } = check;
  if (before?.table !== "list_items" || before.key[0] !== gen) return;
  check.expect(position === Number(before.key[1]) + 1, "I11", "there is a gap before it");
}

/** Elements that stand by hash: fields and members. */
export const verifyElement =
  (type: "hash" | "set" | "zset") =>
  (check: RowCheck, { key, value }: VerifiedRow): void => {
    const [gen = 0, hash, element] = key;
    checkHash(check, hash, String(element));
    add(check.state.found.elements, [gen, type]);
    if (type !== "zset") return;
    const place = placeOfScore((value as SortedSetMember).score);
    add(check.state.implied.zset_scores, [gen, place, String(element)]);
  };

export function verifyRemoval({ state }: RowCheck, version: number): void {
  sawVersion(state, version);
}

/** What does not agree once every row was taken in. */
export function endVerifyNames({ keyspace }: VerifyState): VerifyProblem[] {
  const { gen, seenGen, version, seenVersion } = keyspace;
  const told = (name: string, given: number, seen: number) =>
    seen <= given
      ? []
      : [{ invariant: "I11", detail: `The last ${name} is ${given}, and ${seen} is in use.` }];
  return [...told("generation", gen, seenGen), ...told("version", version, seenVersion)];
}
