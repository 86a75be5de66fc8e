/**
 * What COPY means.
 * Invariant: as `redis-call.ts` has it; what is copied is counted while it is read, and is read no further than it may be copied.
 */
import { INT32_MAX, INT32_MIN } from "../contract/redis-integers.ts";
import { bytesOf } from "../store/long-strings.ts";
import type { NameRow } from "../store/names.ts";
import type { Element } from "./elements.ts";
import { fieldsFrom } from "./hashes.ts";
import { itemsOf } from "./list-items.ts";
import { between } from "./redis-arguments.ts";
import { type Call, type Collection, type Perform, RedisError, syntaxError } from "./redis-call.ts";
import { membersFrom } from "./sets.ts";
import { membersFrom as scoredFrom } from "./sorted-set-members.ts";

export const copy: Perform = (call) => {
  const [from, to] = [call.arg(0), call.arg(1)];
  const isReplacing = readsReplace(call);
  if (from === to) throw new RedisError("ERR source and destination objects are the same");
  const row = call.named(from);
  if (row === undefined || (call.named(to) !== undefined && !isReplacing)) return 0;
  call.bounded(row.size ?? 0);
  for (const bytes of lengthsOf(call, row)) call.moved(bytes);
  call.tx.emit("name.copied", { from, to });
  return 1;
};

/** Whether it may take the place of what is there. */
function readsReplace(call: Call): boolean {
  let isReplacing = false;
  for (let i = 2; i < call.args.length; i += 1) {
    if (call.word(i) === "replace") isReplacing = true;
    else if (call.word(i) === "db" && i + 1 < call.args.length) {
      i += 1;
      if (between(INT32_MIN, INT32_MAX, call.arg(i)) !== 0n)
        throw new RedisError("ERR DB index is out of range");
    } else throw syntaxError();
  }
  return isReplacing;
}

/** How many bytes the value of a name has, or each of its elements with what belongs to it. */
function* lengthsOf(call: Call, row: NameRow): Generator<number> {
  if (row.type === "string") {
    yield bytesOf(row);
    return;
  }
  const of = row as Collection;
  if (row.type === "list") {
    for (const item of itemsOf(call, of, 0)) yield item.length;
  } else {
    for (const { element, told = "" } of elementsFrom[row.type](call, of, 0) as Iterable<Element>)
      yield element.length + told.length;
  }
}

const elementsFrom = { hash: fieldsFrom, set: membersFrom, zset: scoredFrom } as const;
