/**
 * What the calls of a run will ask of collections: the elements of one that are asked for next are read together, wherever they stand.
 * Invariant: nothing but time depends on it; a call that comes to ask for others finds them all the same.
 */
import { hash52 } from "../contract/hash.ts";
import { namedBy } from "../store/names.ts";
import type { View } from "./decide.ts";

const kinds = { hash: "hash_fields", set: "set_members", zset: "zset_members" } as const;
type Kind = keyof typeof kinds;

/** Which words of a call are elements that it looks up. */
type ElementsOf = (words: readonly string[]) => readonly string[];

const first: ElementsOf = (words) => words.slice(2, 3);
const second: ElementsOf = (words) => words.slice(3, 4);
const all: ElementsOf = (words) => words.slice(2);
const everyOther =
  (from: number): ElementsOf =>
  (words) =>
    words.filter((_, i) => i >= from && (i - from) % 2 === 0);

const addWords = /^(nx|xx|gt|lt|ch|incr)$/i;
/** Members stand behind their scores, and these behind the options. */
const scored: ElementsOf = (words) => {
  let from = 2;
  while (addWords.test(words[from] ?? "")) from += 1;
  return everyOther(from + 1)(words);
};

const commands = (by: Readonly<Record<string, ElementsOf>>): ReadonlyMap<string, ElementsOf> =>
  new Map(Object.entries(by));

const lookups: Readonly<Record<Kind, ReadonlyMap<string, ElementsOf>>> = {
  hash: commands({
    ...{ hdel: all, hexists: first, hget: first, hincrby: first, hincrbyfloat: first },
    ...{ hmget: all, hmset: everyOther(2), hset: everyOther(2), hsetnx: first, hstrlen: first },
  }),
  set: commands({ sadd: all, sismember: first, smismember: all, srem: all }),
  zset: commands({
    ...{ zadd: scored, zincrby: second, zmscore: all, zrank: first, zrem: all },
    ...{ zrevrank: first, zscore: first },
  }),
};

/** An element that a call looks up. */
interface Wanted {
  readonly call: number;
  readonly name: string;
  readonly element: string;
}

/** Elements that are named at once, of which as many are read as one query takes. */
const NAMED_MAX = 64;

/** What is asked of one kind of collections. */
class Ahead {
  readonly #view: Pick<View, "tables" | "at">;
  readonly #kind: Kind;
  readonly #wanted: readonly Wanted[];
  #next = 0;

  constructor(
    view: Pick<View, "tables" | "at">,
    kind: Kind,
    calls: readonly (readonly string[])[],
  ) {
    this.#view = view;
    this.#kind = kind;
    const asked = new Map<string, number>();
    const wanted: Wanted[] = [];
    for (const [call, words] of calls.entries()) {
      const elements = lookups[kind].get(words[0]?.toLowerCase() ?? "")?.(words) ?? [];
      const name = words[1] ?? "";
      asked.set(name, (asked.get(name) ?? 0) + elements.length);
      for (const element of elements) wanted.push({ call, name, element });
    }
    // To look a name up for one element alone would cost what it spares.
    this.#wanted = wanted.filter(({ name }) => (asked.get(name) ?? 0) > 1);
  }

  /** A call comes next. */
  before(call: number): void {
    while ((this.#wanted[this.#next]?.call ?? call) < call) this.#next += 1;
    if (this.#wanted[this.#next]?.call === call) this.#expect();
  }

  #expect(): void {
    const { tables, at } = this.#view;
    const gens = new Map<string, number | undefined>();
    const genOf = (name: string): number | undefined => {
      if (!gens.has(name)) {
        const row = namedBy(tables, name, at);
        gens.set(name, row?.type === this.#kind ? row.gen : undefined);
      }
      return gens.get(name);
    };
    const named = this.#wanted.slice(this.#next, this.#next + NAMED_MAX);
    const places: number[] = [];
    const keys: [number, number, string][] = [];
    for (const [i, { name, element }] of named.entries()) {
      const gen = genOf(name);
      if (gen === undefined) continue;
      places.push(i);
      keys.push([gen, hash52(element), element]);
    }
    const reach = tables[kinds[this.#kind]].expect(keys);
    this.#next += reach < keys.length ? (places[reach] ?? 0) : named.length;
  }
}

/** To be told of each call of a run, before it is performed. */
export function readingAhead(
  view: Pick<View, "tables" | "at">,
  calls: readonly (readonly string[])[],
): (call: number) => void {
  const kindsAhead = (Object.keys(kinds) as Kind[]).map((kind) => new Ahead(view, kind, calls));
  return (call) => {
    for (const ahead of kindsAhead) ahead.before(call);
  };
}
