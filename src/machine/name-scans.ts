/**
 * Commands that find names: by pattern, step by step, and by chance.
 * Invariant: a scan tells every name that is there from its beginning to its end; a name whose time is over is told by none of them, but
 * its row is looked at, and counts, until a sweep has removed it.
 */
import { limits } from "../contract/limits.ts";
import type { Outline } from "../store/base.ts";
import { isOver, type NameRow, readKeyspace } from "../store/names.ts";
import { type Chance, chanceOf, drawHash } from "./chance.ts";
import type { View } from "./decide.ts";
import { cursorOf, scanOptions } from "./redis-arguments.ts";
import { type Call, type Perform, RedisError } from "./redis-call.ts";
import { selection } from "./redis-patterns.ts";

/** What is looked at of a name: not its value. */
type Found = readonly [hash: number, name: string, Outline<NameRow>["value"]];

/** Rows of names from a hash on, also of those whose time is over. */
function* rowsFrom(view: View, hash: number): Generator<Found> {
  const { space } = readKeyspace(view.tables);
  const rows = view.tables.names.outlines({ prefix: [space], from: [space, hash] });
  for (const [[, at, name], { value }] of rows) yield [at, name, value];
}

const scan: Perform = (call) => {
  const cursor = cursorOf(call.arg(0));
  const options = scanOptions(call, 1, true);
  const isTold = selection(call.command, options.match ?? "*", limits.redisNameBytesMax);
  const found: string[] = [];
  let seen = 0;
  let last: number | undefined;
  for (const [hash, name, row] of rowsFrom(call.tx, cursor)) {
    // COUNT is a hint: a step of more than may be looked at ends there.
    const isEnough = seen >= Math.min(options.count, limits.redisElementsSeenMax);
    if (isEnough && hash !== last) return [call.told(String(hash)), found];
    last = hash;
    // A name whose time is over counts as well: a step ends behind a million of them as soon as elsewhere.
    seen += 1;
    const isOfType = options.type === undefined || options.type === row.type;
    if (isOver(row.until, call.tx.at) || !isOfType || !isTold(name)) continue;
    found.push(call.told(name));
    if (options.isTyped) found.push(call.told(row.type));
  }
  return ["0", found];
};

const keys: Perform = (call) => {
  call.seen(readKeyspace(call.tx.tables).names);
  const isTold = selection(call.command, call.arg(0), limits.redisNameBytesMax);
  const found: string[] = [];
  for (const [, name, { until }] of rowsFrom(call.tx, 0))
    if (!isOver(until, call.tx.at) && isTold(name)) found.push(call.told(name));
  return found;
};

/** At so many places names are drawn, and at each so many rows are looked at, before all of them are. */
const PLACES = 16;
const ROWS_AT_PLACE = 16;

/**
 * A name by chance. Where nearly all names have expired at once, it is the first that is found. Nil says that there is none: where
 * more rows than a call looks at are over, or may be, it errs instead, until the sweep has removed enough of them.
 */
const randomkey: Perform = (call) => {
  const chance = chanceOf(call.tx, "randomkey");
  const name = drawName(call, chance) ?? nextToExpire(call) ?? firstOfAll(call);
  return name === undefined ? null : call.told(name);
};

/** The first name at one of a few places, which are drawn among all hashes; undefined where all rows there are over. */
function drawName(call: Call, chance: Chance): string | undefined {
  for (let place = 0; place < PLACES; place += 1) {
    const name = firstAmong(call, [drawHash(chance), 0], ROWS_AT_PLACE);
    if (name !== undefined) return name;
  }
  return undefined;
}

/** The first name among so many rows, from one hash on and then from the next. */
function firstAmong(call: Call, hashes: readonly number[], rows: number): string | undefined {
  let left = rows;
  for (const from of hashes) {
    for (const [, name, { until }] of rowsFrom(call.tx, from)) {
      if (!isOver(until, call.tx.at)) return name;
      left -= 1;
      if (left === 0) return undefined;
    }
  }
  return undefined;
}

/** Of the names that have a time the one whose time is over next. */
function nextToExpire({ tx }: Call): string | undefined {
  const { space } = readKeyspace(tx.tables);
  const [next] = tx.tables.name_expiries.range({
    prefix: [space],
    from: [space, tx.at + 1],
    limit: 1,
  });
  return next?.[0][3];
}

/** The first of all names; undefined where all of their times are over. */
function firstOfAll(call: Call): string | undefined {
  const { names } = readKeyspace(call.tx.tables);
  if (names <= limits.redisElementsSeenMax) return firstAmong(call, [0], names);
  throw new RedisError(
    "ERR 'randomkey' has found only names whose times are over: they are being removed, ask again",
  );
}

export const nameScanCommands: Readonly<Record<string, Perform>> = { keys, randomkey, scan };
