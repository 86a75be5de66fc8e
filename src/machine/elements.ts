/**
 * What hashes, sets and sorted sets have in common: elements that stand by hash, which are scanned and drawn.
 * Invariant: a scan tells every element that is there from its beginning to its end; it ends within a step where elements share a hash
 * only behind the last of them.
 */

import { limits } from "../contract/limits.ts";
import { INT64_MAX } from "../contract/redis-integers.ts";
import { type Chance, chanceOf, draw, drawHash } from "./chance.ts";
import { between, cursorOf, scanOptions } from "./redis-arguments.ts";
import { type Call, type Collection, RedisError } from "./redis-call.ts";
import { selection } from "./redis-patterns.ts";

/** An element, the hash by which it stands, and what belongs to it: a value or a score, as it is told. */
export interface Element {
  readonly hash: number;
  readonly element: string;
  readonly told?: string;
}

/** The elements of a collection from a hash on. */
export type ElementsFrom = (call: Call, of: Collection, hash: number) => Iterable<Element>;

/** Bytes of a cursor in a reply. */
const CURSOR_BYTES = 64;

/** One step of a scan: where the next one begins, and the elements with what belongs to them. */
export function scanElements(
  call: Call,
  collectionOf: (call: Call, name: string) => Collection | undefined,
  elementsFrom: ElementsFrom,
): [cursor: string, found: string[]] {
  const cursor = cursorOf(call.arg(1));
  const of = collectionOf(call, call.arg(0));
  const found: string[] = [];
  // Where there is nothing, Redis does not look at the options.
  if (of === undefined) return ["0", found];
  const { match = "*", count } = scanOptions(call, 2, false);
  const isTold = selection(call.command, match, limits.redisMemberBytesMax);
  let seen = 0;
  let last: number | undefined;
  for (const { hash, element, told } of elementsFrom(call, of, cursor)) {
    // What was told before, and so was looked at, fits a reply.
    const isFull = call.lookedBytes > limits.redisReplyBytesMax - CURSOR_BYTES;
    // COUNT is a hint: a step of more than may be looked at ends there.
    const isEnough = seen >= Math.min(count, limits.redisElementsSeenMax) || isFull;
    if (isEnough && hash !== last) return [call.told(String(hash)), found];
    last = hash;
    seen += 1;
    if (!isTold(element)) continue;
    found.push(call.told(element));
    if (told !== undefined) found.push(call.told(told));
  }
  return ["0", found];
}

/** Up to so many elements all of them are looked at, so that each is as likely as the others. */
const FEW = 256;
/** To find an element at a place takes as long as to read so many in a row. */
const DRAW_COST = 8;

/** Whether all elements are read, of which some are then drawn: where that is less than to look for each of them. */
function isReadWhole(call: Call, of: Collection, count: number): boolean {
  const isWhole = of.size <= Math.max(FEW, DRAW_COST * count);
  call.seen(isWhole ? of.size : DRAW_COST * count);
  return isWhole;
}

/** Different elements by chance: `count` of them, or all where there are fewer. */
export function* drawDifferent(
  call: Call,
  of: Collection,
  count: number,
  elementsFrom: ElementsFrom,
): Generator<Element> {
  const chance = chanceOf(call.tx, `${call.command} ${of.version}`);
  if (isReadWhole(call, of, count)) {
    const all = elementsFrom(call, of, 0);
    yield* count >= of.size ? all : draw(chance, [...all], count);
    return;
  }
  const drawn = new Set<string>();
  while (drawn.size < count) {
    const found = atOrBehind(call, of, chance, elementsFrom);
    if (!drawn.has(found.element)) yield found;
    drawn.add(found.element);
  }
}

/** So many elements by chance, each drawn among all of them. */
function* drawAny(
  call: Call,
  of: Collection,
  count: number,
  elementsFrom: ElementsFrom,
): Generator<Element> {
  call.seen(count);
  const chance = chanceOf(call.tx, `${call.command} ${of.version}`);
  const all = isReadWhole(call, of, count) ? [...elementsFrom(call, of, 0)] : undefined;
  for (let left = count; left > 0; left -= 1)
    yield all === undefined
      ? atOrBehind(call, of, chance, elementsFrom)
      : (all[chance(all.length)] as Element);
}

/** One element by chance. */
export function drawOne(call: Call, of: Collection, elementsFrom: ElementsFrom): string {
  const [drawn] = drawAny(call, of, 1, elementsFrom);
  return drawn?.element ?? "";
}

/** The element at a place drawn among all hashes. How far it stands behind the one before makes it a little more likely, or less. */
function atOrBehind(
  call: Call,
  of: Collection,
  chance: Chance,
  elementsFrom: ElementsFrom,
): Element {
  for (const from of [drawHash(chance), 0])
    for (const found of elementsFrom(call, of, from)) return found;
  throw new Error("a collection is kept that has no elements");
}

/** As many elements as are asked for, of which some may come twice where the count is negative; drawn as they are taken. */
export const drawSome = (
  call: Call,
  of: Collection,
  count: number,
  elementsFrom: ElementsFrom,
): Iterable<Element> =>
  count < 0
    ? drawAny(call, of, -count, elementsFrom)
    : drawDifferent(call, of, count, elementsFrom);

/** The arguments of a command that draws: how many, negative where one may come twice, and whether with what belongs to them. */
export function drawOptions(
  call: Call,
  word: string,
): { count: number | undefined; isWith: boolean } {
  const [, count, said] = call.args;
  if (count === undefined) return { count: undefined, isWith: false };
  const number = between(-INT64_MAX, INT64_MAX, count);
  if (call.args.length > 3 || (said !== undefined && said.toLowerCase() !== word)) {
    throw new RedisError("ERR syntax error");
  }
  // Of what comes with something, there are twice as many replies.
  const most = INT64_MAX / 2n;
  if (said !== undefined && (number > most || number < -most)) {
    throw new RedisError("ERR value is out of range");
  }
  return { count: Number(number), isWith: said !== undefined };
}
