/**
 * What combinations of sets and of sorted sets have in common: how much they look at, and differences.
 * Invariant: members that are read are counted, and so are look-ups of members in other collections: a call does a bounded number of
 * either, however many collections it names.
 */
import type { Call, Collection } from "./redis-call.ts";

/** Counts what a call does, one at a time. Throws where that becomes too much. */
export function counter(call: Call): () => void {
  let seen = 0;
  return () => {
    seen += 1;
    call.seen(seen);
  };
}

/** Counts members that a call looks up, which are read where they are found. */
export function lookUps(call: Call): (member: string) => void {
  const count = counter(call);
  return (member) => {
    count();
    call.looked(member.length);
  };
}

/** The collections that are there, each of them once, however often it is named. */
export function different(all: readonly (Collection | undefined)[]): Collection[] {
  const there = all.filter((each) => each !== undefined);
  return [...new Map(there.map((each) => [each.gen, each])).values()];
}

/** How members are read. */
interface Access<Item> {
  readonly itemsOf: (of: Collection) => Iterable<Item>;
  readonly memberOf: (item: Item) => string;
  readonly has: (of: Collection, member: string) => boolean;
}

/**
 * What a collection has and none of the others. As Redis does it: either its members are looked up in the others, or the members of these
 * are taken away from it, whichever is less.
 */
export function* without<Item>(
  call: Call,
  [first, ...rest]: readonly (Collection | undefined)[],
  { itemsOf, memberOf, has }: Access<Item>,
): Generator<Item> {
  const others = different(rest);
  if (first === undefined || others.some(({ gen }) => gen === first.gen)) return;
  const [read, lookUp] = [counter(call), lookUps(call)];
  const members = others.reduce((sum, { size }) => sum + size, 0);
  if (members < first.size * others.length) {
    const left = new Map<string, Item>();
    for (const item of itemsOf(first)) {
      read();
      left.set(memberOf(item), item);
    }
    const take = counter(call);
    for (const other of others) {
      for (const item of itemsOf(other)) {
        take();
        left.delete(memberOf(item));
      }
    }
    yield* left.values();
    return;
  }
  const isIn = (other: Collection, item: Item): boolean => {
    lookUp(memberOf(item));
    return has(other, memberOf(item));
  };
  for (const item of itemsOf(first)) {
    read();
    if (!others.some((other) => isIn(other, item))) yield item;
  }
}
