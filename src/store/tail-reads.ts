/**
 * The rows that the events of a log's tail will change, read together before these are applied: many with one query.
 * Invariant: nothing but time depends on it; an event that comes to change others finds them all the same.
 */
import type { Event } from "../contract/events.ts";
import { hash52 } from "../contract/hash.ts";
import { keyOfName } from "./names.ts";
import type { SluiceTables } from "./schema.ts";

type Named = Extract<
  Event,
  { type: `${"hash" | "list" | "name" | "set" | "string" | "zset"}.${string}` }
>;

const isNamed = (event: Event): event is Named =>
  /^(?:hash|list|name|set|string|zset)\./.test(event.type);

/** Which elements of a collection an event changes, and in which table they stand. */
function elementsOf(event: Named) {
  switch (event.type) {
    case "hash.set":
    case "hash.removed":
      return { table: "hash_fields", name: event.name, elements: event.fields } as const;
    case "set.added":
    case "set.removed":
      return { table: "set_members", name: event.name, elements: event.members } as const;
    case "zset.put":
    case "zset.removed":
      return { table: "zset_members", name: event.name, elements: event.members } as const;
    default:
      return undefined;
  }
}

/** Reads what a few events will change: jobs, names, and then the elements of what is named so. */
export function readAhead(tables: SluiceTables, events: readonly Event[]): void {
  const made = new Set<string>();
  const jobs = new Set<string>();
  const names = new Set<string>();
  for (const event of events) {
    if (event.type === "job.enqueued") made.add(event.id);
    else if (event.type.startsWith("job.") && "id" in event) jobs.add(event.id);
    else if (isNamed(event) && "name" in event) names.add(event.name);
  }
  const known = [...jobs].filter((id) => !made.has(id));
  if (known.length > 1) tables.jobs.expect(known.map((id) => [id]));
  if (names.size > 1) tables.names.expect([...names].map((name) => keyOfName(tables, name)));
  if (names.size > 0) readElements(tables, events.filter(isNamed));
}

function readElements(tables: SluiceTables, events: readonly Named[]): void {
  const keys = {
    hash_fields: [] as [number, number, string][],
    set_members: [] as [number, number, string][],
    zset_members: [] as [number, number, string][],
  };
  for (const event of events) {
    const asked = elementsOf(event);
    if (asked === undefined) continue;
    const gen = tables.names.get(keyOfName(tables, asked.name))?.gen;
    if (gen === undefined) continue;
    for (const element of asked.elements) keys[asked.table].push([gen, hash52(element), element]);
  }
  for (const table of ["hash_fields", "set_members", "zset_members"] as const) {
    if (keys[table].length > 1) tables[table].expect(keys[table]);
  }
}
